"""`python -m hookline_local` is the command `hookline`."""

import sys

from hookline_local.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
