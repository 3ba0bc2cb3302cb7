"""The pure half of ``check``: do the header, the bmap and the file's length agree?

Rule 1: a finding is a fact, and one fault is one finding where the evidence allows it. So a bad entry
owns nothing and takes no part in later comparisons: it cannot make the count look wrong as well.
Rule 2: memory is bounded by the map, not by what it claims. Slots at or above ``block_count`` are
never remembered, and of each kind only the first ``kept_max`` findings are kept; all are counted.
"""

from collections import Counter
from typing import Any

from aiovdi.format.bmap import ENTRY_BYTES, SlotSet, count_zero, is_all_free, mapped_entries
from aiovdi.format.findings import Finding, FindingKind, Severity
from aiovdi.format.header import NIL, Header, ImageType
from aiovdi.units import SECTOR, BlockIndex, ReadableBuffer, Slot

__all__ = ["Audit", "Finding", "FindingKind", "Severity"]


class Audit:
    """Feed it the whole bmap in order, in chunks of any size; then ask for the findings.

    Attributes:
        allocated: entries that name a slot, good or bad.
        zero: entries that are ZERO.
        fragmented: mapped blocks whose slot is not the one after the previous mapped block's.
        totals: how many findings of each kind there are, kept or not; complete after ``findings``.
    """

    def __init__(self, header: Header, file_size: int, *, kept_max: int = 1000) -> None:
        self.allocated = 0
        self.zero = 0
        self.fragmented = 0
        self.totals: Counter[FindingKind] = Counter()
        self._header = header
        self._file_size = file_size
        self._held = max(0, file_size - header.data_offset) // header.slot_stride
        self._kept: list[Finding] = []
        self._kept_max = kept_max
        self._fed = 0
        self._owned = SlotSet()
        self._follower: int | None = None
        """The slot that would continue the previous mapped block without a seek."""
        self._stray_end = 0
        """One more than the highest out-of-range slot that lies in the file: its bytes are somebody's data."""
        self._first_cut: tuple[BlockIndex, Slot] | None = None
        self._cut_count = 0
        self._judged = False

    @property
    def total(self) -> int:
        """Entries in the bmap."""
        return self._header.block_count

    @property
    def image_end_offset(self) -> int:
        """Where the file could end without losing a mapped slot, in bytes."""
        return self._offset(max(self._owned_end, self._stray_end))

    def feed(self, first_block: BlockIndex, raw: ReadableBuffer) -> None:
        """Take the entries from ``first_block`` on, which must be the next ones."""
        assert first_block == self._fed, "the bmap is fed in order"
        self._fed += memoryview(raw).nbytes // ENTRY_BYTES
        assert self._fed <= self.total, "more entries than the bmap has"
        if is_all_free(raw):
            return
        self.zero += count_zero(raw)
        for block, slot in mapped_entries(raw, first_block):
            self._take(block, slot)

    def findings(self) -> list[Finding]:
        """What is wrong: the bad entries in the order of the bmap, then the header, then the image as a whole."""
        assert self._fed == self.total, "the whole bmap is fed first"
        if not self._judged:
            self._judged = True
            self._judge_uuids()
            self._judge_size()
            self._judge_length()
            self._judge_count()
            self._judge_space()
        return list(self._kept)

    def _take(self, block: BlockIndex, slot: Slot) -> None:
        """One mapped entry: it is bad, or it owns its slot."""
        self.allocated += 1
        if self._follower is not None and slot != self._follower:
            self.fragmented += 1
        self._follower = slot + 1
        if slot < self._held and slot < self.total and self._owned.add(slot):
            return  # nearly every entry of nearly every image
        if slot >= self.total:
            self._report_stray(block, slot)
        elif slot in self._owned:
            text = f"block {block} names slot {slot}, which an earlier block owns"
            self._report_entry(FindingKind.DUPLICATE, block, slot, text, "a slot of its own")
        elif self._is_in_file(block, slot):
            self._owned.add(slot)
        elif slot >= self._header.blocks_allocated:
            text = f"block {block} names slot {slot}, which was never counted and lies past the end of the file"
            self._report_entry(FindingKind.PAST_END, block, slot, text, f"below {self._held}")
        else:
            self._owned.add(slot)
            self._first_cut = self._first_cut or (block, slot)
            self._cut_count += 1

    def _is_in_file(self, block: BlockIndex, slot: Slot) -> bool:
        """The file has every byte of ``block`` that the disk shows. Past the disk's end it shows none."""
        shown = max(0, min(self._header.block_size, self._header.size - block * self._header.block_size))
        return self._header.slot_offset(slot) + shown <= self._file_size

    def _report_stray(self, block: BlockIndex, slot: Slot) -> None:
        if self._is_in_file(block, slot):
            self._stray_end = max(self._stray_end, slot + 1)
        text = f"block {block} names slot {slot}, and no image of {self.total} blocks needs that slot"
        self._report_entry(FindingKind.OUT_OF_RANGE, block, slot, text, f"below {self.total}")

    def _judge_uuids(self) -> None:
        for name in ("uuid_create", "uuid_modify"):
            if getattr(self._header, name) == NIL:
                text = f"{self._header.fields[name].name} is nil: VirtualBox refuses the image"
                self._report_field(FindingKind.BAD_UUID, name, text, "any other UUID")
        if self._header.image_type in {ImageType.DYNAMIC, ImageType.FIXED} and self._header.uuid_parent != NIL:
            text = "a base image names a parent: QEMU refuses the image"
            self._report_field(FindingKind.BAD_UUID, "uuid_parent", text, NIL)

    def _judge_size(self) -> None:
        disk_size, block_size = self._header.disk_size, self._header.block_size
        if disk_size % SECTOR:
            text = f"the disk's size of {disk_size} bytes is not a multiple of {SECTOR}"
            self._report_field(FindingKind.UNALIGNED_SIZE, "disk_size", text, self._header.size)
        if self._header.is_rounded_down:
            text = f"{self.total} blocks of {block_size} bytes do not cover the disk of {disk_size} bytes"
            self._report_field(FindingKind.ROUNDED_DOWN, "block_count", text, self.total + 1)

    def _judge_length(self) -> None:
        if self._first_cut is None:
            return
        block, slot = self._first_cut
        self._report(
            FindingKind.SHORT_FILE,
            f"the file is cut off at {self._file_size}, and mapped blocks reach to {self.image_end_offset}: "
            f"{self._cut_count} of them are incomplete or missing, the first is block {block} in slot {slot}",
            offset=self._header.slot_offset(slot),
            block=block,
            slot=slot,
            found=self._file_size,
            expected=self.image_end_offset,
            count=self._cut_count,
        )

    def _judge_count(self) -> None:
        counted, used = self._header.blocks_allocated, self._owned_end
        if counted < used:
            text = f"{counted} slots are counted, but slot {used - 1} is in use: another writer would overwrite it"
            self._report_field(FindingKind.COUNT_LOW, "blocks_allocated", text, used)
        elif counted > max(used, self._held):
            text = f"{counted} slots are counted, {used} are needed, and the file holds {self._held}"
            self._report_field(FindingKind.COUNT_HIGH, "blocks_allocated", text, used)

    def _judge_space(self) -> None:
        end = max(self._owned_end, self._header.blocks_allocated)
        for first, stop in self._owned.gaps(Slot(min(end, self._held))):
            text = f"{stop - first} slots from slot {first} on belong to no block"
            self._report(FindingKind.LEAKED, text, offset=self._offset(first), slot=first, count=stop - first)
        end_offset = self._offset(max(end, self._stray_end))
        if (surplus := self._file_size - end_offset) > 0:
            facts = {"offset": end_offset, "found": self._file_size, "expected": end_offset, "count": surplus}
            self._report(FindingKind.TRAILING, f"{surplus} bytes follow the last slot", **facts)

    @property
    def _owned_end(self) -> int:
        highest = self._owned.highest()
        return 0 if highest is None else highest + 1

    def _offset(self, slot: int) -> int:
        """Where ``slot`` begins in the file, its extra bytes included."""
        return self._header.data_offset + slot * self._header.slot_stride

    def _report_entry(self, kind: FindingKind, block: BlockIndex, slot: Slot, text: str, expected: str) -> None:
        offset = self._header.entry_offset(block)
        self._report(kind, text, offset=offset, block=block, slot=slot, found=slot, expected=expected)

    def _report_field(self, kind: FindingKind, name: str, text: str, expected: object) -> None:
        found, offset = getattr(self._header, name), self._header.fields[name].offset
        self._report(kind, text, offset=offset, found=found, expected=expected)

    def _report(self, kind: FindingKind, message: str, **facts: Any) -> None:
        self.totals[kind] += 1
        if self.totals[kind] <= self._kept_max:
            self._kept.append(Finding(kind=kind, message=message, **facts))
