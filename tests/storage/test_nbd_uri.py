"""NBD URIs, with the examples of the document that defines them."""

import ssl
from pathlib import Path

import pytest

from aiovdi.storage.nbd_uri import Address, is_uri, parse


@pytest.mark.parametrize(
    ("uri", "export"),
    [
        ("nbd://example.com/disk", "disk"),
        ("nbd+unix:///disk?socket=sock", "disk"),
        ("nbd://example.com/", ""),
        ("nbd://example.com", ""),
        ("nbd://example.com//disk", "/disk"),
        ("nbd://example.com/hello%20world", "hello world"),
        ("nbd://example.com/d%C3%A4ta", "däta"),
    ],
)
def test_the_path_without_its_slash_is_the_name(uri: str, export: str) -> None:
    assert parse(uri).export == export


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("nbd://example.com/x", (None, "example.com", 10809)),
        ("nbd://example.com:1/x", (None, "example.com", 1)),
        ("nbd:///x", (None, "localhost", 10809)),
        ("nbd://[::1]:7/x", (None, "::1", 7)),
        ("nbd+unix:///x?socket=/run/n%20b%26d", ("/run/n b&d", "localhost", 10809)),
        ("nbd+unix:///?socket=%00/abstract", ("\0/abstract", "localhost", 10809)),
    ],
)
def test_a_uri_says_where_the_server_listens(uri: str, place: tuple[str | None, str, int]) -> None:
    address = parse(uri)
    assert (address.path, address.host, address.port) == place
    assert not address.tls


def test_a_uri_may_insist_on_tls_and_say_how() -> None:
    assert parse("nbds://host/x") == Address(export="x", host="host", hostname="host", tls=True)
    query = "socket=s&tls-certificates=/etc/pki&tls-hostname=other&tls-verify-peer=0&tls-type=x509"
    assert parse(f"nbds+unix:///x?{query}") == Address(
        export="x", path="s", tls=True, hostname="other", verify=False, certificates=Path("/etc/pki")
    )


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("http://host/x", "expected one of nbd"),
        ("nbd+unix:///x", "no socket"),
        ("nbd+unix:///x?socket=", "no socket"),
        ("nbd://host/x?socket=s", "the parameter socket, expected only none"),
        ("nbd://host/x?tls-verify-peer=0", "the parameter tls-verify-peer"),
        ("nbds://host/x?tls-verify-pear=1", "the parameter tls-verify-pear"),
        ("nbds://host/x?tls-verify-peer=yes", "expected 0 or 1"),
        ("nbds://host/x?tls-type=psk", "expected x509"),
        ("nbd://host/a%00b", "NUL"),
        ("nbd://host/a%FFb", "utf-8"),
        ("nbd://host/" + "n" * 4097, "4096"),
        ("nbd://host:port/x", "nbd://host:port/x: .*; expected nbd://HOST:PORT/EXPORT"),
        ("nbd://host:99999/x", "nbd://host:99999/x: "),
        ("nbd://[::1/x", r"nbd://\[::1/x: "),
        ("nbd:localhost:10809", "found nbd:, expected one of nbd://"),
        ("nbd+vsock://1/x", "found nbd.vsock:, expected one of nbd://"),
    ],
)
def test_what_is_not_known_is_refused(uri: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(uri)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("nbd://h/x", True),
        ("nbds+unix:///x?socket=s", True),
        ("disk.vdi", False),
        ("nbd", False),
        ("nbd:unix:/x", True),  # QEMU's older spelling, which `parse` refuses
        ("nbd+vsock://1/", True),
        ("nbdx://h", False),
        ("./nbd://x", False),
        (Path("nbd://h/x"), False),
    ],
)
def test_a_uri_is_told_from_a_path(target: object, expected: bool) -> None:
    assert is_uri(target) is expected


def test_without_certificates_the_systems_authorities_judge() -> None:
    context = parse("nbds://host/x").ssl_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    context = parse("nbds://host/x?tls-verify-peer=0").ssl_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_certificates_that_are_not_there_or_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError) as caught:
        parse(f"nbds://host/x?tls-certificates={tmp_path}/missing").ssl_context()
    assert caught.value.filename == str(tmp_path / "missing")
    address = parse(f"nbds://host/x?tls-certificates={tmp_path}")
    (tmp_path / "client-cert.pem").write_text("not a certificate")
    with pytest.raises(FileNotFoundError) as lacking:
        address.ssl_context()
    assert lacking.value.filename == str(tmp_path / "client-key.pem")
    (tmp_path / "client-key.pem").write_text("not a key")
    with pytest.raises(ValueError, match=f"{tmp_path}: expected ca-cert.pem"):
        address.ssl_context()
