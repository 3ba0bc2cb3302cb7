"""What the log promises, as a story: what was acknowledged is there after a power loss."""

import asyncio

from wal import Log, read_log


def acknowledged_records_survive(sim):
    kept = set()

    async def append(log, record):
        await log.append(record)
        kept.add(record)

    async def use(storage):
        log = await Log.open(storage)
        async with asyncio.TaskGroup() as group:
            for name in "ABCD"[: 1 + sim.tape.draw("writers", 4)]:
                record = name.encode() * 600
                group.create_task(sim.request(name, append, log, record))

    try:
        sim.session(use)
    except* OSError:
        pass  # an I/O failed, and whoever appended was told
    if not sim.power_was_lost:
        sim.lose_power()
    found = sim.session(read_log, faults=False, power=False)
    lost = sorted(record[:1].decode() for record in kept.difference(found))
    assert not lost, f"acknowledged, and gone after a power loss: {', '.join(lost)}"
