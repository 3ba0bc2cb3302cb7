"""Why an export cannot be had, as an ``OSError`` that names it, and says what was to be reached and what to do.

What the system, a name server, OpenSSL or the server says by itself names none of that.
"""

import errno
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiovdi.nbd.wire import OptionReply
from aiovdi.storage.nbd_uri import Address

__all__ = ["hung_up", "no_way_to", "refusal", "tls_failures"]

_REFUSALS: dict[int, tuple[int, str]] = {
    OptionReply.ERR_UNKNOWN: (errno.ENOENT, "the server has no such export"),
    OptionReply.ERR_POLICY: (errno.EACCES, "the server refuses"),
    OptionReply.ERR_TLS_REQD: (errno.EACCES, "the server demands TLS, as nbds:// asks for it"),
    OptionReply.ERR_SHUTDOWN: (errno.ESHUTDOWN, "the server is shutting down"),
}
"""ECONNREFUSED for the rest."""


def refusal(name: str, code: int, reason: str) -> OSError:
    """Of a server that will not, with the error of `OptionReply` and the text that it sent."""
    number, text = _REFUSALS.get(code, (errno.ECONNREFUSED, "the server refuses"))
    return OSError(number, f"{name}: {text}: {reason}")


def hung_up(name: str, why: Exception | None, *, in_tls: bool) -> OSError:
    """In the midst of the handshake. So a server refuses a client's certificate, because TLS 1.3 begins without it."""
    text = "the server hung up" + (" after TLS began; it may want another client certificate" if in_tls else "")
    return OSError(errno.ECONNRESET, f"{name}: {text}{f': {why}' if why else ''}")


@contextmanager
def no_way_to(name: str, address: Address) -> Iterator[None]:
    """Within it a connection is made. A name that nobody knows (EAI_NONAME) is told as EHOSTUNREACH."""
    try:
        yield
    except OSError as error:
        is_known = error.errno in errno.errorcode
        number = error.errno if is_known and error.errno is not None else errno.EHOSTUNREACH
        why = os.strerror(number) if is_known else error.strerror or error
        place = f"{address.host} port {address.port}" if address.path is None else address.path
        raise OSError(number, f"{name}: cannot connect to {place}: {why}") from error


@contextmanager
def tls_failures(name: str) -> Iterator[None]:
    """Within it TLS begins. EACCES: the server is not who it should be; EPROTO: the two cannot agree."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise OSError(errno.EACCES, f"{name}: the server's certificate: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise OSError(errno.EPROTO, f"{name}: no TLS with the server: {error.strerror}") from error
