"""Measures `stream-guard serve` under load: `python -m scripts.load_web [FOLDER]`; it takes 5 GB there.

2 GiB in one upload with the server's memory, 30 uploads at once with the answers of the page's own request, a
server that is killed amid its work, and how long a picture of 12 megapixels takes from upload to result.
"""

from __future__ import annotations

import io
import json
import re
import statistics
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from PIL import Image

from tests.servers import BYTES, SAMPLES, Job, Served, created, over, served, upload

GIB: Final = 1 << 30
MANY: Final = 30
TRIES: Final = 5
DEFAULTS: Final = {
    "STREAM_GUARD_DETECT_PRESET": "balanced",
    "STREAM_GUARD_DETECT_DETECTORS": "yunet,mediapipe",
}
_PIECE: Final = bytes(1 << 20)


def peak_mb(server: Served) -> float:
    """Return the most memory that the server process, without its workers, has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())
    return int(found[1]) / 1000 if found else 0.0


def large_upload(folder: Path, gib: int = 2) -> dict[str, Any]:
    """Send a film that is followed by an empty box of so many GiB."""

    def pieces() -> Iterator[bytes]:
        yield (SAMPLES / "walk.mp4").read_bytes()
        yield struct.pack(">I4sQ", 1, b"free", 16 + gib * GIB)
        for _ in range(gib * GIB // len(_PIECE)):
            yield _PIECE

    with served(folder, **DEFAULTS) as server, server.client() as client:
        before_mb, start_s = peak_mb(server), time.monotonic()
        answer = client.post(
            "/api/jobs?name=large.mp4&start=false", content=pieces(), headers=BYTES, timeout=600
        )
        took_s = time.monotonic() - start_s
        return {
            "status": answer.status_code, "bytes": answer.json().get("bytes_in"), "seconds": round(took_s, 1),
            "peak_mb_before": round(before_mb), "peak_mb": round(peak_mb(server)),
        }  # fmt: skip


def many_uploads(folder: Path) -> dict[str, Any]:
    """Send 30 films at once and ask for the list of jobs all the while."""
    film = (SAMPLES / "walk.mp4").read_bytes()
    asked_ms: list[float] = []
    ended = threading.Event()
    with served(folder, **DEFAULTS) as server, server.client() as client:

        def ask() -> None:
            with server.client() as other:
                while not ended.wait(0.02):
                    start_s = time.monotonic()
                    other.get("/api/jobs").raise_for_status()
                    asked_ms.append(1000 * (time.monotonic() - start_s))

        asking = threading.Thread(target=ask)
        asking.start()
        start_s = time.monotonic()
        with ThreadPoolExecutor(MANY) as senders:
            answers = list(senders.map(lambda n: upload(client, film, f"{n}.mp4"), range(MANY)))
        sent_s = time.monotonic() - start_s
        jobs = [over(client, answer.json()) for answer in answers]
        took_s = time.monotonic() - start_s
        ended.set()
        asking.join()
        return {
            "taken": sum(answer.status_code == 201 for answer in answers),
            "done": sum(job["state"] == "done" for job in jobs),
            "upload_s": round(sent_s, 1), "all_done_s": round(took_s, 1),
            "workers": client.get("/api/jobs").json()["workers"], "requests": len(asked_ms),
            "p50_ms": round(statistics.median(asked_ms)),
            "p95_ms": round(statistics.quantiles(asked_ms, n=20)[-1]), "max_ms": round(max(asked_ms)),
            "peak_mb": round(peak_mb(server)),
        }  # fmt: skip


def killed(folder: Path) -> dict[str, Any]:
    """Kill the server while it works and has more to do; start it again."""
    film = (SAMPLES / "walk.mp4").read_bytes()
    with served(folder, **DEFAULTS) as server, server.client() as client:
        jobs = [created(client, film, f"{n}.mp4") for n in range(5)]
        while not any(job["progress"] for job in client.get("/api/jobs").json()["jobs"]):
            time.sleep(0.02)
        before = [client.get(f"/api/jobs/{job['id']}").json()["state"] for job in jobs]
        server.process.kill()
        server.process.wait()
    with served(folder, **DEFAULTS) as server, server.client() as client:
        after = [over(client, job)["state"] for job in jobs]
    return {"before": before, "after": after}


def large_picture(folder: Path) -> dict[str, Any]:
    """Time a picture of 12 megapixels from the first byte sent to the last byte of the result."""
    street = Image.open(SAMPLES / "street.png").convert("RGB").resize((4000, 3000), Image.Resampling.LANCZOS)
    noise = np.random.default_rng(1).normal(0, 4, (3000, 4000, 1))
    out = io.BytesIO()
    grainy = np.clip(np.asarray(street) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(grainy).save(out, "JPEG", quality=90)
    with served(folder, **DEFAULTS) as server, server.client() as client:
        took_s = [_shown(client, out.getvalue()) for _ in range(TRIES + 1)][1:]
    return {
        "megabytes": round(len(out.getvalue()) / 1e6, 1), "median_s": round(statistics.median(took_s), 2),
        "worst_s": round(max(took_s), 2),
    }  # fmt: skip


def _shown(client: httpx.Client, data: bytes) -> float:
    start_s = time.monotonic()
    job: Job = over(client, created(client, data))
    client.get(f"/api/jobs/{job['id']}/result").raise_for_status()
    return time.monotonic() - start_s


def main() -> int:
    """Print one line of JSON for each measurement."""
    above = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    for measure in (large_picture, many_uploads, killed, large_upload):
        with tempfile.TemporaryDirectory(dir=above) as folder:
            print(json.dumps({measure.__name__: measure(Path(folder) / "jobs")}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
