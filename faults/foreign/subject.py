"""A foreign driver as a subject, by the name in its artifacts: ``foreign:qemu-vdi``, or a description in JSON."""

from faults.foreign.drivers import Driver, find_driver
from faults.foreign.finding import shrink
from faults.foreign.run import PROFILE, run
from faults.runs.workload import Profile
from faults.search.subject import Subject

__all__ = ["PREFIX", "foreign_subject", "subject_of"]

PREFIX = "foreign:"


def foreign_subject(name: str, profile: Profile | None = None) -> Subject:
    """The subject of this name.

    Raises:
        ValueError: there is no such driver.
    """
    return subject_of(find_driver(name.removeprefix(PREFIX)), profile)


def subject_of(driver: Driver, profile: Profile | None = None) -> Subject:
    """``driver`` as something that runs from a tape."""
    habits = profile or PROFILE
    return Subject(PREFIX + driver.full_name, lambda tape: run(driver, tape, habits), habits, shrink=shrink)
