"""What stops a verb becomes one line and a status; what is our own fault keeps its traceback."""

import asyncio
import errno
import os
import signal
import sys
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from aiovdi.cli import running
from aiovdi.cli.running import Failure, _what, die_of_signals, run
from aiovdi.driver.creating import CompatibilityWarning
from aiovdi.driver.opening import open_disk
from aiovdi.errors import BadSignature, CorruptImage, ImageLocked, StorageError


def raising(error: BaseException) -> Callable[[], Awaitable[int]]:
    async def work() -> int:
        raise error

    return work


def noted(error: Exception, note: str) -> Exception:
    error.add_note(note)
    return error


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (Failure("no such thing", status=63), 63, "aiovdi: verb: no such thing"),
        (FileNotFoundError(2, "No such file or directory", "a.vdi"), 7, "aiovdi: a.vdi: No such file or directory"),
        (CorruptImage("entry 5"), 7, "aiovdi: verb: entry 5"),
        (noted(CorruptImage("entry 5"), "image: a.vdi"), 7, "aiovdi: a.vdi: entry 5"),
        (noted(CorruptImage("entry 5"), "another part failed too"), 7, "aiovdi: verb: entry 5"),
        (
            BadSignature("u32Signature", found=0, expected=1, offset=64),
            7,
            "aiovdi: verb: not a VDI image: u32Signature at offset 64: found 0, expected 1",
        ),
        (ValueError("offset: found 3"), 7, "aiovdi: verb: offset: found 3"),
        (
            StorageError(errno.ENOSPC, "No space left on device", operation="write", offset=5, length=6),
            7,
            "aiovdi: verb: write of 6 bytes at offset 5 of the storage: No space left on device",
        ),
    ],
)
def test_an_error_is_one_line(error: Exception, status: int, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(error), verb="verb", error_status=7) == status
    assert capsys.readouterr() == ("", line + "\n")


def test_a_bug_of_ours_is_not_made_to_look_like_an_answer() -> None:
    with pytest.raises(AssertionError):
        run(raising(AssertionError()), verb="verb")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_the_work_which_cleans_up(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    cleaned_up = False

    async def work() -> int:
        nonlocal cleaned_up
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            cleaned_up = True
        return 0

    before = signal.getsignal(number)
    assert run(work, verb="convert") == 128 + number
    assert cleaned_up
    assert capsys.readouterr().err == f"aiovdi: convert: stopped by {number.name}\n"
    assert signal.getsignal(number) == before


def test_the_same_signal_twice_at_once_cleans_up_all_the_same() -> None:
    cleaned_up = False

    async def work() -> int:
        nonlocal cleaned_up
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(3):  # turns in which it is heard
                await asyncio.sleep(0)
            cleaned_up = True
        return 0

    assert run(work, verb="convert") == 128 + signal.SIGTERM
    assert cleaned_up


def test_a_later_signal_is_not_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_ECHO_SECONDS", 0)

    async def work() -> int:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            async with asyncio.timeout(20):
                while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # noqa: ASYNC110
                    await asyncio.sleep(0)
        return 0

    assert run(work, verb="convert") == 130


def test_a_verb_with_nothing_to_clean_up_may_die_at_once() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    async def work() -> int:
        die_of_signals()
        assert all(signal.getsignal(number) is signal.SIG_DFL for number in before)
        return 0

    try:
        assert run(work, verb="read") == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_warnings_become_lines_each_time_they_are_given(capsys: pytest.CaptureFixture[str]) -> None:
    async def work() -> int:
        for _ in range(2):
            warnings.warn("QEMU would refuse it", CompatibilityWarning, stacklevel=1)
        return 0

    assert run(work, verb="create") == 0
    assert capsys.readouterr() == ("", "warning: QEMU would refuse it\n" * 2)


def test_a_reader_that_has_gone_is_no_error_but_a_status(capfd: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stdout = os.dup(1)
    os.dup2(writer, 1)
    with pytest.MonkeyPatch.context() as patch, open(1, "w", closefd=False) as broken:
        patch.setattr(sys, "stdout", broken)

        async def work() -> int:
            print("a line")
            return 0

        status = run(work, verb="map")
    os.dup2(stdout, 1)
    for fd in (stdout, writer):
        os.close(fd)
    assert status == 128 + signal.SIGPIPE
    assert capfd.readouterr().err == ""


async def test_who_is_locked_out_is_told_the_flag_and_not_the_argument(vdi: Path) -> None:
    async with open_disk(vdi, "r+"):
        with pytest.raises(ImageLocked) as caught:
            await open_disk(vdi)
    assert "lock=False" in str(caught.value)
    said = _what(caught.value)
    assert "Close it there, or read it with -U if you know" in said
    assert "lock=False" not in said
