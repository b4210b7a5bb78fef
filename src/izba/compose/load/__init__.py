"""From Compose files to a `Project`; `phases.py` tells the order."""
