"""``python -m udalib.cli`` is ``udalib``."""

import sys

from udalib.cli import main

if __name__ == "__main__":
    sys.exit(main())
