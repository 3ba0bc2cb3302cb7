"""A command is measured as itself: not with what the harness weighs, and not when it failed."""

import sys

import pytest

from aiovdi.units import MiB
from benchmarks import child


async def test_a_small_command_does_not_weigh_what_its_harness_does() -> None:
    # Linux counts the memory of whoever execs a command into the command's peak.
    ballast = bytearray(b"\1") * (256 * MiB)
    assert (await child.run("true")).peak_memory < 64 * MiB
    assert len(ballast) == 256 * MiB


async def test_a_large_command_weighs_what_it_takes() -> None:
    large = await child.run(sys.executable, "-c", f"bytearray(b'x') * {256 * MiB}")
    assert large.peak_memory > 256 * MiB


async def test_time_is_from_spawn_to_exit() -> None:
    assert (await child.run("sleep", "0.05")).seconds >= 0.05


@pytest.mark.parametrize("said", ["one\ntwo", "one\ntwo\n", ""])
async def test_output_is_what_the_command_said(said: str) -> None:
    done = await child.run("printf", "%s", said)
    assert done.output.rstrip("\n") == said.rstrip("\n")


async def test_a_command_that_fails_has_no_time() -> None:
    with pytest.raises(child.CommandFailed, match="exit status 3: oh dear"):
        await child.run("sh", "-c", "echo oh dear >&2; exit 3")


async def test_a_command_that_does_not_exist_is_named() -> None:
    with pytest.raises(child.CommandFailed, match="no-such-command"):
        await child.run("no-such-command")
