"""What a disk may leave behind, in programs of a few words: the rules of ``docs/device-model.md``, each tried.

::

    A@0   write A to unit 0 is issued     AA@0  the same to two units     A@0l  to the left half of one (r: right)
    A.    A ends                          A!    A was FUA, and ends       A-    A fails, nothing of it took effect
    A:1   A fails, its unit 1 took effect (counted from its first)
    F( F) a flush begins, succeeds        F     both
    Fnew  a flush fails: clean_new        Fold  the same with clean_old
    =2    a resize to two units is issued       =.    it ends
    kill  as the last word: the process dies and not the power

An outcome is a character for each unit of the file: a letter, ``.`` for zeros, ``(AB)`` for halves.
Before the program the file is what ``start`` says, and durable.
"""

import re
from collections.abc import Iterator
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.crash import CrashSpace, kill_space, power_loss_space
from faults.device import Device, Operation
from faults.presets import PRESETS

UNIT = 8  # small, for the eye; the rules do not know how large a unit is


class Litmus(NamedTuple):
    rule: str
    program: str
    allowed: str
    """All outcomes that there are."""
    forbidden: str = ""
    """Some that there must not be, said for the reader."""
    start: str = "xx"
    preset: str = "strict_512"


LITMUS = [
    # Rule 1: flush
    Litmus("what ended without a flush may be there or not", "A@0 A.", "xx Ax"),
    Litmus("what ended before a flush began is durable", "A@0 A. F", "Ax", "xx"),
    Litmus("what is in flight when a flush begins may be durable or not", "A@0 F A.", "xx Ax"),
    Litmus("what ends while a flush is under way may be durable or not", "A@0 F( A. F)", "xx Ax"),
    Litmus("a flush that has only begun promises nothing", "A@0 A. F(", "xx Ax"),
    Litmus("a flush covers what ended before its beginning, not before its end", "A@0 A. F( B@0 B. F)", "Ax Bx", "xx"),
    Litmus("a flush covers every unit of a write", "AA@0 AA. F", "AA", "Ax xA xx"),
    Litmus("what follows a flush is not covered by it", "A@0 A. F B@1 B.", "Ax AB", "xB"),
    Litmus("a second flush covers the rest", "A@0 A. F B@1 B. F", "AB", "Ax"),
    Litmus("of two flushes the one that ended counts", "A@0 A. F( B@0 B. G( F)", "Ax Bx", "xx"),
    Litmus("flushes may end in the other order", "A@0 A. F( B@1 B. G( G)", "AB", "Ax xB"),
    Litmus("a flush that ends late undoes no newer one", "A@0 A. F( B@0 B. G( G) F)", "Bx", "Ax"),
    # Rule 2: FUA
    Litmus("a FUA write is durable when it ends", "A@0 A!", "Ax", "xx"),
    Litmus("a FUA write says nothing about another unit", "A@0 A. B@1 B!", "xB AB", "Ax"),
    Litmus("a FUA write says nothing about a write in flight", "A@0 B@1 B!", "xB AB", "xx"),
    Litmus("a FUA write in flight may be there or not", "A@0", "xx Ax"),
    Litmus("a FUA write over an older one leaves no trace of it", "A@0 A. B@0 B!", "Bx", "Ax xx"),
    Litmus("a write after a FUA write is not FUA", "A@0 A! B@0 B.", "Ax Bx", "xx"),
    Litmus("a FUA write of two units is durable in both", "AA@0 AA!", "AA", "Ax xA"),
    # Rule 3: crash images
    Litmus("units persist on their own, not in order", "AA@0 AA.", "xx Ax xA AA"),
    Litmus("a later unit may be there without an earlier one", "A@0 A. B@1 B.", "xx Ax xB AB"),
    Litmus("any of the versions of a unit may be there", "A@0 A. B@0 B. C@0 C.", "xx Ax Bx Cx"),
    Litmus("what was superseded before a flush is gone", "A@0 A. B@0 B. F", "Bx", "Ax xx"),
    Litmus("an older version cannot come back over a durable one", "A@0 A. F B@0 B.", "Ax Bx", "xx"),
    Litmus("writes in flight on one unit come in either order", "A@0 B@0", "xx Ax Bx"),
    Litmus(
        "a write in flight may be there in any of its units", "AAA@0", "xxx Axx xAx xxA AAx AxA xAA AAA", start="xxx"
    ),
    Litmus("a write in flight may lie over what ended after it was issued", "A@0 B@0 B.", "xx Ax Bx"),
    Litmus("what takes effect last is what readers see, and a flush then fixes it", "A@0 B@0 B. A. F", "Ax", "Bx xx"),
    Litmus("halves written one after the other never undo each other", "A@0l A. B@0r B. F", "(AB)x", "(xB)x (Ax)x"),
    Litmus("a version is the whole content of its unit", "A@0l A. B@0r B.", "xx (Ax)x (AB)x", "(xB)x"),
    Litmus("halves in flight may be there each alone", "A@0l B@0r", "xx (Ax)x (xB)x (AB)x"),
    Litmus("a half in flight keeps what is durable beside it", "A@0l A. F B@0r", "(Ax)x (AB)x", "(xB)x xx"),
    # Rule 4: inside a unit
    Litmus("a unit is never torn", "A@0", "xx Ax", "(Ax)x (xA)x"),
    # Rule 6: a file
    Litmus("an extending write and the length persist on their own", "A@2 A.", "xx xx. xxA", "xxx"),
    Litmus("a flush makes the length durable", "A@2 A. F", "xxA", "xx xx."),
    Litmus("a write far beyond leaves zeros between", "A@3 A. F", "xx.A", "xxxA"),
    Litmus("a resize is undone by a power loss", "=3 =.", "xx xx."),
    Litmus("a resize in flight may be there or not", "=3", "xx xx."),
    Litmus("a flushed resize is durable", "=3 =. F", "xx.", "xx"),
    Litmus("a cut that was not flushed may be undone, and its zeros be there", "=1 =.", "x xx x."),
    Litmus("a cut and a growth leave zeros or, without a flush, the old", "=1 =. =2 =.", "x xx x."),
    Litmus("a flushed cut and growth leave zeros", "=1 =. =2 =. F", "x.", "xx"),
    Litmus("data and length reorder", "=3 =. A@0 A.", "xx xx. Ax Ax."),
    Litmus("a FUA write that extends makes the length durable to its end", "A@2 A!", "xxA", "xx xx."),
    Litmus("a FUA write within leaves the length alone", "=3 =. A@0 A!", "Ax Ax.", "xx"),
    Litmus("an extending write in flight may have come as far as any unit", "AA@2", "xx xx. xxA xx.. xxA. xx.A xxAA"),
    # Rule 7: errors
    Litmus("a write that failed without effect is not there", "A@0 A-", "xx", "Ax"),
    Litmus("a write that failed may be there in part", "AA@0 AA:1", "xx xA", "Ax AA"),
    Litmus("after a failed flush with clean_new nothing will be retried", "A@0 A. Fnew F", "xx", "Ax"),
    Litmus("after a failed flush with clean_old nothing will be retried", "A@0 A. Fold F", "xx", "Ax"),
    Litmus("a write after a failed flush is as good as ever", "A@0 A. Fold B@0 B. F", "Bx", "xx Ax"),
    Litmus("a failed flush takes nothing that ended after it began", "A@0 A. F( B@0 B. Fold F", "Bx", "xx"),
    # Rule 8: cancel. The await is gone, the I/O is not
    Litmus("an I/O that nobody waits for may land over a newer write", "A@0 B@0 B. F", "Bx Ax", "xx"),
    Litmus("once it has landed before a newer write it is under it", "A@0 A. B@0 B. F", "Bx", "Ax"),
    # Rule 10, and the death of a process
    Litmus("what ended survives the death of the process", "A@0 A. kill", "Ax", "xx"),
    Litmus("what is in flight then may be there or not", "A@0 B@1 B. kill", "xB AB", "Ax"),
    Litmus("the length that was set survives it", "=3 =. kill", "xx.", "xx"),
    # Rule 5: presets
    Litmus(
        "sequential: nothing is there without what ended before", "A@0 A. B@1 B.", "xx Ax AB", "xB", preset="sequential"
    ),
    Litmus("sequential: a write persists from its first unit on", "AA@0 AA.", "xx Ax AA", "xA", preset="sequential"),
    Litmus("sequential: a write in flight comes last", "A@0 A. B@1", "xx Ax AB", "xB", preset="sequential"),
    Litmus("sequential: the length comes before the data", "A@2 A.", "xx xx. xxA", preset="sequential"),
    Litmus("sequential: a flush is a flush", "A@0 A. F B@1 B.", "Ax AB", "xx", preset="sequential"),
    Litmus("safe append: the length never covers missing data", "A@2 A.", "xx xxA", "xx.", preset="safe_append"),
    Litmus("safe append: nor of a write in flight", "A@2", "xx xxA", "xx.", preset="safe_append"),
    Litmus("safe append: an overwrite is as ever", "A@2 A. B@0 B.", "xx Bx xxA BxA", "xx. Bx.", preset="safe_append"),
    Litmus("safe append: a resize appends nothing", "=3 =. A@2 A.", "xx xx. xxA", preset="safe_append"),
    Litmus("safe append: any version of what was appended", "A@2 A. B@2 B.", "xx xxA xxB", "xx.", preset="safe_append"),
    Litmus("write-through: what ended is durable", "A@0 A. B@1", "Ax AB", "xx xB", preset="write_through"),
    Litmus("write-through: the length too", "A@2 A.", "xxA", "xx", preset="write_through"),
    Litmus("lying flush: a flush promises nothing", "A@0 A. F", "xx Ax", preset="lying_flush"),
    Litmus("lying flush: nor does FUA", "A@0 A!", "xx Ax", preset="lying_flush"),
]


# Programs


class Writer:
    """Runs a program, and keeps the events for whoever wants to check the device."""

    def __init__(self, start: str, preset: str = "strict_512") -> None:
        options = {**PRESETS[preset], "unit": UNIT}
        self.device = Device.holding(b"".join(unit_of(letter) for letter in start), **options)
        self.begun: dict[str, int] = {}
        self.issued: dict[str, Operation] = {}
        self.is_kill = False

    def run(self, program: str) -> "Writer":
        for word in program.split():
            self.do(word)
        return self

    def do(self, word: str) -> None:
        device = self.device
        if word == "kill":
            self.is_kill = True
        elif word[0] == "=":
            if word == "=.":
                device.end(self.issued.pop("="))
            else:
                self.issued["="] = device.issue_resize(int(word[1:]) * UNIT)
        elif "@" in word:
            name, _, place = word.partition("@")
            self.issued[name] = device.issue_write(*place_of(name, place))
        elif word[0] in "FG" and word.rstrip("()newold") in "FG":
            self.flush(word)
        else:
            self.end(*(word[:-1], word[-1]) if ":" not in word else word.split(":"))

    def flush(self, word: str) -> None:
        name = word[0]
        if word == name:
            self.device.end_flush(self.device.tick())
        elif word.endswith("("):
            self.begun[name] = self.device.tick()
        elif word.endswith(")"):
            self.device.end_flush(self.begun.pop(name))
        else:
            begun = self.begun.pop(name, None) or self.device.tick()
            self.device.lose(begun, keep=lambda _: False, visible=word.endswith("new"))

    def end(self, name: str, how: str) -> None:
        operation = self.issued.pop(name)
        if how == "-":
            self.device.end(operation, only=lambda _: False)
        elif how.isdigit():
            self.device.end(operation, only=lambda number: number == int(how))
        else:
            self.device.end(operation)
            if how == "!":
                self.device.persist_write(operation)

    def outcomes(self) -> set[str]:
        space = kill_space(self.device) if self.is_kill else power_loss_space(self.device)
        return {told(image.stable()) for image in space.images()}


def unit_of(letter: str) -> bytes:
    return bytes(UNIT) if letter == "." else letter.encode() * UNIT


def place_of(name: str, place: str) -> tuple[int, bytes]:
    half = place[-1] if place[-1] in "lr" else ""
    offset = int(place.rstrip("lr")) * UNIT + (UNIT // 2 if half == "r" else 0)
    return offset, name.encode() * (UNIT // 2) if half else b"".join(unit_of(letter) for letter in name)


def told(content: bytes) -> str:
    """A character for each unit, or two in brackets for its halves."""
    words = []
    for at in range(0, len(content), UNIT):
        halves = content[at : at + UNIT // 2], content[at + UNIT // 2 : at + UNIT]
        assert all(half == half[:1] * (UNIT // 2) for half in halves), "a half unit was torn"
        left, right = (half[:1].decode().replace("\0", ".") for half in halves)
        words.append(left if left == right else f"({left}{right})")
    return "".join(words)


# The tests


@pytest.mark.parametrize("litmus", LITMUS, ids=[litmus.rule for litmus in LITMUS])
def test_exactly_these_outcomes_are_possible_where(litmus: Litmus) -> None:
    outcomes = Writer(litmus.start, litmus.preset).run(litmus.program).outcomes()
    assert outcomes == set(litmus.allowed.split())
    assert not outcomes & set(litmus.forbidden.split())


def published() -> list[tuple[str, str, str]]:
    """The rows of the page: program, allowed, forbidden."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "device-model.md").read_text(encoding="utf-8")
    rows = [
        line.strip("| ").split("|") for line in page.splitlines() if line.startswith("| `") and line.count("|") == 4
    ]
    signs = [[" ".join(re.findall(r"`([^`]+)`", cell)) for cell in (*row, "")[:3]] for row in rows]
    return [(program, allowed, forbidden) for program, allowed, forbidden in signs if re.search("[@=]", program)]


@pytest.mark.parametrize(("program", "allowed", "forbidden"), published())
def test_the_published_page_says_what_is_so(program: str, allowed: str, forbidden: str) -> None:
    outcomes = Writer("xx").run(program).outcomes()
    assert outcomes == set(allowed.split())
    assert not outcomes & set(forbidden.split())


def test_the_published_page_tries_most_of_its_rules() -> None:
    assert len(published()) >= 18


def test_no_rule_is_said_twice() -> None:
    assert len({litmus.rule for litmus in LITMUS}) == len(LITMUS) >= 40


def test_every_preset_has_a_litmus() -> None:
    assert {litmus.preset for litmus in LITMUS} >= PRESETS.keys() - {"atomic_4k"}


def test_a_preset_that_keeps_the_rules_allows_nothing_that_they_forbid() -> None:
    for litmus in LITMUS:
        fails = {"Fnew", "Fold"} & set(litmus.program.split())  # what is durable at once is never lost
        if litmus.preset == "strict_512" and not fails:
            plain = Writer(litmus.start).run(litmus.program).outcomes()
            for preset in PRESETS.keys() - {"lying_flush", "atomic_4k"}:
                outcomes = Writer(litmus.start, preset).run(litmus.program).outcomes()
                assert outcomes <= plain, f"{litmus.rule}: {preset} adds {outcomes - plain}"


# A second opinion: every way in which a cache may have written its units out, one event at a time


@st.composite
def programs(draw: Any) -> list[str]:
    """Programs over three units, without halves and resizes, whose writes are told apart by their letters."""
    words, letters, in_flight = [], iter("ABCDEFGH"), []
    for _ in range(draw(st.integers(1, 9))):
        choice = draw(st.sampled_from(["issue", "issue", "end", "fua", "fail", "flush"]))
        if choice == "issue" and (letter := next(letters, None)):
            at, length = draw(st.integers(0, 2)), draw(st.integers(1, 2))
            in_flight.append(letter * min(length, 3 - at))
            words.append(f"{in_flight[-1]}@{at}")
        elif choice == "flush":
            words.append("F")
        elif in_flight and choice in ("end", "fua", "fail"):
            name = in_flight.pop(draw(st.integers(0, len(in_flight) - 1)))
            words.append(name + {"end": ".", "fua": "!", "fail": "-"}[choice])
    return words


def brute_force(words: list[str]) -> set[str]:
    """Written from the rules alone. A state is what readers see and what the medium holds.

    Between any two events the cache may write any units out. A flush fails to end where it has not
    written out all that it must; since it must only ever wait, those states are dropped.
    """
    states = {("xxx", "xxx")}
    flying: dict[str, int] = {}
    for word in words:
        states = {after for state in states for after in written_out(*state)}
        name, mark = word.rstrip(".!-"), word[-1]
        if "@" in word:
            letters, _, at = word.partition("@")
            flying[letters] = int(at)
        elif word == "F":
            states = {(seen, medium) for seen, medium in states if seen == medium}
        elif mark == "-":
            del flying[name]
        else:
            at = flying.pop(name)
            states = {
                (over(seen, name, at), over(medium, name, at) if mark == "!" else medium) for seen, medium in states
            }
    outcomes = set()
    for seen, medium in states:
        for _, kept in written_out(seen, medium):
            outcomes |= landed(kept, [(letter[0], at + n) for letter, at in flying.items() for n in range(len(letter))])
    return outcomes


def written_out(seen: str, medium: str) -> Iterator[tuple[str, str]]:
    for choice in product(*({new, old} for new, old in zip(seen, medium, strict=True))):
        yield seen, "".join(choice)


def over(content: str, letters: str, at: int) -> str:
    return content[:at] + letters + content[at + len(letters) :]


def landed(content: str, pieces: list[tuple[str, int]]) -> set[str]:
    """Of the writes in flight, any units, in any order."""
    choices = [{content[unit], *(letter for letter, at in pieces if at == unit)} for unit in range(len(content))]
    return {"".join(choice) for choice in product(*choices)}


@given(programs())
def test_the_enumerator_agrees_with_brute_force(words: list[str]) -> None:
    assert Writer("xxx").run(" ".join(words)).outcomes() == brute_force(words)


@given(programs())
def test_the_number_of_images_is_the_product_of_the_versions_and_one(words: list[str]) -> None:
    """For what has ended: a unit may hold each version since it was durable, or what is durable."""
    writer = Writer("xxx").run(" ".join(words))
    for name in list(writer.issued):
        writer.end(name, ".")
    space = power_loss_space(writer.device)
    assert isinstance(space, CrashSpace)
    expected = prod(len(versions) + 1 for versions in writer.device.versions.values())
    assert space.count == expected == len({image.stable() for image in space.images()})
