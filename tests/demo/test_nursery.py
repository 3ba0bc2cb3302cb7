"""Children are born, heard to the end and killed; one that dies by itself is an error."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from aiovdi.demo.ledger import RECORD, Event, Ledger
from aiovdi.demo.nursery import Nursery
from aiovdi.demo.workload import Workload

NewImage = Callable[[str], Awaitable[Path]]


def never(_: Ledger) -> bool:
    return False


def workload(image: Path, **changes: object) -> Workload:
    return Workload(image=str(image), seed=1, requests=50, depth=8, **changes)  # type: ignore[arg-type]


async def test_a_child_is_killed_when_the_listener_says_so(new_image: NewImage) -> None:
    ledger = Ledger()
    with Nursery() as nursery:
        nursery.raise_and_kill(workload(await new_image("a")), ledger, lambda ledger: ledger.acknowledged >= 10)
    assert ledger.acknowledged >= 10
    assert ledger.acknowledged + ledger.raised + len(ledger.under_way) == len(ledger.requests) <= 50


async def test_a_child_that_has_closed_its_disk_has_said_everything(new_image: NewImage) -> None:
    ledger = Ledger()
    with Nursery() as nursery:
        nursery.raise_and_kill(workload(await new_image("a")), ledger, never)
    assert ledger.last.event is Event.CLOSED
    assert ledger.acknowledged == 50
    assert not ledger.under_way


async def test_one_nursery_raises_many_children_one_after_the_other(new_image: NewImage) -> None:
    image = await new_image("a")
    with Nursery() as nursery:
        for first in (1, 101, 201):
            ledger = Ledger()
            nursery.raise_and_kill(workload(image, first=first), ledger, lambda ledger: ledger.records >= 20)
            assert min(ledger.requests) == first


def test_a_child_that_dies_by_itself_is_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Nursery() as nursery, pytest.raises(RuntimeError, match="ended by itself"):
        nursery.raise_and_kill(workload(tmp_path / "missing.vdi"), Ledger(), never)
    assert "FileNotFoundError" in capfd.readouterr().err


def test_a_nursery_that_cannot_start_is_an_error() -> None:
    with Nursery("true") as nursery, pytest.raises(RuntimeError, match="has ended"):
        nursery.raise_and_kill(Workload(image="", seed=1, requests=1), Ledger(), never)


async def test_no_child_outlives_a_listener_that_fails(new_image: NewImage) -> None:
    pids = []

    def fail(ledger: Ledger) -> bool:
        pids.append(nursery._child)
        raise KeyboardInterrupt

    image = await new_image("a")
    with pytest.raises(KeyboardInterrupt), Nursery() as nursery:
        nursery.raise_and_kill(workload(image), Ledger(), fail)
    (pid,) = pids
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_child_whose_listener_is_gone_ends_quietly(new_image: NewImage) -> None:
    assert desert(workload(await new_image("a"))) == (1, b"")


def desert(given: Workload) -> tuple[int, bytes]:
    """Start a child, stop listening after its first word, and return its exit status and its complaints."""
    command = [sys.executable, "-m", "aiovdi.demo.child"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(f"{given.dump()}\n".encode())
        process.stdin.flush()
        assert process.stdout.read(RECORD.size)
        process.stdout.close()
        complaints = process.stderr.read()  # to its end, which comes when parent and child have ended
    return process.returncode, complaints
