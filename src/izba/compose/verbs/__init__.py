"""What the commands do, one verb a module; printing and flags are the command line's."""
