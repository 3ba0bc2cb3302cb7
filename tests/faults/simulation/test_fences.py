"""Whatever reaches outside the simulation fails loudly, at the place where it does."""

import asyncio
import mmap
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from faults.simulation.fences import FencedLoop, NotSimulated, walls
from faults.simulation.loop import SimLoop
from faults.simulation.tape import ExploringTape


def in_a_run(action: Callable[[], object]) -> None:
    async def main() -> None:
        action()

    SimLoop(ExploringTape(1)).run_until_complete(main())


OUTSIDE = {
    "a file is opened": lambda: Path(os.devnull).read_bytes(),
    "a file is opened by number": lambda: os.open(os.devnull, os.O_RDONLY),
    "a file is removed": Path("there is no such file").unlink,
    "a file is renamed": lambda: Path("there is no such file").rename("nor this"),
    "a file is cut": lambda: os.truncate("there is no such file", 0),
    "a socket is made": socket.socket,
    "a name is resolved": lambda: socket.getaddrinfo("localhost", 1),
    "a thread is started": lambda: threading.Thread(target=int).start(),
    "a process is started": lambda: subprocess.run([sys.executable, "-V"], check=True),
    "a process is forked": os.fork,
    "memory is mapped": lambda: mmap.mmap(-1, 4096),
    "the thread sleeps": lambda: time.sleep(0),
}


@pytest.mark.parametrize("action", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_it_fails_loudly_when(action: Callable[[], object]) -> None:
    with pytest.raises(NotSimulated, match="outside the simulation"):
        in_a_run(action)


def clock(name: str) -> object:
    """``time.name()``, looked up now: a name that was bound before the run is beyond reach."""
    return getattr(time, name)()


@pytest.mark.parametrize("name", ["time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"])
def test_it_fails_loudly_when_a_clock_is_read(name: str) -> None:
    with pytest.raises(NotSimulated, match="outside the simulation"):
        in_a_run(lambda: clock(name))
    assert clock(name)


WAYS_OF_THE_LOOP = {
    "to_thread": lambda: asyncio.to_thread(int),
    "a connection": lambda: asyncio.open_connection("localhost", 1),
    "a server": lambda: asyncio.start_server(lambda *_: None, "localhost", 1),
    "a subprocess": lambda: asyncio.create_subprocess_exec("true"),
    "a shell": lambda: asyncio.create_subprocess_shell("true"),
}


@pytest.mark.parametrize("make", WAYS_OF_THE_LOOP.values(), ids=WAYS_OF_THE_LOOP.keys())
def test_the_loop_refuses_to_make(make: Callable[[], Coroutine[Any, Any, object]]) -> None:
    async def main() -> None:
        await make()

    with pytest.raises(NotSimulated, match=r"loop\.\w+ reaches outside"):
        SimLoop(ExploringTape(1)).run_until_complete(main())


def test_every_method_of_an_asyncio_loop_is_provided_or_refused() -> None:
    """Also those that a later Python adds: they would fail with NotImplementedError, which is less loud."""
    asked = {name for name in dir(asyncio.AbstractEventLoop) if not name.startswith("_")}
    answered = {name for name in [*vars(FencedLoop), *vars(SimLoop)] if not name.startswith("_")}
    assert asked - answered == set()


def test_nothing_is_refused_and_provided() -> None:
    assert {name for name in vars(FencedLoop) if not name.startswith("_")} & set(vars(SimLoop)) == set()


def test_after_a_run_everything_works_again(tmp_path: Path) -> None:
    in_a_run(lambda: None)
    (tmp_path / "file").write_text("x")
    assert time.time() > 0 < time.monotonic()


def test_after_a_run_that_failed_everything_works_again(tmp_path: Path) -> None:
    with pytest.raises(NotSimulated):
        in_a_run(lambda: clock("time"))
    (tmp_path / "file").write_text("x")
    assert time.time() > 0


def test_the_walls_stand_until_the_outermost_is_left() -> None:
    with walls():
        with walls():
            pass
        with pytest.raises(NotSimulated):
            time.time()
    assert time.time() > 0


def test_another_thread_may_do_as_it_likes(tmp_path: Path) -> None:
    may_go, found = threading.Event(), []

    def beside() -> None:
        may_go.wait()
        (tmp_path / "file").write_text("x")
        found.append(time.time())

    thread = threading.Thread(target=beside)
    thread.start()
    with walls():
        may_go.set()
        thread.join()
    assert found


def test_a_module_may_be_read_at_its_first_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "read_at_its_first_use.py").write_text("answer = 42")
    monkeypatch.syspath_prepend(str(tmp_path))
    with walls():
        import read_at_its_first_use  # type: ignore[import-not-found]
    assert read_at_its_first_use.answer == 42
