"""Detectors (one file each), their model files, and the observer that decides who looks at which frame."""
