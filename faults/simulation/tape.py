"""One tape decides everything that chance could.

A choice is a *draw*: a label and a number of outcomes. While exploring, draws come from a seeded
generator and are recorded; a recorded tape replays the same run; a tape with some draws set to zero
is a simpler run.

Rule 1: zero is the benign outcome (the oldest first, no fault, nothing lost), so what is left after
shrinking is the bug.
Rule 2: chance lives here and nowhere else. A policy that prefers some outcomes gives a ``pick``, which
is asked only while exploring: what it answers is recorded, so a replay needs no policy.
Rule 3: a replay matches draws by label and order within the label, not by position. A run of a driver
that was edited since, or of a tape that was shortened, keeps as many of its choices as still make sense.
"""

import json
import random
from bisect import bisect
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple, TypeAlias

__all__ = ["Draw", "ExploringTape", "Generator", "Pick", "ReplayTape", "Tape", "dump", "likely", "load"]


class Draw(NamedTuple):
    """One recorded choice."""

    label: str
    outcomes: int
    value: int


_new = tuple.__new__  # a run makes nothing as often as draws, and Draw() takes twice as long

Generator: TypeAlias = random.Random
"""For those who write a pick: the only chance they get."""

Pick: TypeAlias = Callable[[Generator, int], int]
"""``pick(generator, outcomes)`` chooses one of ``range(outcomes)``."""


@lru_cache(512)
def likely(*weights: int) -> Pick:
    """The n-th outcome as often as the n-th weight says; where there are fewer outcomes, the last weights are nobody's.

    What ``Generator.choices`` does, which adds the weights up each time: a run makes dozens of such draws.
    """
    sums = list(accumulate(weights))
    return lambda chance, outcomes: bisect(sums, chance.random() * sums[outcomes - 1], 0, outcomes - 1)


class Tape:
    """Where choices come from, and a record of those that were made."""

    def __init__(self) -> None:
        self.draws: list[Draw] = []

    def draw(self, label: str, outcomes: int, pick: Pick | None = None) -> int:
        """One of ``range(outcomes)``. A choice between one thing and nothing else is not recorded."""
        if outcomes <= 1:
            return 0
        value = self._choose(label, outcomes, pick)
        self.draws.append(_new(Draw, (label, outcomes, value)))
        return value

    def chance(self, label: str, probability: float) -> bool:
        """True with about this probability; False is the benign outcome."""
        return bool(self.draw(label, 2, lambda generator, _: int(generator.random() < probability)))

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:
        raise NotImplementedError


class ExploringTape(Tape):
    """Choices from a generator with this seed: the same seed gives the same run, in any process."""

    def __init__(self, seed: int | str) -> None:
        super().__init__()
        self._random = random.Random(seed)

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:  # noqa: ARG002
        if pick is not None:
            return pick(self._random, outcomes)
        return int(self._random.random() * outcomes)


class ReplayTape(Tape):
    """Choices from a record; where it has none left for a label, the benign one."""

    def __init__(self, draws: Iterable[Draw]) -> None:
        super().__init__()
        self._left: dict[str, deque[int]] = defaultdict(deque)
        for label, _, value in draws:
            self._left[label].append(value)
        self.misses = 0
        """Draws that the record had no answer for, or whose answer no longer fits."""

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:  # noqa: ARG002
        left = self._left.get(label)
        if not left:
            self.misses += 1
            return 0
        value = left.popleft()
        if value >= outcomes:
            self.misses += 1
            return outcomes - 1
        return value


def dump(draws: Sequence[Draw]) -> str:
    """A record as JSON: the labels once, then one ``[label, outcomes, value]`` for each draw."""
    labels = sorted({draw.label for draw in draws})
    number = {label: index for index, label in enumerate(labels)}
    rows = [[number[draw.label], draw.outcomes, draw.value] for draw in draws]
    return json.dumps({"labels": labels, "draws": rows}, separators=(",", ":"))


def load(text: str) -> list[Draw]:
    """The record that ``dump`` wrote. Raises ValueError if it is none."""
    try:
        content = json.loads(text)
        labels = content["labels"]
        return [Draw(labels[label], outcomes, value) for label, outcomes, value in content["draws"]]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"not a recorded tape: {error!r}") from error
