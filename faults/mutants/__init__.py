"""Mutants of a driver: small mistakes put into its source, one at a time, to see which the harness does not notice."""

from faults.mutants.explained import EXPLAINED, Explained
from faults.mutants.hunt import Result, Tally, hunt
from faults.mutants.operators import OPERATORS, Mutant, mutants_of

__all__ = ["EXPLAINED", "OPERATORS", "Explained", "Mutant", "Result", "Tally", "hunt", "mutants_of"]
