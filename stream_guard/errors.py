"""Every failure a caller can meet; each carries its reason and the exit code of the command line."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command line returns to the shell."""

    DONE = 0
    INTERNAL = 1
    USAGE = 2
    INPUT = 3
    OUTPUT = 4
    COVERED_WHOLE = 5
    LEAK = 6
    STOPPED = 130


class StreamGuardError(Exception):
    """Base of all errors of this library: one sentence that says what, where and what to do."""

    exit_code = ExitCode.INTERNAL
    code = "internal"
    """The word for machines, and for those who say it in another language."""


class SettingsError(StreamGuardError):
    """A setting or option is unknown or out of range."""

    exit_code = ExitCode.USAGE
    code = "settings"


class InputError(StreamGuardError):
    """The input cannot be read, is not a picture or video, or is refused as unsafe."""

    exit_code = ExitCode.INPUT

    def __init__(self, message: str, code: str = "unreadable") -> None:
        super().__init__(message)
        self.code = code


class SourceLostError(InputError):
    """A live source has ended for now; the message says why, and it is tried again."""

    def __init__(
        self, reason: str, *, needs_a_person: bool = False, at_once: bool = False, rarely: bool = False
    ) -> None:
        super().__init__(reason)
        self.needs_a_person = needs_a_person
        """A wrong password, a device that is not there: waiting alone may not mend it."""
        self.at_once = at_once
        """The source is there and only has to be read anew."""
        self.rarely = rarely
        """To be tried at long intervals: it costs much, or locks out who asks too often."""


class OutputError(StreamGuardError):
    """The output cannot be written; nothing half-written is left behind."""

    exit_code = ExitCode.OUTPUT
    code = "unwritable"


class ModelError(StreamGuardError):
    """A detector's model file is missing or altered, or the detector does not find the canary face."""


class MissingLibraryError(StreamGuardError):
    """A system library that OpenCV or MediaPipe needs is not installed."""


class PipelineError(StreamGuardError):
    """A stage broke its contract (a frame lost, repeated or out of order); the output is discarded."""


class Stopped(BaseException):
    """The run was stopped on request; no Exception, for it is no failure that anybody may bear."""

    exit_code = ExitCode.STOPPED

    def __init__(self, by: str, left: str = "nothing was written for the file in work") -> None:
        super().__init__(f"stopped by {by}; {left}")
        self.by = by
        """The signal's name."""
