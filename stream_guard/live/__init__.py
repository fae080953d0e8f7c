"""Sources that never end: supervised, shown on a clock that never stops, and handed to every output."""
