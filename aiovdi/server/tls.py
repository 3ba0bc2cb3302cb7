"""Who may speak to the server over TLS: whom the certificate authority vouches for, or everybody."""

import os
import ssl
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
        OSError: a file cannot be read, or (``ssl.SSLError``) it is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in (certificate, key, authority or certificate):
        Path(path).read_bytes()  # its error names the file, which that of ssl does not
    context.load_cert_chain(certificate, key, password=lambda: b"")
    if authority is not None:
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
