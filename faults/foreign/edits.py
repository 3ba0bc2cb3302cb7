"""Simpler tapes than a given one, the boldest first. Each costs a process to try, so there are few of them.

Nearly every choice of a foreign run has a label of its own, made of a word and an I/O's name. So choices are
made benign by their words, all at once; requests leave with all that was drawn for them.
"""

from collections.abc import Iterator, Sequence

from faults.simulation.tape import Draw

__all__ = ["calmer", "fewer_requests", "lower", "punctual", "word_of"]

_AFTER_REQUESTS = ("requests", "end")
"""What is drawn next when a client has all its requests: another client's, or how the session ends."""

_COUNTED = ("storm.nth", "life")
_WORKLOAD = ("clients", "requests", "spread", "scattered", "offset", "length")

Edit = list[Draw]


def word_of(draw: Draw) -> str:
    """What kind of choice it is."""
    return draw.label.partition(" ")[0]


def calmer(draws: Sequence[Draw]) -> Iterator[Edit]:
    """All choices of one word benign; where requests change, what was counted in I/Os may come sooner too."""
    for word in dict.fromkeys(word_of(draw) for draw in draws if draw.value):
        edit = [draw._replace(value=0) if word_of(draw) == word else draw for draw in draws]
        yield edit
        if word in _WORKLOAD:
            yield from _sooner(edit)


def fewer_requests(draws: Sequence[Draw]) -> Iterator[Edit]:
    """Without one request; then what was counted in I/Os or flushes may come sooner too."""
    for edit in _without_one(draws):
        yield edit
        yield from _sooner(edit)


def _without_one(draws: Sequence[Draw]) -> Iterator[Edit]:
    """Without one request; its client goes with the last of them."""
    clients: int | None = None
    for place, draw in enumerate(draws):
        if draw.label == "clients":
            clients = place
        elif draw.label == "requests":
            groups = _groups(draws, place)
            if len(groups) > 1:
                for start, end in groups:
                    yield [*_less(draws, place, place + 1), *draws[place + 1 : start], *draws[end:]]
            elif groups and clients is not None and draws[clients].value:
                yield [*_less(draws, clients, place), *draws[groups[0][1] :]]


def punctual(draws: Sequence[Draw]) -> Iterator[Edit]:
    """Half of what is late is not, then a quarter, then each alone."""
    late = [draw.label for draw in draws if word_of(draw) == "next" and draw.value]
    size = len(late) // 2
    while size:
        for start in range(0, len(late), size):
            labels = set(late[start : start + size])
            yield [draw._replace(value=0) if draw.label in labels else draw for draw in draws]
        size //= 2


def lower(draws: Sequence[Draw], place: int) -> Iterator[Edit]:
    """The choice at ``place`` benign, or half as far from it, or one less."""
    value = draws[place].value
    yield from (_with(draws, place, less) for less in dict.fromkeys((0, value // 2, value - 1)) if 0 <= less < value)


def _sooner(draws: Sequence[Draw]) -> Iterator[Edit]:
    """What is counted in I/Os or flushes comes first, or one or two of them sooner."""
    for place, draw in enumerate(draws):
        if draw.label in _COUNTED:
            earlier = dict.fromkeys((0, draw.value - 1, draw.value - 2))
            yield from (_with(draws, place, value) for value in earlier if 0 <= value < draw.value)


def _with(draws: Sequence[Draw], place: int, value: int) -> Edit:
    return [*draws[:place], draws[place]._replace(value=value), *draws[place + 1 :]]


def _groups(draws: Sequence[Draw], place: int) -> list[tuple[int, int]]:
    """Where the draws of each request of the client at ``place`` begin and end."""
    end = place + 1
    while end < len(draws) and draws[end].label not in _AFTER_REQUESTS:
        end += 1
    if end == place + 1:
        return []
    starts = [at for at in range(place + 1, end) if draws[at].label == draws[place + 1].label]
    return list(zip(starts, [*starts[1:], end], strict=True))


def _less(draws: Sequence[Draw], place: int, end: int) -> Edit:
    """Those up to ``end``, where the one at ``place`` counts one less."""
    value = max(0, draws[place].value - 1)
    return [*draws[:place], draws[place]._replace(value=value), *draws[place + 1 : end]]
