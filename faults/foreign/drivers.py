"""The drivers that are known by name, and how any other is described.

A driver is a command that serves one image over NBD, which it gets over NBD: ``{uri}`` stands for the
image, ``{socket}`` for where it shall listen. An NBD export cannot grow, so an image is as large as it may ever
become from the beginning; but a client that writes past the end all the same, and takes the export to be longer
from then on, as QEMU's does, may have one that *grows*.
"""

import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from aiovdi.units import KiB, MiB
from faults.foreign.formats import FORMATS, Format

__all__ = ["DRIVERS", "Driver", "find_driver"]

SIZE = 6 * MiB
GRAIN = 64 * KiB
"""What VMDK allocates, in bytes."""
GROWING: dict[str, Any] = {"grows": True, "room": 4 * SIZE}


@dataclass(frozen=True)
class Driver:
    """A foreign driver, as an artifact can carry it."""

    name: str
    command: str
    """Words with ``{uri}`` and ``{socket}``."""
    create: str = ""
    """Words with ``{image}`` and ``{size}`` that make an empty image; "": it is all zeros."""
    check: str = ""
    """Words with ``{image}``; status 0, or 3 for mere leaks, if the image is sound. "": not asked."""
    format: str = ""
    """What is known of it, one of ``formats.FORMATS``."""
    size: int = SIZE
    """Of the disk, in bytes."""
    block_size: int = MiB
    """About the unit in which the driver allocates, in bytes, so that workloads meet at its borders."""
    room: int = 0
    """Of the image at its largest, in bytes; 0: it is created that large."""
    grows: bool = False
    """The image is as long as it was created, and grows up to ``room`` by writes past its end. No client reads before
    the next process then: QEMU's NBD client sends such writes, and aborts at a read there."""
    repair: str = ""
    """Words with ``{image}`` that a format demands after a kill or a power loss; "": it opens as it is."""
    turns: int = 4
    """Probes that it answers while what was given to it takes effect, see ``quiescence``; more do no harm."""

    @property
    def rules(self) -> Format:
        """What is known of its format."""
        return FORMATS[self.format]

    def argv(self, uri: str, socket: Path) -> list[str]:
        """The command that serves ``uri`` on ``socket``."""
        return _filled(self.command, uri=uri, socket=socket)

    def blank(self) -> bytes:
        """An empty image with all the room that it will need. Raises ValueError: it cannot be made."""
        return _blank(self)

    def check_words(self) -> None:
        """Raises ValueError: the command could never serve anything."""
        self.argv("", Path())
        for place in ("{uri}", "{socket}"):
            if place not in self.command:
                raise ValueError(f"{self.command!r}: expected a place {place}")

    def complaint(self, image: bytes) -> str:
        """What the format's own checker says of ``image``; "" if it is content, or not asked."""
        if not self.check:
            return ""
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            path = Path(folder) / "image"
            path.write_bytes(image)
            done = _run(self.check, image=path)
        return "" if done.returncode in (0, 3) else (done.stdout + done.stderr).strip()

    def repaired(self, image: bytes) -> bytes:
        """What the format's own repair makes of ``image``; the same if it has none."""
        if not self.repair:
            return image
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            path = Path(folder) / "image"
            path.write_bytes(image)
            _run(self.repair, image=path)
            return path.read_bytes().ljust(0 if self.grows else len(image), b"\0")

    @property
    def full_name(self) -> str:
        """What ``find_driver`` finds it by."""
        if DRIVERS.get(self.name) == self:
            return self.name
        unusual = {each.name: value for each in fields(self) if (value := getattr(self, each.name)) != each.default}
        return json.dumps(unusual, sort_keys=True)


@cache
def _blank(driver: Driver) -> bytes:
    if not driver.create:
        return bytes(max(driver.room, driver.size))
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        path = Path(folder) / "image"
        done = _run(driver.create, image=path, size=driver.size)
        if done.returncode:
            raise ValueError(f"{driver.create!r} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
        image = path.read_bytes()
    return image if driver.grows else image.ljust(driver.room, b"\0")


def _filled(words: str, **places: object) -> list[str]:
    """The words with their places filled in. Raises ValueError: there is a place that nobody knows."""
    try:
        return [word.format(**places) for word in shlex.split(words)]
    except (LookupError, ValueError) as error:
        known = ", ".join(f"{{{place}}}" for place in places)
        raise ValueError(f"{words!r}: {error}; expected words and the places {known}") from error


def _run(words: str, **places: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(_filled(words, **places), capture_output=True, text=True, check=False)


def _qemu(
    name: str, *, options: str = "", checked: bool = False, repaired: bool = False, variant: str = "", **more: Any
) -> Driver:
    """A format of QEMU."""
    return Driver(
        name=f"qemu-{name}{variant}",
        command=f"qemu-nbd -f {name} --cache=writeback --socket={{socket}} {{uri}}",
        create=f"qemu-img create -q -f {name} {options} {{image}} {{size}}" if name != "raw" else "",
        check=f"qemu-img check -f {name} {{image}}" if checked else "",
        repair=f"qemu-img check -q -f {name} -r all {{image}}" if repaired else "",
        **more,
    )


def _qcow2(variant: str, cluster: int, options: str = "", *, repaired: bool = False) -> Driver:
    """QCOW2 with small clusters, so that a small disk has several tables of each kind."""
    options = f"-o cluster_size={cluster}{options}"
    more: dict[str, Any] = {"block_size": 2 * cluster, "room": 2 * SIZE}
    return _qemu("qcow2", options=options, checked=True, repaired=repaired, variant=variant, **more)


DRIVERS = {
    driver.name: driver
    for driver in (
        _qemu("vdi", format="vdi", room=SIZE + 4 * MiB + 1024),
        _qemu("qcow2", checked=True, room=SIZE + 2 * MiB),
        _qemu("vpc", options="-o force_size=on", room=SIZE + 4 * MiB, size=8 * MiB),
        _qcow2("-small", 4096),
        _qcow2("-lazy", 4096, ",lazy_refcounts=on", repaired=True),
        _qcow2("-sub", 16384, ",extended_l2=on"),
        _qemu("vmdk", options="-o subformat=monolithicSparse", checked=True, block_size=GRAIN, **GROWING),
        _qemu(
            "qed", options="-o cluster_size=4096,table_size=2", checked=True, repaired=True, block_size=8192, **GROWING
        ),
        _qemu("parallels", checked=True, repaired=True, room=2 * SIZE),
        _qemu("raw"),
        Driver(
            "aiovdi",
            f"{shlex.quote(sys.executable)} -m aiovdi serve --socket={{socket}} {{uri}}",
            create=f"{shlex.quote(sys.executable)} -m aiovdi create -q -f vdi {{image}} {{size}}",
            format="vdi",
            room=SIZE + 2 * MiB,
            turns=32,
        ),
    )
}


def find_driver(name: str) -> Driver:
    """The driver of this name, or the one that JSON describes.

    Raises:
        ValueError: there is none.
    """
    if name in DRIVERS:
        return DRIVERS[name]
    try:
        content = json.loads(name)
        return Driver(**{each.name: content[each.name] for each in fields(Driver) if each.name in content})
    except (ValueError, TypeError) as error:
        raise ValueError(f"driver {name!r}: expected one of {', '.join(DRIVERS)}, or a command") from error
