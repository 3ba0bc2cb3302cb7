"""The same story as a test of pytest."""

import pytest
from stories import acknowledged_records_survive


@pytest.mark.faults(seeds=500)
def test_acknowledged_records_survive(sim):
    acknowledged_records_survive(sim)
