"""From words to a verb: every verb is there, every mistake has its line, and status 1."""

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aiovdi.cli.verbs import REFUSED, VERBS

Aiovdi = Callable[..., tuple[int, str, str]]

USED_BY = {
    "info": ["--image-opts", "--object", "--backing-chain"],
    "create": ["-b", "-u", "--object"],
    "serve": ["-f"],
    "convert": ["-c", "-C", "-B", "-l", "-r", "--salvage", "--bitmaps", "--target-image-opts"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_can_be_asked_for_help(verb: str, aiovdi: Aiovdi) -> None:
    status, out, err = aiovdi(verb, "--help")
    assert (status, err) == (0, "")
    assert f"aiovdi {verb}" in out


def test_help_lists_every_verb(aiovdi: Aiovdi) -> None:
    status, out, _ = aiovdi("--help")
    assert status == 0
    assert all(f" {verb} " in out for verb in VERBS)


def test_no_words_at_all_are_a_mistake_that_is_helped(aiovdi: Aiovdi) -> None:
    status, out, _ = aiovdi()
    assert status == 1
    assert "convert" in out


def test_the_version_is_told(aiovdi: Aiovdi) -> None:
    assert aiovdi("--version") == (0, f"aiovdi {importlib.metadata.version('aiovdi')}\n", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["resize", "x"], "aiovdi: resize: unknown command; expected one of create, info,"),
        (["info"], "aiovdi: info: Missing argument"),
        (["info", "--bogus", "x"], "aiovdi: info: No such option: --bogus"),
        (["info", "--output", "xml", "x"], "aiovdi: info: Invalid value for '--output'"),
        (["info", "-f", "qcow2", "x"], "unknown file format 'qcow2', expected 'vdi' or 'raw'"),
        (["convert", "-m", "17", "a", "b"], "aiovdi: convert: Invalid value for '-m'"),
        (["convert", "-S", "100", "a", "b"], "found '100', expected a multiple of 512"),
        (["convert", "-t", "fast", "a", "b"], "found 'fast', expected one of writeback"),
        (["create", "x", "1x"], "found '1x', expected a number of bytes"),
        (["create", "x", "16E"], "expected at most 9223372036854775807 bytes"),
        (["compare", "a"], "aiovdi: compare: Missing argument"),
    ],
)
def test_words_that_cannot_be_parsed_are_told_and_are_status_1(words: list[str], message: str, aiovdi: Aiovdi) -> None:
    status, out, err = aiovdi(*words)
    assert (status, out) == (1, "")
    assert message in err
    asked = f"aiovdi {words[0]} --help" if words[0] in VERBS else "aiovdi --help"
    assert err.endswith(f"\nTry '{asked}' for more information\n")
    assert err.count("\n") == 2


@pytest.mark.parametrize(
    ("verb", "option"), [(verb, option) for verb, options in USED_BY.items() for option in options]
)
def test_an_option_of_qemu_img_that_is_not_ours_is_refused_by_name(verb: str, option: str, aiovdi: Aiovdi) -> None:
    status, _, err = aiovdi(verb, option, "x", "y")
    assert status == 1
    assert err.startswith(f"aiovdi: {verb}: {option} is not supported: {REFUSED[option]}\n")


def test_every_refusal_is_tried() -> None:
    assert set(REFUSED) == {option for options in USED_BY.values() for option in options}


def test_a_mistake_inside_a_list_of_options_is_told_like_any_other(tmp_path: Path, aiovdi: Aiovdi) -> None:
    status, _, err = aiovdi("create", "-o", "foo=1", tmp_path / "x.vdi", "1M")
    assert (status, err) == (1, "aiovdi: create: -o: found 'foo', expected one of block_size, comment, size, static\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["--help"], ["info", "--help"], ["--version"]])
def test_help_into_a_full_disk_is_an_error_of_one_line(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "aiovdi", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"aiovdi: {words[0]}: No space left on device\n"
