"""Requests of the clients, from the oracle's side: what it is told when they are sent, and when they are answered.

An error needs a reason: nothing injected in this session, then the error itself is what was broken.
"""

import errno
import os
from typing import Any

from faults.foreign.upstream import Answered, Upstream
from faults.foreign.weather import Weather
from faults.foreign.world import World
from faults.judges.oracle import Violation
from faults.runs.workload import Request, payload
from faults.simulation.trace import acting

__all__ = ["Asking"]

_SHORTEST = 512


class Asking:
    """The requests of one session."""

    def __init__(self, world: World, upstream: Upstream) -> None:
        self.world = world
        self.weather: Weather | None = None
        self.flushed = 0
        """Flushes and FUA writes that were acknowledged."""
        self._upstream = upstream
        self._tokens: dict[Request, Any] = {}

    @property
    def waiting(self) -> list[Request]:
        """Those that have no answer."""
        return list(self._tokens)

    def possible(self, request: Request) -> Request:
        """The request, or what comes nearest to it of what the driver offers, and can bear."""
        if request.kind == "read" and self.world.driver.grows and self._upstream.offers("flush"):
            return Request(request.name, "flush")
        grain, end = self._upstream.grain, request.offset + request.length
        start, end = request.offset // grain * grain, -(-end // grain) * grain
        request = request._replace(offset=start, length=end - start)
        if self._upstream.offers(request.kind):
            return request
        kind = "read" if request.kind in ("flush", "discard") else "write"
        return request._replace(kind=kind, length=max(request.length, _SHORTEST))

    def submit(self, request: Request) -> None:
        """Send it."""
        oracle = self.world.oracle
        self._tell("submit", request)
        if request.kind == "read":
            token: Any = oracle.begin_read(request.offset, request.length, str(request))
        elif request.kind == "flush":
            token = oracle.begin_flush()
        else:
            token = oracle.begin_write(request.offset, payload(request), request.name, fua=request.is_fua)
        self._tokens[request] = token
        self._upstream.send(request)

    def take_answers(self) -> list[Request]:
        """Judge what was answered since the last time. Raises Violation."""
        answers, self._upstream.answered = self._upstream.answered, []
        for answered in sorted(answers, key=lambda each: each.request.name):
            self._judge(answered)
        return [answered.request for answered in answers]

    def _judge(self, answered: Answered) -> None:
        request, token = answered.request, self._tokens.pop(answered.request)
        if answered.errno:
            self._tell("raise", request, errno.errorcode.get(answered.errno, ""))
            if self.weather is None or not self.weather.injected:
                why = os.strerror(answered.errno)
                raise self.world.violation("spurious", f"{request} failed ({why}), and nothing was injected")
        else:
            self._tell("return", request)
            self.flushed += request.kind == "flush" or request.is_fua
        try:
            self._settle(request, token, answered)
        except Violation as violation:
            raise self.world.seen("wrong read", violation) from violation

    def _settle(self, request: Request, token: Any, answered: Answered) -> None:
        oracle, went_well = self.world.oracle, not answered.errno
        if request.kind == "read":
            oracle.end_read(token, answered.data if went_well else None)
        elif request.kind == "flush":
            oracle.end_flush(token, succeeded=went_well)
        elif went_well and request.kind != "discard":
            oracle.end_write(token)
        else:
            oracle.fail_write(token)  # a discard may have done nothing, and been acknowledged

    def _tell(self, what: str, request: Request, detail: str = "") -> None:
        token = acting.set(request.name)
        self.world.trace.add(what, request, detail)
        acting.reset(token)
