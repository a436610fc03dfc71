"""Owns what is done with call flows outside of a webhook: they are checked, and decide journalled events again.

The CLI, the build and the tests may import it.
"""
