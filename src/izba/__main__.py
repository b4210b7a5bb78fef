"""`python -m izba`."""

from izba.cli.main import script

script()
