"""The flows that the framework's own tests run: what a shipped flow does is none of their business."""
