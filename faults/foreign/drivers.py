"""The drivers that are known by name, and how any other is described.

A driver is a command that serves one image over NBD, which it gets over NBD: ``{uri}`` stands for the
image, ``{socket}`` for where it shall listen. The image cannot grow, because an NBD export cannot: it is
as large as it may ever become from the beginning.
"""

import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from faults.foreign.formats import FORMATS, Format

__all__ = ["DRIVERS", "Driver", "find_driver"]

MiB = 1 << 20
SIZE = 6 * MiB


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
    return image.ljust(driver.room, b"\0")


def _filled(words: str, **places: object) -> list[str]:
    """The words with their places filled in. Raises ValueError: there is a place that nobody knows."""
    try:
        return [word.format(**places) for word in shlex.split(words)]
    except (LookupError, ValueError) as error:
        known = ", ".join(f"{{{place}}}" for place in places)
        raise ValueError(f"{words!r}: {error}; expected words and the places {known}") from error


def _run(words: str, **places: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(_filled(words, **places), capture_output=True, text=True, check=False)


def _qemu(name: str, *, options: str = "", checked: bool = False, **more: object) -> Driver:
    """A format of QEMU."""
    return Driver(
        name=f"qemu-{name}",
        command=f"qemu-nbd -f {name} --cache=writeback --socket={{socket}} {{uri}}",
        create=f"qemu-img create -q -f {name} {options} {{image}} {{size}}" if name != "raw" else "",
        check=f"qemu-img check -f {name} {{image}}" if checked else "",
        **more,  # type: ignore[arg-type]
    )


DRIVERS = {
    driver.name: driver
    for driver in (
        _qemu("vdi", format="vdi", room=SIZE + 4 * MiB + 1024),
        _qemu("qcow2", checked=True, room=SIZE + 2 * MiB),
        _qemu("vpc", options="-o force_size=on", room=SIZE + 4 * MiB, size=8 * MiB),
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
