"""A handshake as one long sentence: a generator that says how many bytes it wants next, and is sent exactly these.

What both roles share: bytes come in any pieces, events and bytes go out, TLS may start in between.
Rule 1: nothing that a peer sends raises; a generator that raises ``Malformed`` ends with ``BadPeer``.
Rule 2: nothing of the plain text survives the start of TLS, so bytes that came early are a ``BadPeer`` too.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator

from aiovdi.nbd.options import Malformed
from aiovdi.nbd.terms import BadPeer, Event, Negotiated, StartTLS
from aiovdi.units import ReadableBuffer, as_bytes_view

__all__ = ["Conversation"]


class Conversation(ABC):
    """Either role's side of a handshake; what is special to it is in ``_converse``."""

    def __init__(self) -> None:
        self._input = bytearray()
        self._output = bytearray()
        self._events: list[Event] = []
        self._upgrading = False
        self._end: Event | None = None
        self._steps = self._converse()
        self._wanted = next(self._steps)

    @abstractmethod
    def _converse(self) -> Generator[int, bytes, None]:
        """The conversation. Yields how many bytes come next; tells at least one event before it returns."""

    def receive(self, data: ReadableBuffer) -> list[Event]:
        """Take bytes of the peer. Returns what has come of them, in order; each event but StartTLS is final."""
        self._input += as_bytes_view(data)
        while self._end is None and len(self._input) >= (1 if self._upgrading else self._wanted):
            if self._upgrading:
                self._tell(BadPeer("plain text where TLS should start"))
            else:
                piece = bytes(self._input[: self._wanted])
                del self._input[: self._wanted]
                self._step(piece)
        if self._end is not None and not isinstance(self._end, Negotiated):
            self._input.clear()
        events, self._events = self._events, []
        return events

    def take_output(self) -> bytes:
        """What is to be sent now. A server has its greeting at once."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def take_rest(self) -> bytes:
        """After ``Negotiated``: what came behind the handshake, for the parser of the transmission."""
        rest = bytes(self._input)
        self._input.clear()
        return rest

    def tls_started(self) -> None:
        """After ``StartTLS``: the connection is encrypted from here on."""
        assert self._upgrading
        self._upgrading = False
        if not self._wanted:  # it is this side that speaks next
            self._step(b"")

    def _step(self, piece: bytes) -> None:
        try:
            self._wanted = self._steps.send(piece)
        except StopIteration:
            assert self._end is not None
        except Malformed as error:
            self._tell(BadPeer(str(error)))

    def _tell(self, event: Event) -> None:
        self._events.append(event)
        if isinstance(event, StartTLS):
            self._upgrading = True
        else:
            self._end = event
