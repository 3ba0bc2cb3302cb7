"""A command gets the variables of nbdkit, its status comes back, and it does not outlive a cancel."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from aiovdi.server.command import run_shell, variables


def test_the_variables_are_those_of_nbdkit(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert variables(listener, "disk", tls=True) == {
            "uri": f"nbds+unix:///disk?socket={tmp_path}/s",
            "unixsocket": f"{tmp_path}/s",
            "port": "",
            "nbd": f"nbd:unix:{tmp_path}/s:exportname=disk",
            "exportname": "disk",
            "tls": "1",
        }


async def test_a_command_sees_its_variables_as_they_are(tmp_path: Path) -> None:
    odd = "it's $HOME; `false`"
    assert await run_shell(f'printf %s "$odd" > {tmp_path}/said', {"odd": odd}) == 0
    assert (tmp_path / "said").read_text() == odd


@pytest.mark.parametrize(("command", "status"), [("exit 3", 3), ("kill -9 $$", 137)])
async def test_the_status_of_a_command_comes_back(command: str, status: int) -> None:
    assert await run_shell(command, {}) == status


async def test_a_cancel_ends_the_command_first(tmp_path: Path, eventually: Any) -> None:
    script = f"trap 'echo ended > {tmp_path}/log; exit' TERM; echo began > {tmp_path}/log; while :; do sleep 0.01; done"
    task = asyncio.create_task(run_shell(script, {}))
    await eventually((tmp_path / "log").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (tmp_path / "log").read_text() == "ended\n"


async def test_a_cancel_ends_what_the_command_has_started_too(tmp_path: Path, eventually: Any) -> None:
    pid = tmp_path / "pid"
    task = asyncio.create_task(run_shell(f"sh -c 'echo $$ > {pid}; exec sleep 1000'; echo never", {}))
    await eventually(lambda: pid.exists() and pid.read_text().endswith("\n"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    status = Path(f"/proc/{pid.read_text().strip()}/stat")
    await eventually(lambda: not status.exists() or ") Z " in status.read_text())
    assert os.getpid() != int(pid.read_text())
