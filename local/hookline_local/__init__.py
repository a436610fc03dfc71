"""Hookline on a laptop: a gateway, a simulator of Telnyx, sample events, the `hookline` command. Never deployed."""
