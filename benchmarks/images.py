"""The images that rows work on. All chance comes from a fixed seed, so every run reads the same places."""

import random
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiovdi
from aiovdi.units import KiB, MiB

__all__ = ["blank", "filled", "scattered"]


def blank(size: int) -> Callable[[Path], Awaitable[None]]:
    """Makes an image of ``size`` bytes in which nothing is allocated."""

    async def make(path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", aiovdi.CompatibilityWarning)  # the row says what it asks for
            await aiovdi.create(path, size)

    return make


def filled(size: int) -> Callable[[Path], Awaitable[None]]:
    """Makes an image of ``size`` bytes, all written, whose blocks lie in the file in another order than on the disk."""

    async def make(path: Path) -> None:
        await aiovdi.create(path, size)
        blocks = list(range(size // MiB))
        random.Random(1).shuffle(blocks)
        async with aiovdi.open(path, "r+") as disk:
            for block in blocks:
                await disk.pwrite(random.Random(block).randbytes(MiB), block * MiB)

    return make


def scattered(count: int, *, size: int, length: int = 4 * KiB, seed: int = 1) -> list[int]:
    """``count`` offsets, multiples of ``length``, spread over ``size`` bytes."""
    chance = random.Random(seed)
    return [chance.randrange(size // length) * length for _ in range(count)]
