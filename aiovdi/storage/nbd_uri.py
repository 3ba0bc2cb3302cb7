"""NBD URIs: where an export is, and how to speak to it. After ``doc/uri.md`` of NetworkBlockDevice/nbd.

=====================================  ==========================================================
``nbd://host:port/export``             TCP; without a host this machine, without a port 10809
``nbd+unix:///export?socket=path``     a Unix socket
``nbds://``, ``nbds+unix://``          the same over TLS, or not at all
``tls-certificates=folder``            libnbd's: the folder with ``ca-cert.pem``, ``client-cert.pem`` and
                                       ``client-key.pem``, each only if it is there
``tls-hostname=name``                  whose certificate to expect, if not that of the host
``tls-verify-peer=0``                  take any certificate
=====================================  ==========================================================

A parameter that is not known is an error, as the document recommends: it might have been a restriction.
So is a scheme of NBD that is not spoken here, and QEMU's older spelling, ``nbd:host:port``: neither is a file's
name. A file that is called so can be had as ``./nbd:…``.
"""

import errno
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from aiovdi.nbd.wire import PORT, STRING_MAX

__all__ = ["Address", "is_uri", "parse"]

_SCHEMES = {"nbd": (False, False), "nbds": (True, False), "nbd+unix": (False, True), "nbds+unix": (True, True)}
"""Of each: is there TLS, and is it a Unix socket."""

_UNKNOWN_SCHEMES = ("nbd+vsock://", "nbds+vsock://", "nbd+ssh://", "nbds+ssh://", "nbd:")

_TLS_PARAMETERS = frozenset({"tls-type", "tls-certificates", "tls-hostname", "tls-verify-peer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an export is.

    Attributes:
        path: of the Unix socket; None: TCP to ``host`` and ``port``.
        export: its name.
        tls: nothing is said without TLS.
        hostname: whose certificate to expect.
        verify: whether to look at the certificate at all.
        certificates: folder of the certificates; None: the system's authorities, and none of our own.
    """

    export: str
    path: str | None = None
    host: str = "localhost"
    port: int = PORT
    tls: bool = False
    hostname: str = "localhost"
    verify: bool = True
    certificates: Path | None = None

    def ssl_context(self) -> ssl.SSLContext:
        """What TLS is to use. Reads files. Raises OSError, or ValueError for a file that is not what it should be."""
        folder = self.certificates
        if folder is not None and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "tls-certificates: expected a folder", str(folder))
        authority = folder / "ca-cert.pem" if folder is not None else None
        try:
            context = ssl.create_default_context(
                cafile=authority if authority is not None and authority.exists() else None
            )
            if folder is not None and (folder / "client-cert.pem").exists():
                (folder / "client-key.pem").read_bytes()  # its error names the file, which that of ssl does not
                context.load_cert_chain(folder / "client-cert.pem", folder / "client-key.pem")
        except ssl.SSLError as error:
            text = f"{folder}: expected ca-cert.pem, client-cert.pem and client-key.pem in PEM, found something else"
            raise ValueError(f"{text}: {error.reason or error}") from error
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def is_uri(target: object) -> bool:
    """Whether this names an NBD export, and not a file."""
    if not isinstance(target, str):
        return False
    scheme, colon, _ = target.partition("://")
    return bool(colon and scheme in _SCHEMES) or target.startswith(_UNKNOWN_SCHEMES)


def parse(uri: str) -> Address:
    """The address of an NBD URI.

    Raises:
        ValueError: it is none, or asks for something that is not known here.
    """
    try:
        parts = urlsplit(uri)
        port = PORT if parts.port is None else parts.port
    except ValueError as error:  # it names neither the URI nor what is wrong with it
        raise ValueError(f"{uri}: {error}; expected nbd://HOST:PORT/EXPORT") from error
    if parts.scheme not in _SCHEMES or "://" not in uri:
        raise ValueError(
            f"{uri}: found {parts.scheme}:, expected one of {', '.join(f'{each}://' for each in _SCHEMES)}"
        )
    tls, is_unix = _SCHEMES[parts.scheme]
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    _check(uri, parameters, tls=tls, is_unix=is_unix)
    export = unquote(parts.path.removeprefix("/"), errors="strict")
    if len(export.encode()) > STRING_MAX or "\0" in export:
        raise ValueError(f"{uri}: the name of an export has at most {STRING_MAX} bytes, and no NUL")
    host = parts.hostname or "localhost"
    return Address(
        export=export,
        path=parameters["socket"] if is_unix else None,
        host=host,
        port=port,
        tls=tls,
        hostname=parameters.get("tls-hostname", host),
        verify=parameters.get("tls-verify-peer", "1") == "1",
        certificates=Path(parameters["tls-certificates"]) if "tls-certificates" in parameters else None,
    )


def _check(uri: str, parameters: dict[str, str], *, tls: bool, is_unix: bool) -> None:
    known = ({"socket"} if is_unix else set()) | (_TLS_PARAMETERS if tls else set())
    if strange := sorted(parameters.keys() - known):
        expected = ", ".join(sorted(known)) or "none"
        raise ValueError(f"{uri}: found the parameter {', '.join(strange)}, expected only {expected}")
    if is_unix and not parameters.get("socket"):
        raise ValueError(f"{uri}: found no socket=PATH, expected nbd+unix:///EXPORT?socket=PATH")
    if parameters.get("tls-type", "x509") != "x509":
        raise ValueError(f"{uri}: tls-type: found {parameters['tls-type']}, expected x509")
    if parameters.get("tls-verify-peer", "1") not in {"0", "1"}:
        raise ValueError(f"{uri}: tls-verify-peer: found {parameters['tls-verify-peer']}, expected 0 or 1")
