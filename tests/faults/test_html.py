"""The page of a failure: complete in itself, well formed, with a column for each client."""

from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from faults.artifact import of_outcome
from faults.cli import main
from faults.html import page
from faults.investigate import Finding, investigate
from faults.subject import find
from faults.tape import ExploringTape


def finding_of(name: str, folder: Path) -> Finding:
    subject = find(f"broken:{name}Target")
    for seed in range(300):
        outcome = subject.run(ExploringTape(seed))
        if outcome.failure:
            return investigate(subject, of_outcome(subject, seed, outcome), folder)
    raise AssertionError(f"{name} never failed")


def cells(text: str) -> list[list[tuple[str, str]]]:
    """Class and text of every cell, row by row."""
    body = ElementTree.fromstring(text.partition("\n")[2]).find("body/table/tbody")
    assert body is not None
    return [[(cell.get("class", ""), "".join(cell.itertext())) for cell in row] for row in body]


def test_every_step_stands_in_the_column_of_its_client(broken: ModuleType, tmp_path: Path) -> None:
    rows = cells(page(finding_of("MergesInMemory", tmp_path), "again"))
    assert all(sum(bool(text) for _, text in row) == 1 for row in rows)
    assert rows[1][0][1] == "A1asks: write 512 at 0"
    assert any(row[1][1].startswith("B1asks") for row in rows)


def test_a_column_is_shaded_while_an_io_is_under_way(broken: ModuleType, tmp_path: Path) -> None:
    rows = cells(page(finding_of("MergesInMemory", tmp_path), "again"))
    begins = next(n for n, row in enumerate(rows) if row[0][1].endswith("read #1 data 4096 bytes at 512 begins"))
    ends = next(n for n, row in enumerate(rows) if row[0][1].endswith("read #1 data 4096 bytes at 512 ends"))
    assert begins < ends
    assert all(row[0][0] == "busy" for row in rows[begins : ends + 1])


def test_what_failed_is_marked(broken: ModuleType, tmp_path: Path) -> None:
    rows = cells(page(finding_of("SwallowsErrors", tmp_path), "again"))
    (bad,) = [text for row in rows for kind, text in row if kind == "bad"]
    assert "fails with EIO" in bad


@pytest.mark.parametrize("reach", ["http", "<script", "@import", "url("])
def test_the_page_needs_nothing_else(broken: ModuleType, tmp_path: Path, reach: str) -> None:
    assert reach not in page(finding_of("SwallowsErrors", tmp_path), "again")


def test_text_is_escaped(broken: ModuleType, tmp_path: Path) -> None:
    assert "&lt;b&gt;" in page(finding_of("SwallowsErrors", tmp_path), "<b>")


def test_the_command_line_writes_it(broken: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = ["--target", "broken:SwallowsErrorsTarget"]
    assert main(["run", *target, "--processes", "1", "--html", "it.html"]) == 1
    assert cells((tmp_path / "it.html").read_text(encoding="utf-8"))
