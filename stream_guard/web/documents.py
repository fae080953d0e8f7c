"""What the API answers, field by field: the models that its documentation is made from."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """Why a request is not granted."""

    detail: Annotated[str, Field(description="One sentence for people.")]
    code: Annotated[str, Field(description="One word for programs.", examples=["not_found"])]


class Spread(BaseModel):
    """Half and 95 % of the newest readings are below these, in milliseconds."""

    p50: float | None
    p95: float | None


class FrameCounts(BaseModel):
    """Frames since the start."""

    in_: Annotated[int, Field(alias="in", description="That came from the source.")]
    out: Annotated[int, Field(description="That were shown, redacted.")]
    dropped: Annotated[int, Field(description="That were dropped before analysis: the machine is too slow.")]


class StreamDocument(BaseModel):
    """One live source as it is now."""

    name: str
    state: Annotated[str, Field(description="starting, live, degraded (covered whole), stalled or failed.")]
    reason: Annotated[str | None, Field(description="Why it is not live, in one sentence.")]
    width: int
    height: int
    fps: Annotated[float, Field(description="Redacted frames shown lately, per second.")]
    latency_ms: Annotated[Spread, Field(description="From a frame's arrival to its showing.")]
    age_ms: Annotated[float | None, Field(description="Age of the newest redacted frame.")]
    faces: Annotated[int, Field(description="Regions covered in the newest frame.")]
    frames: FrameCounts
    detector_ms: Annotated[float | None, Field(description="Mean time of one look, lately.")]
    reconnects: Annotated[int, Field(description="How often the source was connected anew.")]
    load_step: Annotated[int, Field(description="Steps taken to shed load, 0 for none.")]
    lag_frames: Annotated[int, Field(description="Frames of delay, so that new faces are covered at once.")]
    viewers: Annotated[int, Field(description="By WebRTC and Motion JPEG.")]
    whip: Annotated[bool, Field(description="A browser may publish its camera here.")]
    published: Annotated[bool, Field(description="Somebody publishes at present.")]


class Streams(BaseModel):
    """All live sources."""

    streams: list[StreamDocument]


class Health(BaseModel):
    """Whether all is well."""

    healthy: bool
    unhealthy: Annotated[
        dict[str, str] | None, Field(description="What is ill, and why; told only to those with the token.")
    ] = None
    idle: Annotated[
        list[str] | None,
        Field(description="Streams to which nobody publishes: not ill, but they show no picture."),
    ] = None
