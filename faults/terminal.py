"""What the commands show: a result as text or as JSON, and progress, which is for eyes alone.

Rule: where JSON was asked for, it stands alone on the standard output.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Callable

__all__ = ["INTERRUPTED", "say", "show_progress", "tell"]

INTERRUPTED = 130
"""Exit status of a search that was interrupted, after its summary so far."""


def show_progress(options: Namespace, text: str) -> None:
    """A line that is written over by the next, where somebody is looking."""
    if sys.stderr.isatty() and not options.json:
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def say(options: Namespace, text: str) -> None:
    """What is true from the beginning on."""
    if not options.json:
        show_progress(options, "")
        print(text, flush=True)


def tell(options: Namespace, text: object, content: Callable[[], object]) -> None:
    """The result: ``text``, or ``content()`` as JSON."""
    print(json.dumps(content(), indent=1) if options.json else text)
