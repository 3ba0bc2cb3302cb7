"""What ``aiovdi demo`` does: a process that writes is killed, and what it had been told is held against the image.

Before that, the first bug of the 2011 report is played on a re-creation of the driver that had it, and on this one.

::

    ledger      what the process said over a pipe, and so what each sector may hold
    workload    the requests it makes, drawn from a seed
    child       the process: many requests at once, each announced before it begins and after it returned
    nursery     where children are started, listened to and killed
    verdict     the reopened image against the ledger and against the image before
    copying     a copy of an image that stays sparse
    qemu        qemu-img check, where it is installed
    driver2011  how QEMU's driver wrote in 2011
    report      O1 to P4 of the report, on that driver and on this one, side by side
    story       all of it, told

All but the last three serve the tests of ``kill -9`` too.
"""
