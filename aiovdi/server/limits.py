"""How much a client may take: memory, requests, time.

Rule 1: what a connection needs for small requests is its own, and nobody can take it away. Only what goes
    beyond that is lent from a pool that all connections share.
Rule 2: the pool is lent first come, first served, and all of a request's memory at once: a request that
    waits holds nothing, so nobody waits for somebody who waits.
Rule 3: a connection that waits is not read from, so its client feels it, and nobody else does.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from aiovdi.units import KiB, MiB

__all__ = ["Limits", "Memory", "Pool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a server. Sizes in bytes, times in seconds; a time of None means for ever.

    Attributes:
        connections_max: connections at once; one more is closed as soon as it is there.
        requests_max: requests under way on one connection; further ones are not read.
        own_bytes: data of requests under way that a connection has without asking.
        pool_bytes: what all connections together may have beyond that. A larger request is served alone.
        handshake_seconds: from the connection to the end of the handshake.
        idle_seconds: without a request under way and without a byte from the client.
        stall_seconds: a client that holds memory of the pool while others wait for it must take or send
            something within this time.
        drain_seconds: at the end, for clients to take the answers to what they have asked.
    """

    connections_max: int = 1024
    requests_max: int = 256
    own_bytes: int = 512 * KiB
    pool_bytes: int = 256 * MiB
    handshake_seconds: float | None = 30.0
    idle_seconds: float | None = None
    stall_seconds: float | None = 30.0
    drain_seconds: float | None = 10.0


class Pool:
    """Memory that is lent by count: nothing is allocated here."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.lent = 0
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()

    @property
    def is_short(self) -> bool:
        """Somebody waits."""
        return bool(self._waiting)

    def take(self, count: int) -> bool:
        """Lend ``count`` bytes, if they are there and nobody came before."""
        if self._waiting or not self._has(count):
            return False
        self.lent += count
        return True

    def wait(self, count: int, granted: Callable[[], None]) -> None:
        """Queue for ``count`` bytes. They have been taken when ``granted`` is called, which must not raise."""
        self._waiting.append((count, granted))

    def leave(self, granted: Callable[[], None]) -> None:
        """Queue no longer."""
        self._waiting = deque(each for each in self._waiting if each[1] != granted)
        self._serve()

    def give(self, count: int) -> None:
        """Take ``count`` bytes back."""
        self.lent -= count
        assert self.lent >= 0
        self._serve()

    def _has(self, count: int) -> bool:
        return self.lent + count <= self.size or not self.lent

    def _serve(self) -> None:
        while self._waiting and self._has(self._waiting[0][0]):
            count, granted = self._waiting.popleft()
            self.lent += count
            granted()


class Memory:
    """The account of one connection: its own bytes first, then what the pool lends.

    Args:
        pool: of the server.
        own: bytes that need not be asked for.
        again: called when it is worth to try a refused ``take`` again.
    """

    def __init__(self, pool: Pool, own: int, again: Callable[[], None]) -> None:
        self.lent = 0
        """What of it the pool has lent."""
        self._pool = pool
        self._own = own
        self._again = again
        self._held = 0
        self._answered = 0
        self._wanted = 0

    def take(self, count: int) -> bool:
        """Take ``count`` bytes for a request; if that has to wait, ``again`` will be called."""
        missing = self._held + count - self._own - self.lent
        if missing > 0 and not self._pool.take(missing):
            self._queue(missing)
            return False
        self._queue(0)
        self.lent += max(0, missing)
        self._held += count
        return True

    def answered(self, count: int) -> None:
        """A request that took ``count`` has its reply, which is still to be sent."""
        self._answered += count

    def sent(self) -> None:
        """All replies have left: give their memory back."""
        self._held -= self._answered
        self._answered = 0
        self._give_back()

    def leave(self) -> None:
        """Wait for nothing any more."""
        self._queue(0)

    def _give_back(self) -> None:
        spare = self.lent - max(0, self._held - self._own)
        if spare > 0:
            self.lent -= spare
            self._pool.give(spare)

    def _queue(self, missing: int) -> None:
        """Wait for ``missing`` bytes of the pool and for nothing else."""
        if self._wanted and self._wanted != missing:
            self._pool.leave(self._granted)
            self._wanted = 0
        if missing and not self._wanted:
            self._wanted = missing
            self._pool.wait(missing, self._granted)

    def _granted(self) -> None:
        self.lent += self._wanted
        self._wanted = 0
        self._again()
