"""Measured, not tested: processor time, memory and pace, each beside its bar."""
