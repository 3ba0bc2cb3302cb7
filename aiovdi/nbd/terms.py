"""What an export offers, what the two sides agreed on, and how a handshake or a transmission ends."""

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from aiovdi.nbd.wire import BLOCK_MINIMUM_MAX, PAYLOAD_MAX, STRING_MAX, ExportFlag
from aiovdi.units import SECTOR, KiB

__all__ = [
    "BASE_ALLOCATION",
    "DEFAULT_BLOCK_SIZES",
    "Abort",
    "BadPeer",
    "BlockSizes",
    "Event",
    "ExportInfo",
    "Negotiated",
    "Refused",
    "StartTLS",
]

BASE_ALLOCATION = "base:allocation"
"""The one metadata context that the specification defines: which extents are holes, which read as zeros."""


class BlockSizes(NamedTuple):
    """Size constraints of an export, in bytes. The default is what holds where nothing was said."""

    minimum: int = 1
    """Offsets and lengths are multiples of this: a power of two, at most 64 KiB."""
    preferred: int = 4 * KiB
    """Aligned requests of this size are efficient: a power of two, at least ``minimum`` and 512."""
    payload_max: int = PAYLOAD_MAX
    """The longest READ or WRITE; at least ``preferred``."""

    def is_valid(self) -> bool:
        """Whether the specification allows these numbers together."""
        return (
            _is_power_of_two(self.minimum)
            and self.minimum <= BLOCK_MINIMUM_MAX
            and _is_power_of_two(self.preferred)
            and self.preferred >= max(self.minimum, SECTOR)
            and self.preferred <= self.payload_max < 1 << 32
        )


DEFAULT_BLOCK_SIZES = BlockSizes()
"""What holds between two sides that did not speak of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportInfo:
    """An export as it is offered to clients.

    Attributes:
        name: what clients ask for; at most 4096 bytes of UTF-8.
        size: in bytes.
        flags: `ExportFlag` bits of what it can do. HAS_FLAGS and SEND_DF are the handshake's part.
        description: for people.
        block_sizes: its constraints, which every request is held to.
        contexts: names of the metadata contexts that it can report.
        tls_only: it is shown to nobody before TLS, where the server has TLS.

    Raises:
        ValueError: the specification does not allow the block sizes, or so long a text.
    """

    name: str
    size: int
    flags: int = 0
    description: str = ""
    block_sizes: BlockSizes = DEFAULT_BLOCK_SIZES
    contexts: tuple[str, ...] = (BASE_ALLOCATION,)
    tls_only: bool = False

    def __post_init__(self) -> None:
        if not self.block_sizes.is_valid():
            raise ValueError(f"{self.name}: the NBD protocol does not allow {self.block_sizes}")
        for text in (self.name, self.description, *self.contexts):
            if len(text.encode()) > STRING_MAX or "\0" in text:
                raise ValueError(f"{self.name}: the NBD protocol has strings of up to {STRING_MAX} bytes and no NUL")

    @property
    def is_read_only(self) -> bool:
        return bool(self.flags & ExportFlag.READ_ONLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """Both sides enter transmission on these terms.

    Attributes:
        export: what was chosen. For a client: as the server described it.
        flags: the `ExportFlag` bits that were sent for this connection.
        structured: replies are structured.
        extended: requests and replies have extended headers; then ``structured`` is False.
        contexts: metadata contexts by the id that BLOCK_STATUS replies name them with.
        tls: the connection is encrypted.
    """

    export: ExportInfo
    flags: int
    structured: bool = False
    extended: bool = False
    contexts: dict[int, str] = field(default_factory=dict)
    tls: bool = False

    @property
    def has_chunks(self) -> bool:
        """Replies come in chunks, so a READ may be answered in parts and with holes."""
        return self.structured or self.extended


@dataclass(frozen=True, slots=True)
class StartTLS:
    """Send the output, upgrade the connection to TLS, call ``tls_started``, go on."""


@dataclass(frozen=True, slots=True)
class Abort:
    """To a server: the client goes. Send the output, then close."""


class Refused(NamedTuple):
    """To a client: the server will not. Send the output, then close."""

    code: int
    """An error of `OptionReply`."""
    reason: str


class BadPeer(NamedTuple):
    """The connection must be dropped, without another word: why, for the log."""

    reason: str


Event: TypeAlias = StartTLS | Negotiated | Abort | Refused | BadPeer
"""What a handshake comes to. Each but StartTLS is its last."""


def _is_power_of_two(value: int) -> bool:
    return value > 0 and not value & (value - 1)
