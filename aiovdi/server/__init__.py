"""An NBD server on asyncio. What it serves is anything with the few methods of `Export`; a disk has them.

::

    export       what the server needs of a disk, and how it is offered
    server       listens, keeps its connections, ends in order
    connection   one client's transport, handshake, TLS and end
    session      its requests: admitted, begun, answered
    turn         what one turn of the loop answers at once
    serving      what each command does, and its reply
    limits       how much a client may take: memory, requests, time
    commons      what all connections share
    counters     what was done
    listening    sockets: a path, an address, systemd's · tls · uri

The protocol itself is `aiovdi.nbd`, which knows no sockets; here are the sockets and the time.
"""

from aiovdi.server.export import Export, Offer
from aiovdi.server.limits import Limits
from aiovdi.server.server import Server

__all__ = ["Export", "Limits", "Offer", "Server"]
