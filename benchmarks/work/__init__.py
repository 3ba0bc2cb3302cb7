"""What a side does in a process of its own, so that no side pays for what another has left in memory.

``python -m benchmarks.work.NAME WORDS...`` prints one JSON object on its last line: figures in base units.
Importing, and everything else that comes before the question, stays outside what is timed.
"""
