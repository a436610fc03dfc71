"""Owns the drills: each makes the fault of a runbook's alarm in a stack of its own, types the commands of the page,
and mends the fault again. The CLI and the tests may import it.

`page` reads a runbook, `line` is the stack, `observed` what CloudWatch would know of it, `faults` and
`publishing_faults` make and mend, `drill` plays one.
"""
