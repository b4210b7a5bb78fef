"""A Debian archive, from its signature to a configured root file system."""
