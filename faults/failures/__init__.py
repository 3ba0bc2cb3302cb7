"""From a failure to its explanation.

::

    artifact               a failure as a file, that replays
    shrink                 the smallest run that fails so: greedy edits, simpler worlds, and size, which they lower
    explain                the nearest run that passes; since when it was bound to fail
    report, html           ten lines; a page
    investigate            all of it, in order
"""
