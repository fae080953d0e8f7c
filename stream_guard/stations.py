"""The parts of a live run, each made from the settings: where its pictures come from and who judges them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stream_guard import native, parts
from stream_guard.detect.models import bundled_folder
from stream_guard.detect.presets import PRESETS, Detectors
from stream_guard.errors import SettingsError
from stream_guard.live.cards import Cards
from stream_guard.live.load import Shedding
from stream_guard.live.session import Judges
from stream_guard.live.station import Station
from stream_guard.model.address import SafeUrl
from stream_guard.model.ports import LiveSource
from stream_guard.settings import Settings, did_you_mean
from stream_guard.settings.live import Camera
from stream_guard.sources.handed import HandedSource
from stream_guard.sources.paced import PacedSource
from stream_guard.sources.pattern import PatternSource
from stream_guard.sources.rtsp import SCHEMES, RtspSource
from stream_guard.sources.webcam import WebcamSource
from stream_guard.track.smoother import FixedLagSmoother

UNNAMED: Final = "live"
"""Name of the station of a source that is given by its address."""


def source_of(camera: Camera, name: str, *, loop: bool = False) -> LiveSource:
    """Return the source that a camera's settings describe.

    Raises:
        SettingsError: its address is of no known kind.
    """
    url, keep_audio = camera.url, camera.audio == "keep"
    scheme = url.partition(":")[0].lower()
    if scheme in SCHEMES:
        try:
            address = SafeUrl.parsed(url, camera.user, camera.password.get_secret_value())
        except ValueError:
            pass  # its words quote the address, with the password in it
        else:
            return RtspSource(address, camera.transport, keep_audio)
        raise SettingsError(
            f"the address of {name} is no RTSP address; write rtsp://HOST:554/PATH, with user and "
            "password in settings of their own"
        )
    if scheme == "webcam":
        return WebcamSource(url.partition(":")[2] or "0")
    if scheme == "test":
        return PatternSource.parsed(url, bundled_folder("samples") / "portrait.jpg")
    if scheme == "whip":
        return HandedSource(name)
    if url.startswith("/dev/"):
        return WebcamSource(url)
    if Path(url).is_file():
        return PacedSource(Path(url), loop or camera.loop, keep_audio)
    raise SettingsError(
        f"{name} has no source that is known: it should be rtsp://..., webcam:0, test:, whip: or a video file"
    )


def camera_of(given: str, cameras: Mapping[str, Camera]) -> tuple[str, Camera]:
    """Return name and settings of a source as the user gave it: a name of the settings, or an address.

    Raises:
        SettingsError: there is no such source, or a password is in the address.
    """
    if given in cameras:
        return given, cameras[given]
    if "://" not in given and ":" not in given and not Path(given).exists():
        near = did_you_mean(given, cameras)
        hint = f"; did you mean {near}?" if near else "; it is neither in the settings nor a file"
        raise SettingsError(f"there is no source {given!r}{hint}")
    # anywhere: a password with a slash in it moves the @ out of where it belongs
    if given.lower().startswith(tuple(f"{scheme}://" for scheme in SCHEMES)) and "@" in given:
        raise SettingsError(
            "a password in an address on the command line can be read by everybody on this machine; put the "
            "camera into the settings file ([sources.NAME] with url, user and password) and give its name"
        )
    return UNNAMED, Camera(url=given)


class DetectorBench:
    """Gives session after session its judges; the detectors are loaded once and belong to one station."""

    def __init__(self, settings: Settings) -> None:
        """Check the settings.

        Raises:
            SettingsError: as for a recorded file.
        """
        self._settings = settings
        self._style = parts.style(settings.redact)
        self._zones = parts.zones_in_force(settings)
        self._detectors: Detectors | None = None

    def judges(self) -> Judges:
        """Return judges for a new session.

        Raises:
            ModelError: a model is missing or altered, or misses the bundled face.
        """
        if self._detectors is None:
            with native.libraries_required():
                self._detectors = Detectors(self._settings.detect.detectors)
        lag = self._settings.live.lag_frames
        looking = self._detectors.observer(PRESETS[self._settings.detect.preset], lag)

        def shed(shedding: Shedding) -> None:
            looking.shed(shedding.view_share, shedding.look_share)

        return Judges(
            parts.zoned(parts.wary(looking, self._settings), self._settings),
            FixedLagSmoother(lag, parts.live_rules(self._settings)),
            parts.redactor(self._settings, self._style, self._zones, says_why=True),
            shed,
        )

    def abandon(self) -> None:
        """Load other detectors for the next session: these hang, and so cannot even be closed."""
        self._detectors = None

    def close(self) -> None:
        if self._detectors is not None:
            self._detectors.close()
            self._detectors = None


def station(name: str, source: LiveSource, settings: Settings) -> Station:
    """Return the station of a source, not started yet.

    Raises:
        SettingsError: a setting is out of range for live pictures.
    """
    native.cap()
    live = settings.live
    if live.lag_frames == 0 and not live.allow_onset_leak:
        raise SettingsError(
            "with live.lag_frames 0 a face shows until it is found; give --allow-onset-leak to accept that"
        )
    bench = DetectorBench(settings)
    cards = Cards(
        parts.redactor(settings, parts.style(settings.redact), parts.zones_in_force(settings), says_why=True)
    )
    return Station(name, source, bench, cards, live.lag_frames)
