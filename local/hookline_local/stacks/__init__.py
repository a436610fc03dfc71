"""Owns which stacks there are, how the local one starts, and the resources of each.

The CLI, replay and the tests may import it.
"""
