"""The demonstration: its image is only read, its screenful is true, and a disk with the bug of 2011 does not pass."""

import hashlib
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

import aiovdi
from aiovdi.demo import story
from aiovdi.demo.nursery import Nursery
from aiovdi.demo.story import demonstrate
from aiovdi.jobs.check import check
from aiovdi.units import MiB

NewImage = Callable[[str], Awaitable[Path]]

REQUESTS = 200


async def test_everything_holds_and_fits_a_screen_and_the_report_beside_it() -> None:
    lines: list[str] = []
    assert await demonstrate(requests=REQUESTS, seed=1, tell=lines.append)
    text = "\n".join(lines)
    report, _, kill = text.partition("\nimage ")
    assert len(report.splitlines()) <= 16
    assert len(kill.splitlines()) <= 24
    assert "X+1 is GONE" in report
    assert "X+1 is there" in report
    assert max(map(len, text.splitlines())) <= 120
    assert "BROKEN" not in text
    assert text.endswith("Everything held.")


async def test_the_image_is_only_read_and_its_content_is_kept(new_image: NewImage, tmp_path: Path) -> None:
    image = await new_image("mine")
    async with aiovdi.open(image, "r+") as disk:
        await disk.pwrite(b"\xaa" * (2 * MiB), MiB // 2)
    digest = hashlib.sha256(image.read_bytes()).digest()
    assert await demonstrate(image, requests=REQUESTS, seed=1, tell=lambda _: None)
    assert hashlib.sha256(image.read_bytes()).digest() == digest
    assert list(tmp_path.iterdir()) == [image]


async def test_an_image_that_somebody_writes_to_is_refused(new_image: NewImage) -> None:
    image = await new_image("mine")
    async with aiovdi.open(image, "r+"):
        with pytest.raises(aiovdi.ImageLocked):
            await demonstrate(image, requests=REQUESTS, tell=lambda _: None)


async def test_the_copy_is_kept_where_it_was_asked_for(tmp_path: Path) -> None:
    keep = tmp_path / "deep" / "down"
    assert await demonstrate(requests=REQUESTS, seed=1, keep=keep, tell=lambda _: None)
    report = await check(keep / "demo.vdi")
    assert report.allocated_clusters > 0
    assert report.exit_status == 0
    with pytest.raises(FileExistsError):
        await demonstrate(requests=REQUESTS, seed=1, keep=keep, tell=lambda _: None)


async def test_one_request_is_enough(new_image: NewImage) -> None:
    assert await demonstrate(await new_image("a"), requests=1, seed=1, tell=lambda _: None)


async def test_a_full_image_comes_to_an_end_too(tmp_path: Path) -> None:
    image = tmp_path / "full.vdi"
    await aiovdi.create(image, 2 * MiB, fixed=True)
    lines: list[str] = []
    assert await demonstrate(image, requests=REQUESTS, seed=1, tell=lines.append)
    assert any("0 of them writes to unmapped blocks" in line for line in lines)


async def test_a_disk_that_forgets_its_bmap_entries_does_not_pass(
    monkeypatch: pytest.MonkeyPatch, broken_child: tuple[str, ...]
) -> None:
    monkeypatch.setattr(story, "Nursery", partial(Nursery, *broken_child))
    lines: list[str] = []
    assert not await demonstrate(requests=REQUESTS, seed=1, tell=lines.append)
    text = "\n".join(lines)
    assert "  BROKEN   " in text
    assert "acknowledged sector at" in text
    assert text.endswith("Not everything held.")
