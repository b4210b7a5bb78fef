"""Completion scripts of shells, made from the tables that the commands themselves are made from."""
