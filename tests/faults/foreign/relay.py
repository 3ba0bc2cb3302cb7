"""A foreign driver of forty lines, of no format: it hands every request on, but for what its mode says.

honest   everything
deaf     answers a flush by itself, and nothing below hears of it
liar     answers a write by itself
mute     swallows a write, and never answers it
mortal   ends at the first write
short    the same, with the words of QEMU's NBD client when it reads past its end
"""

import selectors
import socket
import struct
import sys
from collections.abc import Iterator

REQUEST = struct.Struct(">IHHQQI")
MAGIC, REPLY_MAGIC = 0x25609513, 0x67446698
WRITE, FLUSH = 1, 3
MANY = 1 << 20


def pieces(waiting: bytearray) -> Iterator[tuple[int, int, bytes]]:
    """Command, cookie and bytes of each whole request; of the handshake before them the bytes alone."""
    while len(waiting) >= REQUEST.size and waiting.startswith(MAGIC.to_bytes(4, "big")):
        _, _, command, cookie, _, length = REQUEST.unpack_from(waiting)
        size = REQUEST.size + (length if command == WRITE else 0)
        if len(waiting) < size:
            return
        yield command, cookie, bytes(waiting[:size])
        del waiting[:size]
    if waiting and not waiting.startswith(MAGIC.to_bytes(4, "big")):
        yield -1, 0, bytes(waiting)
        waiting.clear()


def main(mode: str, uri: str, path: str) -> None:
    below = socket.socket(socket.AF_UNIX)
    below.connect(uri.partition("socket=")[2])
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        above, _ = listening.accept()
    ready = selectors.DefaultSelector()
    for each in (above, below):
        ready.register(each, selectors.EVENT_READ)
    waiting = bytearray()
    while True:
        for key, _ in ready.select():
            data = key.fileobj.recv(MANY)
            if not data:
                sys.exit(f"{mode}: somebody hung up")
            if key.fileobj is below:
                above.sendall(data)
                continue
            waiting += data
            for command, cookie, piece in pieces(waiting):
                if mode == "mortal" and command == WRITE:
                    sys.exit(f"{mode}: no more")
                if mode == "short" and command == WRITE:
                    sys.exit("block/nbd.c: nbd_client_co_preadv: Assertion `bytes < BDRV_SECTOR_SIZE' failed.")
                if (mode, command) in (("deaf", FLUSH), ("liar", WRITE)):
                    above.sendall(struct.pack(">IIQ", REPLY_MAGIC, 0, cookie))
                elif not (mode == "mute" and command == WRITE):
                    below.sendall(piece)


if __name__ == "__main__":
    main(*sys.argv[1:])
