"""One run: a few sessions on a simulated storage, each ended and judged.

::

    run                    a tape becomes sessions
    session, clients       open, use, end; what a request returned or raised is judged at once
    glances                what a crash would leave, looked at while a session goes on
    world                  what outlives a session
    workload, strategies   what the users of a disk do; the same for Hypothesis
    script, programs       what a run takes from somebody who knows; requests that are written down
    meetings, attending    encounters that are written down, and a run that is one of them
    story                  a test of any asyncio code on the simulated machine
"""
