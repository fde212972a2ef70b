"""`python -m tailws` is `tailws`."""

import sys

from tailws.cli import main

if __name__ == "__main__":
    sys.exit(main())
