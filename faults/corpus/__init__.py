"""The bugs that must be found, and those that are none: variants of the driver, and the machine of 2011.

::

    catalogue              the table
    variants, machine2011  the bugs: one step of the driver overridden; the report's six defects
    bugs, estimate         how soon each is found, with its interval
    witnesses              for each the smallest run that shows it
"""
