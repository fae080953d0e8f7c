"""The sole maker of redacted frames: paints a cover into the frame's own planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stream_guard.errors import PipelineError
from stream_guard.model.frame import Frame, Stamp
from stream_guard.model.geometry import Box, overlaps
from stream_guard.model.picture import Channel, Component, Picture
from stream_guard.model.polygon import Polygon
from stream_guard.model.redacted import RENDER_SEAL, RedactedFrame
from stream_guard.model.verdict import Cover, Region
from stream_guard.redact.card import level, paint_card
from stream_guard.redact.mask import Margins, Mask, fill, mask_of, soft_edge_px, window_on
from stream_guard.redact.style import Birth, Colour, Pattern, Style, keyed_noise
from stream_guard.redact.zones import ZonePainter

SAFETY_GREEN: Colour = (0, 255, 0)
FRAME_PX = 2
_ONE_FACE = 0.5
"""Share of the smaller of two masks from which they are taken to hide one face."""
FORGET_AFTER = 600
"""Frames; longer than any tracker's lag, so that a track within its life never changes its looks."""


@dataclass(slots=True)
class _Frozen:
    pattern: Pattern
    last_index: int


class MaskRedactor:
    """Covers faces, and zones in every frame, with one style; what a mask shows is frozen at its first frame.

    `key` seeds the styles' noise: a fresh secret for each run. Zones are in shares of the picture.
    """

    def __init__(
        self,
        style: Style,
        *,
        key: bytes,
        margins: Margins | None = None,
        draw_boxes: bool = False,
        zones: Sequence[Polygon] = (),
        says_why: bool = False,
    ) -> None:
        """With `says_why` a frame that is covered whole shows the reason."""
        self._style = style
        self._key = key
        self._margins = margins or style.margins
        self._draw_boxes = draw_boxes
        self._says_why = says_why
        self._zones = ZonePainter(zones, style, key)
        self._frozen: dict[int, _Frozen] = {}
        self._epoch = 0

    def hidden_by(self, box: Box) -> Box:
        """Return what is painted over for a face's box, apart from the rounded corners."""
        return mask_of(box, self._margins).box

    def render(self, frame: Frame, cover: Cover) -> RedactedFrame:
        """Hide what the cover says, in the frame's own memory.

        Raises:
            PipelineError: the cover belongs to another frame, or one of its boxes is not finite.
        """
        if cover.stamp != frame.stamp:
            raise PipelineError(
                f"the cover of {cover.stamp} came with {frame.stamp}; the output is discarded"
            )
        if cover.whole is not None:
            paint_card(frame.picture, cover.whole if self._says_why else "")
        else:
            self._paint_parts(frame, cover)
        return RedactedFrame(RENDER_SEAL, frame.picture, cover)

    def _paint_parts(self, frame: Frame, cover: Cover) -> None:
        # Zones look before masks are painted and are painted after them: no soft edge may mix into a zone.
        self._zones.look(frame.picture, frame.stamp)
        self._paint_regions(frame, cover)
        self._zones.paint(frame.picture)

    def _paint_regions(self, frame: Frame, cover: Cover) -> None:
        masks = [mask_of(region.box, self._margins) for region in cover.regions]
        self._forget(frame.stamp)
        # All patterns first: a track born beside a painted one must not learn its colour from paint.
        patterns = [
            self._pattern(frame, region, mask) for region, mask in zip(cover.regions, masks, strict=True)
        ]
        by_age = sorted(zip(cover.regions, masks, patterns, strict=True), key=lambda one: one[0].track)
        for mask, pattern in _in_painting_order([(mask, pattern) for _, mask, pattern in by_age]):
            for channel in frame.picture.channels:
                self._paint(channel, mask, pattern)
        if self._draw_boxes:
            for mask in masks:
                _draw_frame(frame.picture, mask)

    def _paint(self, channel: Channel, mask: Mask, pattern: Pattern) -> None:
        alpha = channel.component is Component.ALPHA
        window = window_on(channel, mask, 0 if alpha else soft_edge_px(mask, self._style.soft_px))
        if window is not None:
            fill(channel.samples, self._style.shown(pattern, channel, window), window)

    def _pattern(self, frame: Frame, region: Region, mask: Mask) -> Pattern:
        index = frame.stamp.index
        known = self._frozen.get(region.track)
        if known is None:
            noise = keyed_noise(self._key, region.track, frame.stamp.epoch, index)
            known = _Frozen(self._style.pattern(Birth(frame.picture, mask.box, noise)), index)
            self._frozen[region.track] = known
        known.last_index = index
        return known.pattern

    def _forget(self, stamp: Stamp) -> None:
        """Drop tracks unseen for long, and all of them where the pixel format may have changed."""
        if stamp.epoch != self._epoch:
            self._frozen.clear()
            self._epoch = stamp.epoch
        oldest = stamp.index - FORGET_AFTER
        for track in [t for t, frozen in self._frozen.items() if frozen.last_index < oldest]:
            del self._frozen[track]


def _in_painting_order(looks: Sequence[tuple[Mask, Pattern]]) -> list[tuple[Mask, Pattern]]:
    """Return masks, the oldest of which comes first, in the order to paint them.

    The oldest track is painted last: where masks overlap, the edge of a newcomer must not run across a known
    face. Masks on one face share the look of the oldest, the largest on top: an edge across the mouth, of two
    colours or of one, passes for detail.
    """
    boxes = [mask.box for mask, _ in looks]
    areas = [box.area for box in boxes]
    on_one_face = overlaps(boxes, boxes) > _ONE_FACE * np.minimum.outer(areas, areas)
    lent: list[int] = []
    """Whose look each mask has."""
    for i in range(len(looks)):
        older = np.flatnonzero(on_one_face[i, :i])
        lent.append(lent[older[0]] if older.size else i)
    order = sorted(range(len(looks)), key=lambda i: (-lent[i], areas[i]))
    return [(looks[i][0], looks[lent[i]][1]) for i in order]


def _draw_frame(picture: Picture, mask: Mask) -> None:
    """Draw a green frame around the mask, in no way over less than the mask covers."""
    for channel in picture.channels:
        outer = mask.box.grown(FRAME_PX, FRAME_PX, FRAME_PX, FRAME_PX)
        height, width = channel.samples.shape
        box = outer.scaled(1 / channel.step_x, 1 / channel.step_y).clipped(width, height)
        x0, x1, y0, y1 = int(box.x0), int(np.ceil(box.x1)), int(box.y0), int(np.ceil(box.y1))
        thick_x, thick_y = (max(1, FRAME_PX // step) for step in (channel.step_x, channel.step_y))
        target, green = channel.samples[y0:y1, x0:x1], level(channel, SAFETY_GREEN, picture.full_range)
        for side in (target[:thick_y], target[-thick_y:], target[:, :thick_x], target[:, -thick_x:]):
            side[...] = green
