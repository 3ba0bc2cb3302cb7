"""Every I/O of a workload gets every fault that its kind can have, each in a run of its own."""

from types import ModuleType

import pytest

from faults.exhaustive.sweep import BY_KIND, CANCELS, CRASHES, Case, cases, parse_case, run_case, workloads
from faults.runs.programs import OPERATIONS
from faults.simulation.plan import IO
from faults.vdi import VDI


def test_there_are_twelve_operations_and_all_sequences_of_three() -> None:
    assert len(OPERATIONS) == 12
    found = list(workloads())
    assert len(found) == len(set(found)) == 12 + 12**2 + 12**3


def test_a_case_is_found_again_by_its_name() -> None:
    for case in [Case(("w0",)), Case(("w0", "f"), ((7, "EIO"),)), Case(("r0",), ((1, "short"), (2, "power-lost")))]:
        assert parse_case(str(case)) == case


@pytest.mark.parametrize("text", ["w9: 1 EIO", "w0: 1 EWHAT"])
def test_an_unknown_word_in_a_name_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"found '(w9|EWHAT)'"):
        parse_case(text)


def test_every_io_meets_every_fault_of_its_kind(broken: ModuleType) -> None:
    found = {case.faults for case, _ in cases(broken.Target(), ("w0", "f"))}
    fine = run_case(broken.Target(), Case(("w0", "f")))
    ios = [event.subject for event in fine.trace.events if event.what == "end"]
    for number, io in enumerate(ios, 1):
        assert isinstance(io, IO)
        for fault in BY_KIND[io.kind]:
            assert ((number, fault),) in found
    for fault in CANCELS:  # of the two that were asked for; reading back is nobody's request
        assert {number for ((number, name),) in found - {()} if name == fault} == {1, 2}


def test_a_crash_before_the_last_operation_is_left_to_the_workload_without_it(broken: ModuleType) -> None:
    def crashes(*operations: str) -> dict[int, list[str]]:
        """By I/O: what each crash there leaves to be seen, as the trace of its run."""
        seen: dict[int, list[str]] = {}
        for case, outcome in cases(broken.Target(), operations):
            if case.faults and case.faults[0][1] in CRASHES:
                seen.setdefault(case.faults[0][0], []).append(outcome.trace.digest())
        return seen

    short, long = crashes("w0"), crashes("w0", "w1", "f")
    assert min(short) == 1 < min(long)
    for number in range(1, min(long)):  # skipped, and the same run in one of the shorter ones
        operations = ("w0",) if number in short and number < min(crashes("w0", "w1")) else ("w0", "w1")
        left = [
            run_case(broken.Target(), Case(("w0", "w1", "f"), ((number, fault),))).trace.digest() for fault in CRASHES
        ]
        assert left == crashes(*operations)[number]


def test_the_fault_strikes_the_io_that_the_case_names(broken: ModuleType) -> None:
    outcome = run_case(broken.Target(), parse_case("w0 w1: 2 ENOSPC"))
    ends = [str(event) for event in outcome.trace.events if event.what == "end"]
    assert ends[:2] == [
        "end write #1 data 512 bytes at 512 succeeds",
        "end write #2 data 512 bytes at 1024 fails with ENOSPC, effect: none",
    ]


def test_a_crash_comes_in_the_steps_of_a_close_too() -> None:
    target = VDI(shapes=False)
    fine = run_case(target, Case(("w0",)))
    count = sum(event.what == "end" for event in fine.trace.events)
    lost = run_case(target, Case(("w0",), ((count, "power-lost"),)))
    words = [event.what for event in lost.trace.events]
    assert words.count("end") == count - 1
    assert "closing" in words
    assert "close" not in words
    assert words[-1] == "power"


@pytest.mark.parametrize("fault", CANCELS)
def test_a_cancel_comes_while_the_io_is_under_way_or_before_its_end_is_heard(broken: ModuleType, fault: str) -> None:
    outcome = run_case(broken.Target(), Case(("w0", "w1"), ((2, fault),)))
    told = [(event.what, str(event.subject)) for event in outcome.trace.events if event.what in ("return", "raise")]
    assert told == [("return", "A0 write 512 at 0"), ("raise", "A1 write 512 at 512")]


def test_a_partial_write_leaves_every_second_unit(broken: ModuleType) -> None:
    class Looking(broken.Target):  # type: ignore[misc,name-defined]
        def read_image(self, content: bytes) -> bytes:
            seen.append([content[at] != 0 for at in range(512, 1536, 512)])
            return bytes(super().read_image(content))

    seen: list[list[bool]] = []
    run_case(Looking(), parse_case("wb: 1 partial"))
    assert seen == [[True, False]]


@pytest.mark.parametrize(
    ("target", "operations", "expected"),
    [
        ("SwallowsErrors", ("w0",), "w0: 1 EIO"),
        ("StopsShort", ("wb",), "wb: 1 short"),
        ("ForgetsFlush", ("w0", "f"), "w0 f: 2 power-lost"),
        ("FailsAfterCancel", ("w0", "w1"), "w0 w1: 1 cancel-after"),
    ],
)
def test_a_planted_bug_is_found_by_its_fault(
    broken: ModuleType, target: str, operations: tuple[str, ...], expected: str
) -> None:
    found = [str(case) for case, outcome in cases(getattr(broken, f"{target}Target")(), operations) if outcome.failure]
    assert expected in found


def test_pairs_put_a_second_fault_behind_every_error(broken: ModuleType) -> None:
    double = [case for case, _ in cases(broken.Target(), ("w0", "w1"), pairs=True) if len(case.faults) == 2]
    assert all(first < second for (first, _), (second, _) in (case.faults for case in double))
    assert Case(("w0", "w1"), ((1, "EIO"), (2, "ENOSPC"))) in double


def test_pairs_of_a_disk_that_cannot_even_be_opened_are_cases_too() -> None:
    double = {case.faults for case, _ in cases(VDI(shapes=False), ("f",), pairs=True) if len(case.faults) == 2}
    assert all(first[0] > 1 for first, _ in double)  # the first I/O reads the header: after it there is none


def test_no_single_fault_in_a_single_request_breaks_the_driver() -> None:
    failed = [
        f"{case}: {outcome.failure}"
        for operation in OPERATIONS
        for case, outcome in cases(VDI(), (operation,))
        if outcome.failure
    ]
    assert not failed, "\n".join(failed)
