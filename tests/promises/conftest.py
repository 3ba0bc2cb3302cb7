"""Shared by the tests of whole promises, on real files: the back ends, and where the space ends."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from aiovdi.storage import Aio, uring


@pytest.fixture(params=["threads", "io_uring"])
def aio(request: pytest.FixtureRequest) -> Aio:
    """Each back end for files that works here."""
    if request.param == "io_uring" and not uring.works():
        pytest.skip("io_uring, or the extra 'uring', is not available here")
    chosen: Aio = request.param
    return chosen


@pytest.fixture
def small_filesystem(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 4 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def file_size_limit() -> Callable[[int], AbstractContextManager[None]]:
    """``with file_size_limit(n)``: no file of this process may grow past ``n`` bytes (RLIMIT_FSIZE)."""

    @contextmanager
    def limit(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Where an image may be made."""
    return tmp_path / "disk.vdi"


@pytest.fixture
def open_descriptors() -> Callable[[], set[str]]:
    """The descriptors of this process that lead to a file or an eventfd, by what they lead to."""

    def look() -> set[str]:
        found = set()
        for link in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # the one that lists the folder
                found.add(f"{link.name}:{link.readlink()}")
        return found

    return look
