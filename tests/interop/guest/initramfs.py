"""The guest's first root, as an archive that the Linux kernel unpacks: cpio in the "newc" form, uncompressed.

Source: Documentation/driver-api/early-userspace/buffer-format.rst of Linux.
"""

import stat
import subprocess
from pathlib import Path, PurePosixPath

__all__ = ["Initramfs"]

_ALIGNMENT = 4
_TRAILER = "TRAILER!!!"


class Initramfs:
    """A root, file by file. Folders come by themselves, before what is in them."""

    def __init__(self) -> None:
        self._archive = bytearray()
        self._paths: set[str] = set()

    def add_folder(self, path: str) -> None:
        """An empty folder at ``path``, and those above it."""
        for each in [*reversed(PurePosixPath(path).parents), PurePosixPath(path)]:
            name = str(each).strip("/.")
            if name and name not in self._paths:
                self._put(name, b"", mode=stat.S_IFDIR | 0o755)

    def add_file(self, path: str, data: bytes, *, executable: bool = False) -> None:
        """A file at ``path``; nothing happens if there is one."""
        name = path.strip("/")
        if name not in self._paths:
            self.add_folder(str(PurePosixPath(name).parent))
            self._put(name, data, mode=stat.S_IFREG | (0o755 if executable else 0o644))

    def add_program(self, program: Path, path: str) -> None:
        """A program of this machine at ``path``, with the libraries that it needs where they are here."""
        self.add_file(path, program.read_bytes(), executable=True)
        for library in _libraries(program):
            self.add_file(library, Path(library).read_bytes(), executable=True)

    def finish(self) -> bytes:
        """The archive. Nothing can be added to it any more."""
        self._put(_TRAILER, b"", mode=0)
        return bytes(self._archive)

    def _put(self, name: str, data: bytes, *, mode: int) -> None:
        self._paths.add(name)
        encoded = name.encode() + b"\0"
        # inode, mode, uid, gid, links, time, length, two device numbers twice, length of the name, checksum (unused)
        fields = (len(self._paths), mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        self._archive += b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self._align()
        self._archive += data
        self._align()

    def _align(self) -> None:
        self._archive += bytes(-len(self._archive) % _ALIGNMENT)


def _libraries(program: Path) -> list[str]:
    """The paths that ldd(1) tells; none for a static program."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return [word for line in told.splitlines() for word in line.split() if word.startswith("/")]
