"""A harness that finds what goes wrong in asyncio storage drivers: races, failed I/O, cancels, lost power.

::

    cli, verbs      python -m faults run | sweep | explore | replay | shrink | bugs | mutants | foreign
    pytest_plugin   for tests: a marker, a fixture
    mutants         small mistakes put into the driver, one at a time: which of them nobody notices
    foreign         the simulated storage below somebody else's driver, over NBD
    corpus          what must be found: variants of the driver, and the machine of 2011
    failures        from a failure to the smallest run, and why it fails
    search          many runs at random, on all cores
    exhaustive      every single fault; every interleaving, with every crash
    ─────────────── above: search; below: one run
    runs            sessions on a simulated storage, each ended and judged
    target, vdi     what a driver must offer; aiovdi
    judges          what a disk may hold, as sets; a second, naive VDI reader
    simulation      the tape of choices, deterministic asyncio, a disk that fails and forgets

Each imports only what stands below it or beside it. aiovdi knows nothing of this package; below the
line only ``vdi`` knows aiovdi, and the judges share no code with what they judge.

What a disk may do, and so what a run may meet, is published in ``docs/device-model.md``.
"""
