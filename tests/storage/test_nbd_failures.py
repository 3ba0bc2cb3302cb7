"""Each way to have no export names the export, what was to be reached, and why not."""

import errno
import socket
import ssl

import pytest

from aiovdi.nbd.wire import OptionReply
from aiovdi.storage.nbd_connection import connect
from aiovdi.storage.nbd_failures import hung_up, no_way_to, refusal, tls_failures
from aiovdi.storage.nbd_uri import Address


@pytest.mark.parametrize(
    ("address", "number", "why"),
    [
        (
            Address(export="", path="/nowhere/s"),
            errno.ENOENT,
            "cannot connect to /nowhere/s: No such file or directory",
        ),
        (
            Address(export="", host="no such host", port=7),
            errno.EHOSTUNREACH,
            "cannot connect to no such host port 7: ",
        ),
    ],
)
async def test_who_cannot_be_reached_is_named(address: Address, number: int, why: str) -> None:
    with pytest.raises(OSError) as caught:
        await connect(address, name="the disk", context=None)
    assert caught.value.errno == number
    assert caught.value.strerror.startswith(f"the disk: {why}")


async def test_a_port_where_nobody_listens_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        port = taken.getsockname()[1]
        with pytest.raises(ConnectionRefusedError, match=f"to 127.0.0.1 port {port}: Connection refused"):
            await connect(Address(export="", host="127.0.0.1", port=port), name="the disk", context=None)


def test_an_error_without_a_number_keeps_its_words() -> None:
    there = Address(export="", host="h", port=1)
    with pytest.raises(OSError, match="to h port 1: several things") as caught, no_way_to("the disk", there):
        raise OSError("several things")
    assert caught.value.errno == errno.EHOSTUNREACH


@pytest.mark.parametrize(
    ("code", "number", "why"),
    [
        (OptionReply.ERR_UNKNOWN, errno.ENOENT, "the server has no such export: so it says"),
        (OptionReply.ERR_TLS_REQD, errno.EACCES, "the server demands TLS, as nbds:// asks for it: so it says"),
        (OptionReply.ERR_TOO_BIG, errno.ECONNREFUSED, "the server refuses: so it says"),
    ],
)
def test_a_refusal_says_what_it_means_and_what_the_server_said(code: int, number: int, why: str) -> None:
    error = refusal("the disk", code, "so it says")
    assert (error.errno, error.strerror) == (number, f"the disk: {why}")


def test_tls_that_does_not_come_about_is_no_error_number_of_openssl() -> None:
    with pytest.raises(OSError, match="the disk: no TLS with the server") as caught, tls_failures("the disk"):
        raise ssl.SSLError(1, "[SSL] PEM lib")
    assert caught.value.errno == errno.EPROTO


def test_a_server_that_hangs_up_in_tls_may_not_like_the_certificate() -> None:
    assert hung_up("the disk", None, in_tls=False).strerror == "the disk: the server hung up"
    told = hung_up("the disk", OSError("alert"), in_tls=True)
    assert (
        told.strerror == "the disk: the server hung up after TLS began; it may want another client certificate: alert"
    )
    assert told.errno == errno.ECONNRESET
