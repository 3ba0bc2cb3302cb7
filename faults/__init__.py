"""A harness that finds what goes wrong in asyncio storage drivers: races, failed I/O, cancels, lost power.

::

    run         one run: sessions on a simulated storage, each ended and judged
    explore     every interleaving of a small program; schedules: how one is drawn from many
    oracle      what a disk may hold, as sets     reader   a second, naive VDI reader
    workload    what its users do                 target   what a driver must offer; vdi: aiovdi
    storage     I/Os that end when the tape says  plan     which of them fail, and how
    loop        a deterministic asyncio loop      crash    what a power loss may leave
    trace       what happened                     device   what is durable; presets: kinds of disks
    tape        every choice of a run             fences   what is not simulated fails loudly

Each imports only what stands below it or beside it. aiovdi knows nothing of this package; of this
package only the target ``vdi`` and the variants of the driver know aiovdi, and ``oracle`` and
``reader`` share no code with what they judge.

What a disk may do, and so what a run may meet, is published in ``docs/device-model.md``.
"""
