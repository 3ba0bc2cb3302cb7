"""Where ``serve`` listens: what contradicts itself is refused, and what was made for it goes with it."""

import os
import socket
from pathlib import Path

import pytest

from aiovdi.cli.listening import LOCAL, context_of, listeners_of
from aiovdi.cli.running import Failure
from aiovdi.server import listening


def test_by_default_it_is_a_socket_in_a_folder_of_its_own_that_goes_at_the_end() -> None:
    with listeners_of(None, None, None) as (listeners, is_ours):
        (listener,) = listeners
        path = Path(listener.getsockname())
        assert path.is_socket()
        assert is_ours
    assert not path.parent.exists()


def test_a_port_is_of_this_machine_unless_an_address_is_named() -> None:
    with listeners_of(None, 0, None) as (listeners, _):
        assert [listener.getsockname()[0] for listener in listeners] == [LOCAL]


def test_what_systemd_has_opened_is_taken_and_no_flag_stands_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "s"))
        made.listen()
        for port in (None, 0):
            monkeypatch.setenv("LISTEN_FDS", "1")
            monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
            monkeypatch.setattr(listening, "_FIRST_ACTIVATED", os.dup(made.fileno()))
            if port is None:
                with listeners_of(None, None, None) as (listeners, is_ours):
                    assert [each.getsockname() for each in listeners] == [made.getsockname()]
                    assert not is_ours
            else:
                with pytest.raises(Failure, match="so no --socket, --port or --bind"), listeners_of(None, port, None):
                    pass


def test_without_a_file_of_tls_there_is_none_and_half_of_it_is_refused(tmp_path: Path) -> None:
    assert context_of(None, None, None) is None
    with pytest.raises(Failure, match="found no --tls-key"):
        context_of(tmp_path / "cert.pem", None, None)
