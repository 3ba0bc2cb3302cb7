"""A process is waited for until it listens, and never outlives its end."""

import asyncio
import os
from pathlib import Path

import pytest

from faults.foreign.process import DriverEnded, Process


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until_it_is_up(process: Process) -> None:
    while "up" not in process.words():  # noqa: ASYNC110 - nobody tells when another process has come so far
        await asyncio.sleep(0.005)


async def test_a_process_that_ends_before_it_listens_says_its_last_words(place: Path) -> None:
    process = Process(["sh", "-c", "echo 'no such image' >&2; exit 7"], place / "socket", place / "log")
    with pytest.raises(DriverEnded, match="status 7: no such image"):
        await process.connect(asyncio.Protocol())
    assert await process.ends_within(1)
    process.kill()


async def test_a_killed_process_is_gone_at_once(place: Path) -> None:
    process = Process(["sleep", "60"], place / "socket", place / "log")
    pid = process._child.pid
    assert is_alive(pid)
    process.kill()
    assert not is_alive(pid)
    process.kill()  # once more does no harm


async def test_a_process_that_is_asked_to_end_is_waited_for(place: Path) -> None:
    process = Process(
        ["sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done"], place / "s", place / "log"
    )
    await until_it_is_up(process)
    assert await process.close(10) == 5
    process.kill()


async def test_a_process_that_does_not_end_is_told_of(place: Path) -> None:
    process = Process(["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.01; done"], place / "s", place / "log")
    await until_it_is_up(process)
    with pytest.raises(TimeoutError):
        await process.close(0.05)
    assert not await process.ends_within(0.01)
    process.kill()


async def test_what_it_has_said_does_not_name_the_files_of_one_run(place: Path) -> None:
    process = Process(["sh", "-c", f"echo cannot open {place}/1.below; echo up"], place / "socket", place / "log")
    await until_it_is_up(process)
    assert process.words() == "cannot open 1.below\nup"
    process.kill()
