"""What all connections of one server share."""

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiovdi.nbd.handshake import TLS
from aiovdi.server.counters import Counters
from aiovdi.server.export import Offer
from aiovdi.server.limits import Limits, Pool
from aiovdi.server.payloads import Payloads
from aiovdi.server.turn import Arena
from aiovdi.settling import UnderWay
from aiovdi.units import KiB

__all__ = ["Commons", "Requests"]


class Requests(UnderWay):
    """The requests that have begun and not ended, of all connections."""

    def __init__(self) -> None:
        super().__init__()
        self._tasks: set[asyncio.Task[object]] = set()

    def keep(self, task: asyncio.Task[object]) -> None:
        """Hold ``task`` until it is done: the loop would not."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@dataclass(slots=True)
class Commons:
    """The offers, the limits, the memory and the counts of a server.

    Attributes:
        offers: by name.
        infos: the same as the handshake tells them.
        limits: what a client may take.
        context: for TLS, which is then demanded of every client; None: plain text.
        scratch: where handshakes are read into; what is not used at once is copied out of it.
        payloads: memory for what clients write.
        under_way: the requests that have begun.
    """

    offers: dict[str, Offer]
    limits: Limits
    context: ssl.SSLContext | None = None
    counters: Counters = field(default_factory=Counters)
    arena: Arena = field(default_factory=Arena)
    scratch: memoryview = field(default_factory=lambda: memoryview(bytearray(16 * KiB)))
    payloads: Payloads = field(default_factory=Payloads)
    under_way: Requests = field(default_factory=Requests)
    pool: Pool = field(init=False)

    def __post_init__(self) -> None:
        self.pool = Pool(self.limits.pool_bytes)

    @classmethod
    def of(cls, offers: Iterable[Offer], limits: Limits, context: ssl.SSLContext | None) -> "Commons":
        """Raises ValueError for two offers of one name."""
        by_name: dict[str, Offer] = {}
        for offer in offers:
            if offer.name in by_name:
                raise ValueError(f"two exports are named {offer.name!r}")
            by_name[offer.name] = offer
        return cls(by_name, limits, context)

    @property
    def tls(self) -> TLS:
        return "off" if self.context is None else "require"
