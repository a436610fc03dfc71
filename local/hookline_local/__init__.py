"""Owns Hookline on a laptop: emulator, simulator, sample events, the command `hookline`. Never deployed.

Only the tests may import it. Its layers, from the top: cli; deciding, operations; stacks; emulator, simulator, samples;
base.
"""
