"""A story is one race, failure or crash a file, with its timeline. They share the driver's storage under control."""

from tests.driver.conftest import gates_open_at_the_end, no_leftovers

__all__ = ["gates_open_at_the_end", "no_leftovers"]
