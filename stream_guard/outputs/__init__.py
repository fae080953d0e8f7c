"""Ways out for redacted live frames; each one has its own thread, and a frozen peer slows no other."""
