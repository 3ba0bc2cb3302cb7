"""Random search: many runs, on all cores, and what they covered.

::

    campaign, coverage     runs at random; which fault met which operation, in which phase
    subject, names         what can be searched, and how the command line names it
    pool, budget           processes; time
"""
