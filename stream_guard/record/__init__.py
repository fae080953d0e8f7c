"""The tamper-evident record: the report's chain of digests, its signature, and the check of both."""
