"""Owns what an operator asks: is stack and application right, what does Telnyx's account say, what does it cost.

The CLI and the tests may import it.
"""
