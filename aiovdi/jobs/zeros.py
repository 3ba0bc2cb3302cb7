"""Zeros and differences in memory, found by comparing it and not by looking at bytes.

``bytes.startswith`` of a view is one ``memcmp``: it copies nothing, and ends at the first difference.
So data costs next to nothing to recognize, and zeros cost their own length.
"""

from collections.abc import Iterator

from aiovdi.units import KiB

__all__ = ["data_runs", "first_difference", "is_zero"]

_ZEROS = bytes(64 * KiB)
_WORD = 8


def is_zero(view: memoryview) -> bool:
    """Every byte of ``view`` is zero."""
    return all(_ZEROS.startswith(view[at : at + len(_ZEROS)]) for at in range(0, len(view), len(_ZEROS)))


def data_runs(view: memoryview, granule: int) -> Iterator[tuple[int, int]]:
    """Start and length of each stretch of ``view`` without a granule of zeros, in order.

    Args:
        view: its length is a multiple of 8.
        granule: how many zeros in a row, at a multiple of as many, are left out; a multiple of 8.
    """
    # The first word of a granule tells most of those that hold data, all of them in one step.
    heads = view.cast("Q")[:: granule // _WORD].tolist()
    if heads and all(heads):
        yield 0, len(view)
        return
    start = None
    for index, head in enumerate(heads):
        at = index * granule
        if head or not is_zero(view[at : at + granule]):
            start = at if start is None else start
        elif start is not None:
            yield start, at - start
            start = None
    if start is not None:
        yield start, len(view) - start


def first_difference(content: bytes | bytearray, view: memoryview) -> int | None:
    """Index of the first byte of ``view`` that ``content``, which is no shorter, has not; None: no such byte."""
    if content.startswith(view):
        return None
    start, stop = 0, len(view)
    while stop - start > 1:
        middle = (start + stop) // 2
        if content.startswith(view[start:middle], start):
            start = middle
        else:
            stop = middle
    return start
