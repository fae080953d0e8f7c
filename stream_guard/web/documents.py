"""What the API answers, field by field: the models that its documentation is made from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from stream_guard.jobs.job import JobState


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
    files: Annotated[bool, Field(description="Whether this server takes jobs, so that / is their page.")]


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


class ProgressDocument(BaseModel):
    """How far a running job has come."""

    model_config = ConfigDict(from_attributes=True)

    share: Annotated[float | None, Field(description="0 to 1; null if the end is not known.")]
    frames: int
    total: int | None
    fps: Annotated[float, Field(description="Frames done per second.")]
    times_real_time: float
    left_s: Annotated[float | None, Field(description="Seconds to go, by what was done so far.")]
    faces: Annotated[int, Field(description="Tracks so far: one face that returns may count twice.")]


class OutcomeDocument(BaseModel):
    """What came out of a job that is done."""

    model_config = ConfigDict(from_attributes=True)

    faces: Annotated[int, Field(description="Tracks: one face that leaves and returns may count twice.")]
    frames: int
    frames_whole: Annotated[int, Field(description="Frames that had to be covered whole.")]
    places: Annotated[int, Field(description="Places that a person should look at; the report lists them.")]
    verified: Annotated[bool | None, Field(description="Whether it was proven; null if not asked for.")]
    findings: Annotated[int, Field(description="What the proof found.")]
    result_name: str
    result_type: Annotated[str, Field(description="MIME type of the result.")]
    bytes_out: int
    warnings: list[str]


class JobDocument(BaseModel):
    """One file and what has become of it; times are unix seconds."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: Annotated[str, Field(description="What the file was called, made fit to be shown.")]
    state: JobState
    kind: Annotated[Literal["picture", "video"] | None, Field(description="By content, not by name.")]
    duration_s: Annotated[float | None, Field(description="Of a video, by what it says itself.")] = None
    bytes_in: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    expires_at: Annotated[float, Field(description="When original and result are deleted.")]
    settings: Annotated[
        dict[str, Any],
        Field(description="What was chosen, by section.", examples=[{"redact": {"style": "solid"}}]),
    ]
    verify: bool
    progress: ProgressDocument | None
    code: Annotated[str | None, Field(description="Why it failed, in one word.", examples=["too_long"])]
    message: Annotated[str | None, Field(description="Why it failed, in one sentence.")]
    exit_code: Annotated[int | None, Field(description="As the command line's: 0, 3, 4, 5, 6.")]
    outcome: OutcomeDocument | None


class Quota(BaseModel):
    """How much room there is, in bytes."""

    used: int
    total: Annotated[int, Field(description="For all uploads and results together.")]


class JobList(BaseModel):
    """All jobs, the newest first, and what is left for more."""

    jobs: list[JobDocument]
    keep_hours: Annotated[float, Field(description="Hours after which the files of a job are deleted.")]
    quota: Quota
    upload_bytes: Annotated[int, Field(description="How large one upload may be.")]
    workers: Annotated[int, Field(description="Jobs that may run at once.")]


class JobStart(BaseModel):
    """How to run a job; what is left out stays as it was."""

    model_config = ConfigDict(extra="forbid")

    settings: Annotated[
        dict[str, Any] | None,
        Field(examples=[{"redact": {"style": "mosaic"}}]),
    ] = None
    verify: Annotated[StrictBool | None, Field(description="Whether the result is to be proven.")] = None
