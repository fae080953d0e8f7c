"""The only thing a sink accepts. `redact.render` is its sole maker; a test walks the source for others."""

from __future__ import annotations

from typing import Final

from stream_guard.model.frame import Stamp
from stream_guard.model.picture import Picture
from stream_guard.model.verdict import Cover

RENDER_SEAL: Final = object()
"""Held by `redact.render` alone."""


class RedactedFrame:
    """A frame whose faces are covered. It cannot be made without the renderer's seal."""

    __slots__ = ("cover", "picture")

    picture: Final[Picture]
    cover: Final[Cover]

    def __init__(self, seal: object, picture: Picture, cover: Cover) -> None:
        if seal is not RENDER_SEAL:
            raise TypeError("a RedactedFrame is made by Redactor.render only")
        self.picture = picture
        self.cover = cover

    @property
    def stamp(self) -> Stamp:
        return self.cover.stamp
