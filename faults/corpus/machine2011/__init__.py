"""The request machine of QEMU's VDI driver as it was in February 2011, re-created, with the six defects of the report.

Chunqiang Tang's mail to qemu-devel of 19 February 2011 names them; ``machine`` has the states and the
defects, ``target`` shows the machine to the harness. What is re-created are facts (which buffers, which
bottom half, which order of I/Os), not code.
"""

from faults.corpus.machine2011.machine import DEFECTS, Machine
from faults.corpus.machine2011.target import Machine2011

__all__ = ["DEFECTS", "Machine", "Machine2011"]
