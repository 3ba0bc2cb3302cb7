"""Start a command, wait for it, and say what it took. Run as a script, by ``child``, with ``-I -S``.

Linux counts into a process's peak memory what the process was before exec: a copy of whoever started
it (``exec_mmap`` in fs/exec.c raises ``signal->maxrss`` to the old peak). Started by the harness,
which has a disk, peers and samples in memory, every command would seem as large as the harness.
Started from here, no command seems smaller than this bare interpreter, about 10 MiB, and the time does
not contain the start of this one.

The last line of standard output is a JSON object; what stands before it is the command's own output.
"""

import json
import os
import sys
import time

KIB = 1024


def main(command: list[str]) -> None:
    began = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - began
    took = {
        "returncode": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "peak_memory": usage.ru_maxrss * KIB,  # Linux counts in KiB
    }
    print(f"\n{json.dumps(took)}")


if __name__ == "__main__":
    main(sys.argv[1:])
