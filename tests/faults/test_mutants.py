"""Every kind of mistake is made in a small module, put in its place in another process, and found there."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from faults.cli import main
from faults.mutants.edits import Edit, done
from faults.mutants.explained import EXPLAINED, WORDS, parse
from faults.mutants.hunt import Result, Tally, Trial, hunt, reach
from faults.mutants.load import replace_source
from faults.mutants.operators import OPERATORS, Mutant, describe, mutants_of
from faults.mutants.reach import PROBE, Reached, probed
from faults.mutants.verb import MODULES

SOURCE = '''
class Store:
    """A docstring is no statement."""

    async def put(self, key: int = 3, *, durable: bool = True) -> None:
        assert key
        async with self.lock:
            try:
                await self.write(key, durable=durable)
            except BaseException:
                self.spoil(key)
                raise
            finally:
                self.count += 1
        while self.busy and key < 4:
            await to_the_end(self.task)
        return max(key + 1, 2)
'''


def made(operator: str) -> dict[str, str]:
    """What the mutants of one operator mistake, with the lines that they have and the real module has not."""
    real = ast.unparse(ast.parse(SOURCE)).splitlines()
    return {
        mutant.text: "; ".join(line.strip() for line in mutant.source.splitlines() if line not in real)
        for mutant in mutants_of("store", SOURCE)
        if mutant.operator == operator
    }


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("delete", {"self.spoil(key)", "await self.write(key, durable=durable)", "self.count += 1"}),
        ("unlock", {"async with self.lock:"}),
        ("swallow", {"raise", "await self.write(key, durable=durable)", "await to_the_end(self.task)"}),
        ("rollback", {"finally: self.count += 1"}),
        ("once", {"while self.busy and key < 4:"}),
        ("sign", {"self.count += 1"}),
        ("swap", {"async with self.lock: ⇄ while self.busy and key < 4:"}),
        ("turn", {"self.busy and key < 4"}),
        ("drop", {"self.busy and key < 4 → key < 4", "self.busy and key < 4 → self.busy"}),
        ("bound", {"key < 4 → key <= 4", "key + 1 → key", "max(key + 1, 2): 2 → 3", "key < 4: 4 → 5"}),
        ("argument", {"self.write(key, durable=durable): durable=durable"}),
        ("weaker", {"to_the_end(self.task) → self.task", "max(key + 1, 2) → min(key + 1, 2)"}),
        ("narrow", {"except BaseException"}),
        ("unawaited", {"await self.write(key, durable=durable)", "await to_the_end(self.task)"}),
    ],
)
def test_each_operator_makes_its_mistakes(operator: str, expected: set[str]) -> None:
    assert expected <= set(made(operator))


def test_a_mutant_is_what_its_name_says() -> None:
    assert made("unlock") == {"async with self.lock:": ""} or "try:" in made("unlock")["async with self.lock:"]
    assert made("sign") == {"self.count += 1": "self.count -= 1"}
    assert made("narrow") == {"except BaseException": "except Exception:"}
    assert made("turn") == {"self.busy and key < 4": "while not (self.busy and key < 4):"}


STEPS = """
async def use(self):
    async with self.lock:
        await self.write()
        self.publish()
    try:
        await self.flush()
    finally:
        self.unpin()
    await self.settle()
    for each in self.waiting:
        each.tell()
    self.done = True
    return self.count
"""


@pytest.mark.parametrize(
    ("operator", "line", "text", "expected"),
    [
        ("unawaited", 4, "await self.write()", "__import__('asyncio').ensure_future(self.write())"),
        ("short", 3, "async with self.lock: self.publish()", "        await self.write()\n    self.publish()\n"),
        ("hasty", 6, "finally: self.unpin()", "    self.unpin()\n    await self.flush()\n    await self.settle()"),
        ("few", 11, "for each in self.waiting:", "    for each in list(self.waiting)[:1]:\n"),
        (
            "ahead",
            3,
            "self.done = True before async with self.lock:",
            "use(self):\n    self.done = True\n    async with",
        ),
    ],
)
def test_steps_are_taken_too_early_or_waited_for_by_nobody(operator: str, line: int, text: str, expected: str) -> None:
    mutants = {(each.line, each.text): each for each in mutants_of("m", STEPS) if each.operator == operator}
    assert expected in mutants[line, text].source
    assert mutants[line, text].reach == line


def test_a_step_does_not_come_before_the_name_that_it_needs() -> None:
    source = "async def f(self):\n  await self.a()\n  x = await self.b()\n  self.put(x)"
    assert [each for each in mutants_of("m", source) if each.operator == "ahead"] == []


def test_no_mutant_is_the_real_module_and_none_comes_twice() -> None:
    sources = [mutant.source for mutant in mutants_of("store", SOURCE)]
    assert len(set(sources)) == len(sources)
    assert ast.unparse(ast.parse(SOURCE)) not in sources


def test_docstrings_asserts_and_signatures_are_left_alone() -> None:
    for mutant in mutants_of("store", SOURCE):
        assert '"""A docstring is no statement."""' in mutant.source
        assert "assert key\n" in mutant.source
        assert "key: int=3, *, durable: bool=True) -> None" in mutant.source


def test_plain_assignments_that_do_not_need_each_other_are_not_swapped() -> None:
    def swaps(body: str) -> int:
        mutants = mutants_of("m", f"def f(self):\n  {body}")
        return sum(mutant.operator == "swap" for mutant in mutants)

    assert swaps("self.a = 1; self.b = 2") == 0
    assert swaps("self.a = 1; self.b = self.a") == 1
    assert swaps("self.a = list(b); c = self.d()") == 1


def test_an_edit_is_taken_back() -> None:
    tree = ast.parse("x = 1")
    assert isinstance(tree.body[0], ast.Assign)
    with done(Edit("bound", tree.body[0], "value", ast.Constant(2), 1, "1 → 2")):
        assert ast.unparse(tree) == "x = 2"
    assert ast.unparse(tree) == "x = 1"


def test_every_operator_says_what_it_does() -> None:
    assert [line.split()[0] for line in describe()] == list(OPERATORS)
    assert all(len(line.split()) > 3 for line in describe())


# Another source in the place of a module


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "stand_in_for_a_driver.py").write_text("def answer():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.delitem(sys.modules, "stand_in_for_a_driver", raising=False)
    return "stand_in_for_a_driver"


def test_another_source_takes_the_place_of_a_module(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_source(module, "def answer():\n    return given", given=2)
    imported = __import__(module)
    monkeypatch.setitem(sys.modules, module, imported)
    assert imported.answer() == 2
    with pytest.raises(RuntimeError, match="was imported before"):
        replace_source(module, "")


def test_a_probe_tells_of_each_statement_that_is_come_by() -> None:
    source = (
        "def f(x):\n  'doc'\n  if x:\n    return 1\n  try:\n    g()\n  except ValueError:\n    return 2\n  return 3"
    )
    reached = Reached(["m"])
    names = {PROBE: reached.lines["m"].add, "g": lambda: None}
    exec(probed(source), names)
    f = names["f"]
    assert f(1) == 1  # type: ignore[operator]
    reached.end_run(7)
    assert f(0) == 3  # type: ignore[operator]
    reached.end_run(8)
    assert reached.seeds["m"] == {3: [7, 8], 4: [7], 5: [8], 6: [8], 9: [8]}


# A hunt, in processes of its own

FAKE = '''
"""Runs of a driver that adds, and of an oracle that can."""

from collections import namedtuple
from adding import add

Outcome = namedtuple("Outcome", "failure kind")


class Subject:
    def run(self, tape):
        left = tape.draw("left", 8)
        return Outcome(None, "") if add(left, 1) == left + min(left, 2) + 1 else Outcome("wrong sum", "violation")
'''
ADDING = """
def add(left, right):
    if left > 1:
        left += 2
    elif left:
        left += 1
    return left + right
"""


@pytest.fixture
def adding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place where ``faults.search.subject.find`` finds the fake, in every process that is started."""
    (tmp_path / "adding.py").write_text(ADDING)
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, types, importlib\n"
        "class Fake(types.ModuleType):\n"
        "    def find(self, name):\n"
        "        return importlib.import_module(name).Subject()\n"
        "sys.modules['faults.search.subject'] = Fake('faults.search.subject')\n"
    )
    (tmp_path / "fake_subject.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[2]}")
    return ADDING


def test_a_hunt_kills_what_is_noticed_and_tells_what_is_not(adding: str) -> None:
    trial = Trial("fake_subject", range(40), most=30, seconds=20.0)
    mutants = [mutant for mutant in mutants_of("adding", adding) if mutant.operator in ("sign", "bound", "turn")]
    reached = reach({"adding": adding}, trial, jobs=2)
    seeds = reached["adding"]
    assert set(seeds[4]) & set(seeds[6]) == set()
    assert seeds[3] == list(range(40))
    seen: list[Result] = []
    tally = hunt(mutants, reached, trial, jobs=2, progress=seen.append)
    assert seen == tally.results
    fates = {result.mutant.text: result.kind for result in tally.results}
    assert fates["left > 1"] == fates["left += 2"] == fates["left + right → left - right"] == "violation"
    assert fates["left > 1: 1 → 2"] == "violation"
    by_text = {result.mutant.text: result for result in tally.results}
    killed = by_text["left += 1"]
    assert killed.seed == seeds[6][0]
    assert killed.runs == 1


def test_a_mutant_that_is_not_noticed_is_open_and_one_that_cannot_be_imported_is_not(adding: str) -> None:
    harmless = Mutant("adding", "add", 3, "bound", "harmless", adding + "\n# no more", 3)
    broken = harmless._replace(text="broken", source="def add(:")
    quitter = harmless._replace(text="quits", source="import os\nos._exit(3)")
    trial = Trial("fake_subject", range(5), most=3, seconds=20.0)
    tally = hunt([harmless, broken, quitter], {"adding": {3: [0, 1, 2, 3]}}, trial)
    assert [(result.kind, result.runs) for result in tally.results] == [("", 3), ("import", 0), ("crash", 0)]
    assert [result.mutant.text for result in tally.open] == ["harmless"]
    assert "3 mutants: 2 killed" in str(tally)
    assert "SURVIVED  adding:3 add: bound harmless [3 runs]" in str(tally)


def test_what_was_said_to_be_harmless_and_is_killed_is_told() -> None:
    mutant = Mutant("m", "f", 1, "delete", "x", "", 1)
    tally = Tally([Result(mutant, 1, 0, "violation", "lost", "same: nothing is lost")])
    assert tally.contradicted
    assert not tally.open
    assert "HARMLESS? m:1 f: delete x [violation, seed 0; but: same: nothing is lost]" in str(tally)


# What is known


def test_a_reason_holds_for_the_mutants_above_it() -> None:
    rows = list(
        parse("[m]\nf | swap | a ⇄…\ng | * | *\n    same: nothing is between.\n\nh | turn | x\n    twice: so.\n")
    )
    assert [row.reason for row in rows] == ["same: nothing is between."] * 2 + ["twice: so."]
    mutant = Mutant("m", "f", 1, "swap", "a ⇄ b", "", 1)
    assert rows[0].holds_for(mutant)
    assert not rows[0].holds_for(mutant._replace(text="b ⇄ a"))
    assert not rows[0].holds_for(mutant._replace(module="n"))
    assert rows[1].holds_for(mutant._replace(function="g", operator="drop"))


@pytest.mark.parametrize("text", ["[m]\nf | swap\n    same: x.", "[m]\nf | * | *\n    because.", "[m]\n    same: x."])
def test_a_line_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        list(parse(text))


def test_every_reason_is_of_a_mutant_that_there_is() -> None:
    known = [
        mutant
        for module in MODULES
        for mutant in mutants_of(module, Path(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8"))
    ]
    stale = [row for row in EXPLAINED if not any(row.holds_for(mutant) for mutant in known)]
    assert not stale, "\n".join(map(str, stale))
    assert {row.reason.partition(":")[0] for row in EXPLAINED} <= set(WORDS)


# The command


def test_the_command_lists_what_it_would_try(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutants", "aiovdi.driver.allocation", "--list", "--operators", "unlock", "swallow"]) == 0
    told = capsys.readouterr().out
    assert "unlock     What a ``with`` guards runs without the guard." in told
    assert "aiovdi.driver.allocation:43 _Turn.__aenter__: swallow await self._lock.acquire()" in told


def test_the_command_finds_a_lock_that_is_leaked() -> None:
    command = ["mutants", "aiovdi.driver.allocation", "--only", "self._lock.release()", "--operators", "delete"]
    done = subprocess.run(
        [sys.executable, "-m", "faults", *command, "--runs", "60", "--jobs", "1", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert (told["mutants"], told["killed"], told["open"]) == (1, 1, [])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["aiovdi.driver.nothing"], "there is none"),
        (["aiovdi.nothing.at_all"], "there is none"),
        (["sys"], "found built-in, expected a file of Python"),
        (["aiovdi.settling", "--only", "zzz"], "found no mutant of aiovdi.settling"),
    ],
)
def test_what_cannot_be_tried_is_an_error_of_the_command(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mutants", *words]) == 2
    assert expected in capsys.readouterr().err
