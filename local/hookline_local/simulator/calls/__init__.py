"""Owns the calls of the simulator. Only the simulator may import it.

Modules, from the bottom up: activity, recording_store; account (what all calls share); legs; playing, recording,
transcribing, queueing (activities of a leg); gathering, media (activities that use the player); caller (the person on
the phone); switch (all calls); commands (what they do).
"""
