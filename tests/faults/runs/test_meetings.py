"""Meetings are written as programs, a session after the other, and each goes where it has room."""

from types import SimpleNamespace
from typing import cast

import pytest

from faults.runs.meetings import MEETINGS, Meeting, fits, fitting, parse_meeting
from faults.runs.workload import Profile
from faults.target import Target
from faults.vdi import VDI


def test_a_program_is_written_a_session_after_the_other_each_with_its_prelude() -> None:
    first, second = parse_meeting("w0 f; w1 | u0+1 // f", VDI())
    assert [[str(request) for request in client] for client in first] == [
        ["P00 write 512 at 0", "P01 flush"],
        ["A00 write 512 at 512"],
        ["B00 fua 512 at 4096"],
    ]
    assert [[str(request) for request in client] for client in second] == [[], ["A10 flush"]]


def test_an_unknown_word_is_named() -> None:
    with pytest.raises(ValueError, match="found 'w9'"):
        parse_meeting("w0 // w9", VDI())


def test_all_of_them_have_room_on_the_disk_of_the_driver() -> None:
    assert fitting(VDI(), Profile()) == list(MEETINGS)


def test_a_small_disk_has_room_for_some_and_a_tiny_one_for_those_of_one_block() -> None:
    assert 0 < len(fitting(VDI(blocks=2))) < len(MEETINGS)
    assert fits(Meeting("w0 | w1 f"), size=4096, block_size=4096)
    assert not fits(Meeting("w0 | wn f"), size=4096, block_size=4096)
    assert fitting(cast(Target, SimpleNamespace(size=0, block_size=512))) == []


@pytest.mark.parametrize(
    ("profile", "program"),
    [
        (Profile(weights=(8, 3, 2, 1, 0, 1, 1)), "w0 | u0"),
        (Profile(weights=(8, 0, 2, 1, 1, 1, 1)), "r0; w0"),
        (Profile(unaligned=False), "w0 // wl"),
        (Profile(clients=2), "w0 f; w0 | f"),
        (Profile(clients=2, requests=1), "w0 f | f"),
    ],
)
def test_a_profile_leaves_out_what_it_does_not_have(profile: Profile, program: str) -> None:
    meeting = Meeting(program)
    assert fits(meeting, 49152, 4096)
    assert not fits(meeting, 49152, 4096, profile)
    assert len(fitting(VDI(), profile)) < len(MEETINGS)
