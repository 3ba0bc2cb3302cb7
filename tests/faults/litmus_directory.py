"""What a directory may leave behind, in programs of a few words.

::

    +a     the file a is created           a=b    it gets the second name b
    a>b    it is renamed to b              -a     its name is taken away
    +a( +a)   the change begins, ends      a<X    X is written to the first unit of a
    D      the directory is flushed        D( D)  the flush begins, succeeds
    Fa     the file a is flushed           kill   as the last word: the process dies and not the power

An outcome is the names that are left, each with what is in its file: nothing, a letter for the unit, or ``.``
for zeros. ``-`` is a directory without names. Before the program there is what ``start`` says, and it is durable.
"""

from typing import NamedTuple

from faults.simulation.device import Device
from faults.simulation.directory import Change, Directory, File, kill_states, power_loss_states

__all__ = ["DIRECTORY_LITMUS", "DirectoryLitmus", "DirectoryWriter", "directory_row"]

UNIT = 8
KINDS = {"+": "create", "-": "unlink", "=": "link", ">": "rename"}


class DirectoryLitmus(NamedTuple):
    rule: str
    program: str
    allowed: str
    """All outcomes that there are."""
    forbidden: str = ""
    """Some that there must not be, said for the reader."""
    start: str = "-"
    order: str = "any"


DIRECTORY_LITMUS = [
    DirectoryLitmus("a name that was made may be there or not", "+a", "- a:"),
    DirectoryLitmus("a flush of the directory makes it durable", "+a D", "a:", "-"),
    DirectoryLitmus("a flush of the file does not flush its name", "+a a<X Fa", "- a:X", "a: a:."),
    DirectoryLitmus("a flush of the directory does not flush the file", "+a a<X D", "a: a:. a:X", "-"),
    DirectoryLitmus("both together leave a file with its content", "+a a<X Fa D", "a:X", "- a: a:."),
    DirectoryLitmus("in any order", "+a D a<X Fa", "a:X", "- a: a:."),
    DirectoryLitmus("names are independent of one another", "+a +b", "- a: b: a:,b:"),
    DirectoryLitmus(
        "in a journal none is there without what was done before", "+a +b", "- a: a:,b:", "b:", order="sequential"
    ),
    DirectoryLitmus("a flush covers what was before it, not what ends meanwhile", "+a( D( +a) D)", "- a:"),
    DirectoryLitmus("nor what comes later", "+a D +b", "a: a:,b:", "- b:"),
    DirectoryLitmus("a flush of the directory that has only begun promises nothing", "+a D(", "- a:"),
    DirectoryLitmus("a change in flight may be there or not", "+a(", "- a:"),
    DirectoryLitmus(
        "a rename is whole: one of the names, and never both or none", "a>b", "a:X b:X", "- a:X,b:X", "a:X"
    ),
    DirectoryLitmus("a flush makes a rename durable", "a>b D", "b:X", "a:X", "a:X"),
    DirectoryLitmus("a rename replaces in one step", "a>b", "a:X,b:O b:X", "b:O a:X -", "a:X,b:O"),
    DirectoryLitmus("a new name may come before the content: write, rename", "+a a<X a>b D", "b: b:. b:X", "-"),
    DirectoryLitmus(
        "write, flush, rename leaves the old or the new", "+a a<X Fa a>b", "b:O b:X a:X,b:O", "b: b:. -", "b:O"
    ),
    DirectoryLitmus("and with the directory flushed the new", "+a a<X Fa a>b D", "b:X", "b:O", "b:O"),
    DirectoryLitmus("a second name may be there or not", "a=b", "a:X a:X,b:X", "b:X", "a:X"),
    DirectoryLitmus(
        "a link and an unlink are two: without a flush between, none may be left",
        "a=b -a",
        "a:X a:X,b:X b:X -",
        start="a:X",
    ),
    DirectoryLitmus("with a flush between, one is", "a=b D -a", "a:X,b:X b:X", "- a:X", "a:X"),
    DirectoryLitmus("in a journal one is", "a=b -a", "a:X a:X,b:X b:X", "-", "a:X", "sequential"),
    DirectoryLitmus("a name that was taken away may come back", "-a", "- a:X", start="a:X"),
    DirectoryLitmus("not after a flush", "-a D", "-", "a:X", "a:X"),
    DirectoryLitmus(
        "one that was taken anew stands for the old, the new, or nothing", "-a +a", "a:X a: -", "a:.", "a:X"
    ),
    DirectoryLitmus("a flush leaves the new", "-a +a D", "a:", "a:X -", "a:X"),
    DirectoryLitmus("a content belongs to the file and not to the name", "a>b b<Y", "a:X a:Y b:X b:Y", start="a:X"),
    DirectoryLitmus("a file with two names is one file", "a=b D a<Y", "a:X,b:X a:Y,b:Y", "a:X,b:Y a:Y,b:X", "a:X"),
    DirectoryLitmus("the names of a dead process stay", "+a kill", "a:", "-"),
    DirectoryLitmus("so does what it wrote into a file that it renamed", "a<Y a>b kill", "b:Y", "b:X a:Y", "a:X"),
    DirectoryLitmus("what it was changing may be changed or not", "a>b( kill", "a:X b:X", "-", "a:X"),
]


class DirectoryWriter:
    """Runs a program on a directory whose files have small units."""

    def __init__(self, start: str = "-", order: str = "any") -> None:
        names = {}
        for each in start.strip("-").split(",") if start != "-" else []:
            name, _, content = each.partition(":")
            names[name] = File(Device.holding(content.encode() * UNIT, unit=UNIT))
        self.directory = Directory(names, order=order, below={"unit": UNIT})
        self.issued: dict[str, Change] = {}
        self.begun = 0
        self.is_kill = False

    def run(self, program: str) -> "DirectoryWriter":
        for word in program.split():
            self.do(word)
        return self

    def do(self, word: str) -> None:
        if word == "kill":
            self.is_kill = True
        elif word[0] == "D":
            self.flush(word)
        elif word[0] == "F":
            device = self.directory.names[word[1]].device
            device.end_flush(device.tick())
        elif "<" in word:
            device = self.directory.names[word[0]].device
            device.end(device.issue_write(0, word[2].encode() * UNIT))
        elif word[-1] == ")":
            self.directory.end(self.issued.pop(word[:-1]))
        else:
            self.change(word.rstrip("("), ends=word[-1] != "(")

    def flush(self, word: str) -> None:
        if word != "D)":
            self.begun = self.directory.tick()
        if word != "D(":
            self.directory.end_flush(self.begun)

    def change(self, word: str, *, ends: bool) -> None:
        sign = next(sign for sign in KINDS if sign in word)
        name, _, other = (word[1:], "", "") if word[0] == sign else word.partition(sign)
        self.issued[word] = self.directory.issue(KINDS[sign], name, other)
        if ends:
            self.directory.end(self.issued.pop(word))

    def outcomes(self) -> set[str]:
        space = kill_states(self.directory) if self.is_kill else power_loss_states(self.directory)
        return {told(image) for image in space.images()}


def told(directory: Directory) -> str:
    contents = {name: bytes(file.device.stable())[::UNIT] for name, file in sorted(directory.names.items())}
    return ",".join(f"{name}:{units.decode().replace(chr(0), '.')}" for name, units in contents.items()) or "-"


def directory_row(litmus: DirectoryLitmus) -> str:
    """As it stands on the page."""
    before = f"`{litmus.start}`" if litmus.order == "any" else f"`{litmus.order}` `{litmus.start}`"
    outcomes = (" ".join(f"`{each}`" for each in words.split()) for words in (litmus.allowed, litmus.forbidden))
    return "| " + " | ".join([litmus.rule, before, f"`{litmus.program}`", *outcomes]).rstrip() + " |"
