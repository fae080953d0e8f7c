"""Proves a finished file: what a stranger with a detector and a face recogniser would still find in it."""
