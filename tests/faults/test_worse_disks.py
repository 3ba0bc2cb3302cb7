"""What is said of images from disks that are worse than the rules: torn units, and extensions with old bytes.

No driver is asked to hold there. But whoever reads what such a disk left must come to a verdict: the second reader
and ``aiovdi check`` say what is wrong or that nothing is, and opening either works or is refused with a reason.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import aiovdi
from aiovdi.jobs.check import check
from aiovdi.storage.memory import MemoryStorage
from faults.judges.reader import audit_and_read
from faults.runs.run import Script, run
from faults.runs.session import Session
from faults.runs.workload import Profile
from faults.simulation.crash import power_loss_space
from faults.simulation.device import STALE, Device
from faults.simulation.loop import SimLoop
from faults.simulation.plan import NoFaults
from faults.simulation.presets import BEYOND
from faults.simulation.storage import SimStorage
from faults.simulation.tape import ExploringTape
from faults.simulation.trace import Trace
from faults.vdi import VDI
from tests.faults.looking import BeforeEachEnd

SMALL = VDI(blocks=6, block_size=1024, shapes=False)
DRAWS = 25
"""Images of each power loss that could leave too many to look at all."""
IMAGES_MAX = 300


async def used(storage: SimStorage) -> None:
    """A session with growth, overwrites, discards and a close."""
    disk = await SMALL.open(storage)
    async with asyncio.TaskGroup() as group:
        for block in (4, 0, 2):
            group.create_task(disk.pwrite(b"%d" % block * 512, block * 1024 + 512))
    await disk.flush()
    await disk.pwrite(b"over" * 200, 4096)
    await disk.discard(1024, 0)
    await disk.flush()
    await disk.pwrite(b"last" * 128, 1024)
    await disk.close()


async def made(storage: SimStorage) -> None:
    with pytest.warns(aiovdi.CompatibilityWarning):
        await aiovdi.create(storage, SMALL.size, block_size=SMALL.block_size)


def left_behind(
    device: Device,
    story: Callable[[SimStorage], Coroutine[None, None, None]] = used,
    kind: type[SimStorage] = SimStorage,
) -> list[bytes]:
    """Images that a power loss leaves at each I/O of ``story``, and when it is over."""
    tape = ExploringTape("a session")
    images: dict[bytes, None] = {}

    def look() -> None:
        space = power_loss_space(device)
        draws = (space.draw(ExploringTape(seed)) for seed in range(DRAWS))
        left = space.images() if space.count <= IMAGES_MAX else draws
        images.update((bytes(image.stable()), None) for image in left)

    loop = SimLoop(tape)
    loop.run_until_complete(story(kind(device, loop, tape, BeforeEachEnd(look, NoFaults()), Trace())))
    look()
    return list(images)


async def verdict(image: bytes) -> str:
    """What ``aiovdi check`` says; those who read the whole disk must come to the same."""
    storage = MemoryStorage(image)
    try:
        report = await check(storage)
    except aiovdi.FormatError:
        with pytest.raises(aiovdi.FormatError):
            await aiovdi.open(storage)
        return "no image"
    async with aiovdi.open(storage) as disk:
        if report.corruptions:
            with pytest.raises(aiovdi.CorruptImage):
                await disk.pread(disk.size, 0)
            return "corrupt"
        assert len(await disk.pread(disk.size, 0)) == disk.size
    return "sound"


def second_verdict(image: bytes) -> str:
    try:
        content = audit_and_read(image)
    except ValueError as error:
        return "no image" if "no header" in str(error) else "corrupt"
    assert len(content) == SMALL.size
    return "sound"


def verdicts(images: list[bytes]) -> set[tuple[str, str]]:
    async def judge() -> set[tuple[str, str]]:
        return {(await verdict(image), second_verdict(image)) for image in images}

    return asyncio.run(judge())


def disk(preset: str, **options: object) -> Device:
    return Device.holding(SMALL.blank(), **{**BEYOND[preset], **options})


@pytest.mark.parametrize(
    ("preset", "grain", "expected"),
    [
        # An entry of the map has four bytes. Torn between two of them the map is that of fewer blocks ...
        ("torn_prefix", 64, {"sound"}),
        ("torn_suffix", 64, {"sound"}),
        # ... and torn within one it names a slot that is nowhere.
        ("torn_prefix", 1, {"sound", "corrupt"}),
        ("torn_suffix", 1, {"sound", "corrupt"}),
        ("torn_garbage", 64, {"sound", "corrupt", "no image"}),
        ("stale_extension", 64, {"sound"}),
    ],
)
def test_an_image_that_was_in_use_gets_the_same_verdict_from_both(preset: str, grain: int, expected: set[str]) -> None:
    assert verdicts(left_behind(disk(preset, grain=grain))) == {(word, word) for word in expected}


@pytest.mark.parametrize("grain", [64, 4])
@pytest.mark.parametrize("preset", BEYOND)
def test_an_image_that_was_being_made_is_whole_or_none_wherever_its_header_was_torn(preset: str, grain: int) -> None:
    found = verdicts(left_behind(Device(**{**BEYOND[preset], "grain": grain}), made))
    # A header without its last fields: to read blocks is possible, and aiovdi does not open it.
    cut = {("no image", "sound")} if preset == "torn_prefix" else set()
    assert found == {("no image", "no image"), ("sound", "sound")} | cut


class Told(SimStorage):
    """It says that what an extension adds may be anything."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.extends_with_zeros = False


class ToldSession(Session):
    Storage = Told


def test_no_checker_sees_old_bytes_and_no_content_has_any_where_the_driver_was_told() -> None:
    images = left_behind(disk("stale_extension"))
    assert any(STALE in audit_and_read(image) for image in images)
    images = left_behind(disk("stale_extension"), kind=Told)
    assert verdicts(images) == {("sound", "sound")}
    assert not any(STALE in audit_and_read(image) for image in images)


def test_runs_find_that_the_driver_was_not_told_and_nothing_where_it_was() -> None:
    profile = Profile(preset="stale_extension")
    assert any(run(SMALL, ExploringTape(seed), profile).kind == "violation" for seed in range(100))
    for seed in range(100):
        outcome = run(SMALL, ExploringTape(seed), profile, script=Script(session=ToldSession))
        assert outcome.failure is None, f"seed {seed}: {outcome.failure}"


@pytest.mark.parametrize("preset", ["torn_prefix", "torn_suffix", "torn_garbage"])
def test_runs_find_that_no_promise_can_be_kept_where_units_are_torn(preset: str) -> None:
    profile = Profile(preset=preset)
    assert any(run(SMALL, ExploringTape(seed), profile).failure for seed in range(300))
