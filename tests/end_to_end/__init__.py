"""Whole stacks as processes, as at a desk, and what `sam build` makes: `make test-end-to-end`, not `make test`."""
