"""Downloads: a file is in the cache when its hash was verified, and never before."""
