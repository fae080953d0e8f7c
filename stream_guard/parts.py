"""The parts of a run, each made from the settings."""

from __future__ import annotations

import math
import secrets
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from stream_guard import plan as plans
from stream_guard.detect.zones import ZonedObserver
from stream_guard.errors import SettingsError
from stream_guard.flow.patience import Patience
from stream_guard.flow.review import Review
from stream_guard.flow.wary import Wary
from stream_guard.model.frame import Frame
from stream_guard.model.media import Media
from stream_guard.model.polygon import zones_of
from stream_guard.model.ports import Observer, Tracker
from stream_guard.model.verdict import Between, Observation
from stream_guard.record.facts import sha256_of
from stream_guard.redact.render import MaskRedactor
from stream_guard.redact.style import Style, Tier
from stream_guard.redact.styles import style_named, style_names
from stream_guard.redact.styles.solid import solid
from stream_guard.settings import Settings, did_you_mean
from stream_guard.settings.sections import Redact
from stream_guard.sinks.encoding import Encoding
from stream_guard.sinks.file import FileSink
from stream_guard.sinks.still import StillSink
from stream_guard.sources.opened import Opened, open_source
from stream_guard.sources.still import StillSource
from stream_guard.track.replay import Replay
from stream_guard.track.smoother import FixedLagSmoother, Tracking

_BYTES_A_PIXEL: Final = 2.0
"""Of a decoded frame: 1.5 for 8 bits at 4:2:0, 3 for 10 bits."""
_GREY_BYTES: Final = 640 * 640
"""Of the small grey copy that waits with each frame, at most."""
_UNKNOWN_FPS: Final = 25.0
_LIVE_DOUBTFUL_S: Final = 0.3
"""A short lag cannot go back for a face that is found again, so a doubtful one is held past a look that
misses it: at a lag of 6 frames 14 of 3,009 faces of 32 px and more were missed instead of 35, and 3.4 instead
of 2.7 % of the picture beyond faces was covered."""


def opened(path: Path, settings: Settings, undo: ExitStack) -> Opened:
    return open_source(path, undo, keep_audio=settings.output.audio == "keep")


def sink(source: Opened, target: Path, settings: Settings) -> FileSink | StillSink:
    chosen = settings.output
    if isinstance(source, StillSource):
        return StillSink(target, source.media, overwrite=chosen.overwrite)
    encoding = Encoding(chosen.codec, chosen.quality, chosen.encoder_preset, chosen.audio, chosen.overwrite)
    return FileSink(target, source.media, encoding)


# -- who judges ---------------------------------------------------------------------------------------


def guarded(looking: Observer, settings: Settings) -> Observer:
    """Return the observer with what the settings put around it: patience, distrust, and zones to ignore."""
    return zoned(wary(Patience(looking, settings.limits.unseen_frames), settings), settings)


def wary(observer: Observer, settings: Settings) -> Observer:
    """Return the observer, which judges no damaged frames unless the settings trust them."""
    return observer if settings.detect.trust_damaged else Wary(observer)


def zoned(observer: Observer, settings: Settings) -> Observer:
    """Return the observer, deaf to faces in zones to ignore where there are any."""
    zones = settings.zones
    if not zones.ignore_zone:
        return observer
    ignore, cover = zones_of(zones.ignore_zone), zones_of(zones.cover_zone)
    return ZonedObserver(observer, ignore, cover, settings.detect.confidence)


def rules(settings: Settings) -> Tracking:
    return Tracking(confidence=settings.detect.confidence, hold_s=settings.track.hold_s)


def live_rules(settings: Settings) -> Tracking:
    return replace(rules(settings), doubtful_s=_LIVE_DOUBTFUL_S)


def tracker(settings: Settings, media: Media) -> Tracker:
    return FixedLagSmoother(_lag(settings, media), rules(settings))


class _NotLooking:
    """Stands in for the detectors where a plan knows the answers."""

    def observe(self, frame: Frame) -> Observation:
        return Observation(frame.stamp, frame.picture.width, frame.picture.height, Between())

    def close(self) -> None:
        """Nothing is open."""


def replay(plan: plans.Plan) -> tuple[Observer, Tracker]:
    return _NotLooking(), Replay(plan.regions(), plan.whole(), plan.by_hand())


def loaded_plan(path: Path, source: Path) -> plans.Plan:
    """Read a plan and refuse one that was made for another file."""
    plan = plans.load(path)
    plans.require_made_for(plan, path, sha256_of(source), str(source))
    return plan


def _lag(settings: Settings, media: Media) -> int:
    """Return how many frames are held back: by time, and at most what the memory limit allows."""
    if not media.fps and media.frame_count == 1:
        return 0
    return min(_wanted_lag(settings, media), _affordable_lag(settings, media))


def _wanted_lag(settings: Settings, media: Media) -> int:
    return math.ceil(settings.track.lag_s * (media.fps or _UNKNOWN_FPS))


def _affordable_lag(settings: Settings, media: Media) -> int:
    frame_bytes = media.width * media.height * _BYTES_A_PIXEL + _GREY_BYTES
    return int(settings.limits.lag_memory_mb * 1e6 / frame_bytes)


# -- what is painted ----------------------------------------------------------------------------------


def style(chosen: Redact) -> Style:
    """Return the style.

    Raises:
        SettingsError: there is none of that name, or it is weak and not allowed.
    """
    if chosen.style not in style_names():
        near = did_you_mean(chosen.style, style_names())
        hint = f"; did you mean {near}?" if near else f"; choose one of {', '.join(style_names())}"
        raise SettingsError(f"there is no style {chosen.style!r}{hint}")
    named = style_named(chosen.style)
    if named.tier is Tier.WEAK and not chosen.allow_weak:
        raise SettingsError(
            f"the style {named.name} is weak ({named.withstands}); give --allow-weak to use it"
        )
    return solid(chosen.rgb) if named.name == "solid" else named


def redactor(
    settings: Settings, painted: Style, zones: plans.PlannedZones, *, says_why: bool = False
) -> MaskRedactor:
    chosen = settings.redact
    margins = replace(
        painted.margins, side=chosen.margin_side, above=chosen.margin_above, below=chosen.margin_below
    )
    return MaskRedactor(
        painted,
        key=secrets.token_bytes(32),
        margins=None if painted.tier is Tier.WEAK else margins,  # its tight box is what it is
        draw_boxes=chosen.draw_boxes,
        zones=zones_of(zones.cover),
        says_why=says_why,
    )


def zones_in_force(settings: Settings, plan: plans.Plan | None = None) -> plans.PlannedZones:
    """Return the zones in force: a plan's are covered as well; where it replays, nobody looks anew."""
    ours = settings.zones
    if plan is None:
        return plans.PlannedZones(cover=ours.cover_zone, ignore=ours.ignore_zone)
    cover = tuple(dict.fromkeys((*plan.zones.cover, *ours.cover_zone)))
    return plans.PlannedZones(cover=cover, ignore=plan.zones.ignore)


# -- what is told -------------------------------------------------------------------------------------


def review(settings: Settings, media: Media, painter: MaskRedactor, zones: plans.PlannedZones) -> Review:
    size, covered = (media.width, media.height), zones_of(zones.cover)
    return Review(settings.detect.confidence, *size, painter.hidden_by, covered)


def notes(settings: Settings, media: Media, plan: plans.Plan | None) -> list[str]:
    """Return what is done differently from what the settings say."""
    if plan is None:
        return _lag_note(settings, media)
    if settings.zones.ignore_zone:
        return ["zones.ignore_zone was not needed: what is covered follows from the plan"]
    return []


def _lag_note(settings: Settings, media: Media) -> list[str]:
    lag, wanted = _lag(settings, media), _wanted_lag(settings, media)
    if media.frame_count == 1 or lag == wanted:
        return []
    return [f"{lag} frames were held back instead of {wanted}: limits.lag_memory_mb allows no more"]


def warnings(painted: Style, observer: Observer) -> list[str]:
    """Return what the user should know about a result, for safety's sake."""
    told = []
    if painted.tier not in (Tier.IRREVERSIBLE, Tier.STRONG):
        told.append(f"the style {painted.name} is {painted.tier.value}: {painted.withstands}")
    if isinstance(observer, ZonedObserver) and observer.ignored:
        told.append(
            f"{observer.ignored} detection(s) of faces were left uncovered, their centre lay in an "
            "ignore zone; look there before you release it"
        )
    return told
