"""What the specification answers to a request before anybody serves it.

Rule 1: the first of these that applies is the answer, so a client sees one error whatever else is wrong:
read-only export, unknown or unoffered command, flag that does not belong, range, alignment, size.
Rule 2: which commands and flags belong is a table that is made once for a connection.
"""

from aiovdi.nbd.terms import Negotiated
from aiovdi.nbd.wire import Command, CommandFlag, ErrorCode, ExportFlag

__all__ = ["Rules"]

_WRITING = frozenset({Command.WRITE, Command.TRIM, Command.WRITE_ZEROES})

_OFFERED_BY = {
    Command.FLUSH: ExportFlag.SEND_FLUSH,
    Command.TRIM: ExportFlag.SEND_TRIM,
    Command.WRITE_ZEROES: ExportFlag.SEND_WRITE_ZEROES,
    Command.CACHE: ExportFlag.SEND_CACHE,
}
"""Commands that exist only where the export has said so. READ, WRITE and DISC always exist."""

_FLAGS: dict[Command, dict[CommandFlag, int]] = {
    Command.READ: {CommandFlag.DF: ExportFlag.SEND_DF},
    Command.WRITE_ZEROES: {
        CommandFlag.NO_HOLE: ExportFlag.SEND_WRITE_ZEROES,
        CommandFlag.FAST_ZERO: ExportFlag.SEND_FAST_ZERO,
    },
    Command.BLOCK_STATUS: {CommandFlag.REQ_ONE: 0},
}
"""Flags besides FUA that a command knows, each with what the export must have said for it; 0: nothing."""

_BEYOND_THE_END = {int(Command.WRITE): ErrorCode.ENOSPC, int(Command.WRITE_ZEROES): ErrorCode.ENOSPC}
"""EINVAL for all others."""

_WRITE = int(Command.WRITE)


class Rules:
    """The rules of one connection."""

    def __init__(self, terms: Negotiated) -> None:
        sizes = terms.export.block_sizes
        self._size = terms.export.size
        self._below_minimum = sizes.minimum - 1
        self._payload_max = sizes.payload_max
        self._read_too_long = ErrorCode.EOVERFLOW if terms.has_chunks else ErrorCode.EINVAL
        forbidden = _WRITING if terms.flags & ExportFlag.READ_ONLY else frozenset()
        self._forbidden = {int(command): ErrorCode.EPERM for command in forbidden}
        self._flags = {int(command): _flags_of(command, terms) for command in _commands_of(terms) - forbidden}

    def objection(self, command: int, flags: int, offset: int, length: int) -> int:
        """The `ErrorCode` to answer with; 0: the request may be served."""
        strange = self._flags.get(command)
        if strange is None:
            return self._forbidden.get(command, ErrorCode.EINVAL)
        if flags & strange:
            return ErrorCode.EINVAL
        if offset + length > self._size:
            return _BEYOND_THE_END.get(command, ErrorCode.EINVAL)
        if (offset | length) & self._below_minimum:
            return ErrorCode.EINVAL
        if command > _WRITE or length > self._payload_max:
            return self._objection_to_length(command, offset, length)
        return 0

    def _objection_to_length(self, command: int, offset: int, length: int) -> int:
        match command:
            case Command.READ:
                return self._read_too_long
            case Command.WRITE:
                return ErrorCode.EINVAL
            case Command.FLUSH if offset or length:
                return ErrorCode.EINVAL
            case Command.BLOCK_STATUS if not length:  # there is no reply without an extent
                return ErrorCode.EINVAL
        return 0  # the others send nothing, so they may be as long as the export


def _commands_of(terms: Negotiated) -> set[Command]:
    commands = {command for command, flag in _OFFERED_BY.items() if terms.flags & flag}
    if terms.contexts and terms.has_chunks:
        commands.add(Command.BLOCK_STATUS)
    return commands | {Command.READ, Command.WRITE}


def _flags_of(command: Command, terms: Negotiated) -> int:
    """The flags that are not the client's choice."""
    free = CommandFlag.FUA if terms.flags & ExportFlag.SEND_FUA else 0
    for flag, wanted in _FLAGS.get(command, {}).items():
        free |= flag if terms.flags & wanted == wanted else 0
    if terms.extended and command == Command.WRITE:
        # No other command has a payload here. "The flag MUST be set", but QEMU 10.0 leaves it out.
        free |= CommandFlag.PAYLOAD_LEN
    return 0xFFFF & ~free
