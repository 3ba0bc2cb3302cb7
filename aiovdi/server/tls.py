"""Who may speak to the server over TLS: whom the certificate authority vouches for, or everybody."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["server_context"]


def server_context(
    *, certificate: str | os.PathLike[str], key: str | os.PathLike[str], authority: str | os.PathLike[str] | None = None
) -> ssl.SSLContext:
    """A context for the server's side, TLS 1.2 or later ("SHOULD", doc/proto.md).

    Args:
        certificate: of the server, PEM; what leads up to its authority may follow in the same file.
        key: of the certificate, PEM, without a password.
        authority: PEM; only clients with a certificate that it vouches for are let in. None: all clients.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is not what it should be; names it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in (certificate, key, authority or certificate):
        Path(path).read_bytes()  # its error names the file, which that of ssl does not
    with _naming(f"{os.fspath(certificate)}, {os.fspath(key)}: expected a certificate and its key in PEM"):
        context.load_cert_chain(certificate, key, password=lambda: b"")
    if authority is not None:
        with _naming(f"{os.fspath(authority)}: expected the certificate of an authority in PEM"):
            context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextmanager
def _naming(expected: str) -> Iterator[None]:
    """What ssl says of a file that is none of its own names no file: ``[SSL] PEM lib``."""
    try:
        yield
    except ssl.SSLError as error:
        raise ValueError(f"{expected}, found something else: {error.reason or error}") from error
