"""The page of a failure: complete in itself, well formed, with a lane for each request and one for the storage."""

import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from faults.cli import main
from faults.failures.html import LANES_MAX, page
from faults.failures.investigate import Finding, investigate
from faults.failures.shrink import Shrunk, measure
from faults.search.subject import find
from tests.faults.failing import failures, first_artifact

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def finding_of(name: str, folder: Path) -> Finding:
    subject = find(f"broken:{name}Target")
    return investigate(subject, first_artifact(subject), folder)


def large_finding(folder: Path) -> Finding:
    """One that was not shrunk, of more requests than get a lane each."""
    small = finding_of("MergesInMemory", folder)
    outcomes = failures(find("broken:MergesInMemoryTarget"))
    large = next(outcome for outcome in outcomes if measure(outcome).operations > LANES_MAX)
    return Finding(Shrunk(large, measure(large), 0, False), small.path, "", None, small.since)


def table(text: str) -> ElementTree.Element:
    found = ElementTree.fromstring(text.partition("\n")[2]).find("body/table")
    assert found is not None
    return found


def lanes(text: str) -> list[str]:
    return [head.text or "" for head in table(text).findall("thead/tr/th")]


def cells(text: str) -> list[list[tuple[str, str]]]:
    """Classes and text of every cell, row by row."""
    rows = table(text).findall("tbody/tr")
    return [[(cell.get("class", ""), "".join(cell.itertext())) for cell in row] for row in rows]


def test_every_request_has_a_lane_and_the_storage_has_one(broken: ModuleType, tmp_path: Path) -> None:
    text = page(finding_of("MergesInMemory", tmp_path), "again")
    assert lanes(text) == ["A0", "B0", "storage"]
    rows = cells(text)
    assert all(sum(bool(told) for _, told in row) == 1 for row in rows)
    assert any(row[0][1].startswith("A1asks: write") for row in rows)
    assert any(row[1][1].startswith("B1asks: write") for row in rows)
    assert any(row[2][1].endswith("read #1 data 4096 bytes at 512 begins") for row in rows)


def test_where_there_are_many_requests_each_client_has_a_lane(broken: ModuleType, tmp_path: Path) -> None:
    heads = lanes(page(large_finding(tmp_path), "again"))
    assert heads[-1] == "storage"
    assert all(re.fullmatch("[A-Z]+", head) for head in heads[:-1])


def test_a_lane_is_shaded_from_the_asking_to_the_answer(broken: ModuleType, tmp_path: Path) -> None:
    rows = cells(page(finding_of("MergesInMemory", tmp_path), "again"))
    asks = next(n for n, row in enumerate(rows) if "asks:" in row[0][1])
    told = next(n for n, row in enumerate(rows) if "is told:" in row[0][1])
    shaded = [n for n, row in enumerate(rows) if "under-way" in row[0][0]]
    assert shaded == list(range(asks, told + 1))


def test_an_io_is_a_bar_from_its_beginning_to_its_end(broken: ModuleType, tmp_path: Path) -> None:
    text = page(finding_of("MergesInMemory", tmp_path), "again")
    storage = [row[-1] for row in table(text).findall("tbody/tr")]
    bars = [int(cell.get("data-io", "")) for cell in storage]
    texts = ["".join(cell.itertext()) for cell in storage]
    begins = next(n for n, each in enumerate(texts) if each.endswith("read #1 data 4096 bytes at 512 begins"))
    ends = next(n for n, each in enumerate(texts) if each.endswith("read #1 data 4096 bytes at 512 ends"))
    assert begins < ends
    assert min(bars[begins : ends + 1]) >= 1
    assert max(bars) == 2, "both requests' reads are under way at once"
    assert bars[0] == 0


def test_what_failed_is_marked_and_so_is_the_moment_since_which_it_was_bound_to(
    broken: ModuleType, tmp_path: Path
) -> None:
    text = page(finding_of("SwallowsErrors", tmp_path), "again")
    (bad,) = [told for row in cells(text) for kind, told in row if "bad" in kind]
    assert "fails with EIO" in bad
    (doomed,) = [row for row in table(text).findall("tbody/tr") if row.get("class") == "doomed"]
    assert "fails with EIO" in "".join(doomed.itertext())


def test_the_end_of_the_host_goes_through_all_lanes(broken: ModuleType, tmp_path: Path) -> None:
    text = page(finding_of("ForgetsFlush", tmp_path), "again")
    (ending, *_) = [row for row in table(text).findall("tbody/tr") if "ending" in (row.get("class") or "")]
    assert re.search("power is lost|process is gone", "".join(ending.itertext()))


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


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_draws_the_lanes(broken: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "it.html"
    file.write_text(page(finding_of("MergesInMemory", tmp_path), "again"), encoding="utf-8")
    quiet = ["--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [str(CHROMIUM), "--headless", "--no-sandbox", *quiet, profile, "--dump-dom", file.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert re.findall(r"<th>(\w+)<small>", dom) == ["A0", "B0", "storage"]
    assert re.findall(r'data-io="2"', dom)
    assert "linear-gradient" in dom
