"""Owns AWS on a laptop: Lambda, API Gateway, event sources, the template, moto.

The stacks, the CLI and the tests may import it.
"""
