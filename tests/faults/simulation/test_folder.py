"""The simulated folder; and on it aiovdi's way to make a file: whole or not at all, wherever the power fails.

::

    t   creation                        the name that was asked for, after a power loss
    1   create .part                    none
    2   resize, map, flush, header      none
    3   flush                           none
    4   link .part to the name          none, or whole
    5   unlink .part                    none, or whole
    6   flush of the directory          none, or whole
    7   returned                        whole

The losses are not drawn: before each I/O ends every state that one could leave is judged.
"""

import asyncio
import errno
from collections.abc import Callable
from typing import Any

import pytest

import aiovdi
from aiovdi.driver.creating import new_file
from aiovdi.storage.base import write_full
from aiovdi.units import MiB
from faults.simulation.device import Device
from faults.simulation.directory import Directory, DirectorySpace, File, kill_states, power_loss_states
from faults.simulation.folder import SimFolder
from faults.simulation.loop import SimLoop
from faults.simulation.plan import NoFaults, Plan, Rules, parse_rule
from faults.simulation.presets import BEYOND, PRESETS
from faults.simulation.storage import SimStorage
from faults.simulation.tape import ExploringTape
from faults.simulation.trace import Trace
from faults.vdi import VDI
from tests.faults.looking import BeforeEachEnd

NAME = "new.vdi"
SIZE, OLD_SIZE = 2 * MiB, 1 * MiB


class Creation:
    """One creation in one folder; ``during`` and ``after`` say what a power loss could have left."""

    def __init__(
        self,
        kind: type[SimFolder] = SimFolder,
        *,
        names: dict[str, File] | None = None,
        plan: Plan | None = None,
        states: Callable[[Directory], DirectorySpace] = power_loss_states,
        size: int = SIZE,
        order: str = "any",
        below: dict[str, Any] | None = None,
    ) -> None:
        self.directory = Directory(names, order=order, below=below)
        self.states = states
        self.size = size
        self.during: set[str] = set()
        self.steps = 0
        tape = ExploringTape("a creation")
        self.loop = SimLoop(tape)
        self.folder = kind(self.directory, self.loop, tape, BeforeEachEnd(self._look, plan or NoFaults()), Trace(tape))

    def _look(self) -> None:
        self.steps += 1
        self.during |= self.left()

    def left(self) -> set[str]:
        return {verdict(image) for image in self.states(self.directory).images()}

    async def create(self, *, overwrite: bool = False, fixed: bool = False) -> None:
        async with new_file(NAME, overwrite=overwrite, folder=self.folder) as storage:
            await aiovdi.create(storage, self.size, fixed=fixed)

    def run(self, **options: bool) -> "Creation":
        self.loop.run_until_complete(self.create(**options))
        return self


def verdict(directory: Directory) -> str:
    if NAME not in directory.names:
        return "none"
    try:
        size = len(VDI().read_image(directory.names[NAME].device.stable()))
    except ValueError:
        return "half"
    return {SIZE: "whole", OLD_SIZE: "old"}.get(size, "half")


@pytest.fixture
def old() -> dict[str, File]:
    """A directory in which the name stands for an older image."""
    return Creation(size=OLD_SIZE).run().directory.durable


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("order", ["any", "sequential"])
def test_a_power_loss_at_any_step_leaves_a_whole_image_or_none(order: str, fixed: bool) -> None:
    creation = Creation(order=order).run(fixed=fixed)
    assert creation.steps >= 9
    assert creation.during == {"none", "whole"}
    assert creation.left() == {"whole"}
    assert list(creation.directory.names) == [NAME]


def test_an_image_that_is_replaced_is_there_until_the_new_one_is(old: dict[str, File]) -> None:
    creation = Creation(names=old).run(overwrite=True)
    assert creation.during == {"old", "whole"}
    assert creation.left() == {"whole"}


@pytest.mark.parametrize("preset", [each for each in PRESETS | BEYOND if each != "lying_flush"])
def test_so_it_is_on_every_disk_that_flushes_and_on_those_that_are_worse_too(preset: str) -> None:
    creation = Creation(below=(PRESETS | BEYOND)[preset]).run()
    assert creation.during == {"none", "whole"}
    assert creation.left() == {"whole"}


def test_nothing_helps_where_a_flush_lies() -> None:
    assert Creation(below=PRESETS["lying_flush"]).run().left() == {"half", "whole"}


def test_where_there_are_no_links_a_rename_does_the_same() -> None:
    plan = Rules([parse_rule("event=link errno=EPERM")])
    creation = Creation(plan=plan).run()
    assert plan.injected == 1
    assert creation.during == {"none", "whole"}
    assert creation.left() == {"whole"}


def test_the_death_of_the_process_leaves_the_same() -> None:
    assert Creation(states=kill_states).run().during == {"none", "whole"}


@pytest.mark.parametrize("effect", ["none", "all"])
def test_whichever_step_fails_it_raises_and_there_is_a_whole_image_or_none(effect: str) -> None:
    steps = Creation().run().steps
    for nth in range(1, steps + 1):
        creation = Creation(plan=Rules([parse_rule(f"event=any nth={nth} errno=EIO effect={effect}")]))
        with pytest.raises(OSError, match="Input/output error"):
            creation.run()
        assert creation.during | creation.left() <= {"none", "whole"}


def test_wherever_it_is_cancelled_there_is_a_whole_image_or_none() -> None:
    async def cancel_after(creation: Creation, steps: int) -> None:
        task = asyncio.ensure_future(creation.create())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    for steps in range(60):
        creation = Creation()
        creation.loop.run_until_complete(cancel_after(creation, steps))
        assert creation.during | creation.left() <= {"none", "whole"}
        assert list(creation.directory.names) in ([], [NAME])


def test_what_is_written_into_a_new_file_is_flushed_for_those_who_do_not() -> None:
    async def write(creation: Creation) -> None:
        async with new_file(NAME, overwrite=False, folder=creation.folder) as storage:
            await write_full(storage, memoryview(b"x" * 700), 0)

    creation = Creation()
    creation.loop.run_until_complete(write(creation))
    [left] = power_loss_states(creation.directory).images()
    assert left.names[NAME].device.stable() == b"x" * 700


# Ways that are wrong


class ForgetsTheDirectory(SimFolder):
    async def flush(self) -> None:
        """The name stays where it is: in memory."""


class Unflushed(SimStorage):
    async def flush(self) -> None:
        """So does the content."""


class ForgetsTheFile(SimFolder):
    Storage = Unflushed


class NamesFirst(SimFolder):
    async def create(self, name: str) -> SimStorage:
        storage = await super().create(name)
        await super().link(name, NAME)
        return storage

    async def link(self, name: str, other: str) -> None:
        """It has its name already."""


class ReplacesInTwoSteps(SimFolder):
    async def replace(self, name: str, other: str) -> None:
        await self.unlink(other)
        await super().replace(name, other)


def test_without_a_flush_of_the_directory_an_image_that_was_made_may_be_gone() -> None:
    creation = Creation(ForgetsTheDirectory).run()
    assert creation.during == creation.left() == {"none", "whole"}


def test_without_a_flush_of_the_file_half_an_image_may_have_the_name() -> None:
    creation = Creation(ForgetsTheFile).run()
    assert creation.during == {"none", "half", "whole"}
    assert creation.left() == {"half", "whole"}


def test_a_file_that_has_its_name_before_its_content_may_be_half_an_image() -> None:
    creation = Creation(NamesFirst).run()
    assert "half" in creation.during
    assert creation.left() == {"whole"}


def test_where_a_replacement_takes_two_steps_there_may_be_no_image_at_all(old: dict[str, File]) -> None:
    assert "none" in Creation(ReplacesInTwoSteps, names=old).run(overwrite=True).during
    assert "none" not in Creation(names=old).run(overwrite=True).during


# The folder itself


def test_a_name_that_is_taken_is_an_error_as_of_the_system_call(old: dict[str, File]) -> None:
    for work in (lambda folder: folder.create(NAME), lambda folder: folder.link(NAME, NAME)):
        creation = Creation(names=old)
        with pytest.raises(FileExistsError) as caught:
            creation.loop.run_until_complete(work(creation.folder))
        assert caught.value.errno == errno.EEXIST


@pytest.mark.parametrize(("effect", "there"), [("none", False), ("all", True)])
def test_a_call_that_fails_took_effect_or_never_will(effect: str, there: bool, old: dict[str, File]) -> None:
    creation = Creation(names=old, plan=Rules([parse_rule(f"event=link errno=EIO effect={effect}")]))
    with pytest.raises(OSError, match="Input/output error"):
        creation.loop.run_until_complete(creation.folder.link(NAME, "other"))
    assert ("other" in creation.directory.names) == there
    assert power_loss_states(creation.directory).count == 1 + there


def test_a_call_that_is_cancelled_has_ended_when_it_returns() -> None:
    async def cancel(creation: Creation) -> None:
        task = asyncio.ensure_future(creation.folder.create("x"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert not creation.directory.in_flight

    creation = Creation()
    creation.loop.run_until_complete(cancel(creation))


def test_its_files_are_those_of_the_directory(old: dict[str, File]) -> None:
    creation = Creation(names={"x": File(Device())}, below={"unit": 4096})
    storage = creation.loop.run_until_complete(creation.folder.create("y"))
    assert storage.device is creation.directory.names["y"].device
    assert storage.device.unit == 4096
