"""Is an image what it says? Its header, its bmap and the length of its file, compared as a stream.

The judgement is `aiovdi.format.audit`'s; here is what feeds it. Nothing is changed and nothing but
the header and the bmap is read, so images whose map is broken are welcome: those need it most.
Memory is bounded by what is mapped; runs of FREE entries cost one comparison.
"""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass

from aiovdi.driver.opening import Cache, Target, read_header
from aiovdi.format import bmap
from aiovdi.format.audit import Audit
from aiovdi.format.findings import Finding, FindingKind, Severity
from aiovdi.format.header import Header
from aiovdi.jobs.images import naming, open_storage
from aiovdi.storage.base import Storage, read_full
from aiovdi.units import BlockIndex, KiB

__all__ = ["Report", "check"]

_CHUNK_BYTES = 256 * KiB
_CHUNKS_PER_TURN = 4
"""FREE chunks passed over before the event loop gets its turn; one with entries gives it at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check has found. Names are those of ``qemu-img check --output json``."""

    filename: str
    findings: list[Finding]
    """The first ones of each kind, at most 1000; ``corruptions`` and ``leaks`` count all."""
    corruptions: int
    """Findings by which data is lost, or would be with the next writer."""
    leaks: int
    """Slots that belong to no block, and one for each other finding by which only space is lost."""
    image_end_offset: int
    """Where the file could end without losing a mapped slot, in bytes."""
    total_clusters: int
    """Blocks of the disk."""
    allocated_clusters: int
    """Blocks that have a slot, good or bad."""
    fragmented_clusters: int
    """Mapped blocks whose slot does not follow that of the mapped block before."""
    zero_clusters: int
    """Blocks with a ZERO entry. QEMU has no such number."""

    @property
    def exit_status(self) -> int:
        """That of ``qemu-img check``: 0 clean, 2 corruptions, 3 leaks only."""
        return 2 if self.corruptions else 3 if self.leaks else 0


async def check(target: Target, *, cache: Cache = "writeback", lock: bool = True) -> Report:
    """Compare the image's header, bmap and file length with each other.

    Args:
        target: a path, or a ``Storage``, which is neither locked nor closed.
        cache: as for ``aiovdi.open``.
        lock: False reads an image that somebody has open for writing; what it says may be halfway.

    Raises:
        FormatError: the header cannot be understood, so there is nothing to compare with.
        ImageLocked: somebody has the image open for writing.
        StorageError, OSError: it cannot be opened, or a part of the bmap cannot be read.
    """
    async with open_storage(target, cache=cache, lock=lock) as storage:
        with naming(target):
            header = await read_header(storage)
            audit = Audit(header, storage.size)
            await _feed(audit, storage, header)
        name = os.fspath(target) if isinstance(target, str | os.PathLike) else type(target).__name__
        return _report(audit, name, can_shrink=storage.can_grow)


async def _feed(audit: Audit, storage: Storage, header: Header) -> None:
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    stop = header.block_count * bmap.ENTRY_BYTES
    turn = 0
    for start in range(0, stop, _CHUNK_BYTES):
        chunk = buffer[: min(_CHUNK_BYTES, stop - start)]
        done = storage.pread_now(chunk, header.bmap_offset + start)
        if done < len(chunk):
            done += await read_full(storage, chunk[done:], header.bmap_offset + start + done)
        chunk[done:] = bmap.free_bytes(len(chunk) - done)  # the file was cut since its header was read
        audit.feed(BlockIndex(start // bmap.ENTRY_BYTES), chunk)
        turn += 1
        if turn >= _CHUNKS_PER_TURN or not bmap.is_all_free(chunk):
            turn = 0
            await asyncio.sleep(0)


def _report(audit: Audit, filename: str, *, can_shrink: bool) -> Report:
    # What a device or an export has behind the image is its own: no space is lost by that.
    findings = [each for each in audit.findings() if can_shrink or each.kind is not FindingKind.TRAILING]
    totals = Counter[Severity]()
    for kind, total in audit.totals.items():
        totals[kind.severity] += total if can_shrink or kind is not FindingKind.TRAILING else 0
    # A run of leaked slots is one finding, but each of them is a cluster lost.
    run_slots = sum(finding.count - 1 for finding in findings if finding.kind is FindingKind.LEAKED)
    return Report(
        filename=filename,
        findings=findings,
        corruptions=totals[Severity.CORRUPTION],
        leaks=totals[Severity.LEAK] + run_slots,
        image_end_offset=audit.image_end_offset,
        total_clusters=audit.total,
        allocated_clusters=audit.allocated,
        fragmented_clusters=audit.fragmented,
        zero_clusters=audit.zero,
    )
