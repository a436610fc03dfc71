"""The call flows of the drills: each number has a fault of its own."""
