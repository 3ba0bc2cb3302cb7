"""Which values each sector of a disk may hold, by what was asked of the disk and what it answered.

A sector has *versions*, one for each write to it. A version may be seen from the moment its write was
issued until a newer write, issued after it had ended, is acknowledged. There are three eyes:

    live    a read of the open disk
    killed  the next process, after ``kill -9``
    lost    the next process, after a power cut: a version goes only when a flush or FUA covers a newer one
"""

from dataclasses import dataclass, field

SECTOR = 512
ZEROS = bytes(SECTOR)
FOREVER = float("inf")


def payload(write: int, offset: int, length: int) -> bytes:
    """Bytes that name their write and their sector, so that a wrong sector tells where it came from."""
    sectors = range(offset // SECTOR, (offset + length) // SECTOR)
    return b"".join(f"write {write:06} sector {sector:06} ".encode().ljust(32, b".") * 16 for sector in sectors)


@dataclass
class Version:
    """What one write put into one sector."""

    value: bytes
    issued: int
    ended: float = FOREVER
    acknowledged: bool = False
    live_until: float = FOREVER
    lost_until: float = FOREVER


@dataclass
class Write:
    """A write under way: its versions, by sector."""

    versions: dict[int, Version] = field(default_factory=dict)


class Oracle:
    """The judge. Knows nothing of blocks, slots or files."""

    def __init__(self, content: bytes) -> None:
        self.clock = 0
        self.sectors = [
            [Version(content[at : at + SECTOR], 0, 0, acknowledged=True)] for at in range(0, len(content), SECTOR)
        ]

    def tick(self) -> int:
        """The next instant."""
        self.clock += 1
        return self.clock

    def issue(self, offset: int, data: bytes) -> Write:
        """A write of whole sectors begins."""
        now, write = self.tick(), Write()
        for at in range(0, len(data), SECTOR):
            version = Version(data[at : at + SECTOR], now)
            self.sectors[(offset + at) // SECTOR].append(version)
            write.versions[(offset + at) // SECTOR] = version
        return write

    def end(self, write: Write, *, acknowledged: bool, fua: bool = False) -> None:
        """It returned, or raised: then each of its sectors is old or new."""
        now = self.tick()
        for sector, version in write.versions.items():
            version.ended, version.acknowledged = now, acknowledged
            if acknowledged:
                self._supersede(sector, version, now, lost=fua)

    def _supersede(self, sector: int, newer: Version, now: int, *, lost: bool) -> None:
        for older in self.sectors[sector]:
            if older is not newer and older.ended <= newer.issued:
                older.live_until = min(older.live_until, now)
                if lost:
                    older.lost_until = min(older.lost_until, now)

    def flushed(self, begun: int) -> None:
        """A flush that began at ``begun`` returned: what had been replaced by then is gone for good."""
        now = self.tick()
        for versions in self.sectors:
            for version in versions:
                if version.live_until <= begun:
                    version.lost_until = min(version.lost_until, now)

    def saw(self, offset: int, data: bytes, begun: int) -> None:
        """A read that began at ``begun`` has just returned ``data``."""
        now = self.tick()
        for at in range(0, len(data), SECTOR):
            sector, value = (offset + at) // SECTOR, data[at : at + SECTOR]
            allowed = [v for v in self.sectors[sector] if v.issued <= now and v.live_until > begun]
            self._judge("a read", sector, value, allowed)

    def judge_killed(self, disk: bytes) -> None:
        """Is this what the next process may find?"""
        self._judge_disk("kill -9", disk, [[v for v in known if v.live_until == FOREVER] for known in self.sectors])

    def judge_lost(self, disk: bytes) -> None:
        """Is this what may be left after a power cut now?"""
        self._judge_disk("power cut", disk, [[v for v in known if v.lost_until == FOREVER] for known in self.sectors])

    def _judge_disk(self, eye: str, disk: bytes, allowed: list[list[Version]]) -> None:
        for sector, versions in enumerate(allowed):
            self._judge(eye, sector, disk[sector * SECTOR : (sector + 1) * SECTOR], versions)

    def _judge(self, eye: str, sector: int, value: bytes, allowed: list[Version]) -> None:
        values = {version.value for version in allowed}
        assert value in values, f"{eye}: sector {sector} holds {value[:32]!r}, not one of {[v[:32] for v in values]}"
