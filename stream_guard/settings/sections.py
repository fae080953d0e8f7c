"""The settings of each section: how faces are found, followed and painted, and how the result goes out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from stream_guard.model.polygon import checked_zone


def split(value: object) -> object:
    """Let an option or variable name several values as "a,b"."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _split_zones(value: object) -> object:
    """Let an option or variable name several zones as "x,y x,y x,y; x,y x,y x,y"."""
    return [zone for zone in value.split(";") if zone.strip()] if isinstance(value, str) else value


def _corners(zone: object) -> list[tuple[float, float]]:
    """Return the corners of a zone given as "x,y x,y x,y" or as a list of [x, y]."""
    pairs = [corner.split(",") for corner in zone.split()] if isinstance(zone, str) else zone
    try:
        return [(float(x), float(y)) for x, y in pairs]  # type: ignore[attr-defined]
    except (TypeError, ValueError) as exc:
        raise ValueError(
            'a zone should look like "0,0 0.5,0 0.5,0.4", and a list of zones in a file like '
            "[[[0, 0], [0.5, 0], [0.5, 0.4]]]"
        ) from exc


Zone = Annotated[tuple[tuple[float, float], ...], BeforeValidator(_corners), AfterValidator(checked_zone)]
Zones = Annotated[tuple[Zone, ...], BeforeValidator(_split_zones), Field(max_length=64)]


class Section(BaseModel):
    """Settings that belong together; unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Detect(Section):
    """How faces are found."""

    preset: Literal["fast", "balanced", "thorough"] = Field(
        default="balanced",
        description="How hard to look for faces (the video encoder has its own --encoder-preset).",
    )
    confidence: float = Field(
        default=0.2,
        ge=0.05,
        le=0.95,
        description="Score from which a detection is covered; lower covers more.",
    )
    detectors: Annotated[tuple[str, ...], BeforeValidator(split)] = Field(
        default=("yunet", "mediapipe", "centerface"),
        min_length=1,
        description="Who looks: yunet, mediapipe, centerface, or several (what one finds is covered).",
    )
    trust_damaged: bool = Field(
        default=False,
        description="Look for faces in damaged frames too, instead of covering them whole. Some may show.",
    )


class Track(Section):
    """How faces are followed from frame to frame."""

    hold_s: float = Field(
        default=1.0, ge=0, le=30, description="Seconds that a face stays covered after it was last detected."
    )
    lag_s: float = Field(
        default=2.0,
        ge=0,
        le=10,
        description="Seconds of video held back, so that a face is covered before it is first found.",
    )


class Areas(Section):
    """Where to cover always, and where to leave faces alone."""

    cover_zone: Zones = Field(
        default=(),
        description="Always cover this polygon: its corners in shares of width and height, 0 to 1.",
    )
    ignore_zone: Zones = Field(
        default=(),
        description="Never cover faces whose centre is in this polygon. Whoever passes there is exposed.",
    )


class Redact(Section):
    """What a face is replaced with."""

    style: str = Field(
        default="frost", description="What is painted: frost, solid, icon, mosaic, blur or classic."
    )
    allow_weak: bool = Field(
        default=False, description="Permit styles that do not stop face recognition (classic)."
    )
    colour: str = Field(
        default="#000000",
        pattern=r"^#[0-9a-fA-F]{6}$",
        examples=["#1a2b3c"],
        description="Colour of the style solid.",
    )
    margin_side: float = Field(
        default=0.25, ge=0, le=2, description="Mask margin at each side, as a share of the face's width."
    )
    margin_above: float = Field(
        default=0.45, ge=0, le=2, description="Mask margin above the face, as a share of its height."
    )
    margin_below: float = Field(
        default=0.25, ge=0, le=2, description="Mask margin below the face, as a share of its height."
    )
    draw_boxes: bool = Field(default=False, description="Draw a green frame around every mask.")

    @property
    def rgb(self) -> tuple[int, int, int]:
        red, green, blue = bytes.fromhex(self.colour[1:])
        return red, green, blue


class Output(Section):
    """How the result is written."""

    codec: str = Field(
        default="h264",
        description="Video codec: h264, hevc, vp9, av1, mpeg4, ffv1, a hardware encoder, or auto-hw.",
    )
    quality: int = Field(
        default=18,
        ge=0,
        le=51,
        description="Quality of the video: 0 is best and largest, 51 worst (as x264's CRF).",
    )
    encoder_preset: Literal[
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
    ] = Field(default="veryfast", description="Speed of the video encoder; slower ones make smaller files.")
    audio: Literal["keep", "drop"] = Field(default="keep", description="Whether the sound goes along.")
    overwrite: bool = Field(default=False, description="Replace an output file that exists.")


class Limits(Section):
    """What a run may use."""

    lag_memory_mb: int = Field(
        default=160,
        ge=16,
        le=65536,
        description="Megabytes for the frames that are held back; shortens lag_s for large pictures.",
    )
    unseen_frames: int = Field(
        default=250,
        ge=1,
        le=1_000_000_000,
        description="Frames in a row that no detector can judge before the run is ended as failed.",
    )


class Outputs(Section):
    """How live pictures go out."""

    bitrate_kbps: int = Field(
        default=2500,
        ge=50,
        le=200_000,
        description="Kilobits per second of live video at 1280x720; other sizes in proportion.",
    )
    key_interval_s: float = Field(
        default=2.0, ge=0.2, le=60, description="Seconds between key frames; one more for every newcomer."
    )
    jpeg_fps: float = Field(
        default=12.5, ge=0.1, le=60, description="Most pictures per second for Motion JPEG."
    )
    rtsp_user: str = Field(default="", description="User of the built-in RTSP server.")
    rtsp_password: SecretStr | None = Field(
        default=None,
        description="Password of the built-in RTSP server; needed if other machines can reach it.",
    )
    rtsp_viewers: int = Field(default=50, ge=1, le=1000, description="Most viewers of the RTSP server.")
    push_user: str = Field(default="", description="User at the server that a live stream is pushed to.")
    push_password: SecretStr | None = Field(
        default=None, description="Password, or for WHIP the bearer token, at that server."
    )
    hls_segment_s: float = Field(default=2.0, ge=0.5, le=60, description="Seconds in an HLS segment.")
    hls_segments: int = Field(default=6, ge=2, le=10_000, description="Segments in the HLS playlist.")
    record_minutes: float = Field(default=10.0, ge=0.1, le=1440, description="Minutes in a recorded file.")
    record_days: float | None = Field(
        default=None, gt=0, description="Recordings older than so many days are deleted."
    )
    record_gb: float | None = Field(
        default=None,
        gt=0,
        description="The oldest recordings of a camera go beyond so many gigabytes.",
    )
