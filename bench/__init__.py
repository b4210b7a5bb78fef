"""izba beside its peers, alternating in one run: `python -m bench [SCENARIO...]`."""
