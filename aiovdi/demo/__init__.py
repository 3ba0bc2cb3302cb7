"""What ``aiovdi demo`` does: a process that writes is killed, and what it had been told is held against the image.

::

    ledger      what the process said over a pipe, and so what each sector may hold
    workload    the requests it makes, drawn from a seed
    child       the process: many requests at once, each announced before it begins and after it returned
    nursery     where children are started, listened to and killed
    verdict     the reopened image against the ledger and against the image before
    copying     a copy of an image that stays sparse
    qemu        qemu-img check, where it is installed
    story       the screenful

All but the story serve the tests of ``kill -9`` too.
"""
