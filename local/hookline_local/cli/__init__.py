"""Owns the command `hookline`: a file per command, and what the commands share. Only the tests may import it."""
