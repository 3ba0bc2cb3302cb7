"""The client's part of the handshake: it asks for the best that both know, and makes do with less.

::

    greeting -> flags -> [STARTTLS] -> EXTENDED_HEADERS, else STRUCTURED_REPLY -> SET_META_CONTEXT -> GO
                                                                             EXPORT_NAME, of an old server

A server that cannot do something says so, and the next best is asked for, except for TLS: who asks for
TLS gets it, or nothing. What the server refuses is `Refused`; what breaks the protocol, ``BadPeer``.
"""

from collections.abc import Generator, Iterable
from typing import NamedTuple

from aiovdi.nbd.conversation import Conversation
from aiovdi.nbd.options import Malformed, pack_context_query, pack_export_query, parse_context, parse_info
from aiovdi.nbd.terms import DEFAULT_BLOCK_SIZES, BlockSizes, ExportInfo, Negotiated, Refused, StartTLS
from aiovdi.nbd.wire import (
    CLIENT_FLAGS,
    EXPORT,
    EXPORT_NAME_PADDING,
    GREETING,
    INIT_MAGIC,
    OPTION,
    OPTION_MAGIC,
    OPTION_REPLY,
    OPTION_REPLY_MAGIC,
    ExportFlag,
    HandshakeFlag,
    Info,
    Option,
    OptionReply,
)
from aiovdi.units import KiB

__all__ = ["REPLIES_MAX", "REPLY_BYTES_MAX", "ClientHandshake"]

REPLY_BYTES_MAX = 64 * KiB
"""Data of one reply to an option. The longest string has 4 KiB."""

REPLIES_MAX = 1024
"""Replies to one option."""

_ERROR = 1 << 31

_SIZE_MAX = (1 << 63) - 1
"""In bytes. No offset of an operating system goes further."""


class _Answer(NamedTuple):
    """What a server replied to one option: the kind of the last reply, and all of them."""

    kind: int
    replies: list[tuple[int, bytes]]

    @property
    def is_ack(self) -> bool:
        return self.kind == OptionReply.ACK


class ClientHandshake(Conversation):
    """One connection's handshake.

    Args:
        name: the export that is wanted; ``""`` is the server's default.
        tls: go on with TLS only.
        structured, extended: ask for structured replies, or for extended headers before that.
        contexts: names of the metadata contexts to ask for.
    """

    def __init__(
        self,
        name: str = "",
        *,
        tls: bool = False,
        structured: bool = True,
        extended: bool = True,
        contexts: Iterable[str] = (),
    ) -> None:
        self._name = name
        self._wants_tls = tls
        self._wants_structured = structured
        self._wants_extended = extended
        self._wanted_contexts = tuple(contexts)
        self._has_chunks = self._is_extended = False
        super().__init__()

    def _converse(self) -> Generator[int, bytes, None]:
        magic, style, flags = GREETING.unpack((yield GREETING.size))
        if magic != INIT_MAGIC or style != OPTION_MAGIC:
            raise Malformed(f"a greeting of {magic:#x} {style:#x}, which is not newstyle NBD")
        flags &= HandshakeFlag.FIXED_NEWSTYLE | HandshakeFlag.NO_ZEROES
        self._output += CLIENT_FLAGS.pack(flags)
        if flags & HandshakeFlag.FIXED_NEWSTYLE:
            if self._wants_tls and not (yield from self._is_upgraded()):
                return
            yield from self._choose_layout()
            contexts = yield from self._choose_contexts()
            if (yield from self._is_settled_by_go(contexts)):
                return
        elif self._wants_tls:
            self._refused(OptionReply.ERR_UNSUP, b"the server is too old for TLS")
            return
        yield from self._enter_by_name(padded=not flags & HandshakeFlag.NO_ZEROES)

    def _is_upgraded(self) -> Generator[int, bytes, bool]:
        answer = yield from self._ask(Option.STARTTLS)
        if answer.is_ack:
            self._tell(StartTLS())
            yield 0  # until TLS has started: what is said next must not go out before
        else:
            self._refused(answer.kind, answer.replies[-1][1])
        return answer.is_ack

    def _choose_layout(self) -> Generator[int, bytes, None]:
        if self._wants_extended:
            self._is_extended = (yield from self._ask(Option.EXTENDED_HEADERS)).is_ack
        self._has_chunks = self._is_extended
        if self._wants_structured and not self._is_extended:
            self._has_chunks = (yield from self._ask(Option.STRUCTURED_REPLY)).is_ack

    def _choose_contexts(self) -> Generator[int, bytes, dict[int, str]]:
        if not self._wanted_contexts or not self._has_chunks:
            return {}
        query = pack_context_query(self._name, self._wanted_contexts)
        answer = yield from self._ask(Option.SET_META_CONTEXT, query)
        contexts = [parse_context(data) for kind, data in answer.replies if kind == OptionReply.META_CONTEXT]
        return dict(contexts) if answer.is_ack else {}

    def _is_settled_by_go(self, contexts: dict[int, str]) -> Generator[int, bytes, bool]:
        """Enter or be refused. False: the server does not know GO."""
        answer = yield from self._ask(Option.GO, pack_export_query(self._name, list(Info)))
        if answer.is_ack:
            self._agree(dict(parse_info(data) for kind, data in answer.replies if kind == OptionReply.INFO), contexts)
        elif answer.kind == OptionReply.ERR_UNSUP and not self._is_extended:
            return False
        else:
            self._refused(answer.kind, answer.replies[-1][1])
        return True

    def _enter_by_name(self, *, padded: bool) -> Generator[int, bytes, None]:
        """EXPORT_NAME; a server that does not have the export hangs up."""
        self._send(Option.EXPORT_NAME, self._name.encode())
        size_and_flags = EXPORT.unpack((yield EXPORT.size))
        if padded:
            yield len(EXPORT_NAME_PADDING)
        self._agree({Info.EXPORT: size_and_flags}, {})

    def _ask(self, option: Option, data: bytes = b"") -> Generator[int, bytes, _Answer]:
        self._send(option, data)
        replies: list[tuple[int, bytes]] = []
        while len(replies) < REPLIES_MAX:
            magic, answered, kind, length = OPTION_REPLY.unpack((yield OPTION_REPLY.size))
            if magic != OPTION_REPLY_MAGIC or answered != option or length > REPLY_BYTES_MAX:
                raise Malformed(f"a reply with magic {magic:#x} to option {answered} in {length} bytes")
            replies.append((kind, (yield length)))
            if kind == OptionReply.ACK or kind & _ERROR:
                return _Answer(kind, replies)
        raise Malformed(f"more than {REPLIES_MAX} replies to one option")

    def _send(self, option: Option, data: bytes) -> None:
        self._output += OPTION.pack(OPTION_MAGIC, option, len(data)) + data

    def _refused(self, kind: int, text: bytes) -> None:
        """The client goes by ABORT: "its only option to terminate the session is via a soft disconnect"."""
        self._send(Option.ABORT, b"")
        name = OptionReply(kind).name if kind in OptionReply.__members__.values() else f"error {kind:#x}"
        self._tell(Refused(kind, f"{name} {text.decode(errors='replace')}".rstrip()))

    def _agree(self, infos: dict[int, tuple[int, int] | BlockSizes | str | None], contexts: dict[int, str]) -> None:
        name, text = infos.get(Info.NAME), infos.get(Info.DESCRIPTION)
        sizes = infos.get(Info.BLOCK_SIZE)
        match infos.get(Info.EXPORT):
            case (size, flags) if size <= _SIZE_MAX and flags & ExportFlag.HAS_FLAGS:
                pass
            case found:
                raise Malformed(f"an export of size and flags {found}")
        try:
            export = ExportInfo(
                name=name if isinstance(name, str) else self._name,
                size=size,
                flags=flags,
                description=text if isinstance(text, str) else "",
                block_sizes=sizes if isinstance(sizes, BlockSizes) else DEFAULT_BLOCK_SIZES,
                contexts=tuple(contexts.values()),
            )
        except ValueError as error:
            raise Malformed(str(error)) from error
        self._tell(
            Negotiated(
                export=export,
                flags=flags,
                structured=self._has_chunks and not self._is_extended,
                extended=self._is_extended,
                contexts=contexts,
                tls=self._wants_tls,
            )
        )
