"""What ``info`` says about an image of either format."""

import json
import socket
from pathlib import Path

import pytest

import aiovdi
from aiovdi.cli.facts import show
from aiovdi.errors import BadSignature
from aiovdi.server import Offer, Server
from aiovdi.units import MiB


async def test_a_vdi_is_told_with_the_fields_of_its_header(vdi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await show(str(vdi), as_json=True, fmt=None, share=False)
    facts = json.loads(capsys.readouterr().out)
    specific = facts.pop("format-specific")
    assert facts == {
        "virtual-size": 4 * MiB,
        "filename": str(vdi),
        "format": "vdi",
        "cluster-size": MiB,
        "actual-size": vdi.stat().st_blocks * 512,
        "dirty-flag": False,
    }
    assert specific["type"] == "vdi"
    assert specific["data"]["image-type"] == "dynamic"
    assert (specific["data"]["block-count"], specific["data"]["blocks-allocated"]) == (4, 1)


async def test_a_raw_image_is_told_without_them(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await show(str(raw), as_json=False, fmt=None, share=False)
    actual = raw.stat().st_blocks // 2
    assert capsys.readouterr().out == (
        f"image: {raw}\nfile format: raw\nvirtual size: 4 MiB (4194304 bytes)\ndisk size: {actual} KiB\n"
    )


async def test_what_a_server_takes_is_unknown(vdi: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        async with aiovdi.open(vdi) as disk:
            server = Server([Offer(export=disk, read_only=True)])
            await server.listen([listener])
            await show(server.uris()[0], as_json=False, fmt="raw", share=False)
            await server.close()
    assert "disk size: unavailable" in capsys.readouterr().out


async def test_the_lines_begin_as_qemu_img_begins_them(vdi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await show(str(vdi), as_json=False, fmt=None, share=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["file format: vdi", "virtual size: 4 MiB (4194304 bytes)"]
    assert lines[4:6] == ["cluster_size: 1048576", "Format specific information:"]
    assert "    version: 1.1" in lines


async def test_a_format_that_was_named_wrongly_is_an_error(raw: Path) -> None:
    with pytest.raises(BadSignature):
        await show(str(raw), as_json=False, fmt="vdi", share=False)
