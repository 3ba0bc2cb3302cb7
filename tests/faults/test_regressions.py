"""What this harness has found in this driver: the run that showed it is kept, and the driver comes through it."""

from pathlib import Path

from aiovdi.driver.disk import Disk
from faults.corpus.catalogue import bug
from faults.runs.run import Outcome, Script, run
from faults.runs.workload import Request
from faults.simulation.plan import Rules, parse_rule
from faults.simulation.tape import ReplayTape, load
from faults.target import Target
from faults.vdi import VDI

TAPES = Path(__file__).parent / "regressions"

BESIDE_FUA = Script(
    workloads=(
        [
            [
                Request("X0", "write", 0, 512),
                Request("X1", "flush"),
                Request("X2", "write", 512, 512),
                Request("X3", "fua", 1024, 512),
            ],
            [Request("Y0", "flush"), Request("Y1", "flush"), Request("Y2", "flush")],
        ],
    ),
    plan=lambda _: Rules([parse_rule("event=write:data nth=3 errno=EIO pages=clean_old")]),
    end="power",
)


def replayed(target: Target, name: str, script: Script = Script()) -> Outcome:  # noqa: B008  (nothing changes it)
    return run(target, ReplayTape(load((TAPES / name).read_text(encoding="ascii"))), script=script)


class ClosesUnderItsWindow(Disk):
    """The close as it was: a disk that has stopped waits for nothing."""

    async def _finish(self) -> None:
        self._lifecycle.refuse_if_failed()
        await super()._finish()


def test_a_flush_is_no_success_where_an_fua_write_beside_it_failed() -> None:
    """Y0 flush begins ... X3 FUA fails, and uses up the error of X2 ... Y0 ends well; power is lost; X2 is gone."""
    broken = replayed(bug("flush-beside-fua").target(), "flush-beside-fua.json", BESIDE_FUA)
    assert broken.failure is not None
    assert "holds zeros, expected X2 in sector 1" in broken.failure
    assert replayed(VDI(), "flush-beside-fua.json", BESIDE_FUA).failure is None


def test_a_disk_that_has_stopped_closes_only_when_the_window_that_is_being_made_has_ended() -> None:
    """The last clean slot is taken, so the next window is begun; an FUA write fails; close; the window's I/Os come."""
    broken = replayed(VDI(ClosesUnderItsWindow), "close-beside-window.json")
    assert broken.kind == "late"
    assert replayed(VDI(), "close-beside-window.json").failure is None
