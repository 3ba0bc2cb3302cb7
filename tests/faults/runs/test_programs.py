"""A program is a line of words, each a request; what a word means depends on the size of a block alone."""

import pytest

from faults.runs.programs import FURTHER, OPERATIONS, parse_client, parse_program
from faults.runs.workload import KINDS
from faults.vdi import VDI

DISK = VDI(blocks=4, block_size=2048)


def test_a_program_has_a_client_for_each_part_and_the_prelude_first() -> None:
    clients = parse_program("w0+2 f; w0 f | wn+1!", DISK)
    assert [[str(request) for request in client] for client in clients] == [
        ["P0 write 512 at 4096", "P1 flush"],
        ["A0 write 512 at 0", "A1 flush"],
        ["B0 write 512 at 4096"],
    ]
    assert [request.cancels for client in clients for request in client] == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("word", ["w9", "w0+x", "w0+4", "ws+3", "!"])
def test_an_unknown_operation_or_place_is_named(word: str) -> None:
    with pytest.raises(ValueError, match=f"found '{word}'".replace("+", r"\+")):
        parse_program(f"w0 | {word}", DISK)


def test_no_block_is_the_first() -> None:
    assert parse_client("A", "w1+", 4096, 2048) == parse_client("A", "w1", 4096, 2048)


def test_between_them_the_words_have_every_kind_of_request() -> None:
    clients = [parse_client("A", word, DISK.size, DISK.block_size) for word in OPERATIONS | FURTHER]
    assert {request.kind for client in clients for request in client} == set(KINDS)
