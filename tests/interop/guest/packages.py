"""What a guest is made of: programs that must be here, and Debian packages that are unpacked but not installed.

What is missing fails with the line that brings it: who asks for a guest by ``--guest`` wants no skip.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.interop.guest.kernel import Kernel

__all__ = ["find_busybox", "find_kernel", "find_program"]

_KERNEL = "linux-image-cloud-amd64"
_BUSYBOX = "busybox-static"
_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # a user's PATH may lack sbin


def find_program(name: str, package: str) -> Path:
    """The path of an installed program."""
    if (found := shutil.which(name, path=_FOLDERS)) is None:
        pytest.fail(f"{name} is not installed: apt-get install --no-install-recommends {package}")
    return Path(found)


def find_kernel(cache: Path) -> Kernel:
    """The kernel of this machine if it is a Debian one that we may read, else Debian's, unpacked in ``cache``."""
    try:
        return Kernel(Path("/"))
    except FileNotFoundError:
        return Kernel(_unpacked(_KERNEL, cache))


def find_busybox(cache: Path) -> Path:
    """A busybox of Debian's static kind, unpacked in ``cache``; others may lack commands."""
    [found] = _unpacked(_BUSYBOX, cache).glob("**/bin/busybox")
    return found


def _unpacked(package: str, cache: Path) -> Path:
    """The folder with the files of ``package``, downloaded the first time that it is asked for."""
    target = cache / package
    if not target.is_dir():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _run(["apt-get", "download", _real_name(package)], package, Path(folder))
            [archive] = Path(folder).glob("*.deb")
            _run(["dpkg-deb", "--extract", archive, "files"], package, Path(folder))
            (Path(folder) / "files").rename(target)
    return target


def _real_name(package: str) -> str:
    """What ``package`` stands for, if it is one of those that only name the newest kernel."""
    told = _run(["apt-cache", "show", "--no-all-versions", package], package, Path.cwd())
    depends = re.search(r"^Depends: (linux-image-\S+)", told, re.MULTILINE)
    return depends[1] if depends else package


def _run(command: Sequence[str | Path], package: str, folder: Path) -> str:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        pytest.fail(f"a guest is made of Debian packages, and {command[0]} is not here")
    except subprocess.CalledProcessError as error:
        pytest.fail(f"{package} is neither installed nor to be had; try apt-get update.\n{error.stderr}")
