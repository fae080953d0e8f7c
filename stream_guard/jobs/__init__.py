"""Files that are handed in and redacted one after the other, each by a process of its own."""
