"""`python -m izba`."""

import sys

from izba.cli.main import main

sys.exit(main())
