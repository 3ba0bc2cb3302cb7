"""Seconds of a core. Rates of the harness are per core, and a core that others use too has fewer seconds."""

import resource

__all__ = ["core_seconds"]


def core_seconds() -> float:
    """What this process, and the children that it has waited for, have taken so far."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)
