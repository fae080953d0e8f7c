"""Hides what a cover names; `render` is the sole maker of redacted frames, `styles` has a file a style."""
