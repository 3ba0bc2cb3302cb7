"""Memory for what clients write, used again: a fresh megabyte from the system takes as long to get as to fill.

Rule 1: whoever gives memory back has nobody left who looks at it.
Rule 2: it comes with old content. It is filled to the end before anybody reads it, so no client sees another's.
"""

from collections import deque

from aiovdi.units import KiB, MiB

__all__ = ["Payloads"]

_WORTH_KEEPING = 64 * KiB
_KEPT_BYTES = 16 * MiB


class Payloads:
    """Spare memory of one server, at most 16 MiB of it, the last that was used."""

    def __init__(self) -> None:
        self._spare: deque[bytearray] = deque()
        self._kept = 0

    def take(self, length: int) -> bytearray:
        """``length`` bytes of anything."""
        for index, memory in enumerate(self._spare):
            if len(memory) == length:
                del self._spare[index]
                self._kept -= length
                return memory
        return bytearray(length)

    def give(self, memory: bytearray) -> None:
        """Give back what nobody looks at any more."""
        if not _WORTH_KEEPING < len(memory) <= _KEPT_BYTES:
            return
        self._spare.appendleft(memory)
        self._kept += len(memory)
        while self._kept > _KEPT_BYTES:
            self._kept -= len(self._spare.pop())
