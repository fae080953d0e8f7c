"""Small bodies of requests: of one type, and no larger than any honest one."""

from __future__ import annotations

from fastapi import Request

from stream_guard.web.refusal import Refusal


def type_of(request: Request) -> str:
    """Return the media type of a body, in small letters and without parameters; empty where none is said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def text_of(request: Request, media_type: str, most_bytes: int) -> str:
    """Return a body as text.

    Raises:
        Refusal: it is of another type, or too large.
    """
    if type_of(request) != media_type:
        raise Refusal(415, "wrong_type", f"Send {media_type}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise Refusal(413, "too_large", f"This takes at most {most_bytes} bytes.")
    return body.decode("utf-8", "replace")
