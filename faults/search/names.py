"""Every name that an artifact can carry leads back to what failed: a target, a case of a sweep, a program.

``vdi`` · ``bug:NAME`` · ``module:name`` · ``vdi sweep w0 f: 2 power-lost`` · ``vdi explore close 1 w0 | w1`` ·
``vdi meetings`` · ``foreign:qemu-vdi``
"""

from faults.exhaustive import interleave, sweeping
from faults.foreign.subject import PREFIX, foreign_subject
from faults.runs.workload import Profile
from faults.search.subject import MEETINGS, Subject, find, meetings_of

__all__ = ["resolve"]


def resolve(name: str, profile: Profile | None = None) -> Subject:
    """The subject of this name.

    Raises:
        ValueError: there is none.
    """
    if name.startswith(PREFIX):
        return foreign_subject(name, profile)
    if name.endswith(MEETINGS):
        return meetings_of(find(name.removesuffix(MEETINGS), profile or Profile()))
    for mark in (sweeping.MARK, interleave.MARK):
        base, found, rest = name.partition(mark)
        if not found:
            continue
        if mark == sweeping.MARK:
            return sweeping.case_subject(find(base), rest)
        end, faults, program = rest.split(" ", 2)
        return interleave.program_subject(find(base), program, end=end, faults=int(faults))
    return find(name, profile or Profile())
