"""How a variant takes the place of the real thing: one method of the disk, or one method of one of its parts.

The driver has no switch for its bugs. A variant is a subclass that overrides a single step; where the
step belongs to a part (slots, flusher, metadata writer, session, lifecycle), the part that the disk has made
becomes an instance of the subclass, with its state as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from aiovdi.driver.disk import Disk
from aiovdi.driver.flusher import Flusher
from aiovdi.driver.lifecycle import Lifecycle
from aiovdi.driver.metadata import MetadataWriter
from aiovdi.driver.session import Session
from aiovdi.driver.slots import Slots

__all__ = [
    "NoFlush",
    "Other",
    "WithFlusher",
    "WithLifecycle",
    "WithMetadata",
    "WithSession",
    "WithSlots",
    "standing_in",
]


def _become(part: Any, kind: type[Any]) -> None:
    """``part`` is of ``kind`` from now on, a subclass of what it was."""
    assert issubclass(kind, type(part))
    part.__class__ = kind


class _WithAnother(Disk):
    part: ClassVar[str]
    """Its name among the attributes of the disk, and among those of the variant, which holds its class."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _become(getattr(self, f"_{self.part}"), getattr(self, self.part))


class WithSlots(_WithAnother):
    """A disk with other slots."""

    part = "slots"
    slots: type[Slots]


class WithFlusher(_WithAnother):
    """A disk with another flusher."""

    part = "flusher"
    flusher: type[Flusher]


class WithMetadata(_WithAnother):
    """A disk with another metadata writer."""

    part = "metadata"
    metadata: type[MetadataWriter]


class WithSession(_WithAnother):
    """A disk with another prologue or close."""

    part = "session"
    session: type[Session]


class WithLifecycle(_WithAnother):
    """A disk that admits requests, or waits for them, in another way."""

    part = "lifecycle"
    lifecycle: type[Lifecycle]


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


@contextmanager
def standing_in(part: object, name: str, other: type[Other]) -> Iterator[None]:
    """``part`` has an ``other`` before what it calls ``name``, for a while."""
    real = getattr(part, name)
    setattr(part, name, other(real))
    try:
        yield
    finally:
        setattr(part, name, real)
