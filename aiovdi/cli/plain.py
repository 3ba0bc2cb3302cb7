"""The words of a plain ``info``, understood without typer.

``info`` reads one header, so nearly all of its time is the start of Python; typer, with what it
imports, would double that. Whatever is not plain is left to typer: help, mistakes, and their messages.
"""

import functools
from collections.abc import Awaitable, Callable, Sequence

from aiovdi.cli.facts import show
from aiovdi.jobs.images import Format

__all__ = ["understood"]

_FORMATS: dict[str, Format] = {"vdi": "vdi", "raw": "raw"}


def understood(words: Sequence[str]) -> Callable[[], Awaitable[int]] | None:
    """The work that ``words`` ask for, if they are a plain ``info``; None: ask typer."""
    if not words or words[0] != "info":
        return None
    files: list[str] = []
    as_json, fmt, share = False, None, False
    rest = iter(words[1:])
    for word in rest:
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if name in {"--output", "-f"} and not equals:
            value = next(rest, "")
        if name == "--output" and value in {"human", "json"}:
            as_json = value == "json"
        elif name == "-f" and value in _FORMATS:
            fmt = _FORMATS[value]
        elif word in {"-U", "--force-share"}:
            share = True
        elif not word.startswith("-"):
            files.append(word)
        else:
            return None
    return functools.partial(show, files[0], as_json=as_json, fmt=fmt, share=share) if len(files) == 1 else None
