"""Searches: many runs, on all cores, what they covered, and a summary however they end.

::

    campaign, coverage     runs at random; which fault met which operation, in which phase
    search                 from the first job to the summary; also of the searches in the folders above
    subject, names         what can be searched, and how the command line names it
    pool, budget           processes; time
"""
