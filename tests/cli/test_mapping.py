"""``map``: the extents as a table and as JSON."""

import json
import signal
import subprocess
import sys
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


def test_a_reader_of_a_long_map_may_stop_reading(tmp_path: Path, aiovdi: Aiovdi) -> None:
    """The pipe breaks in the middle of a walk over the extents; the image is closed and nothing is said."""
    path = tmp_path / "comb.raw"
    with path.open("wb") as file:
        for block in range(0, 4000, 2):
            file.seek(block * MiB)
            file.write(b"x")
    image = tmp_path / "comb.vdi"
    assert aiovdi("convert", "-O", "vdi", path, image)[0] == 0
    command = [sys.executable, "-m", "aiovdi", "map", "--output=json", image]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1) == b"["
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 128 + signal.SIGPIPE
