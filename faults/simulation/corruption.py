"""What a disk does silently: rule 9 of the device model. For readers and checkers; no driver must survive it.

``lost``         A write succeeds, and nothing of it takes effect.
``misdirected``  A write succeeds, and takes effect at another unit of the file.
``flipped``      One bit of a write is stored, or of a read is returned, inverted.
``latent``       A write takes effect, and its units cannot be read until they are written again.
``stale``        A read returns what is durable, and not what was written since.

An I/O that is corrupted reports success; only a hand-written plan asks for it, as in
``event=write:bmap errno=0 effect=lost``.
"""

from faults.simulation.device import Device, Operation
from faults.simulation.tape import Tape

__all__ = ["OF_READS", "OF_WRITES", "end_corrupted", "read_corrupted"]

OF_WRITES = frozenset({"lost", "misdirected", "flipped", "latent"})
OF_READS = frozenset({"flipped", "stale"})


def end_corrupted(device: Device, operation: Operation, effect: str, tape: Tape) -> None:
    """A write ends, as the disk believes."""
    if effect == "lost":
        device.end(operation, only=lambda _: False)
        return
    if effect == "misdirected":
        operation.offset = _elsewhere(device, operation, tape)
    elif effect == "flipped":
        operation.data = _flipped(operation.data, tape)
    device.end(operation)
    if effect == "latent":
        device.unreadable.update(unit for unit, _, _ in device.pieces(operation))


def read_corrupted(device: Device, offset: int, length: int, effect: str, tape: Tape) -> bytes:
    """A read returns, as the disk believes, what it holds."""
    if effect == "stale":
        return device.stable()[offset : offset + length].ljust(max(0, min(length, device.length - offset)), b"\0")
    return _flipped(device.read(offset, length), tape)


def _elsewhere(device: Device, operation: Operation, tape: Tape) -> int:
    """Another offset in the file, as far from the border of its unit."""
    unit = device.unit
    here, within = operation.offset // unit, operation.offset % unit
    others = [other for other in range(-(-device.length // unit)) if other != here]
    return others[tape.draw("misdirected.to", len(others))] * unit + within if others else operation.offset


def _flipped(data: bytes, tape: Tape) -> bytes:
    if not data:
        return data
    bit = tape.draw("flipped.bit", 8 * len(data))
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)
