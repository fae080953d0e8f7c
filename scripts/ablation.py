"""What each part of the protection buys: leaves out one at a time and counts the faces that show for it.

python -m scripts.ablation               # the tracker's parts, with detectors that fail as told
python -m scripts.ablation --detectors   # who looks, on turned heads, with the real detectors
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from unittest.mock import patch

import av

from scripts.synthetic import (
    CLIPS,
    CROSSING,
    DARK,
    FPS,
    FRAMES,
    HEIGHT,
    SHAKING,
    TURNED,
    WIDTH,
    Clip,
    DropOuts,
    Score,
    at_random,
    covers_of,
    drill,
    in_bursts,
    painted,
    score,
)
from stream_guard.build import Guard
from stream_guard.detect.presets import PRESETS
from stream_guard.model.frame import Stamp
from stream_guard.model.ports import Tracker
from stream_guard.model.verdict import Cover, Observation, Origin, Region, Seen
from stream_guard.settings import Settings
from stream_guard.track import smoother, window
from stream_guard.track.camera import STILL
from stream_guard.track.smoother import FixedLagSmoother, Tracking

FILE_LAG: Final = round(Settings().track.lag_s * FPS)
LIVE_LAG: Final = 6


class Untracked:
    """Covers what was detected in the very frame, as simple tools do."""

    lag = 0

    def __init__(self, lag: int, rules: Tracking) -> None:
        self._confidence = rules.confidence

    def push(self, observation: Observation) -> Sequence[Cover]:
        sight = observation.sight
        faces = sight.faces if isinstance(sight, Seen) else ()
        sure = [face for face in faces if face.score >= self._confidence]
        regions = (Region(n, face.box, Origin.DETECTED, face.score) for n, face in enumerate(sure))
        return (Cover(observation.stamp, tuple(regions)),)

    def flush(self) -> Sequence[Cover]:
        return ()


@dataclass(frozen=True)
class Variant:
    """The tracker without one of its parts."""

    name: str
    rules: Tracking = Tracking()  # noqa: RUF009 - frozen
    tracker: Callable[[int, Tracking], Tracker] = FixedLagSmoother
    instead: tuple[tuple[ModuleType, str, Any], ...] = ()
    """What stands for names in modules of the tracker while it runs."""
    always_looks: bool = False
    """Its detector looks at every frame, for it can do nothing without."""


FULL: Final = Variant("everything")
NO_TRACKER: Final = Variant("no tracker", tracker=Untracked, always_looks=True)
NO_BACKFILL: Final = Variant("no back-fill", Tracking(backfill_s=0.0))
NO_HOLD: Final = Variant("no hold", Tracking(hold_s=0.0))
VARIANTS: Final = (
    FULL,
    NO_TRACKER,
    NO_BACKFILL,
    NO_HOLD,
    Variant("no growth", Tracking(growth_per_s=0.0, flow_growth_per_s=0.0)),
    Variant("no flow", instead=((smoother, "follow_in_frames", lambda *seen: None),)),
    Variant("no camera motion", instead=((window, "camera_step", lambda *seen: STILL),)),
    Variant("no union over 3 frames", instead=((window, "REACH", 0),)),
)


@dataclass(frozen=True)
class Trial:
    """Clips, and how the detector fails in each of them."""

    clips: tuple[Clip, ...]
    drop_outs: tuple[DropOuts, ...]
    look_every: int = 1


def trials(spare_s: float) -> tuple[Trial, ...]:
    """Return all trials; bursts of drop-outs spare the first moments of a face."""
    at_any_time = (at_random(0.1), at_random(0.3), at_random(0.5))
    in_one_go = (in_bursts(5, spare_s), in_bursts(15, spare_s))
    return (
        Trial((*CLIPS, CROSSING), at_any_time + in_one_go),
        Trial((DARK, SHAKING), at_any_time[:1], look_every=2),
    )


def measured(variant: Variant, lag: int, tried: Sequence[Trial]) -> Score:
    """Return the score of a variant over all trials."""
    total = Score()
    with ExitStack() as parts:
        for module, name, stand_in in variant.instead:
            parts.enter_context(patch.object(module, name, stand_in))
        for trial in tried:
            look_every = 1 if variant.always_looks else trial.look_every
            for seed, drop_outs in enumerate(trial.drop_outs):
                for clip in trial.clips:
                    made = drill(clip, drop_outs, seed, look_every)
                    total += score(made, covers_of(made, variant.tracker(lag, variant.rules)), lag)
    return total


def tracker_table() -> Iterator[str]:
    yield "| lag | tracker | recall | frames exposed | longest leak | flicker | at the entrance |"
    yield "|---|---|---|---|---|---|---|"
    for lag, spare_s in ((FILE_LAG, 0.0), (LIVE_LAG, 0.5)):
        for variant in VARIANTS:
            found = measured(variant, lag, trials(spare_s))
            yield (
                f"| {lag} | {variant.name} | {found.recall:.4f} | {found.exposed} of {found.face_frames} "
                f"| {found.longest_leak} | {found.flicker} | {found.at_entrance} |"
            )


# -- who looks ------------------------------------------------------------------------------------


def detector_table() -> Iterator[str]:
    yield "| detectors | recall | frames exposed | longest leak |"
    yield "|---|---|---|---|"
    for name, detectors, turned in (
        ("everything", ("yunet", "mediapipe", "centerface"), True),
        ("no MediaPipe", ("yunet", "centerface"), True),
        ("no CenterFace", ("yunet", "mediapipe"), True),
        ("no turned passes", ("yunet", "mediapipe", "centerface"), False),
        ("YuNet alone", ("yunet",), False),
    ):
        found = looked_for(detectors, turned=turned)
        yield (
            f"| {name} | {found.recall:.4f} | {found.exposed} of {found.face_frames} | {found.longest_leak} |"
        )


def looked_for(detectors: tuple[str, ...], *, turned: bool) -> Score:
    """Return the score of real detectors on turned heads, in a clip that is written and read as a file."""
    settings = Settings.model_validate({"detect": {"detectors": detectors}})
    preset = PRESETS[settings.detect.preset]
    with tempfile.TemporaryDirectory() as folder, Guard(settings) as guard:
        guard._preset = preset if turned else replace(preset, turned=(), aslant=())
        clip, plan = Path(folder, "turned.mp4"), Path(folder, "plan.json")
        _write(clip, TURNED)
        planned = guard.detect(clip, plan)
    regions = planned.regions()
    covers = [Cover(Stamp(0, i, i / FPS), tuple(regions[i]), planned.whole().get(i)) for i in range(FRAMES)]
    return score(drill(TURNED, at_random(0.0), seed=0), covers, FILE_LAG)


def _write(path: Path, clip: Clip) -> None:
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FPS, options={"crf": "18", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for i in range(FRAMES):
            out.mux(video.encode(av.VideoFrame.from_ndarray(painted(clip, i), "rgb24")))
        out.mux(video.encode(None))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--detectors", action="store_true", help="leave out detectors, not the tracker's parts"
    )
    return parser


def main() -> None:
    for line in detector_table() if _parser().parse_args().detectors else tracker_table():
        print(line, flush=True)


if __name__ == "__main__":
    main()
