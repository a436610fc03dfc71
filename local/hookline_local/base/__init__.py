"""Owns what the rest of the laptop's side stands on: errors, URLs, processes, loopback servers, requests, signatures.

Every other part may import it; it imports only the layer.
"""
