"""Standard streams that the caller has closed, and output that cannot be written.

A closed descriptor is the next one that the system gives away: an image, or a socket, would get what is
meant for people. So what is missing is opened on /dev/null, stdin and stdout in the wrong direction: who
uses them is told, as by a closed one (gnulib's stdopen does the same).
"""

import os
import sys

__all__ = ["give_up_stdout", "open_missing"]


def open_missing() -> None:
    """Open what is closed of the descriptors 0 to 2, and give ``sys`` its files."""
    for descriptor, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def give_up_stdout() -> None:
    """What could not be printed is thrown away: the interpreter would try it again at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
