"""Lets schemathesis send the bodies of WebRTC; `scripts.fuzz_api` names it in its settings."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def as_text(_: schemathesis.SerializationContext, value: Any) -> Any:
    """Return text as the bytes of a body."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
