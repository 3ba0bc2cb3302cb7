"""Numbers and layouts of the NBD protocol. Rule: no other file knows a magic number or a field's width.

Everything is big endian. Flags are ``IntEnum``, not ``IntFlag``: the operators of an ``IntFlag``
make a new member each time, which costs more than the rest of a request's parsing. A combination of
flags is a plain int.
"""

import enum
import errno
import struct

__all__ = [
    "BLOCK_MINIMUM_MAX",
    "CLIENT_FLAGS",
    "EXPORT",
    "EXPORT_NAME_PADDING",
    "EXTENDED_CHUNK",
    "EXTENDED_DATA",
    "EXTENDED_REPLY_MAGIC",
    "EXTENDED_REQUEST",
    "EXTENDED_REQUEST_MAGIC",
    "EXTENT",
    "EXTENTS_MAX",
    "GREETING",
    "INIT_MAGIC",
    "LONG_EXTENT",
    "OPTION",
    "OPTION_MAGIC",
    "OPTION_REPLY",
    "OPTION_REPLY_MAGIC",
    "PAYLOAD_MAX",
    "PORT",
    "REQUEST",
    "REQUEST_MAGIC",
    "SIMPLE_REPLY",
    "SIMPLE_REPLY_MAGIC",
    "STRING_MAX",
    "STRUCTURED_CHUNK",
    "STRUCTURED_DATA",
    "STRUCTURED_REPLY_MAGIC",
    "Chunk",
    "ChunkFlag",
    "Command",
    "CommandFlag",
    "ErrorCode",
    "ExportFlag",
    "HandshakeFlag",
    "Info",
    "Option",
    "OptionReply",
    "State",
    "code_of",
    "errno_of",
]

PORT = 10809
"""Registered with IANA."""

STRING_MAX = 4096
"""Bytes of any string: export names, descriptions, messages."""

PAYLOAD_MAX = 1 << 25
"""Bytes of a request's or reply's payload that both sides take where nothing else was agreed on."""

BLOCK_MINIMUM_MAX = 1 << 16
"""No export may ask for a coarser minimum block size."""

EXTENTS_MAX = 1 << 20
"""Extents in one BLOCK_STATUS chunk."""

# Handshake

INIT_MAGIC = 0x4E42444D41474943  # "NBDMAGIC"
OPTION_MAGIC = 0x49484156454F5054  # "IHAVEOPT"
OPTION_REPLY_MAGIC = 0x0003E889045565A9

GREETING = struct.Struct(">QQH")
"""Server: INIT_MAGIC, OPTION_MAGIC, handshake flags."""

CLIENT_FLAGS = struct.Struct(">I")
"""Client: its answer to the handshake flags."""

OPTION = struct.Struct(">QII")
"""Client: OPTION_MAGIC, option, length of the data that follows."""

OPTION_REPLY = struct.Struct(">QIII")
"""Server: OPTION_REPLY_MAGIC, option, reply type, length of the data that follows."""

EXPORT = struct.Struct(">QH")
"""Server: size, transmission flags; the answer to EXPORT_NAME, and the body of INFO_EXPORT."""

EXPORT_NAME_PADDING = bytes(124)
"""After the answer to EXPORT_NAME, unless NO_ZEROES was agreed on."""


class HandshakeFlag(enum.IntEnum):
    """Offered by the server, and taken by the client with the same bits."""

    FIXED_NEWSTYLE = 1 << 0
    NO_ZEROES = 1 << 1


class Option(enum.IntEnum):
    """What a client can ask for before transmission."""

    EXPORT_NAME = 1
    ABORT = 2
    LIST = 3
    STARTTLS = 5
    INFO = 6
    GO = 7
    STRUCTURED_REPLY = 8
    LIST_META_CONTEXT = 9
    SET_META_CONTEXT = 10
    EXTENDED_HEADERS = 11


class OptionReply(enum.IntEnum):
    """What a server answers to an option. Errors have bit 31 set, and may carry a text."""

    ACK = 1
    SERVER = 2
    INFO = 3
    META_CONTEXT = 4
    ERR_UNSUP = 0x8000_0001
    ERR_POLICY = 0x8000_0002
    ERR_INVALID = 0x8000_0003
    ERR_PLATFORM = 0x8000_0004
    ERR_TLS_REQD = 0x8000_0005
    ERR_UNKNOWN = 0x8000_0006
    ERR_SHUTDOWN = 0x8000_0007
    ERR_BLOCK_SIZE_REQD = 0x8000_0008
    ERR_TOO_BIG = 0x8000_0009
    ERR_EXT_HEADER_REQD = 0x8000_000A


class Info(enum.IntEnum):
    """Kinds of OptionReply.INFO."""

    EXPORT = 0
    NAME = 1
    DESCRIPTION = 2
    BLOCK_SIZE = 3


class ExportFlag(enum.IntEnum):
    """Transmission flags: what an export offers."""

    HAS_FLAGS = 1 << 0
    READ_ONLY = 1 << 1
    SEND_FLUSH = 1 << 2
    SEND_FUA = 1 << 3
    ROTATIONAL = 1 << 4
    SEND_TRIM = 1 << 5
    SEND_WRITE_ZEROES = 1 << 6
    SEND_DF = 1 << 7
    CAN_MULTI_CONN = 1 << 8
    SEND_CACHE = 1 << 10
    SEND_FAST_ZERO = 1 << 11
    BLOCK_STATUS_PAYLOAD = 1 << 12


# Transmission

REQUEST_MAGIC = 0x25609513
EXTENDED_REQUEST_MAGIC = 0x21E41C71
SIMPLE_REPLY_MAGIC = 0x67446698
STRUCTURED_REPLY_MAGIC = 0x668E33EF
EXTENDED_REPLY_MAGIC = 0x6E8A278C

REQUEST = struct.Struct(">IHHQQI")
"""Client: REQUEST_MAGIC, command flags, command, cookie, offset, length."""

EXTENDED_REQUEST = struct.Struct(">IHHQQQ")
"""Client: EXTENDED_REQUEST_MAGIC and the same, with 64 bits of length."""

SIMPLE_REPLY = struct.Struct(">IIQ")
"""Server: SIMPLE_REPLY_MAGIC, error code, cookie."""

STRUCTURED_CHUNK = struct.Struct(">IHHQI")
"""Server: STRUCTURED_REPLY_MAGIC, chunk flags, chunk type, cookie, length of the payload."""

EXTENDED_CHUNK = struct.Struct(">IHHQQQ")
"""Server: EXTENDED_REPLY_MAGIC, chunk flags, chunk type, cookie, the request's offset, length of the payload."""

STRUCTURED_DATA = struct.Struct(">IHHQIQ")
"""Server: a structured chunk's header and the offset with which the payload of OFFSET_DATA begins."""

EXTENDED_DATA = struct.Struct(">IHHQQQQ")
"""Server: an extended chunk's header and the same."""

EXTENT = struct.Struct(">II")
"""Server: length and state of an extent in a BLOCK_STATUS chunk."""

LONG_EXTENT = struct.Struct(">QQ")
"""Server: the same in a BLOCK_STATUS_EXT chunk."""


class Command(enum.IntEnum):
    """What a client can ask for in transmission."""

    READ = 0
    WRITE = 1
    DISC = 2
    FLUSH = 3
    TRIM = 4
    CACHE = 5
    WRITE_ZEROES = 6
    BLOCK_STATUS = 7


class CommandFlag(enum.IntEnum):
    """How a command is meant."""

    FUA = 1 << 0
    NO_HOLE = 1 << 1
    DF = 1 << 2
    REQ_ONE = 1 << 3
    FAST_ZERO = 1 << 4
    PAYLOAD_LEN = 1 << 5


class ChunkFlag(enum.IntEnum):
    """Flags of a structured or extended reply."""

    DONE = 1 << 0


class Chunk(enum.IntEnum):
    """Types of structured and extended replies. Errors have bit 15 set."""

    NONE = 0
    OFFSET_DATA = 1
    OFFSET_HOLE = 2
    BLOCK_STATUS = 5
    BLOCK_STATUS_EXT = 6
    ERROR = 0x8001
    ERROR_OFFSET = 0x8002


class State(enum.IntEnum):
    """State of an extent in the context ``base:allocation``."""

    HOLE = 1 << 0
    ZERO = 1 << 1


class ErrorCode(enum.IntEnum):
    """The error numbers of the wire, which are not the system's even where the value is the same."""

    EPERM = 1
    EIO = 5
    ENOMEM = 12
    EINVAL = 22
    ENOSPC = 28
    EOVERFLOW = 75
    ENOTSUP = 95
    ESHUTDOWN = 108


_CODES = {
    errno.EPERM: ErrorCode.EPERM,
    errno.EACCES: ErrorCode.EPERM,
    errno.EROFS: ErrorCode.EPERM,
    errno.ENOMEM: ErrorCode.ENOMEM,
    errno.EINVAL: ErrorCode.EINVAL,
    errno.ENOSPC: ErrorCode.ENOSPC,
    errno.EDQUOT: ErrorCode.ENOSPC,  # "SHOULD map the EDQUOT and EFBIG errors to NBD_ENOSPC"
    errno.EFBIG: ErrorCode.ENOSPC,
    errno.ESHUTDOWN: ErrorCode.ESHUTDOWN,
}

_ERRNOS: dict[int, int] = {int(code): getattr(errno, code.name) for code in ErrorCode}


def code_of(number: int | None) -> ErrorCode:
    """The wire's code for the errno of an I/O that failed.

    EIO for what the wire has no word for; also for ENOTSUP, which a server says only of a fast zeroing
    that would be slow.
    """
    return _CODES.get(number or 0, ErrorCode.EIO)


def errno_of(code: int) -> int:
    """The system's errno for an error code of the wire; EINVAL for one that is not known, as clients SHOULD."""
    return _ERRNOS.get(code, errno.EINVAL)
