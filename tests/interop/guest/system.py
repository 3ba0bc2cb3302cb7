"""What a guest boots: Debian's kernel, and a first root with busybox, e2fsprogs and the script init.sh."""

import platform
from pathlib import Path

import pytest

from tests.interop.guest.initramfs import Initramfs
from tests.interop.guest.kernel import Kernel
from tests.interop.guest.machine import Machine
from tests.interop.guest.packages import find_busybox, find_kernel, find_program

__all__ = ["make_machine"]

_PROGRAMS = ("mkfs.ext4", "e2fsck")
_MODULES = ("virtio_pci", "virtio_blk", "ext4")
_CHECKSUM = "crc32c_generic"
"""ext4 asks for this by an alias that takes a modprobe to resolve. Newer kernels have it built in, with no name."""


def make_machine(cache: Path, folder: Path) -> Machine:
    """Packages are unpacked in ``cache``, and stay; what is made of them lies in ``folder``."""
    if platform.machine() != "x86_64":
        pytest.fail("the guest is a PC that takes programs of this machine: both have to be x86-64")
    qemu = find_program("qemu-system-x86_64", "qemu-system-x86")
    kernel = find_kernel(cache)
    root = folder / "initramfs.cpio"
    root.write_bytes(_first_root(kernel, find_busybox(cache)))
    return Machine(qemu, kernel.image, root, folder / "console.log")


def _first_root(kernel: Kernel, busybox: Path) -> bytes:
    root = Initramfs()
    for name in ("dev", "proc", "mnt", "etc"):
        root.add_folder(name)
    root.add_file("etc/mtab", b"")
    root.add_file("init", Path(__file__).with_name("init.sh").read_bytes(), executable=True)
    root.add_program(busybox, "bin/busybox")
    for name in _PROGRAMS:
        root.add_program(find_program(name, "e2fsprogs"), f"bin/{name}")
    modules = kernel.modules(*([_CHECKSUM] if kernel.has(_CHECKSUM) else []), *_MODULES)
    for name, code in modules.items():
        root.add_file(f"modules/{name}", code)
    root.add_file("modules/order", "\n".join(modules).encode())
    return root.finish()
