"""Requests by name, for programs and workloads that are written down: ``w0`` writes the first sector of a block.

A program is written as clients with words. ``w0 f | w1`` is a write and a flush of one client, and a write
of another, at any time. ``w0+1`` is the same one block further on. ``w0!`` is cancelled once, at any time.
What stands before a semicolon is the prelude: one client, alone: ``w0+2 f; w0 | w0+1``.
"""

from collections.abc import Callable

from faults.runs.workload import SECTOR, Request, Workload
from faults.target import Target

__all__ = ["FURTHER", "OPERATIONS", "PRELUDE", "parse_client", "parse_program"]

PRELUDE = "P"
"""How the names of the requests of a prelude begin."""

OPERATIONS: dict[str, Callable[[int], tuple[str, int, int]]] = {
    "w0": lambda _: ("write", 0, SECTOR),
    "w1": lambda _: ("write", SECTOR, SECTOR),
    "wb": lambda block: ("write", 0, block),
    "wn": lambda block: ("write", block, SECTOR),
    "ws": lambda block: ("write", block - SECTOR, 2 * SECTOR),
    "wu": lambda _: ("write", 300, 100),
    "u0": lambda _: ("fua", 0, SECTOR),
    "z0": lambda _: ("zero", 0, SECTOR),
    "zb": lambda block: ("zero", 0, block),
    "d0": lambda block: ("discard", 0, block),
    "r0": lambda block: ("read", 0, block),
    "f": lambda _: ("flush", 0, 0),
}
"""Kind, offset and length in bytes, for a size of block. Writes to the first sector of a block, the second,
the whole block, the next block, across the border, within a sector; FUA; zeroes; discard; read; flush."""

FURTHER: dict[str, Callable[[int], tuple[str, int, int]]] = {
    "ub": lambda block: ("fua", 0, block),
    "us": lambda block: ("fua", block - SECTOR, 2 * SECTOR),
    "uz": lambda block: ("fua-zero", 0, block),
    "zs": lambda block: ("zero", 0, 2 * block),
    "ds": lambda block: ("discard", 0, 2 * block),
    "wl": lambda block: ("write", block - 7, 8),
}
"""The same for programs, which are written by hand: FUA for a whole block, across the border, of zeros; zeroes, and a
discard, of two blocks; a write of which one byte lies in the next."""


def parse_program(text: str, target: Target) -> Workload:
    """A workload from words such as ``w0 f | w1``, the prelude first.

    Raises:
        ValueError: an unknown operation, named; or a block that the disk does not have.
    """
    prelude, _, rest = text.rpartition(";")
    parts = [(PRELUDE, prelude), *zip("ABCDEFGH", rest.split("|"), strict=False)]
    return [parse_client(name, words, target.size, target.block_size) for name, words in parts]


def parse_client(name: str, words: str, size: int, block_size: int) -> list[Request]:
    """The requests of one client, whose names begin with ``name``. Raises ValueError as ``parse_program`` does."""
    return [_parse_request(f"{name}{number}", word, size, block_size) for number, word in enumerate(words.split())]


def _parse_request(name: str, word: str, size: int, block_size: int) -> Request:
    operation, _, blocks = word.removesuffix("!").partition("+")
    known = OPERATIONS | FURTHER
    if operation not in known or not (blocks or "0").isdecimal():
        raise ValueError(f"program: found {word!r}, expected one of {', '.join(known)}, as w0, w0+1 or w0!")
    kind, offset, length = known[operation](block_size)
    offset += int(blocks or "0") * block_size if length else 0
    if offset + length > size:
        raise ValueError(f"program: found {word!r}, expected a range within the {size} bytes of the disk")
    return Request(name, kind, offset, length, cancels=int(word.endswith("!")))
