"""A log that the kernel's tools and QEMU read: the same bytes for the same writes, and the disk again when replayed."""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from faults.runs.run import Script, run
from faults.runs.workload import Request
from faults.simulation.plan import NoFaults
from faults.simulation.tape import ExploringTape
from faults.simulation.writelog import FLUSH, FUA, Entry, WriteLog
from faults.vdi import VDI


def replayed(onto: bytes, log: bytes) -> bytes:
    """What a tool makes of the log, written from the format alone."""
    content = bytearray(onto)
    magic, version, count, sector_size = struct.unpack_from("<QQQI", log)
    assert (magic, version, sector_size) == (0x6A736677736872, 1, 512)
    at = 512
    for _ in range(count):
        first, sectors, _, _ = struct.unpack_from("<QQQQ", log, at)
        data = log[at + 512 : at + 512 + sectors * 512]
        content.extend(bytes(max(0, (first + sectors) * 512 - len(content))))
        content[first * 512 : (first + sectors) * 512] = data
        at += 512 + sectors * 512
    assert at == len(log)
    return bytes(content)


def test_the_log_of_a_run_makes_the_disk_again() -> None:
    target = VDI()
    requests = [Request("A0", "write", 0, 700), Request("A1", "fua", 5000, 512), Request("A2", "flush")]
    script = Script(workloads=([requests],), plan=lambda _: NoFaults(), end="close")
    for seed in range(20):
        log = WriteLog()
        outcome = run(target, ExploringTape(seed), script=script, log=log)
        assert outcome.failure is None
        disk = replayed(target.blank(), log.dump())
        content = target.read_image(disk.ljust(len(target.blank()) + target.size, b"\0"))  # a log knows no length
        assert content[:15] == b"A0 in sector 0;"
        assert content[5000:5008] != bytes(8)
        assert any(entry.flags & FLUSH for entry in log.entries)


def test_only_the_first_session_is_logged() -> None:
    one, two = (WriteLog(), WriteLog())
    session = [[Request("A0", "write", 0, 512)]]
    for log, sessions in ((one, 1), (two, 2)):
        script = Script(workloads=(session,) * sessions, plan=lambda _: NoFaults(), end="close")
        run(VDI(), ExploringTape(1), schedule="fifo", script=script, log=log)
    # Not the bytes: each session gives the image a new UUID.
    assert [entry[:3] for entry in one.entries] == [entry[:3] for entry in two.entries]
    assert one.entries


def test_a_flush_stands_where_it_was_issued() -> None:
    #   flush   issued ............ ends
    #   write            ends
    log = WriteLog()
    log.write(0, b"before", fua=False)
    begun = len(log.entries)
    log.write(1, b"during", fua=True)
    log.flush(begun)
    assert [entry.flags for entry in log.entries] == [0, FLUSH, FUA]
    assert log.entries[0] == Entry(0, 1, 0, b"before".ljust(512, b"\0"))


def test_qemu_writes_the_same_log_for_the_same_writes(peer: Callable[[str], str], tmp_path: Path) -> None:
    disk, theirs = tmp_path / "disk", tmp_path / "log"
    disk.write_bytes(bytes(65536))
    theirs.write_bytes(bytes(65536))
    options = f"driver=blklogwrites,file.driver=file,file.filename={disk},log.driver=file,log.filename={theirs}"
    subprocess.run(
        [
            *(peer("qemu-io"), "-c", "write -P 0x41 512 1024", "-c", "flush", "-c", "write -P 0x42 4096 512"),
            *("--image-opts", f"{options},log-sector-size=512"),
        ],
        check=True,
        capture_output=True,
    )
    log = WriteLog()
    log.write(1, b"A" * 1024, fua=False)
    log.flush(1)
    log.write(8, b"B" * 512, fua=False)
    log.flush(3)  # QEMU flushes when it closes
    ours = log.dump()
    entries = [ours[at : at + 32] for at in (512, 512 + 1536, 1024 + 1536, 2048 + 1536)]
    found = theirs.read_bytes()
    assert found[:28] == ours[:28]
    assert [found[at : at + 32] for at in (512, 512 + 1536, 1024 + 1536, 2048 + 1536)] == entries
    assert found[1024:2048] == ours[1024:2048] == b"A" * 1024
