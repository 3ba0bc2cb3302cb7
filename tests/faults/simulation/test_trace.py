"""A trace is equal where two runs are, and differs where they do not."""

from faults.simulation.tape import ExploringTape
from faults.simulation.trace import Event, Trace, acting


def trace(*events: tuple[str, object, object]) -> Trace:
    made = Trace()
    for event in events:
        made.add(*event)
    return made


ONE = [("submit", "A0 flush", ""), ("issue", "flush #1", ""), ("return", "A0 flush", "")]


def test_equal_events_have_equal_hashes() -> None:
    assert trace(*ONE).digest() == trace(*ONE).digest()


def test_the_order_of_events_is_part_of_the_hash() -> None:
    assert trace(*ONE).digest() != trace(*reversed(ONE)).digest()


def test_the_border_between_events_is_part_of_the_hash() -> None:
    assert trace(("a", "b", "")).digest() != trace(("a", "", ""), ("b", "", "")).digest()


def test_an_event_reads_as_a_line() -> None:
    assert str(Event("end", "flush #3", "succeeds")) == "end flush #3 succeeds"
    assert str(Event("open", "aiovdi")) == "open aiovdi"


def test_an_event_knows_for_whom_it_happened_and_how_far_the_tape_was() -> None:
    tape = ExploringTape(1)
    made = Trace(tape)
    tape.draw("next", 2)
    token = acting.set("A0")
    made.add("issue", "flush #1")
    acting.reset(token)
    made.add("end", "flush #1")
    assert [(event.by, event.drawn) for event in made.events] == [("A0", 1), ("", 1)]
