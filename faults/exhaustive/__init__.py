"""Searches that leave nothing out within bounds that they name.

::

    sweep, sweeping        every single fault in every small workload; then pairs
    explore, interleave    every order of a small program, with every fault and every crash
    path, guided           one run along a given beginning; who sleeps
    commute, footprints    which steps may change places: what each has touched
    everyfault, everycrash every fault of one I/O; every image of one crash
    pairs                  the pairs of requests that meet
"""
