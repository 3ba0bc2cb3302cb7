"""A verb's work on an event loop, and one line for whatever stops it.

Rule 1: SIGINT, SIGTERM and SIGHUP cancel the work once, and the work cleans up: a job that makes a file
leaves a whole one or none. Half a second later no such signal is caught any more. Not at once: timeout(1) and
others send each signal twice, to the process and to its group.
Rule 2: a signal's exit status is the shell's, 128 and its number.
Rule 3: an error is one line, ``aiovdi: <image or verb>: <message>``, and no traceback: it is an answer.
An error that is ours (a broken assert, a TypeError) keeps its traceback: it is a bug.
"""

import asyncio
import os
import signal
import sys
import warnings
from collections.abc import Awaitable, Callable
from typing import TextIO

from aiovdi.cli.streams import give_up_stdout
from aiovdi.errors import BadSignature, ImageLocked, StorageError, VDIError
from aiovdi.jobs.images import image_of

__all__ = ["Failure", "die_of_signals", "run", "say"]

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ECHO_SECONDS = 0.5


class Failure(Exception):
    """The verb cannot do what was asked; the message says why, and ``status`` is the exit status."""

    def __init__(self, message: str, *, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def run(
    work: Callable[[], Awaitable[int]],
    *,
    verb: str,
    error_status: int = 1,
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """Do ``work`` and return its exit status, or that of what stopped it. ``new_loop`` makes the event loop for it."""
    stopped: list[signal.Signals] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.simplefilter("always", RuntimeWarning)
            warnings.showwarning = _show_warning
            with asyncio.Runner(loop_factory=new_loop) as runner:
                status = runner.run(_stoppable(work, stopped))
        sys.stdout.flush()
    except (asyncio.CancelledError, KeyboardInterrupt):
        say(f"{verb}: stopped by {stopped[0].name if stopped else 'SIGINT'}")
        return 128 + (stopped[0] if stopped else signal.SIGINT)
    except BrokenPipeError:
        give_up_stdout()  # nobody reads on
        return 128 + signal.SIGPIPE
    except Failure as failure:
        say(f"{verb}: {failure}")
        return failure.status
    except (VDIError, OSError, ValueError) as error:
        say(f"{_where(error, verb)}: {_what(error)}")
        if not _can_flush():
            give_up_stdout()
        return error_status
    return status


async def _stoppable(work: Callable[[], Awaitable[int]], stopped: list[signal.Signals]) -> int:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    def stop(number: signal.Signals) -> None:
        if not stopped:
            stopped.append(number)
            loop.call_later(_ECHO_SECONDS, release)
            task.cancel()

    def release() -> None:
        for each in _STOPPING:
            loop.remove_signal_handler(each)

    for number in _STOPPING:
        loop.add_signal_handler(number, stop, number)
    return await work()


def die_of_signals() -> None:
    """From here on a signal ends the process at once: there is nothing to clean up."""
    loop = asyncio.get_running_loop()
    for number in _STOPPING:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)


def say(message: str) -> None:
    """Tell the user, on stderr."""
    print(f"aiovdi: {message}", file=sys.stderr)


def _where(error: Exception, verb: str) -> str:
    """The image that the error is about, where that is known; else the verb."""
    if isinstance(error, OSError) and error.filename is not None:
        return os.fsdecode(error.filename)
    return image_of(error) or verb


def _can_flush() -> bool:
    try:
        sys.stdout.flush()
    except OSError:
        return False
    return True


def _what(error: Exception) -> str:
    if isinstance(error, ImageLocked):
        return str(error).replace("pass lock=False", "read it with -U").replace("lock=False opens", "-U reads")
    if isinstance(error, BadSignature):
        return f"not a VDI image: {error}"
    if isinstance(error, OSError) and not isinstance(error, StorageError) and error.strerror:
        return error.strerror
    return str(error)


def _show_warning(  # noqa: PLR0917
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001  (the signature is that of warnings.showwarning)
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    print(f"warning: {message}", file=sys.stderr)
