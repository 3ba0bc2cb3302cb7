"""Image locks: on the bytes that QEMU uses, so that a VM, qemu-io, qemu-nbd and aiovdi exclude each other.

A *permission* has a number. Whoever opens an image read-locks byte ``100 + number`` of the file for
each permission that it uses, and byte ``200 + number`` for each that it denies to others::

                     consistent read 0    write 1       resize 3
    "r"              uses 100             denies 201    denies 203
    "r+"             uses 100             101, 201      103, 203

Seen with ``strace`` and ``/proc/locks`` under QEMU 7.2 and a VDI: ``qemu-io`` and ``qemu-nbd`` lock
exactly these bytes; ``qemu-img info`` only 201 and 203; with ``-U`` nothing is denied.

Rule 1: read locks never collide, so who takes them has not won yet. Look, take, look again: of two
    that come at once at least one sees the other.
Rule 2: nothing is held while waiting. QEMU does not retry, so a contender must not be in its way.
Rule 3: the locks belong to the open file description that does the I/O. They end with it, however
    the process ends, and two disks in one process exclude each other as two processes do.
Rule 4: where there are no such locks the open goes on, as with QEMU's ``locking=auto``, but a
    ``RuntimeWarning`` says so.
"""

import asyncio
import errno
import fcntl
import os
import struct
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple, Self

from aiovdi.errors import ImageLocked

__all__ = ["acquire", "release"]

_USED, _DENIED = 100, 200
_CONSISTENT_READ, _WRITE, _RESIZE = 0, 1, 3

_STEP_S = 0.02
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
_COMMAND_LENGTH_MAX = 80

_FLOCK = struct.Struct("@hhqqi0q")
"""Linux's ``struct flock`` with 64-bit offsets: type, whence, start, length, pid. ``0q`` is C's padding at the end."""

_OPEN_MODES = {os.O_RDONLY: "read-only", os.O_WRONLY: "write-only", os.O_RDWR: "read-write"}

_CONFLICTS = {
    _USED + _WRITE: "it is open for writing",
    _USED + _RESIZE: "it is open for resizing",
    _DENIED + _CONSISTENT_READ: "its user shares it with nobody",
    _DENIED + _WRITE: "its user allows no writer beside it",
    _DENIED + _RESIZE: "its user allows nobody to resize it",
}


class _Claim(NamedTuple):
    """What an opener locks, and what it cannot bear to find locked by somebody else, as bytes of the file."""

    takes: tuple[int, ...]
    minds: tuple[int, ...]

    @classmethod
    def of(cls, *, uses: tuple[int, ...], denies: tuple[int, ...]) -> Self:
        return cls(
            takes=(*(_USED + each for each in uses), *(_DENIED + each for each in denies)),
            minds=(*(_USED + each for each in denies), *(_DENIED + each for each in uses)),
        )


_READER = _Claim.of(uses=(_CONSISTENT_READ,), denies=(_WRITE, _RESIZE))
_WRITER = _Claim.of(uses=(_CONSISTENT_READ, _WRITE, _RESIZE), denies=(_WRITE, _RESIZE))


async def acquire(fd: int, *, writable: bool, path: str, patience_s: float = 0.5) -> None:
    """Lock the image behind ``fd``, which holds no lock yet: beside readers only, or as its one user.

    Tries for ``patience_s`` seconds: a process that was killed may hold its descriptor for a moment.
    A cancelled or failed call leaves nothing locked.

    Raises:
        ImageLocked: somebody else is in the way (the message names the likely holder), or there are
            no locks left to give (``ENOLCK``: also NFS without its lock service).
        OSError: the kernel will not lock this descriptor, for instance one that is not open for reading.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    claim = _WRITER if writable else _READER
    mode = "r+" if writable else "r"
    try:
        while (byte := _try_to_take(fd, claim)) is not None:
            if loop.time() >= deadline:
                # /proc may be long and a file system slow to answer: not on the loop.
                raise ImageLocked(await asyncio.to_thread(_refusal, fd, byte, path=path, mode=mode))
            await asyncio.sleep(_STEP_S)
    except OSError as error:
        if error.errno == errno.ENOLCK:
            raise ImageLocked(f'{path} cannot be locked for "{mode}": {error.strerror}; lock=False opens it') from error
        if error.errno not in _UNSUPPORTED:
            raise
        message = f"{path}: no image locks here ({error.strerror}), so nothing keeps a second writer out"
        warnings.warn(message, RuntimeWarning, stacklevel=2)


def release(fd: int) -> None:
    """Unlock the image. Closing would too, but not while a forked child shares the description."""
    try:
        _control(fd, "set", fcntl.F_UNLCK, _USED, length=_DENIED + _RESIZE + 1 - _USED)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def _try_to_take(fd: int, claim: _Claim) -> int | None:
    """Take ``claim``. Returns None, or the byte by which somebody else keeps us out; then nothing is held."""
    if (byte := _first_minded(fd, claim)) is not None:
        return byte
    with ExitStack() as undo:
        undo.callback(release, fd)
        byte = _first_refused(fd, claim)
        if byte is None:
            byte = _first_minded(fd, claim)
        if byte is None:
            undo.pop_all()
    return byte


def _first_refused(fd: int, claim: _Claim) -> int | None:
    """Lock what the claim takes. A byte is refused if someone holds an exclusive lock there, unlike QEMU."""
    for byte in claim.takes:
        try:
            _control(fd, "set", fcntl.F_RDLCK, byte)
        except (BlockingIOError, PermissionError):
            return byte
    return None


def _first_minded(fd: int, claim: _Claim) -> int | None:
    """Would a write lock collide? Locks of our own description never do."""
    for byte in claim.minds:
        if _control(fd, "get", fcntl.F_WRLCK, byte) != fcntl.F_UNLCK:
            return byte
    return None


def _control(fd: int, verb: str, kind: int, start: int, *, length: int = 1) -> int:
    """One ``fcntl`` on ``length`` bytes at ``start``, without waiting. Returns the kind of lock it reports."""
    if sys.platform == "linux":
        command = fcntl.F_OFD_SETLK if verb == "set" else fcntl.F_OFD_GETLK
        answer = fcntl.fcntl(fd, command, _FLOCK.pack(kind, os.SEEK_SET, start, length, 0))
        return int(_FLOCK.unpack(answer)[0])
    raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))


# The kernel does not tell who holds such a lock; /proc does, for the processes that we may look into.


def _refusal(fd: int, byte: int, *, path: str, mode: str) -> str:
    why = _CONFLICTS.get(byte, f"byte {byte} is locked")
    holders = "; ".join(_holders(fd, byte)) or "not in /proc (another user's, or on another machine)"
    return (
        f'{path} cannot be opened "{mode}": {why}. Likely holder: {holders}. '
        "Close it there, or pass lock=False if you know that it does no harm"
    )


def _holders(fd: int, byte: int) -> Iterator[str]:
    """Describe each process that has this file open and ``byte`` of it locked."""
    image = os.fstat(fd)
    for link in _descriptors():
        with suppress(OSError):  # gone meanwhile
            if os.path.samestat(link.stat(), image):
                process = link.parent.parent
                flags, locks = _read_fdinfo(process / "fdinfo" / link.name)
                if any(byte in lock for lock in locks):
                    yield f"pid {process.name}, {_command(process)!r}, which has it open {_OPEN_MODES[flags]}"


def _descriptors() -> Iterator[Path]:
    for process in _listing(Path("/proc")):
        if process.name.isdigit():
            yield from _listing(process / "fd")


def _listing(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # gone meanwhile, or not ours to see
        return []


def _read_fdinfo(path: Path) -> tuple[int, list[range]]:
    """Access mode and locked bytes of a descriptor: proc_pid_fdinfo(5), e.g. ``lock: 1: OFDLCK … 100 101``."""
    lines = path.read_text().splitlines()
    mode = next(int(line.split()[1], 8) & os.O_ACCMODE for line in lines if line.startswith("flags:"))
    return mode, [_locked_range(line) for line in lines if line.startswith("lock:")]


def _locked_range(line: str) -> range:
    *_, first, last = line.split()
    return range(int(first), sys.maxsize if last == "EOF" else int(last) + 1)


def _command(process: Path) -> str:
    command = (process / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    return command if len(command) <= _COMMAND_LENGTH_MAX else command[: _COMMAND_LENGTH_MAX - 1] + "…"
