"""How risky a near miss is: 0 to 1, made to put the places to look at in order; no probability."""

from __future__ import annotations

from typing import Final

from stream_guard.model.geometry import Box

BRIEF_S: Final = 0.5
"""A track that is covered for less is brief."""
UNSEEN_S: Final = 0.5
"""No cadence leaves a face without a look for so long."""
_RECOGNISABLE_PX: Final = 40.0
"""From this side on more pixels make a face no riskier."""


def faint_risk(score: float, threshold: float, looks: int, box: Box) -> float:
    """Return score / threshold * (1 - 0.5 ** looks) * size: what is seen again and again is hardly chance."""
    return min(1.0, score / threshold) * (1 - 0.5**looks) * size_factor(box)


def brief_risk(score: float, lasted_s: float, box: Box) -> float:
    """Return 0.7 * score * (1 - lasted / 0.5 s) * size: a clear face seldom shows for one frame alone."""
    return 0.7 * score * max(0.0, 1 - lasted_s / BRIEF_S) * size_factor(box)


def unseen_risk(gap_s: float, box: Box, *, lost: bool, leaving: bool) -> float:
    """Return weight * gap / (gap + 1 s) * size.

    The weight is 0.9 where the face was lost inside the picture, 0.3 where it was at the border (it mostly
    left), and 0.5 where it was found again, so that both ends are known.
    """
    weight = (0.3 if leaving else 0.9) if lost else 0.5
    return weight * gap_s / (gap_s + 1) * size_factor(box)


def whole_risk(lasted_s: float) -> float:
    """Return 0.1 + 0.2 * time / (time + 1 s): nobody is exposed, but the material was hard to judge."""
    return 0.1 + 0.2 * lasted_s / (lasted_s + 1)


def size_factor(box: Box) -> float:
    """Return the shorter side as a share of 40 px, 1 at most: small faces are hard to recognise."""
    return min(1.0, max(0.0, min(box.w, box.h)) / _RECOGNISABLE_PX)
