"""``map``: the extents as a table and as JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Aiovdi = Callable[..., tuple[int, str, str]]

MiB = 1 << 20


def test_the_table_shows_what_holds_data(vdi: Path, aiovdi: Aiovdi) -> None:
    header = "Offset          Length          Mapped to       File\n"
    assert aiovdi("map", vdi) == (0, f"{header}0x100000        0x100000        0x200000        {vdi}\n", "")


def test_json_covers_the_whole_disk(vdi: Path, aiovdi: Aiovdi) -> None:
    status, out, err = aiovdi("map", "--output=json", vdi)
    assert (status, err) == (0, "")
    hole = {"depth": 0, "present": True, "zero": True, "data": False}
    assert json.loads(out) == [
        {"start": 0, "length": MiB, **hole},
        {"start": MiB, "length": MiB, "depth": 0, "present": True, "zero": False, "data": True, "offset": 2 * MiB},
        {"start": 2 * MiB, "length": 2 * MiB, **hole},
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--start-offset=1.5M"], [(3 * MiB // 2, MiB // 2), (2 * MiB, 2 * MiB)]),
        (["--max-length", "1M"], [(0, MiB)]),
        (["--start-offset", "3M", "--max-length", "10M"], [(3 * MiB, MiB)]),
        (["--start-offset", "4M"], []),
    ],
)
def test_a_part_is_clipped_to_the_disk(
    words: list[str], expected: list[tuple[int, int]], vdi: Path, aiovdi: Aiovdi
) -> None:
    status, out, _ = aiovdi("map", "--output=json", *words, vdi)
    assert status == 0
    assert [(each["start"], each["length"]) for each in json.loads(out)] == expected


def test_a_start_beyond_the_end_is_an_error(vdi: Path, aiovdi: Aiovdi) -> None:
    status, out, err = aiovdi("map", "--output=json", "--start-offset=5M", vdi)
    assert (status, out) == (1, "")
    assert "5242880" in err
    assert "4194304" in err
