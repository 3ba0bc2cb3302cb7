"""The server's part of the handshake, up to the first request: fixed newstyle, with and without TLS.

Bytes in (``receive``), events and bytes out (what it returns; ``take_output``)::

    greeting -> client flags -> option, option, ... -> Negotiated · Abort · BadPeer
                                 STARTTLS -> StartTLS, then options again, as if none had come before

Rule: the data of an option that is too big to be meant seriously is skipped, not stored.
"""

from collections.abc import Generator, Mapping

from aiovdi.nbd.conversation import Conversation
from aiovdi.nbd.haggling import ALL_FLAGS, TLS, Haggling
from aiovdi.nbd.options import Malformed
from aiovdi.nbd.terms import Abort, BadPeer, Event, ExportInfo, Negotiated, StartTLS
from aiovdi.nbd.wire import CLIENT_FLAGS, GREETING, INIT_MAGIC, OPTION, OPTION_MAGIC
from aiovdi.units import KiB

__all__ = [
    "OPTIONS_MAX",
    "OPTION_BYTES_MAX",
    "SKIPPED_BYTES_MAX",
    "TLS",
    "Abort",
    "BadPeer",
    "Event",
    "Negotiated",
    "ServerHandshake",
    "StartTLS",
]

OPTION_BYTES_MAX = 64 * KiB
"""Data of an option that is looked at. The longest sensible one is a name and a few queries, some 8 KiB."""

SKIPPED_BYTES_MAX = 1 << 24
"""Data of an option that is skipped and answered with ERR_TOO_BIG; what is longer ends the session."""

OPTIONS_MAX = 1024
"""Options in one session; a client that haggles longer means no good."""


class ServerHandshake(Conversation):
    """One connection's handshake.

    Args:
        exports: what can be had, by name. The name ``""`` stands for the only export, if there is one only.
        tls: ``"off"``; ``"allow"``: the client decides, except for exports that are ``tls_only``; ``"require"``:
            without TLS nothing but STARTTLS and ABORT is answered.
        extended: whether extended headers are granted to a client that asks.
    """

    def __init__(self, exports: Mapping[str, ExportInfo], *, tls: TLS = "off", extended: bool = True) -> None:
        super().__init__()
        self._haggling = Haggling(exports, tls=tls, extended=extended, output=self._output)
        self._output += GREETING.pack(INIT_MAGIC, OPTION_MAGIC, ALL_FLAGS)

    def shut_down(self) -> None:
        """From now on every option but ABORT is answered with ERR_SHUTDOWN."""
        self._haggling.shutting_down = True

    def tls_started(self) -> None:
        """After ``StartTLS``: the connection is encrypted, and nothing is agreed on yet."""
        super().tls_started()
        self._haggling.tls_started()

    def _converse(self) -> Generator[int, bytes, None]:
        (flags,) = CLIENT_FLAGS.unpack((yield CLIENT_FLAGS.size))
        self._haggling.take_client_flags(flags)
        for _ in range(OPTIONS_MAX):
            magic, option, length = OPTION.unpack((yield OPTION.size))
            if magic != OPTION_MAGIC or length > SKIPPED_BYTES_MAX:
                raise Malformed(f"an option with magic {magic:#x} and {length} bytes of data")
            data: bytes | None = None
            if length <= OPTION_BYTES_MAX:
                data = yield length
            else:
                yield from _skip(length)
            event = self._haggling.answer(option, data)
            if event is not None:
                self._tell(event)
        raise Malformed(f"more than {OPTIONS_MAX} options")


def _skip(length: int) -> Generator[int, bytes, None]:
    for start in range(0, length, OPTION_BYTES_MAX):
        yield min(length - start, OPTION_BYTES_MAX)
