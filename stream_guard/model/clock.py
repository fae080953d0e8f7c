"""Times as people write them; loads nothing, for the command line needs it."""

from __future__ import annotations


def timecode(time_s: float) -> str:
    """Return a time as 1:02:03.4, without hours where there are none."""
    tenths = max(0, round(time_s * 10))
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes:02}:{rest // 10:02}.{rest % 10}"
    return f"{hours}:{clock}" if hours else clock
