"""Stands in two layers: the later one is what a function gets."""

TEXT = "later"
