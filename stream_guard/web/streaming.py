"""Answers without end, for readers who may vanish without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Any, Final

from fastapi.responses import StreamingResponse
from starlette.types import Send

_STUCK_S: Final = 15.0
"""Who takes no byte for so long has gone."""


class PatientStream(StreamingResponse):
    """Sends what a generator yields, and closes it when the reader has gone."""

    def __init__(
        self, parts: AsyncGenerator[bytes, None], media_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(parts, media_type=media_type, headers=headers)
        self._parts = parts

    async def stream_response(self, send: Send) -> None:
        async def impatient(message: Any) -> None:
            async with asyncio.timeout(_STUCK_S):
                await send(message)

        async with aclosing(self._parts):
            with suppress(TimeoutError):
                await super().stream_response(impatient)
