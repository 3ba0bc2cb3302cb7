"""``python -m aiovdi`` is ``aiovdi``."""

import sys

from aiovdi.cli import main

if __name__ == "__main__":
    sys.exit(main())
