"""QEMU as a second judge: it accepts what we lay out, and finds no fault in a map where we find none."""

import dataclasses
import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiovdi.format.audit import Audit, FindingKind
from aiovdi.format.bmap import FREE, encode
from aiovdi.format.header import HEADER_BYTES, Header, pack, parse
from aiovdi.format.layout import new_header
from aiovdi.units import BlockIndex, GiB, MiB, Slot, TiB

Peer = Callable[[str], str]


def write_image(path: Path, header: Header, entries: list[int]) -> None:
    """An image of which the file ends with its last counted slot."""
    with path.open("wb") as file:
        file.write(pack(header))
        file.seek(header.bmap_offset)
        file.write(encode(entries))
        file.truncate(header.data_offset + header.blocks_allocated * header.slot_stride)


def qemu_img(peer: Peer, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of a run of qemu-img."""
    command = [peer("qemu-img"), arguments[0], "-f", "vdi", "--output=json", *arguments[1:]]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return done.returncode, json.loads(done.stdout or "{}")


@pytest.mark.parametrize(
    ("size", "options"),
    [
        (512, {}),
        (10 * MiB + 512, {"comment": "größer"}),
        (10 * MiB + 512, {"fixed": True}),
        (64 * MiB, {"alignment": 512}),
        (3 * GiB, {}),
        (2 * TiB, {}),
    ],
)
def test_qemu_opens_a_new_image_sees_its_size_and_finds_no_error(
    peer: Peer, tmp_path: Path, size: int, options: dict[str, Any]
) -> None:
    header = new_header(size, **options)
    entries = list(range(header.block_count)) if options.get("fixed") else [FREE] * header.block_count
    write_image(tmp_path / "new.vdi", header, entries)
    code, info = qemu_img(peer, "info", tmp_path / "new.vdi")
    assert (code, info["format"], info["virtual-size"]) == (0, "vdi", header.size)
    code, report = qemu_img(peer, "check", tmp_path / "new.vdi")
    assert (code, report["check-errors"]) == (0, 0)


def test_what_qemu_writes_into_a_new_image_of_ours_has_no_finding(peer: Peer, tmp_path: Path) -> None:
    path = tmp_path / "new.vdi"
    write_image(path, new_header(10 * MiB + 512, comment="ours"), [FREE] * 11)
    writes = ["-c", "write -P 0xaa 10M 512", "-c", "write -P 0xbb 3M 64k"]
    subprocess.run([peer("qemu-io"), "-f", "vdi", *writes, path], check=True, capture_output=True, timeout=60)
    raw = path.read_bytes()
    header = parse(raw[:HEADER_BYTES], file_size=len(raw))
    audit = Audit(header, len(raw))
    audit.feed(BlockIndex(0), raw[header.bmap_offset : header.bmap_end])
    assert audit.findings() == []
    assert (audit.allocated, header.blocks_allocated, header.comment) == (2, 2, "ours")
    assert raw[header.slot_offset(Slot(0)) :][:512] == b"\xaa" * 512


# QEMU compares the count with the number of entries. A leak above a slot that is in use beyond the count
# (what its own races leave) balances, and QEMU stays silent: so we may find more, never less.
@pytest.mark.parametrize("seed", range(24))
def test_a_map_in_which_we_find_nothing_is_one_in_which_qemu_finds_nothing(
    peer: Peer, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    header, entries = damaged(chance)
    path = tmp_path / "damaged.vdi"
    write_image(path, header, entries)
    audit = Audit(header, path.stat().st_size)
    audit.feed(BlockIndex(0), encode(entries))
    ours = {finding.kind for finding in audit.findings()}
    code, _ = qemu_img(peer, "check", path)
    assert ours or code == 0, "QEMU finds what we do not"
    silent = audit.allocated == header.blocks_allocated and not ours & {FindingKind.OUT_OF_RANGE, FindingKind.DUPLICATE}
    assert code == (0 if silent else 2), f"QEMU no longer judges as its source reads; ours: {ours}"


def damaged(chance: random.Random) -> tuple[Header, list[int]]:
    """A sound map of 12 blocks, then none to two faults in it."""
    used = chance.randrange(12)
    entries = [*range(used), *[FREE] * (12 - used)]
    chance.shuffle(entries)
    for _ in range(chance.randrange(3)):
        entries[chance.randrange(12)] = chance.choice([FREE, 0, used, 100])
    count = min(12, max(0, used + chance.choice([0, 0, 0, -1, 2])))
    return dataclasses.replace(new_header(12 * MiB, alignment=512), blocks_allocated=count), entries
