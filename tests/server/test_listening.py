"""Sockets that are their owner's alone, that are not taken from anybody, and that systemd may bring."""

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from aiovdi.server import listening
from aiovdi.server.listening import activated_sockets, is_private, tcp_sockets, unix_socket


def test_a_socket_at_a_path_is_its_owners_alone_and_goes_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "nbd.sock"
    with unix_socket(path) as listener:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert is_private(listener)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    assert not path.exists()


def test_a_path_that_somebody_listens_on_is_not_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "nbd.sock"
    with unix_socket(path):
        with pytest.raises(OSError, match="somebody listens") as caught, unix_socket(path):
            pass
        assert caught.value.errno == errno.EADDRINUSE
        assert caught.value.filename == str(path)
        assert path.exists()


def test_a_socket_that_a_dead_server_has_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "nbd.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    with unix_socket(path):
        assert path.exists()


def test_a_file_at_the_path_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(OSError, match="expected nothing or a socket") as caught, unix_socket(path):
        pass
    assert caught.value.errno == errno.ENOTSOCK
    assert path.read_text() == "data"


def test_what_stands_at_the_path_at_the_end_is_removed_only_if_it_is_ours(tmp_path: Path) -> None:
    path = tmp_path / "nbd.sock"
    with unix_socket(path):
        path.unlink()
        path.write_text("somebody else's")
    assert path.read_text() == "somebody else's"


def test_all_addresses_of_a_host_get_one_port() -> None:
    listeners = tcp_sockets("127.0.0.1", 0)
    try:
        assert len({listener.getsockname()[1] for listener in listeners}) == 1
        assert all(map(is_private, listeners))
    finally:
        for listener in listeners:
            listener.close()


def test_an_address_that_stands_for_all_is_not_private() -> None:
    (listener,) = tcp_sockets("0.0.0.0", 0)
    with listener:
        assert not is_private(listener)


def test_a_port_that_is_taken_is_an_error_that_names_it() -> None:
    (first,) = tcp_sockets("127.0.0.1", 0)
    with first:
        port = first.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1 port {port}"):
            tcp_sockets("127.0.0.1", port)


def test_the_sockets_of_systemd_are_taken_once_and_only_if_they_are_meant_for_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "nbd.sock"))
        listener.listen()
        monkeypatch.setattr(listening, "_FIRST_ACTIVATED", os.dup(listener.fileno()))
        for stranger in ({}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "x", "LISTEN_PID": "1"}):
            assert activated_sockets(dict(stranger)) == []
        environment = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()), "PATH": "/bin"}
        (found,) = activated_sockets(environment)
        with found:
            assert found.getsockname() == listener.getsockname()
            assert not found.get_inheritable()
        assert environment == {"PATH": "/bin"}


def test_what_systemd_would_not_pass_is_an_error_that_says_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"LISTEN_PID": str(os.getpid())}
    with pytest.raises(ValueError, match="LISTEN_FDS: found 'x', expected a number"):
        activated_sockets({"LISTEN_FDS": "x", **ours})
    with socket.socket(socket.AF_UNIX) as deaf, open(os.devnull, "rb") as file:
        for descriptor, found in ((deaf.fileno(), "found one that does not"), (file.fileno(), "found none: ")):
            monkeypatch.setattr(listening, "_FIRST_ACTIVATED", descriptor)
            with pytest.raises(ValueError, match=found):
                activated_sockets({"LISTEN_FDS": "1", **ours})
            os.fstat(descriptor)  # nobody has closed it


def test_a_path_that_is_too_long_says_how_long_it_may_be(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="expected at most 107 for a Unix socket") as caught:
        unix_socket(tmp_path / ("x" * 200)).__enter__()
    assert caught.value.errno == errno.ENAMETOOLONG


def test_a_host_that_nobody_knows_is_named() -> None:
    with pytest.raises(OSError) as caught:
        tcp_sockets("no such host", 0)
    assert caught.value.filename == "no such host"
