"""Decode and encode a video as stream_guard does, with nothing in between: `... transcode IN OUT.mp4`.

The yardstick of `scripts.bench`. It loads no more than it needs, so that its start is as short as can be.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import av

from stream_guard.sinks.encoding import Encoding
from stream_guard.sinks.file import CONTAINERS
from stream_guard.sinks.pyav import apply, plan_video
from stream_guard.sources.file import FileSource
from stream_guard.sources.pyav import MAX_PIXELS, chosen_video, open_container


def transcode(path: Path, target: Path) -> None:
    """Write `path` anew with the default encoding; sound is copied.

    Raises:
        StreamGuardError: the input cannot be read, or no encoder opens.
    """
    source = FileSource(path)
    plan = plan_video(source.media.handle, Encoding(), "h264", turned=False, constant_rate=False)
    source.close()
    options = dict(CONTAINERS[".mp4"].options)
    with open_container(path) as given, av.open(str(target), "w", options=options) as out:
        video = chosen_video(given, str(path))
        video.thread_type = "SLICE"  # as stream_guard decodes
        video.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        coded: Any = out.add_stream(plan.encoder, rate=plan.rate)
        apply(plan, coded.codec_context)
        sounds = {sound.index: out.add_stream_from_template(sound) for sound in given.streams.audio}
        for packet in given.demux(video, *given.streams.audio):
            if packet.stream is not video:
                if packet.size:
                    packet.stream = sounds[packet.stream.index]
                    out.mux(packet)
                continue
            for frame in video.codec_context.decode(packet):
                frame.pict_type = 0  # or the source's key frames would be forced
                out.mux(coded.encode(frame))
        out.mux(coded.encode(None))


if __name__ == "__main__":
    transcode(Path(sys.argv[1]), Path(sys.argv[2]))
