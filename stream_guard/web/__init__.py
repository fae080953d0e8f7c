"""Live stations in the browser: viewer pages, WHEP out, WHIP in, status and metrics."""
