"""Tries every operation of the API with all that its own description allows, and more.

`python -m scripts.fuzz_api [--examples 100]` has schemathesis ask a server of its own, with the token and
without, and make all its checks. What never ends is read up to its first piece: of event streams schemathesis
takes one event, of Motion JPEG `endless` takes one picture.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings

from tests.hostile import picture
from tests.servers import TOKEN, Served, redacted, served

ROOT: Final = Path(__file__).parents[1]
MJPEG: Final = "/api/streams/{name}/mjpeg"
_ROOMY: Final = {"STREAM_GUARD_JOBS_QUEUE": "100000"}
"""A queue that is full answers 503, which would count as an error of the server."""
_SETTINGS: Final = """
hooks = "scripts.fuzz_hooks"
max-stream-events = 1
request-timeout = 20
continue-on-failure = true

[generation]
database = "none"
with-security-parameters = false  # made-up ones are mostly no HTTP at all; one check sends wrong ones

# a schema cannot say that a polygon must have an area, nor which bytes are a picture or an offer
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "415", "422", "429", "5xx"]

[[operations]]
include-operation-id = "watch_stills"
enabled = false
"""


@dataclass(frozen=True)
class Tried:
    """What came of a run."""

    cases: int
    failures: list[str]
    """Code and operations of each."""
    statuses: Counter[tuple[str, int]]
    """How often each "METHOD /path" answered what."""

    @property
    def server_errors(self) -> int:
        return sum(count for (_, status), count in self.statuses.items() if status >= 500)


def tried(
    address: str, examples: int, token: str, *, phases: str = "examples,coverage,fuzzing,stateful"
) -> Tried:
    """Run schemathesis against a server; with no token it asks as a stranger."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "schemathesis.toml"
        config.write_text(_SETTINGS, encoding="utf-8")
        document = Path(folder) / "openapi.json"
        document.write_text(_document(address), encoding="utf-8")
        command: list[str | Path] = [
            Path(sys.executable).parent / "schemathesis", "--config-file", config, "run", document,
            "--url", address, "--max-examples", str(examples), "--seed", "1", "--phases", phases,
            "--checks", "all", "--report", "json,har", "--report-dir", folder,
            "--report-json-path", f"{folder}/report.json", "--report-har-path", f"{folder}/all.har",
            *(["--header", f"Authorization: Bearer {token}"] if token else []),
        ]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if not (Path(folder) / "report.json").exists():
            raise SystemExit(f"schemathesis did not run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        report = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
        har = json.loads((Path(folder) / "all.har").read_text(encoding="utf-8"))
    entries = har["log"]["entries"]
    found = [f"{one['code']} {one['title']}: {one['operations']}" for one in report["failures"]]
    return Tried(len(entries), found + _errors(report), Counter(_asked(entry) for entry in entries))


def _errors(report: Any) -> list[str]:
    return [f"{one['title']} ({one['count']})" for one in report["errors"]]


def _asked(entry: Any) -> tuple[str, int]:
    path = urlsplit(entry["request"]["url"]).path
    return f"{entry['request']['method']} {path}", int(entry["response"]["status"])


def _document(address: str) -> str:
    return httpx.get(f"{address}/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).text


def endless(address: str, examples: int, token: str) -> Counter[int]:
    """Ask for Motion JPEG of all sorts of streams and read one piece; return how often what was answered."""
    document = json.loads(_document(address))
    operation = schemathesis.openapi.from_dict(document)[MJPEG]["GET"]
    known = {"Authorization": f"Bearer {token}"} if token else {}
    answers: Counter[int] = Counter()

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        url = case.as_transport_kwargs(base_url=address)["url"]
        with httpx.stream("GET", url, headers=known, timeout=20) as answer:
            answers[answer.status_code] += 1
            next(answer.iter_raw())

    ask()
    return answers


def first_piece(address: str, stream: str, token: str) -> int:
    """Return the status of a stream's Motion JPEG once something of it has come."""
    known = {"Authorization": f"Bearer {token}"}
    url = f"{address}{MJPEG.format(name=stream)}"
    with httpx.stream("GET", url, headers=known, timeout=20) as answer:
        next(answer.iter_raw())
        return answer.status_code


def serve_and_try(folder: Path, examples: int, **how: str) -> tuple[Tried, Tried, Counter[int]]:
    """Return what came of asking with the token, without it, and of what never ends."""
    with served(folder, token=TOKEN, **_ROOMY) as server:
        stranger = tried(server.address, examples, "", **how)
        _prepare(server)
        friend = tried(server.address, examples, TOKEN, **how)
        with server.client(TOKEN) as client:
            client.get("/healthz").raise_for_status()
        stills = endless(server.address, examples, TOKEN)
        stills[first_piece(server.address, "webcam", TOKEN)] += 1
        return friend, stranger, stills


def _prepare(server: Served) -> None:
    with server.client(TOKEN) as client:
        redacted(client, picture())


def main() -> int:
    """Return 0 where nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--examples", type=int, default=100, help="for each operation")
    with tempfile.TemporaryDirectory() as folder:
        friend, stranger, stills = serve_and_try(Path(folder) / "jobs", parser.parse_args().examples)
    for name, one in (("with the token", friend), ("without it", stranger)):
        statuses = Counter(status for (_, status) in one.statuses.elements())
        print(f"{name}: {one.cases} requests, {one.server_errors} server errors")
        print(dict(sorted(statuses.items())))
        print("\n".join(one.failures))
    print(f"Motion JPEG: {dict(stills)}")
    return bool(friend.failures or stranger.failures)


if __name__ == "__main__":
    sys.exit(main())
