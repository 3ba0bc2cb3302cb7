"""``read``, ``write`` and ``dd``: bytes of the disk through pipes and files."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aiovdi.units import MiB

Aiovdi = Callable[..., tuple[int, str, str]]
Process = Callable[..., subprocess.CompletedProcess[bytes]]


def test_the_whole_disk_goes_to_stdout(raw: Path, vdi: Path, process: Process) -> None:
    done = process("read", vdi)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == raw.read_bytes()


def test_any_bytes_go_to_stdout(vdi: Path, process: Process) -> None:
    assert process("read", vdi, "1048570", "9").stdout == bytes(6) + b"\1" * 3


def test_any_bytes_go_to_a_file(vdi: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    assert aiovdi("read", vdi, "1048570", "9", "--out", tmp_path / "x") == (0, "", "")
    assert (tmp_path / "x").read_bytes() == bytes(6) + b"\1" * 3


def test_a_file_that_cannot_be_filled_is_not_made(vdi: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    status, _, err = aiovdi("read", vdi, "4M", "1", "--out", tmp_path / "x")
    assert status == 1
    assert "do not lie within the disk of 4194304 bytes" in err
    assert not (tmp_path / "x").exists()


def test_the_image_is_not_taken_for_the_output(vdi: Path, aiovdi: Aiovdi) -> None:
    before = vdi.read_bytes()
    assert aiovdi("read", vdi, "--out", vdi)[0] == 1
    assert vdi.read_bytes() == before


def test_a_reader_that_has_seen_enough_is_no_error(vdi: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "aiovdi", "read", vdi], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        assert writer.stdout.read(1) == b"\0"
        writer.stdout.close()  # far more is to come than a pipe holds
        assert writer.stderr.read() == b""
        assert writer.wait() == 128 + signal.SIGPIPE


def test_stdin_goes_to_the_disk(vdi: Path, process: Process) -> None:
    data = bytes(range(256)) * 10000
    done = process("write", vdi, "700", given=data)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert process("read", vdi, "699", len(data) + 2).stdout == b"\0" + data + b"\0"


def test_a_file_goes_to_the_disk(vdi: Path, tmp_path: Path, aiovdi: Aiovdi, process: Process) -> None:
    (tmp_path / "x").write_bytes(b"hello")
    assert aiovdi("write", vdi, "3M", "--in", tmp_path / "x") == (0, "", "")
    assert process("read", vdi, "3M", "6").stdout == b"hello\0"


def test_a_file_that_does_not_fit_changes_nothing(vdi: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    before = vdi.read_bytes()
    (tmp_path / "x").write_bytes(bytes(2 * MiB))
    status, _, err = aiovdi("write", vdi, "3M", "--in", tmp_path / "x")
    assert status == 1
    assert err == f"aiovdi: {vdi}: 2097152 bytes at offset 3145728 do not lie within the disk of 4194304 bytes\n"
    assert vdi.read_bytes() == before


def test_a_pipe_that_does_not_fit_says_how_much_was_written(vdi: Path, process: Process) -> None:
    done = process("write", vdi, "4194303", given=b"xy")
    assert done.returncode == 1
    assert done.stderr.endswith(
        b"the input goes on after the end of the disk; 0 bytes from offset 4194303 were written\n"
    )


@pytest.mark.parametrize(
    ("words", "start", "length"),
    [
        ([], 0, 4 * MiB),
        (["bs=1M", "count=2"], 0, 2 * MiB),
        (["bs=64k", "skip=16", "count=1"], MiB, 65536),
        (["bs=1M", "skip=3", "count=10"], 3 * MiB, MiB),
        (["bs=1000", "count=1"], 0, 1024),
    ],
)
def test_blocks_are_counted_and_skipped(
    words: list[str], start: int, length: int, *, raw: Path, vdi: Path, tmp_path: Path, aiovdi: Aiovdi
) -> None:
    out = tmp_path / "out.raw"
    assert aiovdi("dd", f"if={vdi}", f"of={out}", *words) == (0, "", "")
    assert out.read_bytes() == raw.read_bytes()[start : start + length]


def test_blocks_may_become_a_vdi(raw: Path, tmp_path: Path, aiovdi: Aiovdi, process: Process) -> None:
    out = tmp_path / "out.vdi"
    assert aiovdi("dd", "-f", "raw", "-O", "vdi", f"if={raw}", f"of={out}", "bs=1M", "skip=1")[0] == 0
    assert process("read", out).stdout == raw.read_bytes()[MiB:]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["if={raw}"], "found no of="),
        (["if={raw}", "of={x}", "foo=1"], "unknown operand 'foo=1'"),
        (["if={raw}", "of={x}", "bs=0"], "bs: found 0"),
        (["if={raw}", "of={x}", "bs=1k", "skip=5000"], "cannot skip to 5120000"),
        (["if={raw}", "of={x}", "bs=100", "skip=1"], "expected bs times skip to be a multiple of 512"),
        (["if={raw}", "of={x}", "bs=many"], "found 'many'"),
    ],
)
def test_operands_that_make_no_sense_are_told(
    words: list[str], message: str, raw: Path, tmp_path: Path, aiovdi: Aiovdi
) -> None:
    status, _, err = aiovdi("dd", *(word.format(raw=raw, x=tmp_path / "x") for word in words))
    assert status == 1
    assert message in err
    assert list(tmp_path.iterdir()) == [raw]


@pytest.mark.parametrize("verb", ["read", "write", "map"])
def test_a_start_behind_the_end_is_told_with_the_image_also_where_nothing_follows(
    verb: str, vdi: Path, aiovdi: Aiovdi
) -> None:
    words = ["--start-offset", "5M"] if verb == "map" else ["5M", *(["--in", "/dev/null"] if verb == "write" else [])]
    status, _, err = aiovdi(verb, vdi, *words)
    assert (status, err) == (
        1,
        f"aiovdi: {vdi}: 0 bytes at offset 5242880 do not lie within the disk of 4194304 bytes\n",
    )


def test_an_operand_of_dd_that_is_no_number_is_named(vdi: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    status, _, err = aiovdi("dd", f"if={vdi}", f"of={tmp_path}/x", "bs=big")
    assert status == 1
    assert err.startswith("aiovdi: dd: bs: found 'big', expected a number of bytes")
