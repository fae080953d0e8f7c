"""One constant colour."""

from __future__ import annotations

import numpy as np

from stream_guard.redact.style import Colour, Style, Tier, crisp, painted


def solid(colour: Colour) -> Style:
    """Return the style that fills masks with a colour."""
    return Style(
        name="solid",
        tier=Tier.IRREVERSIBLE,
        withstands="one constant colour: nothing of the face is left to attack",
        freeze=lambda birth: painted(birth.picture, np.array(colour).reshape(1, 1, 3)),
        content=crisp,
    )


STYLE = solid((0, 0, 0))
