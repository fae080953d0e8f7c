"""The tracker: from what was seen in each frame to what must be hidden in it."""
