"""`stream-guard live`: cameras in, redacted streams out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from stream_guard.cli.options import PATH, effective, setting_options
from stream_guard.errors import ExitCode, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_guard.broadcast import Broadcast
    from stream_guard.model.live import Status
    from stream_guard.outputs.output import OutputStatus
    from stream_guard.settings.live import Camera

_EVERY_S: Final = 1.0
_JSON_EVERY_S: Final = 5.0


@click.command(short_help="Redact cameras and send them on.")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--all", "everything", is_flag=True, help="Every source of the settings file.")
@click.option("--loop", is_flag=True, help="Play a file again and again.")
@click.option("--webrtc", is_flag=True, help="Serve a viewer page with WebRTC or Motion JPEG; the default.")
@click.option(
    "--rtsp-serve", metavar="[HOST]:PORT", help="Serve every source as rtsp://HOST:PORT/NAME to recorders."
)
@click.option(
    "--push", multiple=True, metavar="URL", help="Push to rtsp://... or whip+https://...; {name} is replaced."
)
@click.option("--hls", metavar="DIR", type=PATH, help="Write HLS into this folder.")
@click.option("--record", metavar="DIR", type=PATH, help="Record into this folder.")
@click.option("--virtual-camera", is_flag=True, help="Appear as a camera of this machine.")
@click.option(
    "--progress", type=click.Choice(("auto", "json")), default="auto", help="How to tell the state.  [auto]"
)
@setting_options("detect", "track", "zones", "redact", "outputs", "live", "web", without=("track.lag_s",))
def live(
    sources: tuple[str, ...],
    everything: bool,
    loop: bool,
    progress: str,
    config: Path | None,
    **given: Any,
) -> ExitCode:
    """Redact cameras without end and send them on; a frame goes out covered or not at all.

    SOURCE is rtsp://..., webcam:0, test:, a video file, or a name of the settings file ([sources.NAME]).

    \b
    stream-guard live test:
    stream-guard live door --rtsp-serve :8554 --record footage/
    stream-guard live --all --push rtsp://server:8554/{name}
    """
    ways = {name: given.pop(name) for name in _WAYS}
    found = effective(config, given)
    chosen = _chosen(sources, everything, found.cameras)
    from stream_guard.broadcast import Broadcast, Ways
    from stream_guard.stations import source_of

    web = ways.pop("webrtc") or not any(ways.values())
    wanted = Ways(web=web, **ways)
    feeds = {name: source_of(camera, name, loop=loop) for name, camera in chosen.items()}
    with Broadcast(feeds, wanted, found.settings) as broadcast, _telling(progress, broadcast) as tell:
        _run(broadcast, tell)
    return ExitCode.DONE


_WAYS: Final = ("webrtc", "rtsp_serve", "push", "hls", "record", "virtual_camera")


def _chosen(sources: tuple[str, ...], everything: bool, cameras: Mapping[str, Camera]) -> dict[str, Camera]:
    from stream_guard.stations import camera_of

    if everything and not cameras:
        raise click.UsageError("--all finds no [sources.NAME] in the settings file; give one with --config")
    if not everything and not sources:
        known = f"; known by name are {', '.join(cameras)}" if cameras else ""
        raise click.UsageError(f"give a source, e.g. rtsp://..., webcam:0 or test:{known}")
    chosen = dict(cameras) if everything else {}
    for source in sources:
        name, camera = camera_of(source, cameras)
        if name in chosen and chosen[name] is not camera:
            raise click.UsageError("give one address at a time, or name the sources in the settings file")
        chosen[name] = camera
    return chosen


def _run(broadcast: Broadcast, tell: Callable[[Broadcast], None]) -> None:
    """Tell the state until somebody stops it: the way in which a live run ends."""
    try:
        while True:
            tell(broadcast)
            time.sleep(_EVERY_S)
    except Stopped:
        return


@contextmanager
def _telling(progress: str, broadcast: Broadcast) -> Iterator[Callable[[Broadcast], None]]:
    """Yield what shows the state: a table on a terminal, JSON lines elsewhere."""
    if progress == "json" or not sys.stderr.isatty():
        yield _JsonLines()
        return
    if broadcast.address:
        click.echo(f"viewer page: {broadcast.address}")
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=sys.stderr), auto_refresh=False, transient=True) as screen:
        yield lambda now: screen.update(_table(now), refresh=True)


class _JsonLines:
    """Prints a line for each station: at every change of its state, and now and then between."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[object, float]] = {}
        self._introduced = False

    def __call__(self, broadcast: Broadcast) -> None:
        if broadcast.address and not self._introduced:
            self._say({"event": "serving", "address": broadcast.address})
        self._introduced = True
        for status in broadcast.statuses():
            what, now_s = (status.state, status.reason), time.monotonic()
            before, told_s = self._told.get(status.name, (None, 0.0))
            if what != before or now_s - told_s >= _JSON_EVERY_S:
                self._told[status.name] = what, now_s
                figures = _figures(status) | {"viewers": broadcast.viewers(status.name)}
                self._say({"event": "status", **figures, "outputs": self._outputs(broadcast)})

    def _outputs(self, broadcast: Broadcast) -> list[dict[str, Any]]:
        return [asdict(output) for output in broadcast.output_statuses()]

    def _say(self, line: dict[str, Any]) -> None:
        click.echo(json.dumps(line))


def _figures(status: Status) -> dict[str, Any]:
    latency_ms = sorted(1000 * s for s in status.latency_s)
    return {
        "name": status.name, "state": status.state.value, "reason": status.reason,
        "size": f"{status.width}x{status.height}", "fps": round(status.fps, 1),
        "frames": status.frames_out, "dropped": status.dropped, "faces": status.faces,
        "latency_ms": round(latency_ms[len(latency_ms) // 2]) if latency_ms else None,
        "load_step": status.load_step, "reconnects": status.reconnects,
    }  # fmt: skip


def _table(broadcast: Broadcast) -> Any:
    from rich.table import Table

    table = Table("source", "state", "size", "fps", "dropped", "delay", "faces", "load", "viewers", box=None)
    for figures in map(_figures, broadcast.statuses()):
        delay = f"{figures['latency_ms']} ms" if figures["latency_ms"] else "-"
        state = figures["state"] + (f": {figures['reason']}" if figures["reason"] else "")
        table.add_row(
            figures["name"], state, figures["size"], f"{figures['fps']:.1f}", str(figures["dropped"]),
            delay, str(figures["faces"]), str(figures["load_step"]), str(broadcast.viewers(figures["name"])),
        )  # fmt: skip
    for output in broadcast.output_statuses():
        table.add_row(output.name, output.reason or _sent(output))
    return table


def _sent(output: OutputStatus) -> str:
    viewers = "" if output.viewers is None else f", {output.viewers} viewer(s)"
    return f"{output.sent} sent, {output.dropped} dropped{viewers}"
