"""Every name that an artifact can carry leads back to what failed."""

from types import ModuleType

import pytest

from faults.search.names import resolve
from faults.simulation.tape import ReplayTape


@pytest.mark.parametrize(
    "name",
    [
        "vdi",
        "broken:Target",
        "broken:Target meetings",
        "broken:Target sweep w0 f: 2 EIO",
        "broken:Target explore power 1 w0 f | w1",
    ],
)
def test_a_name_leads_to_the_subject_of_this_name(broken: ModuleType, name: str) -> None:
    subject = resolve(name)
    assert subject.name == name
    assert subject.run(ReplayTape([])).failure is None


@pytest.mark.parametrize(
    "name", ["broken:Target sweep w9:", "broken:Target explore close 0 w9", "broken:Target explore never 0 w0"]
)
def test_a_name_with_an_unknown_word_is_refused(broken: ModuleType, name: str) -> None:
    with pytest.raises(ValueError, match="expected one of"):
        resolve(name)
