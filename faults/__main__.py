"""``python -m faults``: see ``faults.cli``."""

import sys

if __name__ == "__main__":
    try:
        from faults.cli import main
    except KeyboardInterrupt:  # the imports take a while
        sys.exit(130)
    sys.exit(main())
