"""Sizes for people, and JSON for programs."""

import json

import pytest

from aiovdi.cli.output import print_json, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (999, "999 B"),
        (1000, "0.977 KiB"),
        (9728, "9.5 KiB"),
        (1474560, "1.41 MiB"),
        (16 << 20, "16 MiB"),
        (104857600000, "97.7 GiB"),
        (1 << 30, "1 GiB"),
        (500 << 40, "500 TiB"),
        ((1 << 63) - 1, "8 EiB"),
    ],
)
def test_a_size_has_three_digits_and_the_unit_that_qemu_img_takes(size: int, text: str) -> None:
    assert size_text(size) == text


def test_json_is_parsed_back_to_what_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"filename": 'ä"\\\udcff', "size": 1 << 62, "flag": False, "list": []}
    print_json(value)
    assert json.loads(capsys.readouterr().out) == value
