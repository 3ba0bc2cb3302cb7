"""The NBD protocol, both roles: bytes to meaning and back. Pure: nothing here waits or opens a socket.

::

    wire            constants, error codes, the layout of every message
    options         what options and their replies carry
    terms           what an export offers, what the two sides agreed on, and how a handshake ends
    conversation    a handshake as a generator, for both roles

    haggling        what a server answers to each option
    handshake       the server's part up to the first request: bytes in, events and bytes out
    rules           what the specification answers to a request before anybody serves it
    transmission    the server's part from then on: the request parser
    replies         the server's replies: simple, structured, extended

    client          the client's handshake
    pending         a request that a client waits for
    answers         the client's part from then on: request headers, the reply parser

Every parser takes its bytes in any pieces: how they were split changes nothing in what comes out.
No parser raises for what a peer sent: a peer that breaks the protocol is an event, `BadPeer`, which
comes after the events that preceded it on the wire. None holds more memory than its limits say.

Source of all of it: ``doc/proto.md`` of NetworkBlockDevice/nbd, with the extension ``EXTENDED_HEADERS``
from its branch ``extension-ext-header``. Words in capitals (MUST, MAY) are quoted from there.
"""
