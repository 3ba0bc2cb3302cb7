"""The path of a search: the choices of a run, what is left of each, and who need not be tried again.

A reduction needs somebody who knows what commutes. A loop that can tell *offers* the actors of each
choice, and says afterwards what the chosen one has touched. Who was tried before, and commutes with who
is chosen now, sleeps until something happens with which it does not commute: to take it earlier would
only repeat a run (sleep sets: Godefroid, "Partial-Order Methods for the Verification of Concurrent
Systems", LNCS 1032, 1996). Without an offer nothing is left out.

Rule: what sleeps is forgotten too early rather than too late. Then a run is made twice, and none is lost.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from faults.simulation.tape import Pick, Tape

__all__ = ["Offer", "Path", "PathTape", "Redundant"]

ORDERS = frozenset({"next", "timer"})
"""The labels of draws that choose an order."""

Actor = int
Footprint = Any
"""What a step has touched; opaque here."""
Prints = tuple[Footprint, ...]
"""Of one step, for each way in which it may go (with which fault, say)."""


class Redundant(BaseException):
    """This run would repeat another. Not an Exception, so that no driver can handle it."""


@dataclass(frozen=True)
class Offer:
    """Who may act next."""

    actors: Sequence[Actor]
    """By outcome of the draw."""
    allowed: Sequence[int]
    """The outcomes that are to be tried, the benign one first."""
    deviant: range = range(0)
    """The outcomes that are deviations."""


@dataclass
class Choice:
    """One choice on the path."""

    label: str
    outcomes: int
    options: list[int]
    """Outcomes to be tried, in this order."""
    spent: int
    """Deviations before it."""
    asleep: dict[Actor, Prints]
    offer: Offer | None = None
    under_way: "Choice | None" = None
    """For a choice within a step (which fault, say): the choice of that step."""
    actor: Actor = 0
    """Who makes that step."""
    at: int = 0
    tried: dict[Actor, list[Footprint]] = field(default_factory=dict)

    @property
    def value(self) -> int:
        return self.options[self.at]

    def costs(self, value: int) -> int:
        """1 if this outcome is a deviation."""
        return int(value in self.offer.deviant) if self.offer else int(self.label in ORDERS and value > 0)


class Path:
    """The choices of a run, and what is left of each.

    Args:
        deviations: in how many of its choices of order a run may differ from the oldest-first one.
        only: for a label, the outcomes that are tried; where there is none, all.
        commute: whether two footprints may change places.
    """

    def __init__(
        self,
        deviations: int | None = None,
        only: Mapping[str, Sequence[int]] | None = None,
        commute: Callable[[Footprint, Footprint], bool] = lambda _one, _other: False,
    ) -> None:
        self._choices: list[Choice] = []
        self._deviations = deviations
        self._only = only or {}
        self._commute = commute
        self.begin()

    def begin(self) -> None:
        """A run begins."""
        self._depth = 0
        self._is_new = not self._choices  # past what the last run has left of the path
        self._spent = 0
        self._asleep: dict[Actor, Prints] = {}
        self._offer: Offer | None = None
        self._under_way: Choice | None = None
        self._actor: Actor = 0

    def advance(self) -> bool:
        """To the run that follows. False: there is none."""
        while self._choices:
            last = self._choices[-1]
            if last.at + 1 < len(last.options):
                last.at += 1
                return True
            self._choices.pop()
        return False

    # What a run says

    @property
    def is_new(self) -> bool:
        """Whether no run before has been here. Until then nothing need be offered, looked at, or settled."""
        return self._is_new

    @property
    def actor(self) -> Actor:
        """Who acts, or has acted last."""
        return self._actor

    def offer(self, offer: Offer) -> None:
        """Somebody acts next. Raises Redundant if all who may are asleep."""
        self._offer = offer
        self._under_way = None
        if len(offer.actors) == 1:  # then nothing is drawn
            self._offer, self._actor = None, offer.actors[0]
            if self._actor in self._asleep:
                raise Redundant

    def choose(self, label: str, outcomes: int) -> int:
        """The outcome of the next draw. Raises Redundant, or ValueError if the run is not the one it was."""
        choice = self._followed(label, outcomes) if self._depth < len(self._choices) else self._met(label, outcomes)
        self._depth += 1
        self._spent = choice.spent + choice.costs(choice.value)
        if choice.offer is not None:
            self._actor, self._under_way, self._offer = choice.offer.actors[choice.value], choice, None
        return choice.value

    def settle(self, footprint: Footprint) -> None:
        """Who was chosen last has acted, and this is what it touched."""
        asleep = self._asleep
        if choice := self._under_way:
            assert choice.offer is not None
            before = [choice.offer.actors[value] for value in choice.options[: choice.at]]
            asleep = asleep | {actor: tuple(choice.tried[actor]) for actor in before if actor in choice.tried}
            choice.tried.setdefault(self._actor, []).append(footprint)
        self._asleep = {
            actor: prints for actor, prints in asleep.items() if all(self._commute(each, footprint) for each in prints)
        }

    def wake_all(self) -> None:
        """Something happened that commutes with nothing."""
        self._asleep = {}

    def _followed(self, label: str, outcomes: int) -> Choice:
        choice = self._choices[self._depth]
        if (choice.label, choice.outcomes) != (label, outcomes):
            raise ValueError(
                f"draw {self._depth}: found {label} with {outcomes} outcomes, "
                f"expected {choice.label} with {choice.outcomes}: the run is not deterministic"
            )
        if choice is self._choices[-1]:
            self._is_new, self._asleep = True, choice.asleep
            self._under_way, self._actor = choice.under_way, choice.actor
        return choice

    def _met(self, label: str, outcomes: int) -> Choice:
        offer = self._offer
        choice = Choice(label, outcomes, [], self._spent, self._asleep, offer, self._under_way, self._actor)
        may = (
            offer.allowed if offer else [value for value in self._only.get(label, range(outcomes)) if value < outcomes]
        )
        left = outcomes if self._deviations is None else self._deviations - self._spent
        choice.options = [value for value in may if choice.costs(value) <= left]
        if offer:
            choice.options = [value for value in choice.options if offer.actors[value] not in self._asleep]
        if not choice.options:
            raise Redundant
        self._choices.append(choice)
        return choice


class PathTape(Tape):
    """The tape of one run of a path."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        path.begin()

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:  # noqa: ARG002
        return self.path.choose(label, outcomes)
