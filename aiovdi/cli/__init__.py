"""The command line: ``qemu-img``'s verbs, flags, exit statuses and JSON keys, so that a script can change one word.

::

    verbs       the table of verbs; each is imported only when it is asked for
    running     a verb's work on an event loop: Ctrl-C, SIGTERM, errors and warnings become one line each
    arguments   sizes, formats and ``-o`` lists as qemu-img spells them
    output      human and JSON forms
    streams     stdout that is closed, full or gone
    listening   where ``serve`` listens
    facts · plain       ``info`` without the parser of words, which takes longer than its work
    progress    ``-p``
    create · info · check · mapping · convert · compare · transfer · serve · demo      the verbs

There is no logic here: a verb turns flags into a call of a job, and its result into lines. What
qemu-img can and this cannot is refused by name, never ignored.
"""

import signal
import sys
from collections.abc import Sequence

from aiovdi.cli import plain, running, streams

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``aiovdi`` with these words (default: the process's). Returns the exit status."""
    streams.open_missing()
    try:
        return _main(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:  # before the verb has begun
        running.say("stopped by SIGINT")
        return 128 + signal.SIGINT


def _main(words: list[str]) -> int:
    if (work := plain.understood(words)) is not None:
        return running.run(work, verb=words[0])
    try:
        from aiovdi.cli import verbs  # noqa: PLC0415  (typer may be missing)
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        print(f"aiovdi: the command line needs {error.name}: pip install 'aiovdi[cli]'", file=sys.stderr)
        return 1
    return verbs.run(words)
