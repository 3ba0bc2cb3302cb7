"""Numbers and places on the command line: what cannot work is told before a search begins, and not after it.

``count``, ``whole``, ``seconds`` are types for argparse. An error says what was found and what was expected.
"""

import errno
import math
import os
import tempfile
from argparse import ArgumentTypeError
from pathlib import Path

__all__ = ["count", "describe", "require_writable", "seconds", "whole"]


def count(text: str) -> int:
    """How many there shall be, at least one."""
    return _number(text, 1)


def whole(text: str) -> int:
    """A number that may be none."""
    return _number(text, 0)


def seconds(text: str) -> float:
    """A time that may be none."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ArgumentTypeError(f"found {text!r}, expected a number of seconds, 0 or more")
    return number


def require_writable(folder: Path) -> None:
    """Files can be written there. A folder that is missing is tried, and not left behind.

    Raises:
        OSError: they cannot; names the folder.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = os.strerror(errno.ENOTDIR) if isinstance(error, FileExistsError) else error.strerror
        raise OSError(error.errno, f"failures cannot be written there: {why}", str(folder)) from error
    finally:
        for each in missing:
            if each.is_dir():
                each.rmdir()


def describe(error: Exception) -> str:
    """One line for people: a system call's error begins with the file that it is about."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error)


def _number(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise ArgumentTypeError(f"found {text!r}, expected a whole number, {least} or more")
    return number
