"""Bytes that are filled after they are made, so that what a read returns is not copied once more.

``bytes(bytearray)`` copies, and a ``BytesIO`` is first filled with zeros: measured, 18 and 1.4 times the
time that the kernel takes for 1 MiB. CPython's C interface makes a bytes object whose content is for
the maker to fill (``PyBytes_FromStringAndSize`` with NULL), and a view to do it through.

Rule: such a view does not keep its bytes alive, so it is for a read that does not suspend. A read that may
still be under way when its caller is gone gets a `blank`, whose view does.
"""

import ctypes
import io
import sys
from collections.abc import Callable

__all__ = ["Gathering", "blank", "filled"]


def blank(length: int) -> io.BytesIO:
    """A buffer of zeros whose ``getvalue`` is, without a copy, what was put into its ``getbuffer``."""
    whole = io.BytesIO()
    if length:
        whole.seek(length - 1)
        whole.write(b"\0")
    return whole


def _filled_portably(length: int, fill: Callable[[memoryview], bool]) -> bytes | None:
    whole = blank(length)
    with whole.getbuffer() as view:
        if not fill(view):
            return None
    return whole.getvalue()


class PortableGathering:
    """The same as ``Gathering`` where bytes cannot be filled after they are made: one more copy, at the end."""

    def __init__(self, length: int) -> None:
        self._whole = bytearray(length)

    def append(self, part: bytes, at: int) -> None:
        self._whole[at : at + len(part)] = part

    def result(self) -> bytes:
        return bytes(self._whole)


if sys.implementation.name == "cpython":
    _new = ctypes.pythonapi.PyBytes_FromStringAndSize
    _new.argtypes, _new.restype = (ctypes.c_void_p, ctypes.c_ssize_t), ctypes.py_object
    _address = ctypes.pythonapi.PyBytes_AsString
    _address.argtypes, _address.restype = (ctypes.py_object,), ctypes.c_void_p
    _view = ctypes.pythonapi.PyMemoryView_FromMemory
    _view.argtypes, _view.restype = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int), ctypes.py_object
    _WRITABLE = 0x200  # PyBUF_WRITE

    def filled(length: int, fill: Callable[[memoryview], bool]) -> bytes | None:
        """``length`` bytes as ``fill`` filled them; None where it says that it did not. It must not keep its view."""
        whole: bytes = _new(None, length)
        with _view(_address(whole), length, _WRITABLE) as view:
            return whole if fill(view) else None

    class Gathering:
        """``length`` bytes, put together a part at a time.

        No step costs more than its part: to join all parts at the end, or to let a buffer grow, would hold
        the event loop for a whole copy.
        """

        def __init__(self, length: int) -> None:
            self._whole: bytes = _new(None, length)
            self._done = 0

        def append(self, part: bytes, at: int) -> None:
            """Put ``part`` at ``at``, where the part before has ended."""
            assert at == self._done
            assert at + len(part) <= len(self._whole)
            with _view(_address(self._whole) + at, len(part), _WRITABLE) as view:
                view[:] = part
            self._done += len(part)

        def result(self) -> bytes:
            """The whole, once every part is there."""
            assert self._done == len(self._whole)
            return self._whole

else:
    filled = _filled_portably
    Gathering = PortableGathering  # type: ignore[misc, assignment]
