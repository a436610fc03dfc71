"""Examines a stack, its Telnyx application and this laptop. Owns what is looked at; `cli` shows it. Writes nothing."""
