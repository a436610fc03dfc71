"""The calls API: reads calls, steers them and places them, over HTTP. One door: `server.answer`; no webhook loads it.

Owned by the framework; functions/calls_api.py imports it.
"""
