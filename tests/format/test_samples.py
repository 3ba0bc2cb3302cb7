"""Real images by VirtualBox and QEMU, and images broken by hand: their headers and their exact findings."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from aiovdi.format.audit import Audit, FindingKind
from aiovdi.format.header import HEADER_BYTES, Header, parse
from aiovdi.units import BlockIndex, MiB

Sample = Callable[[str], Path]
Kind = FindingKind


class Facts(NamedTuple):
    """What was read from the image with ``xxd`` and its README, not with this code."""

    header_size: int
    disk_size: int
    bmap_offset: int
    data_offset: int
    blocks_allocated: int
    lchs: tuple[int, int, int, int] | None
    maker: str
    comment: str = ""


BY_HAND = Facts(384, 16 * MiB, 512, 1024, 4, None, "<<< QEMU VM")
FRESH = (0, 0, 0, 512)
HEADERS = {
    "wheatos_disk": Facts(
        400, 1474560, MiB, 2 * MiB, 1, FRESH, "<<< Oracle VirtualBox", "Converted image from disk.img"
    ),
    "lcm098_floppy": Facts(
        400, 1474560, MiB, 2 * MiB, 1, (2, 16, 63, 512), "<<< Oracle VM VirtualBox", "Converted image from floppy.img"
    ),
    "hoho-os_hdd": Facts(
        400, 4 * MiB, MiB, 2 * MiB, 1, FRESH, "<<< Oracle VM VirtualBox", "Converted image from hdd.img"
    ),
    "grisunet_0": Facts(400, 100_000 * MiB, MiB, 2 * MiB, 0, FRESH, "<<< Oracle VM VirtualBox"),
    "genode_vm": Facts(400, 4096 * MiB, MiB, 2 * MiB, 0, FRESH, "<<< Oracle VM VirtualBox"),
    "shinos_os": Facts(384, 8192 * MiB, 512, 33280, 0, None, "<<< QEMU VM"),
    "tritium_test": Facts(384, 2048 * MiB, 512, 8704, 1, None, "<<< QEMU VM"),
    "sooryakiran_image": Facts(400, 9728, 512, 1024, 1, (1, 16, 63, 512), "<<< QEMU VM"),
    "gen_dyn": BY_HAND,
    "gen_zero": BY_HAND,
    "gen_dup": BY_HAND,
    "gen_oob": BY_HAND,
    "gen_alloc1": BY_HAND._replace(blocks_allocated=1),
    "gen_alloc9": BY_HAND._replace(blocks_allocated=9),
    "gen_qemu_eio_leak": Facts(384, 300 * MiB, 512, 2048, 2, None, "<<< QEMU VM"),
}

# What is said of each broken image, beside what `qemu-img check` 7.2 says of it (an error each time):
#   gen_dup            "block index 2 also used by 2" and, as it counts the owners, a mismatch of 5 and 4
#   gen_oob            "block index 5 too large, is 100"
#   gen_alloc1         "allocated blocks mismatch, is 4, should be 1": the next write overwrites live data
#   gen_alloc9         "allocated blocks mismatch, is 4, should be 9": only space is lost
#   gen_qemu_eio_leak  "allocated blocks mismatch, is 1, should be 2": slot 0 was lost, slot 1 is in use
FINDINGS = {
    "gen_dup": [(Kind.DUPLICATE, 5, 2, 2)],
    "gen_oob": [(Kind.OUT_OF_RANGE, 5, 100, 100)],
    "gen_alloc1": [(Kind.COUNT_LOW, None, None, 1)],
    "gen_alloc9": [(Kind.COUNT_HIGH, None, None, 9)],
    "gen_qemu_eio_leak": [(Kind.LEAKED, None, 0, None)],
}
COUNTERS = {  # allocated and ZERO entries; no image that is not here has any
    **dict.fromkeys(["wheatos_disk", "lcm098_floppy", "hoho-os_hdd", "tritium_test", "sooryakiran_image"], (1, 0)),
    **dict.fromkeys(["gen_dyn", "gen_alloc1", "gen_alloc9"], (4, 0)),
    **dict.fromkeys(["gen_dup", "gen_oob"], (5, 0)),
    "gen_zero": (4, 1),
    "gen_qemu_eio_leak": (1, 0),
}


def read(path: Path) -> tuple[Header, bytes]:
    """The header and the raw bmap of an image."""
    raw = path.read_bytes()
    header = parse(raw[:HEADER_BYTES], file_size=len(raw))
    return header, raw[header.bmap_offset : header.bmap_end]


def test_every_sample_is_in_the_tables(shared: Path) -> None:
    names = {path.name.removesuffix(".vdi.xz") for path in (shared / "samples").glob("*.xz")}
    assert names == HEADERS.keys()


@pytest.mark.parametrize("name", HEADERS)
def test_the_header_of_a_real_image_is_read_field_by_field(sample: Sample, name: str) -> None:
    header, _ = read(sample(name))
    lchs = None if header.lchs_geometry is None else tuple(header.lchs_geometry)
    assert header.text.startswith(HEADERS[name].maker)
    assert HEADERS[name] == (
        header.header_size, header.disk_size, header.bmap_offset, header.data_offset,
        header.blocks_allocated, lchs, HEADERS[name].maker, header.comment,
    )  # fmt: skip
    assert (header.version, header.image_type, header.flags, header.block_extra) == ((1, 1), 1, 0, 0)
    assert header.block_count == -(-header.disk_size // MiB)


@pytest.mark.parametrize("name", HEADERS)
def test_every_real_image_can_be_read_and_written(sample: Sample, name: str) -> None:
    header, _ = read(sample(name))
    assert header.readable_obstacle() is None
    assert header.writable_obstacle() is None


@pytest.mark.parametrize("name", HEADERS)
def test_a_real_image_has_the_findings_that_are_true_of_it_and_no_other(sample: Sample, name: str) -> None:
    path = sample(name)
    header, entries = read(path)
    audit = Audit(header, path.stat().st_size)
    audit.feed(BlockIndex(0), entries)
    found = [(one.kind, one.block, one.slot, one.found) for one in audit.findings()]
    assert found == FINDINGS.get(name, [])
    assert (audit.allocated, audit.zero) == COUNTERS.get(name, (0, 0))
