"""What a disk or a file holds, where most of it was never written: as large as it says, as small as what is in it.

It reads as ``bytes`` do: ``len(image)``, ``image[a:b]``, ``image == other``, ``bytes(image)``. Small content
is ``bytes`` itself; of twelve blocks of 1 MiB with a few sectors in them, a crash leaves thousands of images, and
nearly all the time would go into zeros.

Rule: an image never changes, and may share its pieces with others.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

__all__ = ["LARGE", "Content", "Image", "joined"]

LARGE = 1 << 18
"""Bytes from which on an image is worth its while."""


class Image:
    """Pieces in a sea of zeros.

    Args:
        pieces: offset and content of each, ascending; they do not overlap and lie within ``length``.
        length: in bytes.
    """

    def __init__(self, pieces: Iterable[tuple[int, bytes]], length: int) -> None:
        self.pieces = list(pieces)
        self._offsets = [offset for offset, _ in self.pieces]
        self._length = length

    @classmethod
    def of_units(cls, units: Mapping[int, bytes], unit: int, length: int) -> "Image":
        """The first ``length`` bytes of what has these contents, ``unit`` bytes each, by number."""
        return cls([(number * unit, units[number]) for number in sorted(units)], -1).part(0, length)

    def __len__(self) -> int:
        return self._length

    def __bytes__(self) -> bytes:
        return self[:]

    def __eq__(self, other: object) -> bool:
        return bytes(self) == bytes(other) if isinstance(other, bytes | Image) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, wanted: slice) -> bytes:
        start, stop, step = wanted.indices(self._length)
        if step != 1:
            return self[:][wanted]
        content, at = [], start
        for offset, piece in self.within(start, stop):
            content += [_zeros(offset - at), piece]
            at = offset + len(piece)
        rest = _zeros(max(0, stop - at))
        return b"".join([*content, rest]) if content else rest

    def part(self, start: int, length: int) -> "Image":
        """``length`` bytes from ``start`` on, which must be there."""
        return Image([(offset - start, piece) for offset, piece in self.within(start, start + length)], length)

    def within(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """What of the pieces lies in this range, cut at its ends."""
        for number in range(max(0, bisect_right(self._offsets, start) - 1), len(self.pieces)):
            offset, piece = self.pieces[number]
            if offset >= stop:
                return
            if offset < start or offset + len(piece) > stop:
                piece = piece[max(0, start - offset) : stop - offset]
                offset = max(start, offset)
            if piece:
                yield offset, piece


Content: TypeAlias = bytes | Image
"""What a disk or a file holds."""


def joined(images: Iterable[Image], length: int) -> Image:
    """``images`` one after the other, cut at ``length`` in all."""
    pieces: list[tuple[int, bytes]] = []
    at = 0
    for image in images:
        pieces += [(at + offset, piece) for offset, piece in image.pieces]
        at += len(image)
    return Image(pieces, at).part(0, length)


class _LastZeros:
    """Those that were asked for last; mostly the same number is asked for again."""

    content = b""


def _zeros(count: int) -> bytes:
    if len(_LastZeros.content) != count:
        _LastZeros.content = bytes(count)
    return _LastZeros.content
