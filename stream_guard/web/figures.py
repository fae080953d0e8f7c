"""What stations say of themselves, for programs: status as JSON, health, and Prometheus metrics."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from stream_guard.jobs.job import Health
from stream_guard.live.hub import Hub
from stream_guard.model.live import State, Status

FRESH_S: Final = 2.0
"""A station is healthy while its newest redacted frame is younger."""
BUCKETS_S: Final = (0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Spread:
    """Frames by their latency, since the start."""

    counts: tuple[int, ...] = (0,) * (len(BUCKETS_S) + 1)
    """For each of BUCKETS_S the frames up to it and above the one before; then all above."""
    sum_s: float = 0.0


class LatencyMeter:
    """Sorts every frame of a hub by its latency, in a thread of its own; a context manager that ends it."""

    def __init__(self, hub: Hub) -> None:
        self._tap = hub.tap()
        self._lock = threading.Lock()
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self._sum_s = 0.0
        self._thread = threading.Thread(target=self._run, name="latency meter", daemon=True)

    def __enter__(self) -> LatencyMeter:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tap.close()
        self._thread.join()

    def reading(self) -> Spread:
        with self._lock:
            return Spread(tuple(self._counts), self._sum_s)

    def _run(self) -> None:
        for aired in self._tap:
            if aired.taken_s is not None:
                latency_s = aired.shown_s - aired.taken_s
                with self._lock:
                    self._counts[bisect_left(BUCKETS_S, latency_s)] += 1
                    self._sum_s += latency_s


@dataclass(frozen=True, slots=True)
class Reading:
    """One station as it is now."""

    name: str
    status: Status
    viewers: int
    spread: Spread = Spread()
    takes_whip: bool = False
    published: bool = False


def as_json(reading: Reading) -> dict[str, Any]:
    """Return what the pages and other programs are told; milliseconds and frames."""
    status = reading.status
    return {
        "name": reading.name,
        "state": status.state.value,
        "reason": status.reason,
        "width": status.width,
        "height": status.height,
        "fps": round(status.fps, 1),
        "latency_ms": {"p50": _ms(_quantile(status, 0.5)), "p95": _ms(_quantile(status, 0.95))},
        "age_ms": _ms(status.age_s),
        "faces": status.faces,
        "frames": {"in": status.frames_in, "out": status.frames_out, "dropped": status.dropped},
        "detector_ms": _ms(status.detector_s),
        "reconnects": status.reconnects,
        "load_step": status.load_step,
        "lag_frames": status.lag_frames,
        "viewers": reading.viewers,
        "whip": reading.takes_whip,
        "published": reading.published,
    }


def unhealthy(status: Status) -> str | None:
    """Say why a station is not healthy, None where it is; to wait for a publisher is no illness."""
    if status.idle:
        return None
    if status.age_s is not None and status.age_s < FRESH_S:
        return None
    age = "there was none yet" if status.age_s is None else f"the newest is {status.age_s:.1f} s old"
    reason = f": {status.reason}" if status.reason else ""
    return f"{status.state.value}, no redacted frame younger than {FRESH_S:.0f} s ({age}){reason}"


def metrics(readings: list[Reading]) -> str:
    """Return all figures in Prometheus' text format."""
    lines: list[str] = []
    for name, kind, text, value in _METRICS:
        lines += [f"# HELP stream_guard_{name} {text}", f"# TYPE stream_guard_{name} {kind}"]
        for one in readings:
            lines.append(f"stream_guard_{name}{_labels(station=one.name)} {_number(value(one))}")
    lines += [
        "# HELP stream_guard_state 1 for the state that a station is in.",
        "# TYPE stream_guard_state gauge",
    ]
    for one in readings:
        for state in State:
            labels = _labels(station=one.name, state=state.value)
            lines.append(f"stream_guard_state{labels} {int(one.status.state is state)}")
    lines += [
        "# HELP stream_guard_latency_seconds From a frame's arrival to its showing, the lag included.",
        "# TYPE stream_guard_latency_seconds histogram",
    ]
    for one in readings:
        lines += _histogram(one)
    return "\n".join(lines) + "\n"


def of_jobs(health: Health) -> str:
    """Return the figures of the queue in the same format."""
    lines = []
    for name, text, value in (
        ("jobs_queued", "Jobs that wait for a worker.", health.queued),
        ("jobs_running", "Jobs that are being done.", health.running),
        ("jobs_done", "Jobs that are done and kept.", health.done),
        ("jobs_failed", "Jobs that failed and are kept.", health.failed),
        ("jobs_bytes", "Bytes of all uploads and results.", health.bytes_used),
        ("jobs_quota_bytes", "Bytes that they may have together.", health.quota_bytes),
        ("jobs_workers", "Jobs that may run at once.", health.workers),
        ("jobs_workers_alive", "Worker processes that are up, their models loaded.", health.workers_alive),
    ):
        lines += [f"# HELP stream_guard_{name} {text}", f"# TYPE stream_guard_{name} gauge"]
        lines.append(f"stream_guard_{name} {value}")
    return "\n".join(lines) + "\n"


_METRICS: Final[tuple[tuple[str, str, str, Callable[[Reading], float | None]], ...]] = (
    ("frames_in_total", "counter", "Frames that came from the source.", lambda r: r.status.frames_in),
    ("frames_out_total", "counter", "Redacted frames shown.", lambda r: r.status.frames_out),
    ("frames_dropped_total", "counter", "Frames dropped before analysis.", lambda r: r.status.dropped),
    ("frames_per_second", "gauge", "Redacted frames shown lately.", lambda r: r.status.fps),
    ("faces", "gauge", "Regions covered in the newest frame.", lambda r: r.status.faces),
    ("detector_seconds", "gauge", "Mean time of one look, lately.", lambda r: r.status.detector_s),
    ("newest_frame_age_seconds", "gauge", "Age of the newest redacted frame.", lambda r: r.status.age_s),
    ("reconnects_total", "counter", "Times the source was connected anew.", lambda r: r.status.reconnects),
    ("load_step", "gauge", "Steps taken to shed load, 0 for none.", lambda r: r.status.load_step),
    ("viewers", "gauge", "Viewers by WebRTC and Motion JPEG.", lambda r: r.viewers),
)  # fmt: skip


def _histogram(reading: Reading) -> Iterator[str]:
    total = 0
    for edge, count in zip((*BUCKETS_S, math.inf), reading.spread.counts, strict=True):
        total += count
        labels = _labels(station=reading.name, le="+Inf" if edge == math.inf else f"{edge:g}")
        yield f"stream_guard_latency_seconds_bucket{labels} {total}"
    labels = _labels(station=reading.name)
    yield f"stream_guard_latency_seconds_sum{labels} {_number(reading.spread.sum_s)}"
    yield f"stream_guard_latency_seconds_count{labels} {total}"


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float | None) -> str:
    return "NaN" if value is None else f"{round(value, 6):g}" if isinstance(value, float) else str(value)


def _quantile(status: Status, share: float) -> float | None:
    ordered = sorted(status.latency_s)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)
