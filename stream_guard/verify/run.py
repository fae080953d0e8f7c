"""One verification: opens both files, lets the detectors look, and sums up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from stream_guard.detect.canary import require_canary
from stream_guard.detect.observer import Cadence
from stream_guard.detect.passes import FLOOR
from stream_guard.detect.presets import PRESETS, Detectors, Preset
from stream_guard.detect.registry import INDEPENDENT
from stream_guard.detect.zones import Ignored
from stream_guard.flow.line import Line
from stream_guard.flow.progress import Listener, Meter
from stream_guard.model.finding import Finding, Kind, Verification
from stream_guard.model.frame import Frame, Item
from stream_guard.model.media import Media
from stream_guard.model.polygon import zones_of
from stream_guard.native import libraries_required
from stream_guard.plan import Plan, PlannedZones
from stream_guard.sinks.pyav import clock_of
from stream_guard.sources.opened import Opened, open_both
from stream_guard.verify.check import Check, Judges
from stream_guard.verify.leftovers import leftovers
from stream_guard.verify.pairs import Pairing, mended
from stream_guard.verify.planned import Planned
from stream_guard.verify.sface import SFace

LOOK_S: Final = 0.14
"""How often the input is looked at; faces are followed over the frames between. At the usual frame rates this
is no multiple of the presets' 0.1, lest it look at none but the frames that the redaction looked at."""
_MAX_UPSCALE: Final = 2.5
"""More than any preset's, so that no redaction has looked at small pictures at the same scale."""
_LEAST_FRAMES: Final = 2
_MOST_BYTES: Final = 192e6
"""Of the frames that wait for the next look, both files together."""
_CAPACITY: Final = 4
_WITNESSES: Final = ("yunet", "centerface")


def verify(
    output: Path,
    source: Path,
    *,
    plan: Plan | None = None,
    zones: PlannedZones | None = None,
    progress: Listener | None = None,
) -> Verification:
    """Prove a finished file against its original.

    Every face of `plan` must be covered too; faces in ignore zones may show.

    Raises:
        InputError: one of the files cannot be read, or one is a picture and the other a video.
    """
    start_s = time.monotonic()
    with ExitStack() as undo:
        before, after = open_both(source, output, undo)
        ignored = Ignored(zones_of(zones.ignore), zones_of(zones.cover)) if zones else Ignored()
        planned, pairing = Planned(plan), Pairing(before.media.fps)
        check = Check(_judges(before.media, undo), planned, ignored)
        _look(before, after, pairing, check, Meter(before.media, progress, time.monotonic))
        faces = sorted(check.findings, key=lambda finding: finding.first_frame or 0)
        frames = [*planned.findings(pairing.frames_in), *pairing.findings()]
        findings = (*faces, *frames, *_of_the_file(before, after))
    return Verification(
        str(output), str(source), pairing.frames_in, pairing.frames_out, check.faces, findings,
        time.monotonic() - start_s,
    )  # fmt: skip


def _look(before: Opened, after: Opened, pairing: Pairing, check: Check, meter: Meter) -> None:
    """Decode both files side by side, each in a thread of its own, and check every pair of frames."""
    with Line() as line:
        pairs = pairing.pairs(
            _frames(line.stage(before.items(), name="decode input", capacity=_CAPACITY), before.media),
            _frames(line.stage(after.items(), name="decode output", capacity=_CAPACITY), after.media),
        )
        for _ in check.take(pairs):
            meter.tick(pairing.frames_out, check.faces)
    meter.tick(pairing.frames_out, check.faces, done=True)


def _judges(media: Media, undo: ExitStack) -> Judges:
    """Load who looks: the detectors that redact, as thoroughly as they can, and one that never does."""
    with libraries_required():
        detectors = Detectors(("yunet", "mediapipe", "centerface"))
        undo.callback(detectors.close)
        (name,) = INDEPENDENT
        independent = INDEPENDENT[name](FLOOR)
        undo.callback(independent.close)
    require_canary(independent)
    witnesses = [detectors.named(name) for name in _WITNESSES]
    return Judges(detectors.observer(_preset(media)), witnesses, independent, SFace())


def _preset(media: Media) -> Preset:
    """Return the thorough preset, looking as seldom as the memory for the frames between allows."""
    pair_bytes = 2 * media.width * media.height * 2
    frames = max(_LEAST_FRAMES, int(_MOST_BYTES / pair_bytes))
    look_s = min(LOOK_S, frames / media.fps) if media.fps else 0.0
    thorough = PRESETS["thorough"]
    return replace(
        thorough,
        view=replace(thorough.view, max_upscale=_MAX_UPSCALE),
        cadence=Cadence(look_s, thorough.cadence.grey_side),
        further_look_s=look_s,
        opinion_look_s=look_s,
    )


def _frames(items: Iterator[Item], media: Media) -> Iterator[Frame]:
    frames = (item for item in items if isinstance(item, Frame))
    return mended(frames, clock_of(media)) if media.fps else frames


def _of_the_file(before: Opened, after: Opened) -> Iterator[Finding]:
    yield from _size(before.media, after.media)
    yield from _damage(after)
    yield from leftovers(after.media, before.media)


def _size(before: Media, after: Media) -> Iterator[Finding]:
    if (before.width, before.height) != (after.width, after.height):
        yield Finding(
            Kind.SIZE, f"the picture is {after.width}x{after.height}, not {before.width}x{before.height}"
        )


def _damage(after: Opened) -> Iterator[Finding]:
    for warning in after.warnings:
        yield Finding(Kind.UNJUDGED, f"the output is damaged: {warning}")
