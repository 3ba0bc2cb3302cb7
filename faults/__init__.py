"""A harness that finds what goes wrong in asyncio storage drivers: races, failed I/O, cancels, lost power.

::

    cli, verbs                  python -m faults run | sweep | explore | replay | shrink | bugs
    pytest_plugin, strategies   for tests: a marker, a fixture; workloads and plans for Hypothesis
    report, explain, shrink     from a failure to the smallest run, and why it fails
    investigate, artifact       a failure as a file
    corpus, bugs, witnesses     what must be found: variants of the driver, and the machine of 2011
    campaign, sweep, explore    random, every single fault, every interleaving
    interleave, story, subject  what a search can run
    ─────────────────────────── above: search; below: one run
    run, session                sessions on a simulated storage, each ended and judged
    oracle, reader              what a disk may hold, as sets; a second, naive VDI reader
    workload, target, vdi       what its users do; what a driver must offer; aiovdi
    storage, plan, hold         I/Os that end when the tape says; which fail, and how; one held by hand
    folder, directory           the same for names of files; which of them a power loss may leave
    loop, schedules, fences     deterministic asyncio; who goes next; what is not simulated fails loudly
    device, crash, presets      what is durable; what a power loss may leave; kinds of disks
    overlays, tearing           writes in flight on a unit; units that are torn, on a disk that is worse than the rules
    trace, writelog             what happened; what was written, in the format of dm-log-writes
    tape                        every choice of a run

Each imports only what stands below it or beside it. aiovdi knows nothing of this package; below the
line only ``vdi`` knows aiovdi, and ``oracle`` and ``reader`` share no code with what they judge.

What a disk may do, and so what a run may meet, is published in ``docs/device-model.md``.
"""
