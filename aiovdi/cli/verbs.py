"""The table of verbs, and the way from words to work.

Typer only parses: a verb called by it hands back its work, which `running` runs afterwards. Of the
verbs' modules the one that is asked for is imported, for ``aiovdi info`` shall start at once.
"""

import functools
import importlib
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias

import typer

from aiovdi.cli import running, streams

__all__ = ["VERBS", "run"]

VERBS = {
    "create": "aiovdi.cli.create",
    "info": "aiovdi.cli.info",
    "check": "aiovdi.cli.check",
    "map": "aiovdi.cli.mapping",
    "convert": "aiovdi.cli.convert",
    "compare": "aiovdi.cli.compare",
    "dd": "aiovdi.cli.transfer",
    "read": "aiovdi.cli.transfer",
    "write": "aiovdi.cli.transfer",
    "serve": "aiovdi.cli.serve",
    "demo": "aiovdi.cli.demo",
}
"""Verb: the module with a coroutine function of that name (``map_`` for ``map``), which returns the exit status.

A module may have a ``new_loop``, which makes the event loop that suits its verbs.
"""

ERROR_STATUS = {"compare": 2}
"""Verbs to which 1 is an answer, and the status of an error there. Words that cannot be parsed are always 1."""

# What qemu-img takes and this cannot do, with the reason.
REFUSED = {
    "--image-opts": "it names a graph of QEMU's block drivers; give a file name",
    "--target-image-opts": "it names a graph of QEMU's block drivers; give a file name",
    "--object": "it makes an object of QEMU's",
    "--backing-chain": "chains of differencing images are not opened",
    "-b": "a new image has no backing file here",
    "-B": "a new image has no backing file here",
    "-u": "a new image has no backing file here",
    "-c": "VDI has no compression",
    "-C": "the kernel's copy offloading would copy zeros too",
    "--bitmaps": "VDI has no bitmaps",
    "-l": "VDI has no internal snapshots",
    "-r": "there is no rate limit",
    "-f": "only VDI images are served; nbdkit and qemu-nbd serve raw ones",
    "--salvage": "an error of the source ends the copy",
}

_UsageError: type[Exception] = typer.BadParameter.__base__  # type: ignore[assignment]
"""What typer raises for words that it cannot parse. Its home has changed between versions; this relation has not."""

Work: TypeAlias = Callable[[], Awaitable[int]]


def run(words: Sequence[str]) -> int:
    """Do what ``words`` say. Returns the exit status."""
    parsed = _parse(words)
    if not callable(parsed):
        return parsed
    verb = words[0]
    new_loop = getattr(importlib.import_module(VERBS[verb]), "new_loop", None)
    return running.run(parsed, verb=verb, error_status=ERROR_STATUS.get(verb, 1), new_loop=new_loop)


def _parse(words: Sequence[str]) -> "Work | int":
    """The work of a verb, or an exit status where all has been said, as after ``--help``."""
    verb = words[0] if words else "--help"
    if not verb.startswith("-") and verb not in VERBS:
        return _refuse(f"{verb}: unknown command; expected one of {', '.join(VERBS)}")
    app = _app([verb] if verb in VERBS else VERBS)
    try:
        parsed: Work | int | None = app(words or ["--help"], prog_name="aiovdi", standalone_mode=False)
    except _UsageError as error:
        return _refuse(f"{verb}: {_explain(error)}", about=verb)
    except OSError as error:  # help that nobody can read
        running.say(f"{verb}: {error.strerror}")
        streams.give_up_stdout()
        return 1
    return parsed or (0 if words else 1)


def _app(verbs: Iterable[str]) -> typer.Typer:
    app = typer.Typer(
        name="aiovdi",
        help="VDI disk images, with the verbs and flags of qemu-img.",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_top)
    for verb in verbs:
        module = importlib.import_module(VERBS[verb])
        app.command(verb)(_deferred(getattr(module, verb, None) or getattr(module, f"{verb}_")))
    return app


def _deferred(function: Callable[..., Awaitable[int]]) -> Callable[..., Work]:
    @functools.wraps(function)
    def bind(*args: Any, **kwargs: Any) -> Work:
        async def work() -> int:
            try:
                return await function(*args, **kwargs)
            except typer.BadParameter as error:  # in a value that the verb takes apart itself, as ``-o``
                raise running.Failure(error.message) from error

        return work

    return bind


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415  (slow, and seldom asked for)

        print(f"aiovdi {version('aiovdi')}")
        raise typer.Exit


def _top(version: bool = typer.Option(False, "--version", "-V", callback=_print_version, is_eager=True)) -> None:
    """VDI disk images, with the verbs and flags of qemu-img."""


def _explain(error: Exception) -> str:
    option = getattr(error, "option_name", None)
    if option in REFUSED:
        return f"{option} is not supported: {REFUSED[option]}"
    message: str = error.format_message()  # type: ignore[attr-defined]
    return message.rstrip(".")


def _refuse(message: str, *, about: str = "") -> int:
    help_of = f"aiovdi {about} --help" if about in VERBS else "aiovdi --help"
    print(f"aiovdi: {message}\nTry '{help_of}' for more information", file=sys.stderr)
    return 1
