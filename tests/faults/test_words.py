"""Numbers and places that cannot work are told with what was found and what was expected, and leave nothing behind."""

from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from faults.words import count, describe, require_writable, seconds, whole


def test_a_number_is_what_it_says() -> None:
    assert (count("1"), whole("0"), seconds("0"), seconds("2.5")) == (1, 0, 0.0, 2.5)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", ""])
def test_none_is_no_count(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"found '{text}', expected a whole number, 1 or more"):
        count(text)


@pytest.mark.parametrize("text", ["-1", "many"])
def test_less_than_none_is_no_number(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="expected a whole number, 0 or more"):
        whole(text)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon"])
def test_what_never_passes_is_no_time(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"found '{text}', expected a number of seconds"):
        seconds(text)


def test_a_folder_that_can_be_made_is_not_there_afterwards(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "there", tmp_path / "a" / "b" / "c"):
        require_writable(folder)
    assert [each.name for each in tmp_path.rglob("*")] == ["there"]


def test_what_is_no_folder_is_named_before_anything_is_searched(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        with pytest.raises(OSError, match="failures cannot be written there") as caught:
            require_writable(folder)
        assert describe(caught.value).startswith(f"{folder}: failures cannot be written there: ")
    assert [each.name for each in tmp_path.rglob("*")] == ["file"]


def test_an_error_without_a_file_is_its_words() -> None:
    assert describe(ValueError("a word")) == "a word"
    assert describe(OSError("no number")) == "no number"
