"""A handshake is driven by bytes in any pieces, and ends once."""

from collections.abc import Generator

import pytest

from aiovdi.nbd.conversation import Conversation
from aiovdi.nbd.options import Malformed
from aiovdi.nbd.terms import Abort, BadPeer, ExportInfo, Negotiated, StartTLS

DONE = Negotiated(export=ExportInfo(name="x", size=0), flags=1)


class Echo(Conversation):
    """Wants three bytes, says them back, and then does what the next byte says."""

    def _converse(self) -> Generator[int, bytes, None]:
        self._output += yield 3
        while True:
            match (yield 1):
                case b"t":
                    self._tell(StartTLS())
                case b"n":
                    self._tell(DONE)
                    return
                case b"a":
                    self._tell(Abort())
                case word:
                    raise Malformed(f"a word {word!r}")


@pytest.mark.parametrize("pieces", [[b"abcn"], [b"a", b"b", b"c", b"n"], [b"", b"ab", b"cn"]])
def test_the_pieces_change_nothing(pieces: list[bytes]) -> None:
    echo = Echo()
    events = [event for piece in pieces for event in echo.receive(piece)]
    assert events == [DONE]
    assert echo.take_output() == b"abc"
    assert echo.take_output() == b""


def test_what_follows_the_handshake_is_kept_for_the_transmission() -> None:
    echo = Echo()
    assert echo.receive(b"abcnfirst ") == [DONE]
    assert echo.receive(b"request") == []
    assert echo.take_rest() == b"first request"
    assert echo.take_rest() == b""


@pytest.mark.parametrize(("last", "event"), [(b"a", Abort()), (b"?", BadPeer("a word b'?'"))])
def test_nothing_is_kept_after_any_other_end(last: bytes, event: object) -> None:
    echo = Echo()
    assert echo.receive(b"abc" + last + b"more") == [event]
    assert echo.receive(b"and more") == []
    assert echo.take_rest() == b""


@pytest.mark.parametrize("pieces", [[b"abctn"], [b"abct", b"n"]])
def test_plain_text_where_tls_should_start_ends_it(pieces: list[bytes]) -> None:
    # Else it would be taken for something that came over TLS.
    echo = Echo()
    events = [event for piece in pieces for event in echo.receive(piece)]
    assert events == [StartTLS(), BadPeer("plain text where TLS should start")]


def test_the_conversation_goes_on_over_tls() -> None:
    echo = Echo()
    assert echo.receive(b"abct") == [StartTLS()]
    echo.tls_started()
    assert echo.receive(b"n") == [DONE]
