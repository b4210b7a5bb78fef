"""Names: what containers ask at 127.0.0.11, and who answers."""
