"""Which step of the machine the 2011 report calls by which letter. The steps are marked where they are taken.

For the first bug the report tells two courses of events, O1 to P4 and Q1 to Q11 (O5 and P1 are one
write's end and the next one's beginning; Q10 is "some other operations"). The others it tells in prose.
"""

from typing import Any

from faults.simulation.marks import mark

__all__ = ["LETTERS", "Letters"]

LETTERS: dict[str, dict[str, tuple[str, str, str]]] = {
    "1a": {
        "asks": ("O1", "", "submit"),
        "entry set": ("O2", "", ""),
        "data": ("O3", "", "issue"),
        "data failed": ("O4", "", ""),
        "told an error": ("O5", "", "raise"),
        "asks again": ("P1", "", "submit"),
        "in place": ("P2", "", "issue"),
        "written": ("P3", "", ""),
        "told": ("P4", "", "return"),
    },
    "1b": {
        "asks": ("Q1", "", "submit"),
        "entry set": ("Q2", "", ""),
        "data": ("Q3", "", "issue"),
        "asks again": ("Q4", "", "submit"),
        "in place": ("Q5", "", "issue"),
        "written": ("Q6", "", ""),
        "told": ("Q7", "", "return"),
        "asks flush": ("Q8", "", ""),
        "flushed": ("Q9", "", "return"),
        "crash": ("Q11", "", "power"),
    },
    "2": {"no error code": ("2", 'goes to "done" without "ret = -EIO"', "")},
    "3a": {"buffers left": ("3 first", "orig_buf and block_buffer are not freed", "")},
    "3b": {"bottom half left": ("3 second", "acb->bh is not cancelled", "")},
    "3c": {"stale": ("3 third", "finds acb->bh != NULL, and fails", "")},
}
"""For each defect its steps: the letter, the words where nothing else shows the step, and what it names if that
is yet to come (see ``faults.simulation.marks``)."""


class Letters:
    """Marks the steps of one machine.

    Args:
        storage: what the machine writes to; its trace is where the marks go.
        defect: the one that the machine has.
    """

    def __init__(self, storage: Any, defect: str | None) -> None:
        self._storage = storage
        self._letters = LETTERS.get(defect or "", {})

    def take(self, step: str, text: str = "") -> None:
        """The machine takes ``step``; where the report does not speak of it, nothing is marked."""
        if step in self._letters:
            letter, words, of = self._letters[step]
            mark(self._storage, letter, words or text, of=of)
