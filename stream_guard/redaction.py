"""One redaction of a file: what is opened before its first frame, and what is told in the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from stream_guard import parts
from stream_guard.detect.registry import models_of
from stream_guard.errors import OutputError
from stream_guard.flow.report import Account, Report
from stream_guard.model.finding import Verification
from stream_guard.model.place import Place
from stream_guard.record import facts
from stream_guard.record.changes import changes
from stream_guard.record.trail import Trail, Wanted
from stream_guard.settings import Settings
from stream_guard.version import VERSION


@dataclass(frozen=True, slots=True)
class Done:
    """What is known when the output has its name."""

    account: Account
    places: tuple[Place, ...]
    warnings: list[str]


class Job:
    """Everything that is opened before the first frame; `undo` closes it and removes what was begun."""

    def __init__(
        self,
        source: Path,
        target: Path,
        plan: Path | None,
        wanted: Wanted,
        settings: Settings,
        undo: ExitStack,
    ) -> None:
        """Check all names and the plan before hours of work go into them.

        Raises:
            InputError: the source or the plan cannot be read, or the plan was made for another file.
            OutputError: one of the outputs cannot be written.
        """
        self._start_s = time.monotonic()
        self.source, self.target, self._settings = source, target, settings
        self.plan_path = plan
        self.opened = parts.opened(source, settings, undo)
        self.sink = parts.sink(self.opened, target, settings)
        undo.callback(self.sink.abort)
        self.trail = undo.enter_context(Trail(wanted, source, target))
        self.plan = parts.loaded_plan(plan, source) if plan else None
        self.zones = parts.zones_in_force(settings, self.plan)

    def tell(self, done: Done, proof: Verification | None, called: tuple[str, str] | None) -> Report:
        """Publish contact sheet and report, where they are wanted, and return the report.

        `called` are other names of input and output.

        Raises:
            OutputError: one cannot be written; the redacted file stays, and the sentence says so.
        """
        with _kept(self.target):
            told = self._report(done, proof)
            told = _named(told, *called) if called else told
            self.trail.publish_report(told)
        return told

    def _report(self, done: Done, proof: Verification | None) -> Report:
        plan, media, settings = self.plan, self.opened.media, self._settings
        return Report(
            input=facts.file_facts(self.source),
            output=facts.file_facts(self.target),
            plan=facts.file_facts(self.plan_path) if self.plan_path else None,
            changes=tuple(change.as_dict() for change in changes(plan)) if plan else (),
            contact_sheet=self.trail.publish_sheet(done.places),
            media=facts.media_facts(media),
            finished=facts.now_utc(),
            elapsed_s=time.monotonic() - self._start_s,
            account=done.account,
            review=done.places,
            dropped=media.dropped,
            notes=(*parts.notes(settings, media, plan), *self.sink.notes),
            warnings=(*done.warnings, *self.opened.warnings),
            zones=self.zones.model_dump(mode="json"),
            settings=settings.model_dump(mode="json", exclude={"outputs", "web", "jobs"}),
            versions=facts.versions(VERSION),
            models=() if plan else facts.model_facts(models_of(settings.detect.detectors)),
            verification=proof,
        )


@contextmanager
def _kept(target: Path) -> Iterator[None]:
    """Say of a finished output that it stays, where what belongs beside it cannot be written."""
    try:
        yield
    except OutputError as exc:
        raise OutputError(f"{str(exc).rstrip('.')}; {target} is complete and stays.") from exc


def _named(told: Report, source: str, output: str) -> Report:
    """Return a report in which the files have other names."""
    proof = told.verification and replace(told.verification, source=source, output=output)
    return replace(
        told,
        input=replace(told.input, path=source),
        output=replace(told.output, path=output),
        verification=proof,
    )
