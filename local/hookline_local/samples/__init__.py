"""Owns the sample events in events/: their files and their catalog. The CLI and the tests may import it."""
