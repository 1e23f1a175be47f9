"""`python -m shipworthy`."""

import sys

from shipworthy.cli import main

sys.exit(main())
