"""What was done is counted, and told in lines."""

from aiovdi.nbd.wire import Command
from aiovdi.server.counters import Counters


def test_reads_and_writes_are_counted_with_their_bytes() -> None:
    counters = Counters()
    counters.reads(3, 12288)
    counters.count(Command.READ, 512)
    counters.count(Command.WRITE, 4096)
    counters.count(Command.FLUSH, 0)
    assert counters.requests == {Command.READ: 4, Command.WRITE: 1, Command.FLUSH: 1}
    assert (counters.bytes_read, counters.bytes_written) == (12800, 4096)


def test_the_lines_name_what_was_done() -> None:
    counters = Counters(connections=3, clients=2, refused=1, errors=4)
    counters.count(Command.WRITE, 4096)
    assert counters.lines() == [
        "connections: 3 accepted, 2 became clients, 1 refused",
        "requests: write 1; 4 answered with an error",
        "data: 0 bytes read, 4096 bytes written",
    ]
