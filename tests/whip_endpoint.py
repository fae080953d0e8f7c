"""A real WHIP endpoint: an HTTP server, and aiortc that receives and decodes what is published."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from tests.stations import RGB


@dataclass
class Endpoint:
    url: str = ""
    token: str | None = None
    status: int = 201
    """What a POST with the right token is answered with."""
    answer: str | None = None
    """Instead of a real one."""
    session: str = "/whip/cam1/session"
    """Where it says that the session is."""
    received: list[RGB] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)
    """Sound, as `av.AudioFrame`."""
    deleted: int = 0
    peers: list[RTCPeerConnection] = field(default_factory=list)


@contextmanager
def endpoint(found: Endpoint) -> Iterator[Endpoint]:
    """Run an endpoint on the loopback."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="whip endpoint", daemon=True)
    thread.start()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found, loop))
    serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    found.url = f"whip+http://127.0.0.1:{server.server_address[1]}/whip/cam1"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        asyncio.run_coroutine_threadsafe(_end(found), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        serving.join()
        loop.close()


async def _end(found: Endpoint) -> None:
    for peer in found.peers:
        await peer.close()
    await asyncio.sleep(0)
    mine = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in mine:
        task.cancel()
    await asyncio.gather(*mine, return_exceptions=True)


def _handler(found: Endpoint, loop: asyncio.AbstractEventLoop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            offer = self.rfile.read(int(self.headers["Content-Length"])).decode()
            wanted = None if found.token is None else f"Bearer {found.token}"
            status = found.status if self.headers["Authorization"] == wanted else 401
            answer = found.answer or ""
            if status == 201 and found.answer is None:
                answer = asyncio.run_coroutine_threadsafe(_answer(found, offer), loop).result(10)
            self.send_response(status)
            self.send_header("Content-Type", "application/sdp")
            self.send_header("Location", found.session)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def do_DELETE(self) -> None:
            found.deleted += 1
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    return Handler


async def _answer(found: Endpoint, offer: str) -> str:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    found.peers.append(peer)
    peer.on("track", lambda track: asyncio.ensure_future(_receive(found, track)))
    await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await peer.setLocalDescription(await peer.createAnswer())
    return peer.localDescription.sdp


async def _receive(found: Endpoint, track: Any) -> None:
    with suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            if track.kind == "audio":
                found.heard.append(frame)
            else:
                found.received.append(frame.to_ndarray(format="rgb24"))
