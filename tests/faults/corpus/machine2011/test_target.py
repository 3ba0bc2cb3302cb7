"""The 2011 machine as the harness sees it."""

import pytest

from aiovdi.errors import DiskFailed, StorageError
from aiovdi.storage.memory import MemoryStorage
from faults.corpus.machine2011 import Machine2011
from faults.judges.reader import audit_and_read


def test_a_defect_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"found '9z', expected one of 1a, 1b"):
        Machine2011("9z")


async def test_what_it_writes_another_reader_reads() -> None:
    target = Machine2011()
    storage = MemoryStorage(target.blank())
    machine = await target.open(storage)
    await machine.pwrite(b"data" * 128, 4096 * 3 + 512)
    await machine.close()
    content = bytearray(storage.size)
    storage.pread_now(content, 0)
    assert audit_and_read(bytes(content))[4096 * 3 + 512 :][:512] == b"data" * 128


async def test_what_was_written_is_there_when_it_is_opened_again() -> None:
    target = Machine2011()
    storage = MemoryStorage(target.blank())
    machine = await target.open(storage)
    await machine.pwrite(b"data" * 128, 0)
    again = await target.open(storage)
    assert await again.pread(512, 0) == b"data" * 128
    assert await again.pread(512, 4096) == bytes(512)


def test_only_its_own_errors_are_expected_of_it() -> None:
    target = Machine2011()
    assert target.is_expected(StorageError(5, "no", operation="write"))
    assert not target.is_expected(RuntimeError())
    assert not target.is_expected(DiskFailed(RuntimeError()))
