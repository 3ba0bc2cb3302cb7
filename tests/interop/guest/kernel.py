"""A Linux kernel as Debian packs it: the image to boot, and the modules that a disk and a file system need.

A package brings no modules.dep, which depmod(8) makes when it is installed: so what a module needs is
read from the module itself, as modinfo(8) does.
"""

import lzma
import re
from pathlib import Path

__all__ = ["Kernel"]


class Kernel:
    """The newest kernel for this architecture below ``root``, which is ``/`` or where a package was unpacked.

    Raises:
        FileNotFoundError: there is none that we may read.
    """

    def __init__(self, root: Path) -> None:
        images = [path for path in root.glob("boot/vmlinuz-*-amd64") if _is_readable(path)]
        found = [(path, root / "lib/modules" / path.name.removeprefix("vmlinuz-")) for path in images]
        complete = [(image, modules) for image, modules in found if modules.is_dir()]
        if not complete:
            raise FileNotFoundError(f"no kernel with its modules in {root / 'boot'}")
        self.image, modules = max(complete, key=lambda each: each[0].stat().st_mtime)
        self._files = {_module_name(path.name): path for path in modules.rglob("*.ko*")}
        self._builtin = {_module_name(line) for line in (modules / "modules.builtin").read_text().split()}

    def modules(self, *wanted: str) -> dict[str, bytes]:
        """Each of ``wanted`` and all that it depends on, by name, what is needed first before what needs it.

        What is part of the image is left out.
        """
        found: dict[str, bytes] = {}

        def add(name: str) -> None:
            if name not in found and name not in self._builtin:
                code = _unpacked(self._files[name])
                for other in _dependencies(code):
                    add(other)
                found[name] = code

        for name in wanted:
            add(name)
        return found

    def has(self, name: str) -> bool:
        """There is a module of that name, or the image has it."""
        return name in self._files or name in self._builtin


def _dependencies(code: bytes) -> list[str]:
    """What the section ``.modinfo`` tells, where a fact is ``key=value`` and a zero byte."""
    told = re.findall(rb"(?<=\0)depends=([^\0]*)\0", code)
    return [_module_name(name) for value in told for name in value.decode().split(",") if name]


def _module_name(file: str) -> str:
    return file.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def _unpacked(path: Path) -> bytes:
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    return path.read_bytes()


def _is_readable(path: Path) -> bool:
    try:
        path.open("rb").close()
    except PermissionError:
        return False
    return True
