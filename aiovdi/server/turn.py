"""What one turn of the event loop answers at once: reads from the page cache, without a task and without a copy.

All connections of a server share one buffer, the *arena*. In its turn a connection fills it with replies,
headers and data side by side, and hands it to its transport in one piece, which sends it there and then.
Only if the client does not take all of it does the transport keep the arena, and then the server makes
another.

Rule 1: a turn answers at most what the arena holds, or one longer read. What is left waits for the next
    turn, after everybody else's: so no client holds the loop, whatever it asks for.
Rule 2: nothing here waits and nothing raises. What cannot be answered at once is left to a task.
"""

from collections.abc import Sequence

from aiovdi.nbd.replies import SimpleReplies
from aiovdi.nbd.transmission import Request
from aiovdi.nbd.wire import Command
from aiovdi.server.counters import Counters
from aiovdi.server.export import Export
from aiovdi.server.serving import Reply
from aiovdi.units import KiB, MiB

__all__ = ["Arena", "Turn"]

ARENA_BYTES = 256 * KiB

_SMALL_MAX = 64 * KiB
"""Longest read that goes into the arena."""

_LARGE_MAX = 1 * MiB
"""Longest read that is tried at once; to copy it takes a tenth of a millisecond."""

_READ = int(Command.READ)


class Arena:
    """Memory for the replies of a turn. Whoever fills it sends it before anybody else's turn."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(ARENA_BYTES))

    def renew(self) -> None:
        """A transport has kept the memory, so it is not ours any more."""
        self.view = memoryview(bytearray(ARENA_BYTES))


class Turn:
    """One connection's turns, one after the other."""

    def __init__(self, export: Export, replies: SimpleReplies, arena: Arena, counters: Counters) -> None:
        self._read_now = export.pread_now
        self._replies = replies
        self._head = replies.read_header_bytes
        self._arena = arena
        self._counters = counters
        self._filled = 0
        self._large: bytearray | None = None
        self.is_over = False
        """The turn has answered as much as one may."""

    def begin(self) -> None:
        """Start with nothing."""
        self._filled = 0
        self._large = None
        self.is_over = False

    def output(self) -> Reply:
        """What is to be sent, of which only the first is in the arena."""
        pieces: Reply = [self._arena.view[: self._filled]] if self._filled else []
        return [*pieces, self._large] if self._large is not None else pieces

    def put(self, reply: bytes) -> bool:
        """Add a reply that is ready, if there is room; else the turn is over."""
        end = self._filled + len(reply)
        if end > ARENA_BYTES:
            self.is_over = True
            return False
        self._arena.view[self._filled : end] = reply
        self._filled = end
        return True

    def reads(self, requests: Sequence[Request], first: int) -> int:
        """Answer ``requests`` from ``first`` on. Returns the index of the first that could not be answered here."""
        view, head = self._arena.view, self._head
        read_now, header = self._read_now, self._replies.read_header
        at, index, length_sum = self._filled, first, 0
        for index in range(first, len(requests)):
            request = requests[index]
            length = request.length
            data = at + head
            if request.command != _READ or request.error or not 0 < length <= _SMALL_MAX:
                break
            if data + length > ARENA_BYTES:
                self.is_over = True
                break
            if not read_now(view[data : data + length], request.offset):
                break
            view[at:data] = header(request)
            at = data + length
            length_sum += length
        else:
            index = len(requests)
        self._filled = at
        self._counters.reads(index - first, length_sum)
        return index

    def large_read(self, request: Request) -> bool:
        """Answer a read that is too long for the arena, which ends the turn."""
        length = request.length
        if request.command != _READ or request.error or not _SMALL_MAX < length <= _LARGE_MAX:
            return False
        whole = bytearray(self._head + length)
        with memoryview(whole) as view:
            if not self._read_now(view[self._head :], request.offset):
                return False
        self._replies.put_read_header(request, whole)
        self._large = whole
        self._counters.count(_READ, length)
        self.is_over = True
        return True
