"""What a server answers to each option.

Rule 1: each option is answered by one method, with replies and with the event that follows.
Rule 2: EXPORT_NAME cannot be answered with an error, so what it cannot get is a ``BadPeer``.
Rule 3: who may not see an export is told nothing of it, save by GO and INFO that it wants TLS.
"""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from aiovdi.nbd.options import (
    Malformed,
    pack_context,
    pack_info_block_size,
    pack_info_export,
    pack_info_text,
    pack_server,
    parse_context_query,
    parse_export_query,
    parse_text,
)
from aiovdi.nbd.terms import DEFAULT_BLOCK_SIZES, Abort, BadPeer, Event, ExportInfo, Negotiated, StartTLS
from aiovdi.nbd.wire import (
    EXPORT,
    EXPORT_NAME_PADDING,
    OPTION_REPLY,
    OPTION_REPLY_MAGIC,
    ExportFlag,
    HandshakeFlag,
    Info,
    Option,
    OptionReply,
)

__all__ = ["ALL_FLAGS", "TLS", "Haggling"]

TLS: TypeAlias = Literal["off", "allow", "require"]
"""NOTLS, SELECTIVETLS and FORCEDTLS of the specification."""

ALL_FLAGS = HandshakeFlag.FIXED_NEWSTYLE | HandshakeFlag.NO_ZEROES


class Haggling:
    """The options of one connection, and what was agreed on so far.

    Args:
        output: where the replies go, in order.

    Attributes:
        shutting_down: while True, options are answered with ERR_SHUTDOWN.
    """

    def __init__(self, exports: Mapping[str, ExportInfo], *, tls: TLS, extended: bool, output: bytearray) -> None:
        self.shutting_down = False
        self._output = output
        self._exports = exports
        self._tls = tls
        self._tls_active = False
        self._no_zeroes = False
        self._grants_extended = extended
        self._structured = self._extended = False
        self._contexts: dict[int, str] = {}
        self._contexts_of: ExportInfo | None = None

    def take_client_flags(self, flags: int) -> None:
        """The client's answer to `ALL_FLAGS`. Raises Malformed."""
        self._no_zeroes = bool(flags & HandshakeFlag.NO_ZEROES)
        if flags & ~ALL_FLAGS:
            raise Malformed(f"unknown client flags {flags:#x}")
        if not flags & HandshakeFlag.FIXED_NEWSTYLE:  # "the server MUST operate in NOTLS mode"
            if self._tls == "require":
                raise Malformed("a client without fixed newstyle, which cannot have TLS")
            self._tls = "off"

    def tls_started(self) -> None:
        """The connection is encrypted: "the server MUST NOT preserve any negotiation state"."""
        self._tls_active = True
        self._structured = self._extended = False
        self._contexts, self._contexts_of = {}, None

    def answer(self, option: int, data: bytes | None) -> Event | None:
        """Answer one option; ``data`` None: it was too big to be kept."""
        if option == Option.ABORT:
            self._reply(option, OptionReply.ACK)
            return Abort()
        if refusal := self._refusal(option, data):
            return self._refuse(option, *refusal)
        try:
            return _ANSWERS[option](self, option, data or b"")
        except Malformed as error:
            return self._refuse(option, OptionReply.ERR_INVALID, str(error))

    def _refusal(self, option: int, data: bytes | None) -> tuple[OptionReply, str] | None:
        """Why the option is not looked at."""
        if self.shutting_down:
            return OptionReply.ERR_SHUTDOWN, "the server is shutting down"
        if self._tls == "require" and not self._tls_active and option != Option.STARTTLS:
            return OptionReply.ERR_TLS_REQD, "this server wants TLS first"
        if option not in _ANSWERS:
            return OptionReply.ERR_UNSUP, "unknown option"
        return (OptionReply.ERR_TOO_BIG, "too much data") if data is None else None

    def _export_name(self, option: int, data: bytes) -> Event | None:
        export = self._find(parse_text(data))
        if export is None or self._extended:
            return self._refuse(option, OptionReply.ERR_UNKNOWN, "no such export, or extended headers, which need GO")
        self._output += EXPORT.pack(export.size, self._flags_of(export))
        self._output += b"" if self._no_zeroes else EXPORT_NAME_PADDING
        return self._agreement_on(export)

    def _list(self, option: int, data: bytes) -> None:
        _expect_nothing(data)
        for export in filter(self._is_visible, self._exports.values()):
            self._reply(option, OptionReply.SERVER, pack_server(export.name, export.description))
        self._reply(option, OptionReply.ACK)

    def _upgrade(self, option: int, data: bytes) -> Event | None:
        _expect_nothing(data)
        if self._tls == "off":
            return self._refuse(option, OptionReply.ERR_POLICY, "this server has no TLS")
        if self._tls_active:
            return self._refuse(option, OptionReply.ERR_INVALID, "TLS is active already")
        self._reply(option, OptionReply.ACK)
        return StartTLS()

    def _describe(self, option: int, data: bytes) -> Event | None:
        """INFO and GO, which differ only in what follows the ACK."""
        query = parse_export_query(data)
        export = self._find(query.name)
        if export is None:
            return self._refuse_unknown(option, query.name)
        for info in self._infos_of(export, query.infos):
            self._reply(option, OptionReply.INFO, info)
        self._reply(option, OptionReply.ACK)
        return self._agreement_on(export) if option == Option.GO else None

    def _infos_of(self, export: ExportInfo, wanted: list[int]) -> list[bytes]:
        infos = [pack_info_export(export.size, self._flags_of(export))]
        if Info.NAME in wanted:
            infos.append(pack_info_text(Info.NAME, export.name))
        if Info.DESCRIPTION in wanted and export.description:
            infos.append(pack_info_text(Info.DESCRIPTION, export.description))
        if Info.BLOCK_SIZE in wanted or export.block_sizes != DEFAULT_BLOCK_SIZES:
            infos.append(pack_info_block_size(export.block_sizes))
        return infos

    def _use_structured(self, option: int, data: bytes) -> Event | None:
        _expect_nothing(data)
        if self._extended:
            return self._refuse(option, OptionReply.ERR_EXT_HEADER_REQD, "extended headers were agreed on")
        self._structured = True
        self._reply(option, OptionReply.ACK)
        return None

    def _use_extended(self, option: int, data: bytes) -> Event | None:
        _expect_nothing(data)
        if not self._grants_extended:
            return self._refuse(option, OptionReply.ERR_UNSUP, "unknown option")
        self._extended = True
        self._reply(option, OptionReply.ACK)
        return None

    def _list_contexts(self, option: int, data: bytes) -> Event | None:
        query = parse_context_query(data)
        export = self._find(query.name)
        if export is None:
            return self._refuse(option, OptionReply.ERR_UNKNOWN, "no such export")
        for name in export.contexts:
            if not query.queries or any(_is_listed_by(each, name) for each in query.queries):
                self._reply(option, OptionReply.META_CONTEXT, pack_context(0, name))
        self._reply(option, OptionReply.ACK)
        return None

    def _set_contexts(self, option: int, data: bytes) -> Event | None:
        self._contexts, self._contexts_of = {}, None  # "including when this command fails"
        query = parse_context_query(data)
        export = self._find(query.name)
        if not (self._structured or self._extended):
            return self._refuse(option, OptionReply.ERR_INVALID, "structured replies come first")
        if export is None:
            return self._refuse(option, OptionReply.ERR_UNKNOWN, "no such export")
        self._contexts_of = export
        self._contexts = {number: name for number, name in enumerate(export.contexts, 1) if name in query.queries}
        for number, name in self._contexts.items():
            self._reply(option, OptionReply.META_CONTEXT, pack_context(number, name))
        self._reply(option, OptionReply.ACK)
        return None

    def _find(self, name: str) -> ExportInfo | None:
        """The export of that name, if this client may see it."""
        export = self._named(name)
        return export if export is not None and self._is_visible(export) else None

    def _named(self, name: str) -> ExportInfo | None:
        if not name and len(self._exports) == 1:
            return next(iter(self._exports.values()))
        return self._exports.get(name)

    def _is_visible(self, export: ExportInfo) -> bool:
        return self._tls_active or not export.tls_only

    def _flags_of(self, export: ExportInfo) -> int:
        chunks = ExportFlag.SEND_DF if self._structured or self._extended else 0
        return export.flags & ~ExportFlag.SEND_DF | ExportFlag.HAS_FLAGS | chunks

    def _agreement_on(self, export: ExportInfo) -> Negotiated:
        return Negotiated(
            export=export,
            flags=self._flags_of(export),
            structured=self._structured and not self._extended,
            extended=self._extended,
            contexts=self._contexts if self._contexts_of == export else {},
            tls=self._tls_active,
        )

    def _reply(self, option: int, kind: OptionReply, data: bytes = b"") -> None:
        self._output += OPTION_REPLY.pack(OPTION_REPLY_MAGIC, option, kind, len(data)) + data

    def _refuse(self, option: int, kind: OptionReply, why: str) -> BadPeer | None:
        if option == Option.EXPORT_NAME:
            return BadPeer(f"EXPORT_NAME, which cannot be answered with {kind.name}: {why}")
        self._reply(option, kind, why.encode())
        return None

    def _refuse_unknown(self, option: int, name: str) -> BadPeer | None:
        if self._tls == "allow" and self._named(name) is not None:
            return self._refuse(option, OptionReply.ERR_TLS_REQD, "this export wants TLS first")
        return self._refuse(option, OptionReply.ERR_UNKNOWN, "no such export")


def _expect_nothing(data: bytes) -> None:
    if data:
        raise Malformed(f"{len(data)} bytes of data, expected none")


def _is_listed_by(query: str, context: str) -> bool:
    """``namespace:`` stands for all contexts of the namespace, where it is listed."""
    namespace, _, leaf = query.partition(":")
    return query == context or (not leaf and context.startswith(namespace + ":"))


_ANSWERS: Mapping[int, Callable[[Haggling, int, bytes], Event | None]] = {
    Option.EXPORT_NAME: Haggling._export_name,
    Option.LIST: Haggling._list,
    Option.STARTTLS: Haggling._upgrade,
    Option.INFO: Haggling._describe,
    Option.GO: Haggling._describe,
    Option.STRUCTURED_REPLY: Haggling._use_structured,
    Option.LIST_META_CONTEXT: Haggling._list_contexts,
    Option.SET_META_CONTEXT: Haggling._set_contexts,
    Option.EXTENDED_HEADERS: Haggling._use_extended,
}
