"""The server's part of the handshake, up to the first request: fixed newstyle, with and without TLS.

Bytes in (`receive`), events and bytes out (the events it returns; `take_output`)::

    greeting -> client flags -> option, option, ... -> Negotiated · Abort · BadPeer
                                 STARTTLS -> StartTLS, then options again, as if none had come before

Rule 1: what the client sends, in whatever pieces, is answered or is a ``BadPeer``; nothing raises.
Rule 2: the data of an option that is too big to be meant seriously is skipped, not stored.
Rule 3: nothing of the plain text survives STARTTLS: neither what was agreed on, nor bytes that came early.
"""

from collections.abc import Generator, Mapping

from aiovdi.nbd.haggling import ALL_FLAGS, TLS, Abort, Event, Haggling, StartTLS
from aiovdi.nbd.terms import BadPeer, ExportInfo, Negotiated
from aiovdi.nbd.wire import CLIENT_FLAGS, GREETING, INIT_MAGIC, OPTION, OPTION_MAGIC
from aiovdi.units import KiB, ReadableBuffer, as_bytes_view

__all__ = [
    "OPTIONS_MAX",
    "OPTION_BYTES_MAX",
    "SKIPPED_BYTES_MAX",
    "Abort",
    "Event",
    "ServerHandshake",
    "StartTLS",
    "TLS",
]

OPTION_BYTES_MAX = 64 * KiB
"""Data of an option that is looked at. The longest sensible one is a name and a few queries, some 8 KiB."""

SKIPPED_BYTES_MAX = 1 << 24
"""Data of an option that is skipped and answered with ERR_TOO_BIG; what is longer ends the session."""

OPTIONS_MAX = 1024
"""Options in one session; a client that haggles longer means no good."""


class ServerHandshake:
    """One connection's handshake.

    Args:
        exports: what can be had, by name. The name ``""`` stands for the only export, if there is one only.
        tls: ``"off"``; ``"allow"``: for exports that are not ``tls_only`` the client decides; ``"require"``:
            without TLS nothing but STARTTLS and ABORT is answered.
        extended: whether extended headers are granted to a client that asks.

    Attributes:
        shutting_down: set it, and every further option but ABORT is answered with ERR_SHUTDOWN.
    """

    def __init__(self, exports: Mapping[str, ExportInfo], *, tls: TLS = "off", extended: bool = True) -> None:
        self._haggling = Haggling(exports, tls=tls, extended=extended)
        self._haggling.output += GREETING.pack(INIT_MAGIC, OPTION_MAGIC, ALL_FLAGS)
        self._input = bytearray()
        self._events: list[Event] = []
        self._last: Event | None = None
        self._conversation = self._converse()
        self._wanted = next(self._conversation)

    @property
    def shutting_down(self) -> bool:
        return self._haggling.shutting_down

    @shutting_down.setter
    def shutting_down(self, value: bool) -> None:
        self._haggling.shutting_down = value

    def receive(self, data: ReadableBuffer) -> list[Event]:
        """Take bytes of the client. Returns what has come of them, in order; each event but StartTLS is final."""
        self._input += as_bytes_view(data)
        while not self._is_over and self._has_enough():
            if isinstance(self._last, StartTLS):
                self._tell(BadPeer("plain text after STARTTLS"))
            else:
                piece = bytes(self._input[: self._wanted])
                del self._input[: self._wanted]
                self._wanted = self._conversation.send(piece)
        if isinstance(self._last, Abort | BadPeer):
            self._input.clear()
        events, self._events = self._events, []
        return events

    def take_output(self) -> bytes:
        """What is to be sent now. There is something at once: the server speaks first."""
        output = bytes(self._haggling.output)
        self._haggling.output.clear()
        return output

    def take_rest(self) -> bytes:
        """After ``Negotiated``: what came behind the handshake, for the request parser."""
        rest, self._input = bytes(self._input), bytearray()
        return rest

    def tls_started(self) -> None:
        """The connection is encrypted from here on."""
        assert isinstance(self._last, StartTLS)
        self._last = None
        self._haggling.tls_started()

    def _converse(self) -> Generator[int, bytes, None]:
        """The whole conversation. Yields how many bytes come next, and is sent exactly these."""
        (flags,) = CLIENT_FLAGS.unpack((yield CLIENT_FLAGS.size))
        self._tell(self._haggling.take_client_flags(flags))
        for _ in range(OPTIONS_MAX):
            magic, option, length = OPTION.unpack((yield OPTION.size))
            if magic != OPTION_MAGIC or length > SKIPPED_BYTES_MAX:
                self._tell(BadPeer(f"an option with magic {magic:#x} and {length} bytes of data"))
            elif length <= OPTION_BYTES_MAX:
                self._tell(self._haggling.answer(option, (yield length)))
            else:
                for start in range(0, length, OPTION_BYTES_MAX):
                    yield min(length - start, OPTION_BYTES_MAX)
                self._tell(self._haggling.answer(option, None))
        self._tell(BadPeer(f"more than {OPTIONS_MAX} options"))
        yield 0

    @property
    def _is_over(self) -> bool:
        return isinstance(self._last, Negotiated | Abort | BadPeer)

    def _has_enough(self) -> bool:
        return bool(self._input) if isinstance(self._last, StartTLS) else len(self._input) >= self._wanted

    def _tell(self, event: Event | None) -> None:
        if event is not None:
            self._events.append(event)
            self._last = event
