"""Your call flows: one module per flow, one function per event, named after it. Nothing imports them but the framework.

`numbers.toml` maps numbers to flows. A flow imports `hookline` and the standard library.
"""
