"""Somebody else's driver under faults: our simulated storage below it, a workload and the oracle on top.

::

        clients (workload, oracle)                    session, asking, upstream
              | NBD over a socket
        the driver's process: qemu-nbd -f vdi …       process, drivers, formats
              | NBD over a socket
        the export that holds each I/O                 below, holding
              |
        faults.simulation.device, faults.simulation.crash

    quiescence   when it is known that the process has nothing more to do
    lateness     how late an event is
    weather      which I/O fails, drawn by the I/O's name
    survivors    what a kill or a power loss leaves
    naming       an I/O's name: operation, range, n-th occurrence
    judging      what is left after a session, and what it costs
    run          a tape becomes sessions, each with a process of its own, and an outcome
    causes       which of fault, kill and power loss a failure needs
    search       many runs, one file for each way of failing; summary: what it has seen
    finding      a failure made small in few runs, by the edits of edits
    subject      a driver by its name, for artifacts
    verb         python -m faults foreign

Order is controlled, and time is not: one event at a time (an I/O ends, a request is sent), then the
process runs until nothing more can come of it. So the tape decides everything that matters, and a run
replays although a real process takes part in it.
"""
