"""Hookline on a laptop: a gateway, a stand-in for Telnyx, sample events, the `hookline` command. Never deployed."""
