"""``python -m udalib.notebooks``."""

import sys

from udalib.notebooks.runner import main

if __name__ == "__main__":
    sys.exit(main())
