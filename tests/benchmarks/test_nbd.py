"""Servers that begin and end with a turn, and figures that are fio's own."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.child import CommandFailed
from benchmarks.images import filled
from benchmarks.nbd import Bench, Job, aiovdi, fio, iops_in, nbdkit, qemu_nbd, serving
from benchmarks.scratch import Scratch

MiB = 1 << 20


def said(error: int) -> str:
    job = {"error": error, "read": {"iops": 10.5}, "write": {"iops": 2}}
    return f"fio: connected to NBD server\n{json.dumps({'jobs': [job]})}\n"


def test_the_figure_is_the_one_that_fio_has_counted() -> None:
    assert iops_in(said(0)) == 12.5


def test_an_error_of_fio_is_no_figure() -> None:
    with pytest.raises(CommandFailed, match="error 5"):
        iops_in(said(5))


def test_every_server_is_told_the_image_and_the_socket() -> None:
    for server in (aiovdi("--read-only"), qemu_nbd("threads"), nbdkit()):
        words = " ".join(server(Path("/image"), Path("/socket")))
        assert "/image" in words
        assert "/socket" in words


async def test_a_server_is_there_for_its_turn_and_fio_reads_from_it(tmp_path: Path, peer: object) -> None:
    assert callable(peer)
    peer("fio")
    image, at = tmp_path / "x.vdi", tmp_path / "s"
    await filled(2 * MiB)(image)
    async with serving(aiovdi()(image, at), at) as uri:
        assert await fio(uri, Job("randread", "4k", 4, seconds=0.2), size=2 * MiB) > 10
    assert not at.exists()


async def test_a_side_answers_with_a_figure_for_each_job_of_its_row(tmp_path: Path, peer: object) -> None:
    assert callable(peer)
    peer("fio")

    async def image(scratch: Scratch) -> Path:
        return await scratch.once("x.vdi", filled(MiB))

    bench = Bench({name: Job(f"rand{name}", "4k", 1, seconds=0.2) for name in ("read", "write")}, image, MiB)
    async with bench.side("aiovdi serve", aiovdi()).run(Scratch(tmp_path)) as measure:
        figures = await measure()
    assert set(figures) == {metric.name for metric in bench.metrics}
    assert all(figures.values())


async def test_a_server_that_does_not_begin_says_why(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "import sys; sys.exit('no luck')"]
    with pytest.raises(CommandFailed, match="no luck"):
        async with serving(words, tmp_path / "s"):
            pass
