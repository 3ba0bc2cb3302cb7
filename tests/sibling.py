"""Whether something long gives the loop to others: a task beside it counts its turns."""

import asyncio
from typing import Self

__all__ = ["Sibling"]


class Sibling:
    """Inside of ``async with Sibling() as sibling`` one task more runs; ``turns`` are those that it was given."""

    def __init__(self) -> None:
        self.turns = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        await asyncio.sleep(0)
        self.turns = 0  # the first is no business of what follows
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)
