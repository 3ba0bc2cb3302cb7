"""Simpler runs than a failing one, to be tried when it shrinks: fewer requests, and worlds in which less goes wrong.

A tape's *workload* is what its users do; its *world* is what meets them: orders, faults, cancels' moments,
power loss. Leaving requests out changes the world for those that stay, so a simpler workload is tried in
worlds that are drawn anew, or counted through: each has few deviations and one fault at most.

Rule 1: a world is made from a number, so a search that comes here twice does the same.
Rule 2: labels are known by their beginnings. A tape with others (a story's) is not harmed: they stay as recorded.
"""

from collections.abc import Iterator, Sequence

from faults.simulation.tape import Draw, ExploringTape, Pick, ReplayTape, Tape

__all__ = [
    "CANCELLED",
    "SCHEDULE",
    "WORLD",
    "Delayed",
    "OneEnd",
    "OneFault",
    "Redrawn",
    "Small",
    "few_requests",
    "thinned",
    "with_value",
    "without_a_group",
    "workload",
]

SCHEDULE = ("next", "timer")
WORLD = (*SCHEDULE, "fail", "short", "life", "torn", "lost", "crash")
"""Beginnings of the labels of what meets a workload, and does not belong to it."""
ENDS = ("life", "crash")
"""Of these the ones that say when the end comes, and what it leaves."""
CANCELS = ("cancels", "cancel")
PLACE = ("offset", "length", "ragged", "spread", "unaligned", "shape")
END = ("end", "sessions", "calm")
KIND = ("kind",)
PLAIN = ([Draw("requests", 2, 1)], [Draw("clients", 2, 1)])
"""The simplest workloads of two requests: of one client, and of two."""
CANCELLED = tuple([*others, Draw("cancels", 3, 1), Draw("cancel", 2, 1)] for others in ([], *PLAIN))
"""The plainest workloads in which the first request is cancelled: it alone, or one of two."""
GROUPS_MAX = 12


class Redrawn(ExploringTape):
    """Everything as recorded, but for labels with these beginnings."""

    def __init__(self, draws: Sequence[Draw], labels: tuple[str, ...], seed: int) -> None:
        super().__init__(seed)
        self._record = ReplayTape(draws)
        self._labels = labels

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:  # noqa: ARG002
        recorded = self._record.draw(label, outcomes)
        if not label.startswith(self._labels):
            return recorded
        # Mostly benign: few deviations are needed, and each has to be removed again.
        return 0 if self._below(3) else self._below(outcomes)

    def _below(self, outcomes: int) -> int:
        return super()._choose("", outcomes, None)


class Small(Redrawn):
    """The world drawn anew: two deviations at most, and one fault at most; where there is one, often no cancel."""

    def __init__(self, draws: Sequence[Draw], seed: int) -> None:
        super().__init__(draws, WORLD, seed)
        self._orders = self._below(3)
        self._faults = self._below(2)
        self._cancels = not self._faults or bool(self._below(2))

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:
        recorded = super()._choose(label, outcomes, pick)
        if label in SCHEDULE:
            return self._deviate(outcomes)
        if label.startswith("storm"):
            return outcomes - 1 if self._faults else 0
        if _strikes(label, outcomes):
            return self._fail(outcomes)
        if label in CANCELS and not self._cancels:
            return 0
        return recorded

    def _deviate(self, outcomes: int) -> int:
        if not self._orders or self._below(4):
            return 0
        self._orders -= 1
        return 1 + self._below(outcomes - 1)

    def _fail(self, outcomes: int) -> int:
        if not self._faults or self._below(6):
            return 0
        self._faults -= 1
        return outcomes - 1


class OneFault(Tape):
    """Oldest first, nobody is cancelled, and one I/O fails: the one at this place of those that could.

    Args:
        place: from 0.
        fates: what the draws about the failure give, by label; 0 for others.
    """

    def __init__(self, draws: Sequence[Draw], place: int, fates: dict[str, int]) -> None:
        super().__init__()
        self._record = ReplayTape(draws)
        self._left = place
        self._fates = fates

    @property
    def has_struck(self) -> bool:
        """Whether there was such an I/O."""
        return self._left < 0

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:  # noqa: ARG002
        recorded = self._record.draw(label, outcomes)
        if label.startswith("storm"):
            return outcomes - 1
        if _strikes(label, outcomes):
            self._left -= 1
            return int(self._left == -1)
        if label in self._fates:
            return min(self._fates[label], outcomes - 1)
        return 0 if label in CANCELS or (label.startswith(WORLD) and not label.startswith(ENDS)) else recorded


class OneEnd(Tape):
    """Oldest first, nothing fails, nobody is cancelled; the end comes after so many I/Os.

    Args:
        end: what the draw of this name gives: 1 is a power loss, 2 a kill.
        place: how many I/Os end before.
        loss: what the draw of ``crash.mode`` gives: 0 keeps what had ended, 1 loses what may be lost.
    """

    def __init__(self, draws: Sequence[Draw], place: int, end: int, loss: int) -> None:
        super().__init__()
        self._record = ReplayTape(draws)
        self._values = {"end": end, "lives": 9, "life": place, "crash.mode": loss, "closes": 0}

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:  # noqa: ARG002
        recorded = self._record.draw(label, outcomes)
        if label in self._values:
            return min(self._values[label], outcomes - 1)
        return 0 if label in CANCELS or label.startswith((*WORLD, "storm")) else recorded


class Delayed(Tape):
    """Everything as recorded, but for the order: oldest first, and at these choices the second oldest."""

    def __init__(self, draws: Sequence[Draw], moments: tuple[int, ...]) -> None:
        super().__init__()
        self._record = ReplayTape(draws)
        self._moments = moments
        self.choices = 0

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:  # noqa: ARG002
        if label not in SCHEDULE:
            return self._record.draw(label, outcomes)
        self.choices += 1
        return int(self.choices - 1 in self._moments)


def _strikes(label: str, outcomes: int) -> bool:
    """Whether the draw decides that an I/O fails, or is short."""
    return outcomes == 2 and (label in ("short", "fail") or (label.startswith("fail.") and label not in _FATES))


_FATES = ("fail.errno", "fail.effect", "fail.pages", "fail.nth")


def workload(draws: Sequence[Draw]) -> list[Draw]:
    """The draws that are not the world's."""
    return [draw for draw in draws if not draw.label.startswith(WORLD) or draw.label.startswith(ENDS)]


def thinned(draws: Sequence[Draw], keep: int, seed: int) -> list[Draw]:
    """The workload of ``draws`` with groups left out, any, until about ``keep`` are left."""
    chance = ExploringTape(seed)
    rest = workload(draws)
    while True:
        edits = [edit for place in range(len(rest)) for edit in without_a_group(rest, place)]
        if len(edits) <= keep:
            return rest
        rest = edits[chance.draw("edit", len(edits))]


def few_requests(draws: Sequence[Draw], sizes: Sequence[int], number: int) -> list[list[Draw]]:
    """Workloads of so few requests: first alike, in one place, with a graceful end; then less and less altered."""
    thin = [thinned(draws, size, seed) for size in sizes for seed in range(number)]
    met = [[_benign(draw, PLACE) for draw in each] for each in thin]
    closed = [[_benign(draw, END) for draw in each] for each in met]
    alike = [[_benign(draw, KIND) for draw in each] for each in closed]
    plain = [each for each in PLAIN if 2 in sizes]
    several = [*plain, *alike, *closed, *met, *thin]
    distinct = {tuple((draw.label, draw.value) for draw in each): each for each in several}
    return list(distinct.values())


def _benign(draw: Draw, labels: tuple[str, ...]) -> Draw:
    return draw._replace(value=0) if draw.label in labels else draw


def with_value(draws: Sequence[Draw], place: int, value: int) -> list[Draw]:
    """``draws`` with another value at ``place``."""
    return [*draws[:place], draws[place]._replace(value=value), *draws[place + 1 :]]


def without_a_group(draws: Sequence[Draw], place: int) -> Iterator[list[Draw]]:
    """The draw at ``place`` lowered by one, without one of the groups behind it.

    Every group opens with the label that follows the count. The last one ends where a label comes that
    the groups before it do not have.
    """
    count = draws[place]
    if not count.value or place + 1 == len(draws) or count.label in SCHEDULE:
        return
    leader = draws[place + 1].label
    end = next((n for n in range(place + 1, len(draws)) if draws[n].label == count.label), len(draws))
    starts = [n for n in range(place + 1, end) if draws[n].label == leader][: GROUPS_MAX + 1]
    if leader == count.label or len(starts) < 2:
        return
    lowered = with_value(draws, place, count.value - 1)
    known = {draw.label for draw in draws[starts[0] : starts[-1]]}
    last = next((n for n in range(starts[-1], end) if draws[n].label not in known), end)
    for start, stop in zip(starts, [*starts[1:], last], strict=True):
        yield [*lowered[:start], *lowered[stop:]]
