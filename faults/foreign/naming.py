"""What an I/O is called: its operation, its range, and which time it is that this comes.

Choices about an I/O carry this name as their label, so a replay finds them again in whatever order the
I/Os of a foreign process arrive.
"""

from collections import Counter

__all__ = ["Names"]


class Names:
    """The names of one run."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def name(self, kind: str, region: str, offset: int, length: int) -> str:
        """The name of the next I/O of this kind and range."""
        what = f"{kind} {region}".rstrip()
        where = "" if kind == "flush" else f" {length}@{offset}"
        self._seen[what + where] += 1
        return f"{what}{where} #{self._seen[what + where]}"
