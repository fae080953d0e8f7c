"""Motion JPEG over HTTP: what any browser shows where WebRTC cannot be had; the web part sends it.

The JPEGs come from a branch like any other codec's: each is made once for all viewers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Final

from stream_guard.errors import OutputError
from stream_guard.outputs.branch import Branches, waking

_BOUNDARY: Final = "picture"
CONTENT_TYPE: Final = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"


async def jpegs(branches: Branches) -> AsyncGenerator[bytes, None]:
    """Yield pictures for ever; who is slow gets the newest, and never one twice.

    Raises:
        OutputError: the encoder failed.
    """
    arrived = asyncio.Event()
    wake = waking(asyncio.get_running_loop(), arrived)
    with branches.get("mjpeg").subscribe(
        1, wake
    ) as pictures:  # of one: the newest takes the place of the last
        while not pictures.closed:
            await arrived.wait()
            arrived.clear()
            if (coded := pictures.take(0)) is not None:
                yield bytes(coded.packet)


async def parts(branches: Branches) -> AsyncGenerator[bytes, None]:
    """Yield the body of a response of CONTENT_TYPE, one picture at a time.

    The boundary follows each picture at once: browsers show a picture when they see it.
    """
    yield f"--{_BOUNDARY}\r\n".encode()
    async with aclosing(jpegs(branches)) as pictures:
        async for jpeg in pictures:
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            yield head.encode() + jpeg + f"\r\n--{_BOUNDARY}\r\n".encode()


async def snapshot(branches: Branches, patience_s: float = 3.0) -> bytes | None:
    """Return one picture, None where none comes in time."""
    with suppress(TimeoutError, StopAsyncIteration, OutputError):
        async with aclosing(jpegs(branches)) as pictures, asyncio.timeout(patience_s):
            return await anext(pictures)
    return None
