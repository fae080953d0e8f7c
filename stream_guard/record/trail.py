"""What a run leaves beside its output: the report and the contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from stream_guard.errors import OutputError
from stream_guard.flow.report import FileFacts, Report
from stream_guard.flow.review import Review
from stream_guard.flow.run import Take
from stream_guard.model.frame import Passthrough
from stream_guard.model.place import Place
from stream_guard.model.redacted import RedactedFrame
from stream_guard.record.chain import dump, sealed
from stream_guard.record.facts import file_facts
from stream_guard.sinks.contact_sheet import ContactSheet, photograph
from stream_guard.sinks.publish import Draft

if TYPE_CHECKING:
    from stream_guard.record.keys import Signer


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be left, and where."""

    report: Path | None = None
    contact_sheet: Path | None = None
    signer: Signer | None = None
    overwrite: bool = False


class Trail:
    """Holds the temporary files from before the run until they are published; a context manager."""

    def __init__(self, wanted: Wanted, source: Path, output: Path) -> None:
        """Check the targets before hours of work go into them.

        Raises:
            OutputError: one cannot be written, or has the name of another output.
        """
        self._wanted = wanted
        self._name = source.name
        _require_different([output, wanted.report, wanted.contact_sheet])
        with ExitStack() as undo:
            self._draft = _report_draft(wanted, source, undo)
            self._sheet = _sheet(wanted, source, undo)
            self._undo = undo.pop_all()

    def __enter__(self) -> Trail:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def watched(self, take: Take, review: Review) -> Take:
        """Return a `take` that lets the review see each frame as it goes out."""

        def see(item: RedactedFrame | Passthrough) -> None:
            if isinstance(item, RedactedFrame):
                review.add(item.cover, partial(photograph, item) if self._sheet else None)
            take(item)

        return see

    def publish_sheet(self, places: Sequence[Place]) -> FileFacts | None:
        """Draw and publish the contact sheet, if one is wanted, and return its facts for the report."""
        if self._sheet is None or self._wanted.contact_sheet is None:
            return None
        self._sheet.finish(places, self._name)
        return file_facts(self._wanted.contact_sheet)

    def publish_report(self, report: Report) -> None:
        """Seal, sign and publish the report, if one is wanted."""
        if self._draft is not None:
            text = dump(sealed(report.as_dict(), self._wanted.signer))
            self._draft.publish_as(text.encode("utf-8"))


def _require_different(paths: Sequence[Path | None]) -> None:
    taken: set[Path] = set()
    for path in paths:
        if path is not None and path.absolute() in taken:
            raise OutputError(f"{path} is another output of this run; choose another name.")
        if path is not None:
            taken.add(path.absolute())


def _report_draft(wanted: Wanted, source: Path, undo: ExitStack) -> Draft | None:
    if wanted.report is None:
        return None
    draft = Draft(wanted.report, source, wanted.overwrite)
    undo.callback(draft.discard)
    return draft


def _sheet(wanted: Wanted, source: Path, undo: ExitStack) -> ContactSheet | None:
    if wanted.contact_sheet is None:
        return None
    sheet = ContactSheet(wanted.contact_sheet, source, overwrite=wanted.overwrite)
    undo.callback(sheet.abort)
    return sheet
