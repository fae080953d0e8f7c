"""The composition root: the one place that knows which parts there are and puts them together."""

from __future__ import annotations

import math
import secrets
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import stream_guard
from stream_guard import native
from stream_guard import plan as plans
from stream_guard.detect.presets import PRESETS, Detectors
from stream_guard.detect.registry import members, models_of
from stream_guard.detect.zones import ZonedObserver
from stream_guard.errors import InputError, SettingsError
from stream_guard.flow.anonymize import anonymize
from stream_guard.flow.patience import Patience
from stream_guard.flow.progress import Listener, Meter
from stream_guard.flow.report import Report
from stream_guard.flow.review import Review
from stream_guard.flow.run import run
from stream_guard.model.finding import Verification
from stream_guard.model.frame import Frame
from stream_guard.model.media import Media
from stream_guard.model.polygon import zones_of
from stream_guard.model.ports import Observer, Tracker
from stream_guard.model.redacted import RedactedFrame
from stream_guard.model.verdict import Between, Cover, Observation
from stream_guard.record import facts
from stream_guard.record.changes import changes
from stream_guard.record.keys import Signer
from stream_guard.record.trail import Trail, Wanted
from stream_guard.redact.render import MaskRedactor
from stream_guard.redact.style import Style, Tier
from stream_guard.redact.styles import style_named, style_names
from stream_guard.redact.styles.solid import solid
from stream_guard.settings import Areas, Redact, Settings, did_you_mean, from_options, from_values, merge
from stream_guard.sinks.encoding import Encoding
from stream_guard.sinks.file import CONTAINERS, FileSink
from stream_guard.sinks.publish import Draft, translated
from stream_guard.sinks.still import SUFFIXES, StillSink
from stream_guard.sources.array import ArraySource
from stream_guard.sources.file import FileSource
from stream_guard.sources.kind import sniff
from stream_guard.sources.still import StillSource
from stream_guard.track.replay import Replay
from stream_guard.track.smoother import FixedLagSmoother, Tracking
from stream_guard.verify import run as verifying

_BYTES_A_PIXEL: Final = 2.0
"""Of a decoded frame: 1.5 for 8 bits at 4:2:0, 3 for 10 bits."""
_GREY_BYTES: Final = 640 * 640
"""Of the small grey copy that waits with each frame, at most."""
_UNKNOWN_FPS: Final = 25.0


def redact(
    source: str | Path,
    output: str | Path,
    settings: Settings | None = None,
    *,
    progress: Listener | None = None,
    plan: str | Path | None = None,
    report: str | Path | bool = False,
    contact_sheet: str | Path | None = None,
    signer: Signer | None = None,
    verify: bool = False,
    **overrides: Any,
) -> Report:
    """Cover every face of a video or picture and write the result.

    `overrides` are settings by name (style="solid", hold_s=2); `report` is True for a file beside the output,
    which `signer` signs; `contact_sheet` is a picture to draw of the riskiest places, .png or .jpg. `verify`
    proves the output, once it is there, as `stream_guard.verify` does.

    Raises:
        StreamGuardError: its subclass says whether input, output, settings or models are to blame.
    """
    with Guard(_with(settings, overrides)) as guard:
        return guard.redact(
            source,
            output,
            progress=progress,
            plan=plan,
            report=report,
            contact_sheet=contact_sheet,
            signer=signer,
            verify=verify,
        )


def verify(
    output: str | Path,
    source: str | Path,
    settings: Settings | None = None,
    *,
    progress: Listener | None = None,
    plan: str | Path | None = None,
    **overrides: Any,
) -> Verification:
    """Prove a finished file against its original; what shows in ignore zones counts as meant to.

    Raises:
        StreamGuardError: as `redact`; that something is found raises nothing.
    """
    zones, given = _with(settings, overrides).zones, Path(source)
    native.cap()
    loaded = _loaded_plan(Path(plan), given) if plan else None
    return verifying.verify(
        Path(output), given, plan=loaded, zones=_planned_zones(zones, loaded), progress=progress
    )


def detect(
    source: str | Path,
    plan_path: str | Path,
    settings: Settings | None = None,
    *,
    progress: Listener | None = None,
    **overrides: Any,
) -> plans.Plan:
    """Find every face and write a plan, to be edited and given to `redact`.

    Raises:
        StreamGuardError: as `redact`.
    """
    with Guard(_with(settings, overrides)) as guard:
        return guard.detect(source, plan_path, progress=progress)


def anonymize_image(
    pixels: NDArray[np.uint8], settings: Settings | None = None, **overrides: Any
) -> NDArray[np.uint8]:
    """Return a copy of a picture, (h, w, 3) RGB, (h, w, 4) RGBA or (h, w, 1) grey, with every face covered.

    For many pictures use one `Guard`: it loads the models once.

    Raises:
        StreamGuardError: as `redact`.
    """
    with Guard(_with(settings, overrides)) as guard:
        return guard.anonymize_image(pixels)


def output_name(source: Path) -> str:
    """Return the file name that a redacted input gets in an output folder."""
    try:
        is_video = sniff(source) == "video"
    except InputError:
        return source.name  # its own turn will come, and tell why it cannot be read
    if source.suffix.lower() in (CONTAINERS if is_video else SUFFIXES):
        return source.name
    return f"{source.stem}{'.mp4' if is_video else '.png'}"


class Guard:
    """The detectors, loaded once for any number of inputs; a context manager that closes them."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Check the settings; models are loaded when the first input needs them.

        Raises:
            SettingsError: there is no such style or detector, or the style is weak and not allowed.
        """
        native.cap()
        self.settings = settings or Settings()
        self._style = _style(self.settings.redact)
        self._preset = PRESETS[self.settings.detect.preset]
        members(self.settings.detect.detectors)
        self._detectors: Detectors | None = None

    def __enter__(self) -> Guard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the models."""
        if self._detectors is not None:
            self._detectors.close()
            self._detectors = None

    def redact(
        self,
        source: str | Path,
        output: str | Path,
        *,
        progress: Listener | None = None,
        plan: str | Path | None = None,
        report: str | Path | bool = False,
        contact_sheet: str | Path | None = None,
        signer: Signer | None = None,
        verify: bool = False,
    ) -> Report:
        """Do what `stream_guard.redact` does, with the models that are loaded already."""
        given, target, start_s = Path(source), Path(output), time.monotonic()
        with ExitStack() as undo:
            opened = self._open(given, undo)
            sink = self._sink(opened, target)
            undo.callback(sink.abort)
            wanted = _wanted(report, target, contact_sheet, signer, self.settings.output.overwrite)
            trail = undo.enter_context(Trail(wanted, given, target))
            replayed = _loaded_plan(Path(plan), given) if plan else None
            zones = self._zones(replayed)
            observer, tracker = _replay(replayed) if replayed else self._judges(opened.media)
            redactor = self._redactor(zones)
            review = _review(self.settings, opened.media, redactor, zones)
            meter = Meter(opened.media, progress, time.monotonic)
            take = trail.watched(sink.write, review)
            account = run(opened, observer, tracker, redactor, take, meter)
            sink.finish()
            places = review.finish()
            proof = verifying.verify(target, given, plan=replayed, zones=zones) if verify else None
            told = Report(
                input=facts.file_facts(given),
                output=facts.file_facts(target),
                plan=facts.file_facts(Path(plan)) if plan else None,
                changes=tuple(change.as_dict() for change in changes(replayed)) if replayed else (),
                contact_sheet=trail.publish_sheet(places),
                media=facts.media_facts(opened.media),
                finished=facts.now_utc(),
                elapsed_s=time.monotonic() - start_s,
                account=account,
                review=places,
                dropped=opened.media.dropped,
                notes=(*self._notes(opened.media, replayed), *sink.notes),
                warnings=(*self._style_warning(), *_ignored_warning(observer), *opened.warnings),
                zones=zones.model_dump(mode="json"),
                settings=self.settings.model_dump(mode="json"),
                versions=facts.versions(stream_guard.__version__),
                models=() if plan else facts.model_facts(models_of(self.settings.detect.detectors)),
                verification=proof,
            )
            trail.publish_report(told)
            return told

    def detect(
        self, source: str | Path, plan_path: str | Path, *, progress: Listener | None = None
    ) -> plans.Plan:
        """Do what `stream_guard.detect` does, with the models that are loaded already."""
        given = Path(source)
        with ExitStack() as undo:
            opened = self._open(given, undo)
            draft = Draft(Path(plan_path), given, self.settings.output.overwrite)
            undo.callback(draft.discard)
            covers: list[Cover] = []
            meter = Meter(opened.media, progress, time.monotonic)
            zones, media = self._zones(), opened.media
            run(opened, *self._judges(media), self._redactor(zones), _into(covers), meter)
            sha256 = facts.sha256_of(given)
            plan = plans.of(covers, given.name, sha256, media.width, media.height, zones)
            _publish(draft, plans.dump(plan))
            return plan

    def anonymize_image(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Do what `stream_guard.anonymize_image` does, with the models that are loaded already."""
        source = ArraySource(pixels)
        for _ in anonymize(source.items(), *self._judges(source.media), self._redactor(self._zones())):
            pass
        return source.pixels

    # -- the parts --------------------------------------------------------------------------------

    def _open(self, path: Path, undo: ExitStack) -> FileSource | StillSource:
        if sniff(path) == "still":
            return StillSource(path)
        source = FileSource(path, keep_audio=self.settings.output.audio == "keep")
        undo.callback(source.close)
        return source

    def _sink(self, source: FileSource | StillSource, target: Path) -> FileSink | StillSink:
        chosen = self.settings.output
        if isinstance(source, StillSource):
            return StillSink(target, source.media, overwrite=chosen.overwrite)
        encoding = Encoding(
            chosen.codec, chosen.quality, chosen.encoder_preset, chosen.audio, chosen.overwrite
        )
        return FileSink(target, source.media, encoding)

    def _judges(self, media: Media) -> tuple[Observer, Tracker]:
        rules = Tracking(confidence=self.settings.detect.confidence, hold_s=self.settings.track.hold_s)
        zones = self.settings.zones
        looking = self._loaded().observer(self._preset)
        observer: Observer = Patience(looking, self.settings.limits.unseen_frames)
        if zones.ignore_zone:
            observer = ZonedObserver(
                observer, zones_of(zones.ignore_zone), zones_of(zones.cover_zone), rules.confidence
            )
        return observer, FixedLagSmoother(self._lag(media), rules)

    def _loaded(self) -> Detectors:
        if self._detectors is None:
            with native.libraries_required():  # MediaPipe loads its own part only now
                self._detectors = Detectors(self.settings.detect.detectors)
        return self._detectors

    def _lag(self, media: Media) -> int:
        """Return how many frames are held back: by time, and at most what the memory limit allows."""
        if not media.fps and media.frame_count == 1:
            return 0
        return min(self._wanted_lag(media), self._affordable_lag(media))

    def _wanted_lag(self, media: Media) -> int:
        return math.ceil(self.settings.track.lag_s * (media.fps or _UNKNOWN_FPS))

    def _affordable_lag(self, media: Media) -> int:
        frame_bytes = media.width * media.height * _BYTES_A_PIXEL + _GREY_BYTES
        return int(self.settings.limits.lag_memory_mb * 1e6 / frame_bytes)

    def _notes(self, media: Media, plan: plans.Plan | None) -> list[str]:
        if plan is None:
            return self._lag_note(media)
        if self.settings.zones.ignore_zone:
            return ["zones.ignore_zone was not needed: what is covered follows from the plan"]
        return []

    def _lag_note(self, media: Media) -> list[str]:
        lag = self._lag(media)
        if media.frame_count == 1 or lag == self._wanted_lag(media):
            return []
        return [
            f"{lag} frames were held back instead of {self._wanted_lag(media)}: "
            "limits.lag_memory_mb allows no more"
        ]

    def _zones(self, plan: plans.Plan | None = None) -> plans.PlannedZones:
        """Return the zones in force: a plan's are covered as well; where it replays, nobody looks anew."""
        return _planned_zones(self.settings.zones, plan)

    def _redactor(self, zones: plans.PlannedZones) -> MaskRedactor:
        chosen = self.settings.redact
        margins = replace(
            self._style.margins, side=chosen.margin_side, above=chosen.margin_above, below=chosen.margin_below
        )
        return MaskRedactor(
            self._style,
            key=secrets.token_bytes(32),
            margins=None if self._style.tier is Tier.WEAK else margins,  # its tight box is what it is
            draw_boxes=chosen.draw_boxes,
            zones=zones_of(zones.cover),
        )

    def _style_warning(self) -> list[str]:
        if self._style.tier in (Tier.IRREVERSIBLE, Tier.STRONG):
            return []
        return [f"the style {self._style.name} is {self._style.tier.value}: {self._style.withstands}"]


def _with(settings: Settings | None, overrides: dict[str, Any]) -> Settings:
    """Return the settings with some of them replaced by name, checked."""
    return merge(from_values(settings or Settings()) | from_options(overrides)).settings


def _style(chosen: Redact) -> Style:
    if chosen.style not in style_names():
        near = did_you_mean(chosen.style, style_names())
        hint = f"; did you mean {near}?" if near else f"; choose one of {', '.join(style_names())}"
        raise SettingsError(f"there is no style {chosen.style!r}{hint}")
    style = style_named(chosen.style)
    if style.tier is Tier.WEAK and not chosen.allow_weak:
        raise SettingsError(
            f"the style {style.name} is weak ({style.withstands}); give --allow-weak to use it"
        )
    return solid(chosen.rgb) if style.name == "solid" else style


class _NotLooking:
    """Stands in for the detectors where a plan knows the answers."""

    def observe(self, frame: Frame) -> Observation:
        return Observation(frame.stamp, frame.picture.width, frame.picture.height, Between())

    def close(self) -> None:
        """Nothing is open."""


def _planned_zones(ours: Areas, plan: plans.Plan | None) -> plans.PlannedZones:
    if plan is None:
        return plans.PlannedZones(cover=ours.cover_zone, ignore=ours.ignore_zone)
    cover = tuple(dict.fromkeys((*plan.zones.cover, *ours.cover_zone)))
    return plans.PlannedZones(cover=cover, ignore=plan.zones.ignore)


def _loaded_plan(path: Path, source: Path) -> plans.Plan:
    plan = plans.load(path)
    plans.require_made_for(plan, path, facts.sha256_of(source), str(source))
    return plan


def _replay(plan: plans.Plan) -> tuple[Observer, Tracker]:
    return _NotLooking(), Replay(plan.regions(), plan.whole())


def _ignored_warning(observer: Observer) -> list[str]:
    if not isinstance(observer, ZonedObserver) or not observer.ignored:
        return []
    return [
        f"{observer.ignored} detections of faces were left uncovered, their centre lay in an "
        "ignore zone; look there before you release it"
    ]


def _review(settings: Settings, media: Media, redactor: MaskRedactor, zones: plans.PlannedZones) -> Review:
    size, covered = (media.width, media.height), zones_of(zones.cover)
    return Review(settings.detect.confidence, *size, redactor.hidden_by, covered)


def _into(covers: list[Cover]) -> Any:
    def take(item: object) -> None:
        if isinstance(item, RedactedFrame):
            covers.append(item.cover)

    return take


def _wanted(
    report: str | Path | bool,
    target: Path,
    contact_sheet: str | Path | None,
    signer: Signer | None,
    overwrite: bool,
) -> Wanted:
    report = f"{target}.report.json" if report is True else report
    sheet = Path(contact_sheet) if contact_sheet else None
    return Wanted(Path(report) if report else None, sheet, signer, overwrite)


def _publish(draft: Draft, text: str) -> None:
    with translated(draft.path):
        draft.path.write_text(text, encoding="utf-8")
    draft.publish()
