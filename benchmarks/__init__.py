"""What aiovdi costs beside its peers: one question a file, each answered by a paired comparison in one run.

::

    python -m benchmarks [-k NAME] [--quick] [--json FILE] [--rounds N] [--strict] [--list]

A figure alone says little: the machine, the page cache and the neighbours move it by half. So each
round runs every side once, one straight after the other (A B C, A B C, ...), a ratio is taken within
each round, and what is reported is the median of those ratios and how far they spread. A peer that
is not here is named, a result that is below its bar is shown as such, and nothing is left out.

::

    row         what a row declares: question, metrics, sides, bars
    rows/       the rows; a new file there is a new row
    harness     rounds, pairs, ratios, verdicts
    needs       what a side needs to be here, and which version of it was
    scratch     files of one row, made once, gone at its end
    images      the images that rows work on
    child       a command as a whole process: wall time and peak memory
    launcher    the small process between, without which peak memory would be that of the harness
    worker      a turn in a Python of its own; work/ is what it does there
    yardstick   the design's floor as a peer, for what no tool does
    whole       what takes minutes, and runs only when it was asked for
    newer       a Python and an environment for peers that need them; simulators are the sides that do
    machine     what it all ran on
    report      as text and as JSON
"""
