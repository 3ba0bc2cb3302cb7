"""What is known of an image's format: which part an offset lies in, and how to read the disk without its driver.

Nothing need be known: then what a disk holds is what a new process of the driver shows.
"""

import struct
from typing import NamedTuple

from faults.judges.reader import audit_and_read

__all__ = ["FORMATS", "Format", "Opaque", "Seen", "VDI"]


class Seen(NamedTuple):
    """What a second reader found."""

    content: bytes
    complaint: str = ""
    """A contradiction in the image that has cost no data yet. "" for none."""


class Format:
    """The rules of one format."""

    has_reader = False
    regions: tuple[str, ...] = ("image",)
    """The parts of an image that fail on their own."""

    def region(self, image: bytes, offset: int) -> str:
        """Which part of ``image`` the byte at ``offset`` belongs to."""
        raise NotImplementedError

    def read(self, image: bytes) -> Seen:
        """The disk in ``image``. Raises ValueError: it contradicts itself so much that it cannot be read."""
        raise NotImplementedError


class Opaque(Format):
    """Nothing is known."""

    def region(self, image: bytes, offset: int) -> str:  # noqa: ARG002
        return "image"


class VDI(Format):
    """offBlocks at 0x154 and offData at 0x158, cBlocks at 0x180, cBlocksAllocated at 0x184 (``VDICore.h``)."""

    has_reader = True
    regions = ("data", "bmap", "header")

    def region(self, image: bytes, offset: int) -> str:
        bmap, data = struct.unpack_from("<II", image, 0x154)
        if offset < bmap:
            return "header"
        return "bmap" if offset < data else "data"

    def read(self, image: bytes) -> Seen:
        """A count below the map is a complaint: it costs data as soon as the next block is allocated, not before."""
        try:
            return Seen(audit_and_read(image))
        except ValueError as error:
            counted = bytearray(image)
            counted[0x184:0x188] = counted[0x180:0x184]
            return Seen(audit_and_read(bytes(counted)), str(error))


FORMATS: dict[str, Format] = {"vdi": VDI(), "": Opaque()}
