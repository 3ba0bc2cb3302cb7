"""What a disk may leave behind, in programs of a few words: the rules of ``docs/device-model.md``, each tried.

::

    A@0   write A to unit 0 is issued     AA@0  the same to two units     A@0l  to the left half of one (r: right)
    A.    A ends                          A!    A was FUA, and ends       A-    A fails, nothing of it took effect
    A:1   A fails, its unit 1 took effect (counted from its first)
    F( F) a flush begins, succeeds        F     both
    Fnew  a flush fails: clean_new        Fold  the same with clean_old
    =2    a resize to two units is issued       =.    it ends
    kill  as the last word: the process dies and not the power

An outcome is a character for each unit of the file: a letter, ``.`` for zeros, ``(AB)`` for halves, ``?`` for
garbage, ``~`` for what another file left there. Before the program the file is what ``start`` says, and durable.
"""

from typing import NamedTuple

from faults.simulation.crash import kill_space, power_loss_space
from faults.simulation.device import STALE, Device, Operation
from faults.simulation.presets import BEYOND, PRESETS
from faults.simulation.tearing import GARBAGE

__all__ = ["LITMUS", "UNIT", "Litmus", "Writer", "row"]

UNIT = 8  # small, for the eye; the rules do not know how large a unit is
SIGNS = {b"\0": ".", STALE: "~", GARBAGE: "?"}


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
    Litmus("torn prefix: a write in flight may have come halfway", "A@0", "xx Ax (Ax)x", "(xA)x", preset="torn_prefix"),
    Litmus("torn prefix: so may one that has ended", "A@0 A.", "xx Ax (Ax)x", "(xA)x", preset="torn_prefix"),
    Litmus("torn prefix: what a flush has covered is whole", "A@0 A. F", "Ax", "(Ax)x", preset="torn_prefix"),
    Litmus("torn prefix: what was FUA is whole", "A@0 A!", "Ax", "(Ax)x", preset="torn_prefix"),
    Litmus(
        "torn prefix: the newest version is torn, over any older one",
        "A@0 A. B@0 B.",
        "xx Ax Bx (Bx)x (BA)x",
        "(Ax)x",
        preset="torn_prefix",
    ),
    Litmus(
        "torn prefix: a tear shows what is durable and nothing before it",
        "A@0 A. F B@0",
        "Ax Bx (BA)x",
        "(Bx)x",
        preset="torn_prefix",
    ),
    Litmus(
        "torn prefix: each unit is torn on its own",
        "AA@0",
        "xx Ax xA AA (Ax)x (Ax)A x(Ax) A(Ax) (Ax)(Ax)",
        preset="torn_prefix",
    ),
    Litmus(
        "torn prefix: of two writes in flight either may be torn, over the other too",
        "A@0 B@0",
        "xx Ax Bx (Ax)x (Bx)x (AB)x (BA)x",
        preset="torn_prefix",
    ),
    Litmus(
        "torn prefix: what nobody wrote is as before, torn or not",
        "A@0l A. B@0r B.",
        "xx (Ax)x (AB)x",
        "(xB)x",
        preset="torn_prefix",
    ),
    Litmus(
        "torn prefix: an appended unit is torn over zeros", "A@2", "xx xx. xxA xx(A.)", "xx(.A)", preset="torn_prefix"
    ),
    Litmus("torn prefix: the death of the process tears nothing", "A@0 kill", "xx Ax", "(Ax)x", preset="torn_prefix"),
    Litmus(
        "torn prefix: what the kernel gave up is not written, and not torn",
        "A@0 A. Fnew",
        "xx",
        "(Ax)x",
        preset="torn_prefix",
    ),
    Litmus(
        "torn suffix: a write in flight may be there from its middle on",
        "A@0",
        "xx Ax (xA)x",
        "(Ax)x",
        preset="torn_suffix",
    ),
    Litmus(
        "torn suffix: so the later of two halves may be there alone",
        "A@0l A. B@0r B.",
        "xx (Ax)x (AB)x (xB)x",
        preset="torn_suffix",
    ),
    Litmus(
        "torn suffix: not where a flush is between them",
        "A@0l A. F B@0r B.",
        "(Ax)x (AB)x",
        "(xB)x",
        preset="torn_suffix",
    ),
    Litmus(
        "torn garbage: a write in flight may leave nothing that can be known",
        "A@0",
        "xx Ax ?x",
        "(Ax)x",
        preset="torn_garbage",
    ),
    Litmus("torn garbage: the half that nobody wrote goes too", "A@0l", "xx (Ax)x ?x", "(?x)x", preset="torn_garbage"),
    Litmus("torn garbage: even if it was durable", "A@0l A. F B@0r", "(Ax)x (AB)x ?x", "(A?)x", preset="torn_garbage"),
    Litmus("torn garbage: the neighbour stays", "A@1", "xx xA x?", "?x ??", preset="torn_garbage"),
    Litmus("torn garbage: a flush ends it", "A@0 A. F B@1", "Ax AB A?", "?x", preset="torn_garbage"),
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
    Litmus("stale extension: what nobody wrote is what was there", "=3 =. F", "xx~", "xx.", preset="stale_extension"),
    Litmus(
        "stale extension: an appended unit may be missing and its length not",
        "A@2 A.",
        "xx xx~ xxA",
        "xx.",
        preset="stale_extension",
    ),
    Litmus(
        "stale extension: a write far beyond leaves old bytes between",
        "A@3 A. F",
        "xx~A",
        "xx.A",
        preset="stale_extension",
    ),
    Litmus("stale extension: beside half a unit too", "A@2l A. =3 =. F", "xx(A~)", "xx(A.)", preset="stale_extension"),
    Litmus("stale extension: a write of zeros leaves zeros", ".@2 .. F", "xx.", "xx~", preset="stale_extension"),
    Litmus("stale extension: what was FUA is there to its end", "A@2 A!", "xxA", "xx~", preset="stale_extension"),
    Litmus(
        "stale extension: a cut and a growth bring back what was there",
        "=1 =. =2 =. F",
        "x~",
        "xx x.",
        preset="stale_extension",
    ),
    Litmus(
        "stale extension: zeros in the file are its own", "A@0 A. F", "A.", "A~", start="x.", preset="stale_extension"
    ),
    Litmus(
        "stale extension: the death of the process does not help",
        "A@3 kill",
        "xx xx~ xx~~ xx~A",
        "xx.A",
        preset="stale_extension",
    ),
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
        options = {**(PRESETS | BEYOND)[preset], "unit": UNIT, "grain": UNIT // 2}
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
        left, right = (SIGNS.get(half[:1]) or half[:1].decode() for half in halves)
        words.append(left if left == right else f"({left}{right})")
    return "".join(words)


def row(litmus: Litmus) -> str:
    """As it stands on the page."""
    signs = (
        (f"`{litmus.preset}` " if litmus.preset != "strict_512" else ""),
        f"`{litmus.start}`",
        f"`{litmus.program}`",
    )
    outcomes = (" ".join(f"`{outcome}`" for outcome in told.split()) for told in (litmus.allowed, litmus.forbidden))
    return "| " + " | ".join([litmus.rule, "".join(signs[:2]), signs[2], *outcomes]).rstrip() + " |"
