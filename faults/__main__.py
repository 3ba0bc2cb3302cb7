"""``python -m faults``: see ``faults.cli``."""

import sys

from faults.cli import main

if __name__ == "__main__":
    sys.exit(main())
