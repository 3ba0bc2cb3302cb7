"""The VDI format: bytes to meaning and back. Pure: nothing here waits, opens a file or keeps a clock.

::

    fields    where each header field lies
    bmap      block -> slot entries, walked fast; a sparse set of slots
    rules     what a header must satisfy to be read, and to be written
    header    parse, pack, patch
    layout    where things lie in a new image, and who else will open it
    findings  what can be wrong with an image, defined
    audit     what an image's header, length and bmap say against each other
"""
