"""The composition root: the one place that knows which parts there are and puts them together."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stream_guard import native, parts, preview
from stream_guard import plan as plans
from stream_guard.detect.presets import PRESETS, Detectors
from stream_guard.detect.registry import members
from stream_guard.errors import InputError, SettingsError
from stream_guard.flow.anonymize import anonymize
from stream_guard.flow.line import Line
from stream_guard.flow.lookahead import mark_last
from stream_guard.flow.progress import Listener, Meter
from stream_guard.flow.report import Report
from stream_guard.flow.run import CAPACITY, run
from stream_guard.model.finding import Finding, Verification
from stream_guard.model.media import Media
from stream_guard.model.ports import Observer, Tracker
from stream_guard.model.redacted import RedactedFrame
from stream_guard.model.verdict import Cover
from stream_guard.record import facts
from stream_guard.record.trail import Wanted
from stream_guard.redaction import Done, Job
from stream_guard.settings import Settings, from_options, from_values, merge
from stream_guard.sinks.file import CONTAINERS
from stream_guard.sinks.publish import Draft
from stream_guard.sinks.still import SUFFIXES
from stream_guard.sources.array import ArraySource
from stream_guard.sources.kind import sniff
from stream_guard.verify import run as verifying

if TYPE_CHECKING:
    from stream_guard.record.keys import Signer


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
    source: str | Path | None,
    settings: Settings | None = None,
    *,
    progress: Listener | None = None,
    plan: str | Path | None = None,
    report: str | Path | None = None,
    public_key: str | Path | None = None,
    **overrides: Any,
) -> Verification:
    """Prove a finished file against its original; what shows in ignore zones counts as meant to.

    `report` is checked for tampering too, and with `public_key` for being signed by that key's owner. Without
    `source` nothing but the report, and the files that it speaks of, is checked.

    Raises:
        StreamGuardError: as `redact`; that something is found raises nothing.
        SettingsError: there is nothing to check it by, or a key without the report that it may have signed.
    """
    if source is None and report is None:
        raise SettingsError(f"there is nothing to check {output} by; give its source, its report, or both")
    if public_key is not None and report is None:
        raise SettingsError("a public key is for the signature of a report; give the report too")
    files = {"output": Path(output)}
    files |= {part: Path(path) for part, path in (("input", source), ("plan", plan)) if path}
    changed = _tampering(report, files, public_key) if report is not None else []
    if source is None:
        return Verification(str(output), None, 0, 0, 0, tuple(changed), 0.0)
    chosen, given = _with(settings, overrides), Path(source)
    native.cap()
    loaded = parts.loaded_plan(Path(plan), given) if plan else None
    zones = parts.zones_in_force(chosen, loaded)
    found = verifying.verify(Path(output), given, plan=loaded, zones=zones, progress=progress)
    return replace(found, findings=(*found.findings, *changed))


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
        self._style = parts.style(self.settings.redact)
        self._preset = PRESETS[self.settings.detect.preset]
        members(self.settings.detect.detectors)
        self._detectors: Detectors | None = None

    def __enter__(self) -> Guard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def load(self) -> None:
        """Load the models now rather than with the first input.

        Raises:
            ModelError: one is missing or altered, or does not find the bundled face.
        """
        self._loaded()

    def adopt(self, settings: Settings) -> None:
        """Take other settings for what comes next; models that they need too stay loaded.

        Raises:
            SettingsError: as at the start; the settings stay as they were.
        """
        style, detectors = parts.style(settings.redact), members(settings.detect.detectors)
        if detectors != members(self.settings.detect.detectors):
            self.close()
        self.settings, self._style = settings, style
        self._preset = PRESETS[settings.detect.preset]

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
        called: tuple[str, str] | None = None,
    ) -> Report:
        """Do what `stream_guard.redact` does, with the models that are loaded already.

        `called` are the names of input and output in the report, where people know them by others.
        """
        given, target = Path(source), Path(output)
        wanted = _wanted(report, target, contact_sheet, signer, self.settings.output.overwrite)
        with ExitStack() as undo:
            job = Job(given, target, Path(plan) if plan else None, wanted, self.settings, undo)
            done = self._run(job, progress)
            proof = verifying.verify(target, given, plan=job.plan, zones=job.zones) if verify else None
            return job.tell(done, proof, called)

    def _run(self, job: Job, progress: Listener | None) -> Done:
        """Redact everything and give the output its name."""
        media, plan = job.opened.media, job.plan
        observer, tracker = parts.replay(plan) if plan else self._judges(media)
        redactor = parts.redactor(self.settings, self._style, job.zones)
        review = parts.review(self.settings, media, redactor, job.zones)
        take = job.trail.watched(job.sink.write, review)
        account = run(job.opened, observer, tracker, redactor, take, Meter(media, progress, time.monotonic))
        if plan and job.plan_path:
            plans.require_within(plan, job.plan_path, account.frames)
        job.sink.finish()
        return Done(account, review.finish(), parts.warnings(self._style, observer))

    def detect(
        self, source: str | Path, plan_path: str | Path, *, progress: Listener | None = None
    ) -> plans.Plan:
        """Do what `stream_guard.detect` does, with the models that are loaded already."""
        given = Path(source)
        with ExitStack() as undo:
            opened = parts.opened(given, self.settings, undo)
            draft = Draft(Path(plan_path), given, self.settings.output.overwrite)
            undo.callback(draft.discard)
            covers: list[Cover] = []
            meter = Meter(opened.media, progress, time.monotonic)
            zones, media = parts.zones_in_force(self.settings), opened.media
            run(
                opened,
                *self._judges(media),
                parts.redactor(self.settings, self._style, zones),
                _into(covers),
                meter,
            )
            sha256 = facts.sha256_of(given)
            plan = plans.of(covers, given.name, sha256, media.width, media.height, zones)
            draft.publish_as(plans.dump(plan).encode("utf-8"))
            return plan

    def preview(self, source: str | Path, time_s: float, output: str | Path) -> None:
        """Redact one frame of a video, or a picture, and write it as a JPEG over what is there.

        `time_s` counts from the start of the video. What comes shortly before and after it is judged too, so
        that a face is covered which is found in a neighbouring frame only; the whole run may cover more.

        Raises:
            StreamGuardError: as `redact`; an InputError too where the video holds nothing at that time.
        """
        with ExitStack() as undo:
            opened = parts.opened(Path(source), self.settings, undo)
            frames, wanted_s = preview.window(opened, time_s)
            redactor = parts.redactor(self.settings, self._style, parts.zones_in_force(self.settings))
            with Line() as line:
                decoded = line.stage(frames, name="decode", capacity=CAPACITY)
                redacted = anonymize(mark_last(decoded), *self._judges(opened.media), redactor)
                preview.write(redacted, wanted_s, opened.media, Path(output))

    def anonymize_image(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Do what `stream_guard.anonymize_image` does, with the models that are loaded already."""
        source = ArraySource(pixels)
        redactor = parts.redactor(self.settings, self._style, parts.zones_in_force(self.settings))
        for _ in anonymize(source.items(), *self._judges(source.media), redactor):
            pass
        return source.pixels

    def _judges(self, media: Media) -> tuple[Observer, Tracker]:
        tracker = parts.tracker(self.settings, media)
        looking = self._loaded().observer(self._preset.for_stream(media, tracker.lag), tracker.lag, media.fps)
        return parts.guarded(looking, self.settings), tracker

    def _loaded(self) -> Detectors:
        if self._detectors is None:
            with native.libraries_required():  # MediaPipe loads its own part only now
                self._detectors = Detectors(self.settings.detect.detectors)
        return self._detectors


def _tampering(report: str | Path, files: dict[str, Path], public_key: str | Path | None) -> list[Finding]:
    """Return what is wrong with a report and the files that it speaks of."""
    from stream_guard.record.check import check_report  # brings cryptography, 10 MB: for records only
    from stream_guard.record.keys import read_public

    key = read_public(public_key) if public_key else None
    return check_report(report, files, key)


def _with(settings: Settings | None, overrides: dict[str, Any]) -> Settings:
    """Return the settings with some of them replaced by name, checked."""
    return merge(from_values(settings or Settings()) | from_options(overrides)).settings


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
