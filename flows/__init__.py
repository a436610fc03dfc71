"""Your call flows: one module per flow, one function per event, named after it. Nothing imports them but the framework.

`numbers.toml` says which number runs which flow. A flow imports `hookline` and the standard library.
"""
