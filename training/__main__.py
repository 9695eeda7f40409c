"""`python -m training`: the same as `vae-zoo`."""

import sys

from training.command_line.cli import main

if __name__ == "__main__":
    sys.exit(main())
