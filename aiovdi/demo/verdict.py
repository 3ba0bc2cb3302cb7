"""The reopened image against what its writer had been told, and against the image before.

Every sector of the disk falls under one of three rules:

- Touched by a request: it holds what a request puts there that may have been the last, by the ledger,
  or what it held before if none was acknowledged.
- Under way at the kill is the same rule: old or new, by sector.
- Never touched: it holds what it held before.
"""

import enum
from collections import Counter
from dataclasses import dataclass, field

from aiovdi.demo.ledger import Ledger, name_in
from aiovdi.driver.reader import Reader
from aiovdi.units import SECTOR, MiB, segments

__all__ = ["Rule", "Verdict", "Wrong", "describe", "judge", "stored_blocks"]

_PIECE = 1 * MiB
_WRONG_KEPT_MAX = 20


class Rule(enum.Enum):
    """Which promise a wrong sector breaks; the strongest that covers it."""

    FLUSHED = "flushed"
    ACKNOWLEDGED = "acknowledged"
    UNDER_WAY = "under way"
    UNTOUCHED = "untouched"


@dataclass(frozen=True, slots=True)
class Wrong:
    """A sector that holds what it must not hold."""

    rule: Rule
    offset: int
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.rule.value} sector at {self.offset}: found {self.found}, expected {self.expected}"


@dataclass
class Verdict:
    """What was found, in sectors."""

    acknowledged: int = 0
    """Touched by at least one acknowledged change."""
    flushed: int = 0
    """Of those, the ones whose acknowledged changes a flush vouches for, all of them."""
    old: int = 0
    """Touched by a change under way at the kill, which is not what the sector holds."""
    new: int = 0
    """Touched by a change under way at the kill, and holding it."""
    untouched: int = 0
    """Stored before or after, and no business of any request."""
    broken: Counter[Rule] = field(default_factory=Counter)
    wrong: list[Wrong] = field(default_factory=list)
    """The first wrong sectors."""

    @property
    def held(self) -> bool:
        """Nothing is wrong."""
        return not self.broken

    def blame(self, rule: Rule, offset: int, *, found: bytes, expected: str) -> None:
        """Note one wrong sector."""
        self.broken[rule] += 1
        if len(self.wrong) < _WRONG_KEPT_MAX:
            self.wrong.append(Wrong(rule, offset, describe(found), expected))


async def judge(ledger: Ledger, *, before: Reader, after: Reader) -> Verdict:
    """Look at every sector that is stored in either image or was touched.

    What is stored in neither reads as zeros in both, and needs no look.

    Raises:
        StorageError, CorruptImage: an image cannot be read.
    """
    verdict = Verdict()
    touched = _by_piece(ledger)
    stored = await stored_blocks(before, _PIECE) | await stored_blocks(after, _PIECE)
    for piece in sorted(touched.keys() | stored):
        start = piece * _PIECE
        length = min(_PIECE, after.size - start)
        old, new = await before.pread(length, start), await after.pread(length, start)
        _judge_piece(verdict, ledger, touched.get(piece, []), start=start, old=old, new=new)
    return verdict


def _by_piece(ledger: Ledger) -> dict[int, list[int]]:
    pieces: dict[int, list[int]] = {}
    for sector in ledger.sectors:
        pieces.setdefault(sector * SECTOR // _PIECE, []).append(sector)
    return pieces


async def stored_blocks(disk: Reader, block_size: int) -> set[int]:
    """The blocks of the disk, in units of ``block_size``, of which a part has a slot. Raises as reading does."""
    blocks: set[int] = set()
    async for extent in disk.extents():
        if extent.data:
            parts = segments(offset=extent.start, length=extent.length, block_size=block_size)
            blocks.update(part.block for part in parts)
    return blocks


def _judge_piece(verdict: Verdict, ledger: Ledger, touched: list[int], *, start: int, old: bytes, new: bytes) -> None:
    rest = bytearray(new)
    for sector in touched:
        at = sector * SECTOR - start
        part = slice(at, at + SECTOR)
        _judge_sector(verdict, ledger, sector, old=old[part], new=new[part])
        rest[part] = old[part]
    verdict.untouched += len(new) // SECTOR - len(touched)
    if rest != old:
        _judge_untouched(verdict, start, old, rest)


def _judge_untouched(verdict: Verdict, start: int, old: bytes, new: bytearray) -> None:
    for at in range(0, len(old), SECTOR):
        if old[at : at + SECTOR] != new[at : at + SECTOR]:
            found = bytes(new[at : at + SECTOR])
            verdict.blame(
                Rule.UNTOUCHED, start + at, found=found, expected=f"as before, {describe(old[at : at + SECTOR])}"
            )


def _judge_sector(verdict: Verdict, ledger: Ledger, sector: int, *, old: bytes, new: bytes) -> None:
    touching = ledger.touching(sector)
    acknowledged = [each for each in touching if each.acknowledged]
    is_flushed = bool(acknowledged) and all(map(ledger.is_stable, acknowledged))
    verdict.acknowledged += bool(acknowledged)
    verdict.flushed += is_flushed
    before, requests = ledger.allowed(sector)
    held = [each for each in requests if each.content(sector) == new]
    if any(each.ended is None for each in touching):
        is_new = any(each.ended is None for each in held)
        verdict.new += is_new
        verdict.old += not is_new
    if not held and not (before and old == new):
        rule = Rule.FLUSHED if is_flushed else Rule.ACKNOWLEDGED if acknowledged else Rule.UNDER_WAY
        expected = [f"{each.kind.label} {each.number}" for each in requests] + ["as before"] * before
        verdict.blame(rule, sector * SECTOR, found=new, expected=" or ".join(expected))


def describe(sector: bytes) -> str:
    """What a sector is by its own account."""
    if not any(sector):
        return "zeros"
    if (name := name_in(sector)) is not None:
        return f"what write {name[1]} put to {name[0]}"
    return f"bytes that name no write, {sector[:16].hex()}…"
