"""Imports what no layer brings."""

import pytest


def handler(event: object, context: object) -> object:
    return pytest
