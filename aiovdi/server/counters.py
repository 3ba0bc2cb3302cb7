"""What a server has done, counted as it goes, and told in lines for people."""

from dataclasses import dataclass, field

from aiovdi.nbd.wire import Command

__all__ = ["Counters"]


@dataclass(slots=True)
class Counters:
    """Counts since the server began."""

    connections: int = 0
    """All that were accepted."""
    clients: int = 0
    """Those among them that got through the handshake."""
    refused: int = 0
    """Closed for a limit or a broken protocol."""
    errors: int = 0
    """Requests that were answered with an error."""
    requests: dict[int, int] = field(default_factory=dict)
    """By `Command`, those that were answered or are under way."""
    bytes_read: int = 0
    bytes_written: int = 0

    def count(self, command: int, length: int) -> None:
        """One more request."""
        self.requests[command] = self.requests.get(command, 0) + 1
        if command == Command.READ:
            self.bytes_read += length
        elif command == Command.WRITE:
            self.bytes_written += length

    def reads(self, count: int, length: int) -> None:
        """``count`` more reads, of ``length`` bytes together."""
        self.requests[Command.READ] = self.requests.get(Command.READ, 0) + count
        self.bytes_read += length

    def lines(self) -> list[str]:
        """For people."""
        named = ", ".join(f"{Command(each).name.lower()} {self.requests[each]}" for each in sorted(self.requests))
        return [
            f"connections: {self.connections} accepted, {self.clients} became clients, {self.refused} refused",
            f"requests: {named or 'none'}; {self.errors} answered with an error",
            f"data: {self.bytes_read} bytes read, {self.bytes_written} bytes written",
        ]
