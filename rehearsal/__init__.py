"""`make rehearse`: the unmodified stack, deployed by the real `sam deploy` to an emulator of AWS, and called.

Owns what stands around that: the emulator's process, its gaps, SAM's commands. Nothing imports it.
"""
