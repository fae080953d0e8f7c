"""A test picture with moving faces, where there is no camera."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import ClassVar, Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import InputError, SettingsError
from stream_guard.model.frame import Item
from stream_guard.sources.camera import Framer

RGB = NDArray[np.uint8]
_PATTERN: Final = re.compile(r"test:(?:(\d{2,4})x(\d{2,4}))?(?:@(\d{1,3}))?")
_FACES: Final = 2
_FACE_SHARE: Final = 0.45
"""Height of a portrait, as a share of the picture's."""
_TICK: Final = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class PatternSource:
    """Portraits that wander over a grey ground, at a steady pace (fulfils `ports.LiveSource`)."""

    portrait: Path
    width: int = 1280
    height: int = 720
    fps: int = 30
    idle: ClassVar[bool] = False

    @classmethod
    def parsed(cls, text: str, portrait: Path) -> PatternSource:
        """Take "test:", "test:640x360" or "test:640x360@15".

        Raises:
            SettingsError: it is neither of them.
        """
        match = _PATTERN.fullmatch(text)
        if match is None or match[3] == "0":
            raise SettingsError(f"{text!r} is no test picture; write test: or test:1280x720@30")
        width, height, fps = (int(n) if n else None for n in match.groups())
        return cls(portrait, width or 1280, height or 720, fps or 30)

    @property
    def label(self) -> str:
        return "test picture"

    def items(self, stopped: Event) -> Iterator[Item]:
        """Yield frames until stopped.

        Raises:
            InputError: the portrait cannot be read.
        """
        framer, face, ground = Framer(self.label), self._face(), self._ground()
        start_s = time.monotonic()
        index = 0
        while not stopped.wait(max(0.0, start_s + index / self.fps - time.monotonic())):
            frame = av.VideoFrame.from_ndarray(self._painted(ground.copy(), face, index), "rgb24")
            frame = frame.reformat(format="yuv420p", threads=1)
            frame.pts, frame.time_base = round(1000 * index / self.fps), _TICK
            yield framer.frame(frame)
            index += 1

    def _face(self) -> RGB:
        bgr = cv2.imread(str(self.portrait))
        if bgr is None:
            raise InputError(f"{self.portrait} cannot be read: the bundled sample is missing.")
        height = max(8, round(self.height * _FACE_SHARE))
        width = max(8, round(bgr.shape[1] * height / bgr.shape[0]))
        small = cv2.resize(bgr, (min(width, self.width), height), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(small[:, :, ::-1])

    def _ground(self) -> RGB:
        y, x = np.mgrid[0 : self.height, 0 : self.width]
        checks = ((x // 40 + y // 40) % 2 * 24 + 96).astype(np.uint8)
        return np.dstack([checks, checks, checks])

    def _painted(self, ground: RGB, face: RGB, index: int) -> RGB:
        height, width = face.shape[:2]
        for k in range(_FACES):
            phase = 2 * math.pi * (index / self.fps / 8 + k / _FACES)
            x = round((self.width - width) * (0.5 + 0.5 * math.sin(phase)))
            y = round((self.height - height) * (0.5 + 0.5 * math.cos(2 * phase)))
            ground[y : y + height, x : x + width] = face
        return ground
