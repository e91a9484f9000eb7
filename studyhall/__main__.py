"""`python -m studyhall` is `studyhall`, for when the command is not on the PATH."""

import sys

from studyhall.cli import main

sys.exit(main())
