"""The presets: how large a picture the detectors get, how often, and who looks besides YuNet."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from stream_guard.detect.canary import require_canary
from stream_guard.detect.observer import Cadence, CadenceObserver, ViewSize
from stream_guard.detect.passes import FLOOR, Pass
from stream_guard.detect.registry import DETECTORS, members
from stream_guard.detect.rota import Rota
from stream_guard.detect.second_look import SecondLook
from stream_guard.model.media import Media
from stream_guard.model.ports import Detector

_MAIN: Final = "yunet"
_SECOND_OPINION: Final = "centerface"
_OPINION_EXPONENT: Final = 0.7
"""CenterFace means more by 0.25 than YuNet by 0.4. Fitted together with the tracker's times on 14 clips: of
17,565 face-frames of 16 px and more 19 were missed instead of 79, at the same false cover."""
_OPINION_AGAIN_S: Final = 0.2
_TURNED_EXPONENT: Final = 2.0
_CONTRAST_EXPONENT: Final = 0.3
"""Faces in the dark score low even with their contrast raised."""
_NEAR_SIDE: Final = 320
"""Long side of the small picture in which YuNet sees faces larger than the picture: all of 60 that were
2.5 times as tall, where the other passes saw 30. At 160 it saw some of 3 times, and faces that were none."""
_NEAR_LOOK_S: Final = 0.6
_NEAR_SHARE: Final = 0.75
"""Lower faces the other passes see, and their boxes are truer."""

_MOST_FPS: Final = 120.0
"""Headers that promise more are mostly wrong."""
_HD_SIDE: Final = 1920
_MOST_TIMES: Final = 2.0
"""Of the HD side: at 4K the memory for larger views comes to an end."""
_STRIDE: Final = 32


@dataclass(frozen=True, slots=True)
class Preset:
    """What `fast`, `balanced` and `thorough` stand for."""

    view: ViewSize
    turned: tuple[int, ...]
    """Degrees of the further passes on the turned picture."""
    aslant: tuple[int, ...]
    """Degrees of those that look at it aslant: slower, so half as often."""
    turned_side: int
    """Long side of the picture that is turned."""
    cadence: Cadence
    further_look_s: float
    """One of the further passes looks, in turn, when so much time has gone since the last of them."""
    opinion_look_s: float
    """The second opinion is asked when so much time has gone since it was, and sooner where it is needed."""
    opinion_sides: tuple[int, ...]
    """Long sides of the pictures that it is shown, in turn."""
    closeups: int
    """How many doubtful places get a second look in one frame."""

    def for_stream(self, media: Media, lag: int) -> Preset:
        """Return what this means for a source whose tracker decides `lag` frames late.

        Views grow with the root of the size beyond HD: 4K takes four times the work and memory anyway, and
        twice the looking leaves both in proportion. And no face is covered further back than the lag, so all
        `turned` passes look within it.
        """
        times = math.sqrt(min(max(1.0, max(media.width, media.height) / _HD_SIDE), _MOST_TIMES))
        lag_s = lag / min(media.fps, _MOST_FPS) if media.fps else math.inf
        round_s = (len(self.turned) + 1) * self.further_look_s
        return replace(
            self,
            view=replace(self.view, side=_grown(self.view.side, times)),
            turned_side=_grown(self.turned_side, times),
            opinion_sides=tuple(_grown(side, times) for side in self.opinion_sides),
            further_look_s=self.further_look_s * min(1.0, lag_s / round_s),
        )


PRESETS: Final[Mapping[str, Preset]] = {
    "fast": Preset(
        ViewSize(960), (), (), 640, Cadence(look_s=0.1, grey_side=480),
        further_look_s=0.5, opinion_look_s=1.0, opinion_sides=(512,), closeups=4,
    ),
    # 1136 wide at 16:9 pads to 1152x640, a fifth less work than the 1280x736 of 1280
    "balanced": Preset(
        ViewSize(1136, 2.0), (90, 270, 180), (45, 315, 135, 225), 640, Cadence(look_s=0.1, grey_side=640),
        further_look_s=0.2, opinion_look_s=0.6, opinion_sides=(640, 640, 960), closeups=12,
    ),
    "thorough": Preset(
        ViewSize(1920, 2.0), (90, 270, 180), (45, 315, 135, 225), 960, Cadence(look_s=0.0, grey_side=640),
        further_look_s=0.08, opinion_look_s=0.1, opinion_sides=(640, 960), closeups=32,
    ),
}  # fmt: skip


class Detectors:
    """The loaded detectors, each proven on the canary, until they are closed."""

    def __init__(
        self,
        names: tuple[str, ...],
        factories: Mapping[str, Callable[[float], Detector]] = DETECTORS,
    ) -> None:
        """Load and prove the named detectors and groups.

        Raises:
            SettingsError: a name is unknown.
            ModelError: a model is missing or altered, or its detector does not find the canary face.
        """
        self._loaded: dict[str, Detector] = {}
        try:
            for name in members(names):
                self._loaded[name] = factories[name](FLOOR)
                require_canary(self._loaded[name])
        except BaseException:
            self.close()
            raise

    def observer(self, preset: Preset, lag: int | None = None, fps: float = 0.0) -> CadenceObserver:
        """Return a new observer for one stream of `fps`, whose tracker decides `lag` frames late."""
        most = _most_unlooked(preset.cadence, lag, fps)
        opinion = [
            Pass(d, side=side, exponent=_OPINION_EXPONENT)
            for name, d in self._loaded.items()
            if name == _SECOND_OPINION
            for side in preset.opinion_sides
        ]
        others = [Pass(d) for name, d in self._loaded.items() if name not in (_MAIN, _SECOND_OPINION)]
        yunet = self._loaded.get(_MAIN)
        if yunet is None:
            everyone = [*others, *dict.fromkeys(opinion)]
            return CadenceObserver(everyone, (), (), preset.cadence, preset.view, most_unlooked=most)
        turned, aslant = (
            [Pass(yunet, side=preset.turned_side, turned=by, exponent=_TURNED_EXPONENT) for by in degrees]
            for degrees in (preset.turned, preset.aslant)
        )
        half = preset.view.side // 2
        contrast = Pass(yunet, side=half, raise_contrast=True, exponent=_CONTRAST_EXPONENT)
        near = Pass(yunet, side=_NEAR_SIDE, least_share=_NEAR_SHARE)
        rotas = (
            Rota([near], _NEAR_LOOK_S),
            Rota(_in_turn(turned, others), preset.further_look_s),
            Rota(aslant, 2 * preset.further_look_s),
            Rota(opinion, preset.opinion_look_s, _OPINION_AGAIN_S),
        )
        main = Pass(yunet)
        again = {one: SecondLook(one, preset.closeups) for one in (main, *turned, *aslant, contrast)}
        return CadenceObserver(
            [main], rotas, [contrast], preset.cadence, preset.view, again, _SECOND_OPINION, most
        )

    def named(self, name: str) -> Detector:
        """Return one of them; raises KeyError where it is not among the loaded ones."""
        return self._loaded[name]

    def close(self) -> None:
        for detector in self._loaded.values():
            detector.close()
        self._loaded.clear()


def _grown(side: int, times: float) -> int:
    """Return a longer side, of which YuNet need pad nothing."""
    return side if times <= 1 else int(side * times) // _STRIDE * _STRIDE


def _most_unlooked(cadence: Cadence, lag: int | None, fps: float) -> int | None:
    """Return how many frames may go by without a look.

    What comes right after a look would go out bare if the next came later than the tracker decides. And
    cameras behind a network stamp ten frames with one moment: by the clock, none of them is due.
    """
    by_rate = math.ceil(cadence.look_s * min(fps, _MOST_FPS)) if fps else None
    return min((most for most in (lag, by_rate) if most is not None), default=None)


def _in_turn(turned: Sequence[Pass], others: Sequence[Pass]) -> list[Pass]:
    """Return the order of a rota in which each other detector waits until all turned passes have looked.

    Small heads on their side are seen by the turned passes alone, and not in every picture.
    """
    return [one for other in others for one in (*turned, other)] or list(turned)
