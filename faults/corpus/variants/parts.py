"""How a variant takes the place of the real thing: one method of the disk, or one method of one of its parts.

The driver has no switch for its bugs. A variant is a subclass that overrides a single step; where the
step belongs to a part (slots, flusher, metadata writer, session), the part that the disk has made
becomes an instance of the subclass, with its state as it is.
"""

from typing import Any

from aiovdi.driver.disk import Disk
from aiovdi.driver.flusher import Flusher
from aiovdi.driver.metadata import MetadataWriter
from aiovdi.driver.session import Session
from aiovdi.driver.slots import Slots

__all__ = ["NoFlush", "Other", "WithFlusher", "WithMetadata", "WithSession", "WithSlots"]


def _become(part: Any, kind: type[Any]) -> None:
    """``part`` is of ``kind`` from now on, a subclass of what it was."""
    assert issubclass(kind, type(part))
    part.__class__ = kind


class WithSlots(Disk):
    """A disk with other slots."""

    slots: type[Slots]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _become(self._slots, self.slots)


class WithFlusher(Disk):
    """A disk with another flusher."""

    flusher: type[Flusher]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _become(self._flusher, self.flusher)


class WithMetadata(Disk):
    """A disk with another metadata writer."""

    metadata: type[MetadataWriter]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _become(self._metadata, self.metadata)


class WithSession(Disk):
    """A disk with another prologue or close."""

    session: type[Session]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _become(self._session, self.session)


class Other:
    """Stands before an object and answers some of its calls; the rest is passed on."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


class NoFlush(Other):
    """A flusher that says it has flushed."""

    async def flush(self) -> None:
        """Nothing happens."""
