"""How clients reach an export."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiovdi.server.uri import is_unix, legacy_name, uri


@pytest.fixture
def at_path(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "a b"))
        yield listener


@pytest.fixture
def at_port() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET) as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener


def test_a_path_is_quoted_and_so_is_a_name(at_path: socket.socket, tmp_path: Path) -> None:
    assert is_unix(at_path)
    assert uri(at_path) == f"nbd+unix:///?socket={tmp_path}/a%20b"
    assert uri(at_path, "x/y?", tls=True) == f"nbds+unix:///x%2Fy%3F?socket={tmp_path}/a%20b"
    assert legacy_name(at_path, "x") == f"nbd:unix:{tmp_path}/a b:exportname=x"


def test_an_address_stands_with_its_port(at_port: socket.socket) -> None:
    port = at_port.getsockname()[1]
    assert not is_unix(at_port)
    assert uri(at_port) == f"nbd://127.0.0.1:{port}/"
    assert uri(at_port, "disk", tls=True) == f"nbds://127.0.0.1:{port}/disk"
    assert legacy_name(at_port) == f"nbd:127.0.0.1:{port}"


class Fake:
    """A socket that says where it is."""

    family = socket.AF_INET6

    def __init__(self, *name: object) -> None:
        self.getsockname = lambda: name


def test_ports_and_addresses_that_need_no_telling_are_left_out() -> None:
    assert uri(Fake("::1", 10809, 0, 0)) == "nbd://[::1]/"  # type: ignore[arg-type]
    assert uri(Fake("::", 5, 0, 0)) == "nbd://localhost:5/"  # type: ignore[arg-type]
