"""Nothing that was measured gets lost on its way to the reader: losers, missing peers, samples."""

import json
from typing import Any

import pytest

from benchmarks.harness import Result
from benchmarks.report import as_json, quantity, text_of
from benchmarks.row import Bar


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.414, "s", "2.41 s"),
        (0.285, "s", "285 ms"),
        (2.04e-6, "s", "2.04 µs"),
        (5e-9, "s", "0.005 µs"),
        (2 << 30, "B", "2 GiB"),
        (38.25 * 2**20, "B", "38.2 MiB"),
        (12.5 * 2**30, "B/s", "12.5 GiB/s"),
        (412_345, "reads/s", "412 k reads/s"),
        (1_050_000, "reads/s", "1.05 M reads/s"),
        (98.7, "reads/s", "98.7 reads/s"),
    ],
)
def test_a_quantity_has_three_digits_and_a_fitting_prefix(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.fixture
def losing(script: Any) -> Result:
    """Ours takes twice as long as one peer; another peer is not here."""
    peers = [script.side("quick one", bars={"time": Bar(floor=0.8, aim=1.5)}), script.side("absent one")]
    row = script.row([script.side("ours")], peers)
    samples = {"ours": [{"time": 2.0}, {"time": 4.0}], "quick one": [{"time": 1.0}, {"time": 2.0}]}
    return Result(row, samples=samples, missing={"absent one": "it went home"})


def test_text_shows_question_losing_ratio_and_missing_peer(losing: Result) -> None:
    text = text_of(losing)
    assert text.startswith("by_heart\n    Which of the two?\n")
    assert "Both answer by heart." in text
    assert "0.5 x  (0.5 – 0.5)" in text
    assert "floor 0.8, aim 1.5   BELOW FLOOR" in text
    assert "absent one   missing: it went home" in text
    assert "2 rounds" in text


def test_text_of_a_row_that_failed_says_why(script: Any) -> None:
    assert "FAILED: it broke" in text_of(Result(script.row([], []), error="it broke"))


def test_json_keeps_every_sample_and_survives_the_journey(losing: Result) -> None:
    content = json.loads(json.dumps(as_json([losing], machine={"cpu": "Z80"}, versions={"q": "1"}, quick=True)))
    assert (content["machine"], content["versions"], content["quick"]) == ({"cpu": "Z80"}, {"q": "1"}, True)
    (row,) = content["rows"]
    assert (row["name"], row["question"], row["rounds"]) == ("by_heart", "Which of the two?", 2)
    ours, quick_one, absent_one = row["sides"]
    assert ours["metrics"] == {"time": {"unit": "s", "median": 3.0, "low": 2.0, "high": 4.0, "samples": [2.0, 4.0]}}
    assert (ours["role"], quick_one["role"]) == ("ours", "peer")
    assert (absent_one["missing"], absent_one["metrics"]) == ("it went home", {})
    assert row["comparisons"] == [
        {
            "metric": "time",
            "ours": "ours",
            "peer": "quick one",
            "ratio": {"median": 0.5, "low": 0.5, "high": 0.5},
            "floor": 0.8,
            "aim": 1.5,
            "verdict": "BELOW FLOOR",
        }
    ]
