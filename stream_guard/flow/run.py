"""One run: decode, guard and take in three threads, counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from stream_guard.errors import PipelineError
from stream_guard.flow.anonymize import anonymize
from stream_guard.flow.line import Line
from stream_guard.flow.lookahead import mark_last
from stream_guard.flow.progress import Meter
from stream_guard.flow.report import Account
from stream_guard.model.frame import Frame, Item, Passthrough
from stream_guard.model.ports import Observer, Redactor, Source, Tracker
from stream_guard.model.redacted import RedactedFrame

CAPACITY: Final = 2
"""Items that may wait between two threads; each more costs two pictures, 6 MB at 1080p."""

Take = Callable[[RedactedFrame | Passthrough], None]


def run(
    source: Source, observer: Observer, tracker: Tracker, redactor: Redactor, take: Take, meter: Meter
) -> Account:
    """Bring every item of the source, redacted, to `take`, which is called in the caller's thread.

    Raises:
        PipelineError: not every frame that went in came out.
    """
    account = Account()
    with Line() as line:
        decoded = line.stage(source.items(), name="decode", capacity=CAPACITY)
        guarded = anonymize(mark_last(_counted(decoded, account)), observer, tracker, redactor)
        for item in line.stage(guarded, name="guard", capacity=CAPACITY):
            take(item)
            if isinstance(item, RedactedFrame):
                account.add(item.cover)
                meter.tick(account.frames, len(account.tracks))
    if account.frames != account.frames_in:
        raise PipelineError(
            f"{account.frames_in} frames went in, {account.frames} came out; the output is discarded"
        )
    meter.tick(account.frames, len(account.tracks), done=True)
    return account


def _counted(items: Iterable[Item], account: Account) -> Iterator[Item]:
    for item in items:
        account.frames_in += isinstance(item, Frame)
        yield item
