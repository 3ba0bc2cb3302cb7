"""One process of the driver, from its start to its end.

Events are what the tape orders: an I/O below ends, or a client sends its next request. After each the
driver is let come to rest. An event is *due* so many steps after it became possible as the tape says, by
its name; of those that are due first the oldest comes first. Zero is the order of arrival.

Rule 1: a driver at rest has answered every request, or waits for an I/O that is held. One that waits for
nothing hangs, and that is a failure.
Rule 2: while it opens, closes, or is looked at, I/Os end at once, in the order of their arrival, and none fails.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from faults.foreign.asking import Asking
from faults.foreign.below import Held
from faults.foreign.holding import HoldingExport
from faults.foreign.lateness import LATENESS, late, very_late
from faults.foreign.process import DriverEnded, Process
from faults.foreign.quiescence import DOUBT, NotQuiet, settle
from faults.foreign.upstream import HungUp, Upstream
from faults.foreign.weather import Weather
from faults.foreign.world import World
from faults.judges.oracle import Violation
from faults.runs.workload import Request, Workload
from faults.simulation.plan import FINE

__all__ = ["Life", "Session"]

_CLOSE_SECONDS = 30.0
_LAST_WORDS_SECONDS = 1.0
"""A process that ends closes its connections first."""


class Life(NamedTuple):
    """When a kill or a power loss comes, if not after everything; None: not by this."""

    steps: int | None = None
    """After so many events."""
    flushes: int | None = None
    """When so many flushes and FUA writes were acknowledged: a promise is tried best when it was just made."""


@dataclass(eq=False)
class _Event:
    """Something that can happen next."""

    due: int
    since: int
    name: str
    subject: Held | Request
    """The I/O that ends, or the request that is sent."""


class Session:
    """One process, and what is done with it. What it does with a driver may raise Beyond, where the image grows."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.step = 0
        world.sessions += 1
        place = world.folder / f"{world.sessions}"
        room = world.driver.room if world.driver.grows else 0
        self._export = HoldingExport(world.below.device.length, world.below.serve, room=room)
        self._upstream = Upstream()
        self._asking = Asking(world, self._upstream)
        self._events: list[_Event] = []
        self._queues: dict[str, deque[Request]] = {}
        self._slow = ""  # writes to this part of the image are mostly very late
        self._below_socket = place.with_suffix(".below")
        self._above_socket = place.with_suffix(".above")
        self._log = place.with_suffix(".log")
        self._process: Process | None = None

    async def open(self) -> None:
        """Start the process, and connect to it. Raises Violation: it cannot open the image."""
        await self._export.listen(self._below_socket)
        uri = f"nbd+unix:///?socket={self._below_socket}"
        self._process = Process(self.world.driver.argv(uri, self._above_socket), self._above_socket, self._log)
        self.world.trace.add("open", self.world.driver.name)
        try:
            await self._process.connect(self._upstream)
            size = await self._upstream.negotiated()
        except DriverEnded as error:
            raise self.world.violation("unopened", f"a new process cannot open the image: {error}") from error
        except (HungUp, TimeoutError) as error:
            await self._process.ends_within(_LAST_WORDS_SECONDS)
            why = f"{error}: {self._process.words()}"
            raise self.world.violation("unopened", f"a new process cannot open the image: {why}") from error
        if size < self.world.driver.size:
            raise self.world.violation("unopened", f"a new process shows {size} bytes of {self.world.driver.size}")
        await self._settle()

    # Under the tape's control

    async def use(self, workload: Workload, weather: Weather, life: Life) -> None:
        """The clients send their requests, until all are answered or the life is over. Raises Violation."""
        regions = ("", *self.world.driver.rules.regions)
        self._slow = regions[self.world.tape.draw("slow", len(regions))]
        self._asking.weather = weather
        self._export.take = self.world.below.note
        try:
            await self._use(workload, life)
        finally:
            self._export.take = self.world.below.serve
            self.world.outcome.injected += weather.injected
            self.world.outcome.steps += self.step

    async def _use(self, workload: Workload, life: Life) -> None:
        for requests in workload:
            queue = deque(self._asking.possible(request) for request in requests)
            self._queues[_client(queue[0])] = queue
            self._make_ready(queue)
        while self._events:
            if self.step == life.steps or self._asking.flushed == life.flushes:
                return
            event = min(self._events, key=lambda each: (each.due, each.since, each.name))
            self._events.remove(event)
            owner = self._perform(event)
            self.step += 1
            await self._settle()
            self._collect(owner)
        if self._asking.waiting:
            waiting = ", ".join(map(str, self._asking.waiting))
            raise self.world.violation("hang", f"nothing is held below, and the driver does not answer {waiting}")

    def _perform(self, event: _Event) -> str:
        """Let it happen. Returns on whose behalf."""
        if isinstance(event.subject, Request):
            self._asking.submit(event.subject)
            return event.subject.name
        assert self._asking.weather is not None
        fate = self._asking.weather.fate(event.subject.io, event.name)
        if fate.errno:
            self.world.met("fault")
        self.world.below.end(event.subject, fate)
        return event.subject.owner

    def _collect(self, owner: str) -> None:
        """What has come of it: answers, and I/Os below."""
        for request in self._asking.take_answers():
            if queue := self._queues[_client(request)]:
                self._make_ready(queue)
        for held in self.world.below.admit(owner, self._asking.waiting):
            self._note(held.name, held)

    def _make_ready(self, queue: "deque[Request]") -> None:
        request = queue.popleft()
        self._note(f"request {request.name}", request)

    def _note(self, name: str, subject: Held | Request) -> None:
        is_slow = isinstance(subject, Held) and subject.io.kind == "write" and subject.io.region == self._slow
        steps = self.world.tape.draw(f"next {name}", LATENESS, very_late if is_slow else late)
        self._events.append(_Event(self.step + steps, self.step, name, subject))

    # By hand

    async def do(self, request: Request) -> None:
        """One request, to its end. Raises Violation."""
        self._asking.submit(request)
        while request in self._asking.waiting:
            await self._settle()
            self._asking.take_answers()

    async def look(self, where: str) -> bytes:
        """The whole disk as this process shows it, and judged. Raises Violation."""
        try:
            content = await self._upstream.read(self.world.driver.size, 0)
        except HungUp as error:
            raise await self._gone(error) from error
        except OSError as error:
            raise self.world.violation("unread", f"{where}: {error}") from error
        try:
            self.world.oracle.observe(content, where)
        except Violation as violation:
            raise self.world.seen("lost", violation) from violation
        return content

    # The end

    async def close(self) -> None:
        """The last client goes, and the process ends. Raises Violation."""
        self._upstream.close(politely=True)
        await self._end()

    async def hang_up(self) -> None:
        """All clients go in the midst of their requests; what they began ends, and then the process. Raises Violation.

        Nothing over NBD comes nearer to a cancelled request.
        """
        self._upstream.close(politely=False)
        self.world.trace.add("hang-up:", "all clients are gone")
        for held in sorted(self.world.below.held, key=lambda each: each.issued):
            self.world.below.end(held, FINE)
        await self._end()

    async def _end(self) -> None:
        assert self._process is not None
        try:
            await self._process.close(_CLOSE_SECONDS)
        except TimeoutError:
            raise self.world.violation("hang", "the driver does not end when it is told to") from None
        self.world.trace.add("close", self.world.driver.name)

    def kill(self) -> None:
        """``kill -9``; also after a close, to be sure."""
        if self._process is not None:
            self._process.kill()
        self._upstream.close(politely=False)
        self._export.close()
        for path in (self._below_socket, self._above_socket, self._log):
            path.unlink(missing_ok=True)

    async def _settle(self) -> None:
        turns = self.world.driver.turns
        try:
            await settle(self._export, self._upstream, turns=turns)
            if self.world.doubts:
                heard = self._heard
                await settle(self._export, self._upstream, turns=DOUBT * turns)
                self.world.outcome.late += self._heard != heard
        except HungUp as error:
            raise await self._gone(error) from error
        except NotQuiet as error:
            raise self.world.violation("hang", str(error)) from error

    @property
    def _heard(self) -> int:
        return self._export.heard + self._upstream.heard

    async def _gone(self, error: HungUp) -> Violation:
        assert self._process is not None
        if await self._process.ends_within(_LAST_WORDS_SECONDS):
            if self.world.driver.grows:
                self._process.check_reach()
            return self.world.violation("crashed", f"{error}: {self._process.ended()}")
        return self.world.violation("hung up", f"{error}: {self._process.words()}")


def _client(request: Request) -> str:
    """What the names of a client's requests have in common."""
    return request.name.rstrip("0123456789")
