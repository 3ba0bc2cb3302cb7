"""The simulated machine: one tape, a deterministic event loop, and a disk that fails and forgets.

::

    storage, plan, storm, hold  I/Os that end when the tape says; which fail, and how; one held by hand
    loop, schedules, fences     deterministic asyncio; who goes next; what is not simulated fails loudly
    device, crash, presets      what is durable; what a power loss may leave; kinds of disks
    image, corruption           content that is mostly zeros; what a disk does silently
    overlays, tearing           writes in flight on one unit; units that are torn
    folder, directory           names of files; which of them a power loss may leave
    trace, writelog, marks      what happened; what was written, as dm-log-writes has it; what a driver adds
    tape                        every choice of a run

Nothing here knows a driver.
"""
