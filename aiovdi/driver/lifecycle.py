"""The life of a disk: one state, one table, and the count of the requests that are under way.

A request is admitted or refused at its start, by the state alone. Only a disk without requests
under way is taken apart.
"""

import enum

from aiovdi.errors import DiskFailed, ImageClosed, ReadOnlyImage
from aiovdi.settling import UnderWay

__all__ = ["Event", "Lifecycle", "State"]


class State(enum.Enum):
    """What a disk does with a new request."""

    OPEN = "open"
    FAILED = "failed"  # reads go on; writes and flushes raise DiskFailed
    CLOSED = "closed"  # or closing: every new request raises ImageClosed


class Event(enum.Enum):
    """What changes the state."""

    FLUSH_FAILED = "flush failed"
    CLOSE = "close"


TRANSITIONS = {
    (State.OPEN, Event.FLUSH_FAILED): State.FAILED,
    (State.OPEN, Event.CLOSE): State.CLOSED,
    (State.FAILED, Event.FLUSH_FAILED): State.FAILED,
    (State.FAILED, Event.CLOSE): State.CLOSED,
    (State.CLOSED, Event.FLUSH_FAILED): State.CLOSED,  # one of the closing steps
    (State.CLOSED, Event.CLOSE): State.CLOSED,
}


class Lifecycle(UnderWay):
    """State of one disk, and its requests under way."""

    def __init__(self, *, writable: bool) -> None:
        super().__init__()
        self.writable = writable
        self.state = State.OPEN
        self.failure: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """A flush or an FUA write failed: nothing that was not durable before can be vouched for."""
        self.failure = self.failure or error
        self.state = TRANSITIONS[self.state, Event.FLUSH_FAILED]

    def begin_close(self) -> None:
        """Refuse every further request."""
        self.state = TRANSITIONS[self.state, Event.CLOSE]

    def admit_read(self) -> None:
        """Raises ImageClosed."""
        if self.state is State.CLOSED:
            raise ImageClosed("the disk is closed")

    def admit_change(self) -> None:
        """Raises ImageClosed, ReadOnlyImage or DiskFailed."""
        self.admit_read()
        if not self.writable:
            raise ReadOnlyImage('the disk was opened with "r"; open it with "r+" to change it')
        self.refuse_if_failed()

    def refuse_if_failed(self) -> None:
        """Raises DiskFailed: for a step in the middle of a request, which no close may stop."""
        if self.failure is not None:
            raise DiskFailed(self.failure)

    def __enter__(self) -> None:
        self.begin()

    def __exit__(self, *_: object) -> None:
        self.end()
