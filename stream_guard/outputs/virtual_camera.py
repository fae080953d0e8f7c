"""A camera that other programs of this machine can choose; needs the extra `virtual-camera`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, Final

from stream_guard.errors import OutputError
from stream_guard.model.geometry import Orientation
from stream_guard.model.live import Aired
from stream_guard.model.redacted import RedactedFrame
from stream_guard.outputs.output import Feed
from stream_guard.outputs.sessions import Run, Sessions
from stream_guard.sinks.pyav import Plan, frame_of

_POLL_S: Final = 0.5
_FPS: Final = 30
_MPEG, _UNSPECIFIED = 1, 2
_UPRIGHT: Final = Orientation()


def virtual_camera(feed: Feed) -> Sessions:
    """Return the output that shows a station as a camera of this machine."""
    return Sessions(f"virtual camera {feed.name}", lambda run: _show(feed, run), lambda: _library() and None)


def _library() -> Any:
    """Return pyvirtualcam.

    Raises:
        OutputError: it is not installed.
    """
    try:
        return importlib.import_module("pyvirtualcam")
    except ImportError as exc:
        raise OutputError(
            "a virtual camera needs the package pyvirtualcam; install stream-guard[virtual-camera]."
        ) from exc


def _show(feed: Feed, run: Run) -> None:
    with feed.hub.tap() as tap:
        first = tap.take(_POLL_S)
        while first is None and not (run.stopped.is_set() or tap.closed):
            first = tap.take(_POLL_S)
        if first is None or not isinstance(first.item, RedactedFrame):
            return
        plan = _plan(first.item.picture.width, first.item.picture.height)
        with _camera(plan) as camera:
            while not (run.stopped.is_set() or tap.closed):
                if (aired := tap.take(_POLL_S)) is not None and isinstance(aired.item, RedactedFrame):
                    camera.send(_rgb(aired, aired.item, plan))
                    run.sent_one()
                    run.dropped = tap.dropped


def _plan(width: int, height: int) -> Plan:
    """Return what all pictures are made like: programs cannot cope with a camera that changes its size."""
    colors = (_MPEG, _UNSPECIFIED, _UNSPECIFIED, _UNSPECIFIED)
    size = (max(2, width - width % 2), max(2, height - height % 2))
    return Plan("", "yuv420p", *size, Fraction(1, _FPS), Fraction(_FPS), None, colors)


@contextmanager
def _camera(plan: Plan) -> Iterator[Any]:
    try:
        camera = _library().Camera(plan.width, plan.height, _FPS)
    except RuntimeError as exc:
        reason = str(exc).strip().splitlines()[0].rstrip(".")
        raise OutputError(
            f"no virtual camera can be had: {reason}; load v4l2loopback, or install OBS."
        ) from exc
    with camera:
        yield camera


def _rgb(aired: Aired, item: RedactedFrame, plan: Plan) -> Any:
    with aired.exclusive:
        return frame_of(item.picture, plan, _UPRIGHT).to_ndarray(format="rgb24")
