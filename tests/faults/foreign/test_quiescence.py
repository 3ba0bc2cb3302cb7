"""Quiet is so many probes in a row without anything else, and a single word starts the count again."""

from typing import Any

import pytest

from faults.foreign import quiescence
from faults.foreign.quiescence import NotQuiet, settle


class Side:
    """Either side of a driver: what it has heard, and what is half said."""

    def __init__(self, *, speaks_at: tuple[int, ...] = (), half_until: int = 0) -> None:
        self.heard = 0
        self.probes = 0
        self._speaks_at = speaks_at
        self._half_until = half_until

    async def probe(self) -> None:
        self.probes += 1
        self.heard += self.probes in self._speaks_at

    @property
    def is_between_messages(self) -> bool:
        return self.probes >= self._half_until


async def probes(side: Any, *, turns: int = 4) -> int:
    await settle(Side(), side, turns=turns)  # type: ignore[arg-type]
    return int(side.probes)


async def test_a_silent_driver_is_quiet_after_as_many_turns() -> None:
    assert await probes(Side()) == 4
    assert await probes(Side(), turns=7) == 7


async def test_a_word_in_the_last_turn_starts_the_count_again() -> None:
    assert await probes(Side(speaks_at=(4,))) == 8
    assert await probes(Side(speaks_at=(1, 2, 5))) == 9


async def test_half_a_message_is_no_silence() -> None:
    assert await probes(Side(half_until=3)) == 6


async def test_a_driver_that_never_stops_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy(Side):
        async def probe(self) -> None:
            await super().probe()
            self.heard += 1
            await quiescence.asyncio.sleep(0)

    monkeypatch.setattr(quiescence, "SECONDS_MAX", 0.05)
    with pytest.raises(NotQuiet, match="did not come to rest"):
        await probes(Busy())
