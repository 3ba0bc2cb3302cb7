"""A random search: the failure first, the lowest seed however many look, and a summary whatever happens."""

from pathlib import Path
from types import ModuleType

from faults.failures.artifact import load_artifact
from faults.runs.story import Sim
from faults.search.budget import Budget
from faults.search.campaign import Summary, campaign
from faults.search.subject import find, of
from faults.simulation.tape import ExploringTape


def failing_seeds(broken: ModuleType, runs: int) -> list[int]:
    subject = find("broken:StopsShortTarget")
    return [seed for seed in range(runs) if subject.run(ExploringTape(seed)).failure]


def test_a_driver_without_a_bug_ends_clean_after_its_runs(broken: ModuleType, tmp_path: Path) -> None:
    summary = campaign(find("broken:Target"), tmp_path, budget=Budget(120))
    assert summary.is_clean
    assert summary.runs == 120
    assert summary.checked == 2
    assert summary.coverage.cells
    assert list(tmp_path.iterdir()) == []


def test_the_search_stops_at_the_first_failure_and_its_file_is_there(broken: ModuleType, tmp_path: Path) -> None:
    summary = campaign(find("broken:StopsShortTarget"), tmp_path)
    (found,) = summary.found
    assert found.seed == failing_seeds(broken, found.seed + 1)[0]
    assert load_artifact(found.path).failure == found.failure


def test_collecting_finds_every_seed_that_fails(broken: ModuleType, tmp_path: Path) -> None:
    summary = campaign(find("broken:StopsShortTarget"), tmp_path, budget=Budget(80), collect=True)
    assert [found.seed for found in summary.found] == failing_seeds(broken, 80)
    assert len(list(tmp_path.iterdir())) == len(summary.found)


def test_two_processes_find_the_same_lowest_seed_as_one(broken: ModuleType, tmp_path: Path) -> None:
    subject = find("broken:StopsShortTarget")
    alone = campaign(subject, tmp_path / "1", budget=Budget(200))
    both = campaign(subject, tmp_path / "2", budget=Budget(200), processes=2)
    assert both.found[0][:3] == alone.found[0][:3]


def test_two_processes_see_together_what_one_sees(broken: ModuleType, tmp_path: Path) -> None:
    subject = find("broken:Target")
    one, two = (campaign(subject, tmp_path, budget=Budget(100), processes=number) for number in (1, 2))
    assert (one.runs, one.steps, one.images, one.coverage) == (two.runs, two.steps, two.images, two.coverage)


def test_other_seeds_are_other_runs(broken: ModuleType, tmp_path: Path) -> None:
    subject = find("broken:Target")
    one, other = (campaign(subject, tmp_path, base=base, budget=Budget(20)) for base in (0, 1000))
    assert one.steps != other.steps
    assert "seeds from 1000 on" in str(other)


def test_a_run_that_is_not_the_same_twice_is_noticed(tmp_path: Path) -> None:
    told = []

    def story(sim: Sim) -> None:
        told.append(sim)
        sim.outcome.trace.add("told", f"{len(told)} times")

    summary = campaign(of("story", story), tmp_path, budget=Budget(10), check_every=5)
    assert summary.unlike == [0, 5]
    assert not summary.is_clean
    assert "UNLIKE" in str(summary)


def test_an_interrupt_leaves_the_summary_so_far(broken: ModuleType, tmp_path: Path) -> None:
    def interrupt(summary: Summary) -> None:
        if summary.runs >= 100:
            raise KeyboardInterrupt

    summary = campaign(find("broken:Target"), tmp_path, budget=Budget(1000), progress=interrupt)
    assert (summary.runs, summary.was_interrupted) == (100, True)
    assert str(summary).endswith("interrupted")


def test_time_that_is_used_up_ends_the_search(broken: ModuleType, tmp_path: Path) -> None:
    assert campaign(find("broken:Target"), tmp_path, budget=Budget(None, seconds=0.0)).runs == 50
