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

__all__ = ["blank", "filled"]


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

else:
    filled = _filled_portably
