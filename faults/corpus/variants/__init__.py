"""Broken drivers: each is the real one with a single step overridden, and a paragraph that says what is lost.

``entries``     when a bmap entry reaches the storage, and when others see it
``flushes``     what a flush covers, what a failed one means, what FUA includes
``windows``     which slots are handed out, what lies in them, what the header counts
``transfers``   short I/O, late I/O, neighbours; and the canary
``closing``     the end of a session
``equivalent``  what looks like a bug and is none
``parts``       how a variant takes the place of the real thing

The table of them all, with those of 2011 and what is not applicable yet, is ``faults.corpus.catalogue``.
"""
