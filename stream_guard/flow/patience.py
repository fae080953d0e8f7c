"""Ends a run whose detectors have broken for good, instead of writing a film of covered frames."""

from __future__ import annotations

from stream_guard.errors import PipelineError
from stream_guard.model.frame import Frame
from stream_guard.model.ports import Observer
from stream_guard.model.verdict import Observation, Seen, Unseen


class Patience:
    """An observer that passes another one's observations on, until too many frames in a row are unseen."""

    def __init__(self, observer: Observer, most: int) -> None:
        self._observer = observer
        self._most = most
        self._unseen = 0

    def observe(self, frame: Frame) -> Observation:
        """Return the observation; frames between looks say neither that the detectors work nor that not.

        Raises:
            PipelineError: this is the last straw.
        """
        observation = self._observer.observe(frame)
        match observation.sight:
            case Seen():
                self._unseen = 0
            case Unseen(reason):
                self._unseen += 1
                if self._unseen >= self._most:
                    raise PipelineError(
                        f"{self._unseen} frames in a row could not be judged, up to frame "
                        f"{frame.stamp.index} ({reason}); the output is discarded: run `stream-guard "
                        "doctor`, or raise --unseen-frames to have them covered whole"
                    )
        return observation

    def close(self) -> None:
        self._observer.close()
