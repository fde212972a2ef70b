"""`python -m tailws` is `tailws`."""

import gc
import sys

gc.disable()  # until the daemon runs: what a start makes stays, and it makes a lot

from tailws.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
