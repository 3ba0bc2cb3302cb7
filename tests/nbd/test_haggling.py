"""What is answered to each option, in each mode of TLS."""

from collections.abc import Mapping

import pytest

from aiovdi.nbd.haggling import TLS
from aiovdi.nbd.handshake import ServerHandshake
from aiovdi.nbd.terms import Abort, BadPeer, BlockSizes, ExportInfo, Negotiated, StartTLS
from aiovdi.nbd.wire import ExportFlag
from tests.nbd import spec
from tests.nbd.spec import OptionReply, be, client_flags, go, meta, number, option, text

UNSUP, POLICY, INVALID, TLS_REQD, UNKNOWN, SHUTDOWN, TOO_BIG = (0x80000000 + each for each in (1, 2, 3, 5, 6, 7, 9))
EXT_HEADER_REQD = 0x8000000A

DISK = ExportInfo(name="disk", size=1 << 30, flags=ExportFlag.SEND_FLUSH | ExportFlag.SEND_DF, description="A disk")
SECRET = ExportInfo(name="secret", size=4096, tls_only=True)
PICKY = ExportInfo(name="picky", size=8192, block_sizes=BlockSizes(minimum=512))
EXPORTS = {each.name: each for each in (DISK, SECRET, PICKY)}


def haggle(
    *options: bytes, exports: Mapping[str, ExportInfo] = EXPORTS, tls: TLS = "off", encrypted: bool = False
) -> tuple[list[OptionReply], list[object]]:
    """The replies and events that the options bring."""
    handshake = ServerHandshake(exports, tls=tls)
    handshake.take_output()
    events: list[object] = list(handshake.receive(client_flags()))
    if encrypted:
        assert handshake.receive(option(spec.STARTTLS)) == [StartTLS()]
        handshake.take_output()
        handshake.tls_started()
    for each in options:
        events += handshake.receive(each)
    replies = list(spec.read_option_replies(spec.Bytes(handshake.take_output())))
    spec.check_option_conversation(replies)
    return replies, events


def kinds(*options: bytes, tls: TLS = "off", encrypted: bool = False) -> list[int]:
    return [reply.kind for reply in haggle(*options, tls=tls, encrypted=encrypted)[0]]


def test_go_tells_all_that_was_asked_and_enters() -> None:
    replies, events = haggle(go("disk", 1, 2, 3))
    infos = {number(reply.data[:2]): reply.data[2:] for reply in replies[:-1]}
    assert infos == {
        0: be(1 << 30, 8) + be(ExportFlag.HAS_FLAGS | ExportFlag.SEND_FLUSH, 2),
        1: b"disk",
        2: b"A disk",
        3: be(1, 4) + be(4096, 4) + be(1 << 25, 4),
    }
    assert events == [Negotiated(export=DISK, flags=ExportFlag.HAS_FLAGS | ExportFlag.SEND_FLUSH)]


def test_info_tells_the_same_and_stays() -> None:
    replies, events = haggle(go("disk", 1, 2, 3, kind=spec.OPT_INFO), go("disk", 1, 2, 3))
    assert [(each.kind, each.data) for each in replies[:5]] == [(each.kind, each.data) for each in replies[5:]]
    assert len(events) == 1


def test_only_what_was_asked_is_told_but_for_block_sizes_of_its_own() -> None:
    assert [number(reply.data[:2]) for reply in haggle(go("disk"))[0][:-1]] == [0]
    assert [number(reply.data[:2]) for reply in haggle(go("picky"))[0][:-1]] == [0, 3]
    assert [number(reply.data[:2]) for reply in haggle(go("disk", 77, 3))[0][:-1]] == [0, 3]


def test_the_empty_name_is_the_only_export_if_there_is_one_only() -> None:
    assert haggle(go(""), exports={"disk": DISK})[1] == [Negotiated(export=DISK, flags=5)]
    assert kinds(go("")) == [UNKNOWN]


def test_an_unknown_export_is_unknown() -> None:
    assert kinds(go("nothing"), meta("nothing", kind=spec.LIST_META)) == [UNKNOWN, UNKNOWN]


@pytest.mark.parametrize("flags", [spec.FIXED_NEWSTYLE, spec.FIXED_NEWSTYLE | spec.NO_ZEROES])
def test_export_name_is_answered_with_padding_unless_that_was_waived(flags: int) -> None:
    handshake = ServerHandshake(EXPORTS)
    handshake.take_output()
    (terms,) = handshake.receive(client_flags(flags) + option(spec.EXPORT_NAME, b"disk"))
    assert isinstance(terms, Negotiated)
    padding = b"" if flags & spec.NO_ZEROES else bytes(124)
    assert handshake.take_output() == be(1 << 30, 8) + be(terms.flags, 2) + padding


@pytest.mark.parametrize("before", [[], [option(spec.EXTENDED)]])
@pytest.mark.parametrize("name", [b"nothing", b"secret", b"\xff", b"n" * 5000, b"d\0k", b"n" * 70_000])
def test_export_name_cannot_be_refused_so_the_session_ends(before: list[bytes], name: bytes) -> None:
    replies, events = haggle(*before, option(spec.EXPORT_NAME, name))
    assert len(replies) == len(before)
    assert isinstance(events[-1], BadPeer)


def test_export_name_does_not_go_with_extended_headers() -> None:
    assert isinstance(haggle(option(spec.EXTENDED), option(spec.EXPORT_NAME, b"disk"))[1][-1], BadPeer)


def test_the_list_names_what_the_client_may_see() -> None:
    replies = haggle(option(spec.LIST))[0]
    assert [reply.data for reply in replies] == [text("disk") + b"A disk", text("picky"), b""]
    assert text("secret") in [reply.data for reply in haggle(option(spec.LIST), tls="allow", encrypted=True)[0]]


@pytest.mark.parametrize("kind", [spec.LIST, spec.STARTTLS, spec.STRUCTURED, spec.EXTENDED])
def test_an_option_without_data_refuses_data(kind: int) -> None:
    assert kinds(option(kind, b"x"), tls="allow") == [INVALID]


def test_an_unknown_option_is_unsupported_and_the_session_goes_on() -> None:
    assert kinds(option(4), option(0, b"data"), option(0xFFFFFFFF, bytes(70_000)), go("disk"))[:3] == [UNSUP] * 3
    assert len(haggle(option(4), go("disk"))[1]) == 1


def test_data_too_big_to_be_meant_is_skipped_and_refused() -> None:
    assert kinds(option(spec.GO, bytes(70_000)), go("disk")) == [TOO_BIG, spec.INFO, spec.ACK]


def test_abort_is_acknowledged_whatever_comes_with_it() -> None:
    for data in (b"", b"bye", bytes(70_000)):
        replies, events = haggle(option(spec.ABORT, data))
        assert replies == [OptionReply(spec.ABORT, spec.ACK, b"")]
        assert events == [Abort()]


def test_structured_replies_and_extended_headers_are_what_transmission_begins_with() -> None:
    for options, expected in [
        ([], (False, False)),
        ([spec.STRUCTURED], (True, False)),
        ([spec.EXTENDED], (False, True)),
        ([spec.STRUCTURED, spec.EXTENDED], (False, True)),
    ]:
        (terms,) = haggle(*map(option, options), go("disk"))[1]
        assert isinstance(terms, Negotiated)
        assert (terms.structured, terms.extended) == expected
        assert bool(terms.flags & ExportFlag.SEND_DF) is any(expected)


def test_extended_headers_take_precedence() -> None:
    assert kinds(option(spec.EXTENDED), option(spec.STRUCTURED)) == [spec.ACK, EXT_HEADER_REQD]


def test_extended_headers_are_granted_only_where_they_are_switched_on() -> None:
    handshake = ServerHandshake(EXPORTS, extended=False)
    handshake.take_output()
    handshake.receive(client_flags() + option(spec.EXTENDED))
    (reply,) = spec.read_option_replies(spec.Bytes(handshake.take_output()))
    assert reply.kind == UNSUP


# metadata contexts


@pytest.mark.parametrize(
    ("queries", "found"),
    [
        ([], ["base:allocation"]),
        (["base:"], ["base:allocation"]),
        (["base:allocation"], ["base:allocation"]),
        (["base:", "base:allocation"], ["base:allocation"]),
        (["base:nothing", "qemu:dirty-bitmap:x", "qemu:"], []),
    ],
)
def test_contexts_are_listed_by_name_and_by_namespace(queries: list[str], found: list[str]) -> None:
    replies = haggle(meta("disk", *queries, kind=spec.LIST_META))[0]
    assert [reply.data[4:].decode() for reply in replies[:-1]] == found


@pytest.mark.parametrize(
    ("queries", "found"),
    [([], {}), (["base:"], {}), (["qemu:x", "base:allocation"], {1: "base:allocation"}), (["base:allocatio"], {})],
)
def test_contexts_are_chosen_by_their_whole_name(queries: list[str], found: dict[int, str]) -> None:
    replies, (terms,) = haggle(option(spec.STRUCTURED), meta("disk", *queries), go("disk"))
    chosen = {number(each.data[:4]): each.data[4:].decode() for each in replies if each.kind == spec.META_CONTEXT}
    assert isinstance(terms, Negotiated)
    assert chosen == terms.contexts == found


def test_contexts_cannot_be_chosen_without_structured_replies() -> None:
    replies, (terms,) = haggle(meta("disk", "base:allocation"), go("disk"))
    assert replies[0].kind == INVALID
    assert isinstance(terms, Negotiated)
    assert not terms.contexts


@pytest.mark.parametrize(
    "later", [meta("disk"), meta("nothing", "base:allocation"), option(spec.SET_META, b"?"), meta("disk", "no colon")]
)
def test_the_last_choice_of_contexts_counts_also_if_it_fails(later: bytes) -> None:
    (terms,) = haggle(option(spec.STRUCTURED), meta("disk", "base:allocation"), later, go("disk"))[1]
    assert isinstance(terms, Negotiated)
    assert not terms.contexts


def test_contexts_that_were_chosen_for_another_export_are_void() -> None:
    (terms,) = haggle(option(spec.STRUCTURED), meta("disk", "base:allocation"), go("picky"))[1]
    assert isinstance(terms, Negotiated)
    assert not terms.contexts


# TLS


def test_a_server_without_tls_says_so_and_hides_what_wants_it() -> None:
    assert kinds(option(spec.STARTTLS), go("secret")) == [POLICY, UNKNOWN]


def test_a_server_that_requires_tls_answers_nothing_else() -> None:
    everything = [option(kind) for kind in range(3, 14) if kind != spec.STARTTLS]
    assert kinds(*everything, tls="require") == [TLS_REQD] * len(everything)
    assert isinstance(haggle(option(spec.EXPORT_NAME, b"disk"), tls="require")[1][-1], BadPeer)
    assert haggle(option(spec.ABORT), tls="require")[1] == [Abort()]


def test_what_wants_tls_is_told_only_by_go_and_info() -> None:
    answers = kinds(go("secret"), go("secret", kind=spec.OPT_INFO), meta("secret", kind=spec.LIST_META), tls="allow")
    assert answers == [TLS_REQD, TLS_REQD, UNKNOWN]
    assert isinstance(haggle(option(spec.EXPORT_NAME, b"secret"), tls="allow")[1][-1], BadPeer)


def test_nothing_that_was_agreed_on_in_plain_text_survives_tls() -> None:
    handshake = ServerHandshake(EXPORTS, tls="allow")
    plain = option(spec.STRUCTURED) + meta("disk", "base:allocation") + option(spec.STARTTLS)
    assert handshake.receive(client_flags() + plain) == [StartTLS()]
    handshake.tls_started()
    (terms,) = handshake.receive(go("disk"))
    assert isinstance(terms, Negotiated)
    assert terms.tls
    assert not terms.structured
    assert not terms.contexts


def test_tls_cannot_be_started_twice() -> None:
    assert kinds(option(spec.STARTTLS), go("secret"), tls="require", encrypted=True) == [INVALID, spec.INFO, spec.ACK]


def test_a_client_without_fixed_newstyle_gets_no_tls() -> None:
    handshake = ServerHandshake(EXPORTS, tls="allow")
    handshake.take_output()
    assert not handshake.receive(client_flags(0) + option(spec.STARTTLS) + go("secret"))
    replies = list(spec.read_option_replies(spec.Bytes(handshake.take_output())))
    assert [reply.kind for reply in replies] == [POLICY, UNKNOWN]
    (event,) = ServerHandshake(EXPORTS, tls="require").receive(client_flags(0))
    assert isinstance(event, BadPeer)


def test_a_server_that_shuts_down_says_so() -> None:
    handshake = ServerHandshake(EXPORTS)
    handshake.take_output()
    handshake.receive(client_flags())
    handshake.shut_down()
    assert handshake.receive(go("disk") + option(99) + option(spec.ABORT)) == [Abort()]
    replies = list(spec.read_option_replies(spec.Bytes(handshake.take_output())))
    assert [reply.kind for reply in replies] == [SHUTDOWN, SHUTDOWN, spec.ACK]
