"""Forty ways to say "another file": none of them reads or writes anything outside the folder of the jobs."""

from __future__ import annotations

import http.client
import io
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.hostile import picture
from tests.servers import Served, created, over, redacted, served, upload

CANARY = "canary-secret-4711"
NAMES = {
    "traversal": "../secret.jpg",
    "deep traversal": "../" * 12 + "etc/passwd",
    "absolute": "/etc/passwd",
    "backslashes": "..\\..\\secret.jpg",
    "drive": "C:\\Windows\\win.ini",
    "share": "\\\\host\\share\\a.jpg",
    "dots that grow together": "....//....//secret.jpg",
    "encoded": "%2e%2e%2fsecret.jpg",
    "double encoded": "%252e%252e%252fsecret.jpg",
    "overlong dots": "%c0%ae%c0%ae%c0%afsecret.jpg",
    "fullwidth": "\uff0e\uff0e\uff0fsecret.jpg",
    "two-dot leader": "\u2025/secret.jpg",
    "fraction slash": "..\u2044..\u2044secret.jpg",
    "division slash": "..\u2215secret.jpg",
    "just dots": "..",
    "one dot": ".",
    "symlink": "../link.jpg",
    "pipe": "../pipe",
    "home": "~root/.bashrc",
    "procfs": "/proc/self/environ",
    "open files": "/dev/fd/0",
    "stdin": "/dev/stdin",
    "fd": "fd:3",
    "protocol": "file:///etc/passwd",
    "pipe protocol": "pipe:0",
    "concat": "concat:../secret.jpg|a.jpg",
    "subfile": "subfile,,start,0,end,0,,:../secret.jpg",
    "sequence": "original%d.jpg",
    "glob": "*.jpg",
    "option": "-i",
    "shell": "$(touch pwned).jpg",
    "command": "|touch pwned",
    "NUL": "secret.jpg\0.png",
    "lines": "a.jpg\r\nSet-Cookie: stream_guard=1",
    "quotes": 'a";filename="../b.jpg',
    "bidi": "a\u202egpj.exe",
    "reserved": "NUL.jpg",
    "stream": "a.jpg::$DATA",
    "overlong": "a" * 900 + ".jpg",
    "our table": "jobs.sqlite",
    "our original": "original.jpg",
    "hidden": ".htaccess",
    "surrogates": "%ED%A0%80.jpg",
}
TARGETS = [
    "/api/jobs/..",
    "/api/jobs/../../secret.txt",
    "/api/jobs/%2e%2e/%2e%2e/secret.txt",
    "/api/jobs/..%2f..%2fsecret.txt",
    "/api/jobs/..%2fsecret.txt/original",
    "/api/jobs/..%5c..%5csecret.txt/report",
    "/api/jobs/%252e%252e%252fsecret.txt/original",
    "/api/jobs/./original",
    "/api/jobs/%2e/result",
    "/api/jobs/jobs.sqlite/original",
    "/api/jobs/jobs.sqlite",
    "/api/jobs/{id}/../../secret.txt",
    "/api/jobs/{id}%2foriginal.jpg/original",
    "/api/jobs/{id}%00/original",
    "/api/jobs/{id}/original/../../../secret.txt",
    "/api/jobs/%c0%ae%c0%ae%c0%afsecret.txt/original",
    "/api/jobs/%ef%bc%8e%ef%bc%8e%ef%bc%8fsecret.txt/original",
    "/api/jobs//etc/passwd/original",
    "/api/jobs/%2fetc%2fpasswd/original",
    "/api/jobs/%2fproc%2fself%2fenviron/report",
    "/api/jobs/..%2flink.jpg/original",
    "/api/jobs/..%2fpipe/preview.jpg",
    "/api/jobs/archive?id=../secret.txt",
    "/api/jobs/archive?id=jobs.sqlite",
    "/api/jobs/archive?id=%2e%2e%2fsecret.txt&id={id}",
    "/api/jobs/archive?id=%00",
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/..%2fapp.py",
    "/static/..%5capp.py",
    "/static/%252e%252e/app.py",
    "/static//etc/passwd",
    "/static/%2fetc/passwd",
    "/static/....//app.py",
    "/static/%00",
    "/static/live.js%00.html",
    "/static/",
    "/static/..",
    "/live/..%2f..%2fapp",
    "/publish/%2e%2e%2fapp",
    "/../../../../etc/passwd",
    "//etc/passwd",
    "/api/streams/..%2f..%2fsecret.txt/snapshot.jpg",
    "file:///etc/passwd",
]
READ_LIMITS = re.compile(
    r"/(etc/(passwd|shadow|hosts)|proc/\d*/?(self/)?(environ|cmdline|mem)|root/\.(bashrc|ssh))(/|$)"
)


@dataclass(frozen=True)
class Watched:
    """A server and all that it touches."""

    served: Served
    client: httpx.Client
    calls: Path | None
    """What the tracer wrote; None where tracing is not permitted."""

    @property
    def outside(self) -> Path:
        return self.served.folder.parent

    def mark(self) -> tuple[int, dict[str, object]]:
        """Return where the tracer is, and what everything outside looks like."""
        return self.calls.stat().st_size if self.calls else 0, self._look()

    def require_untouched(self, mark: tuple[int, dict[str, object]]) -> None:
        """Fail if anything outside was read or written since."""
        assert self._look() == mark[1]
        for line in self.calls.read_text(errors="replace")[mark[0] :].splitlines() if self.calls else []:
            for path in re.findall(r'"((?:[^"\\]|\\.)*)"', line):
                assert not self._is_secret(path), line
                if re.search(r"O_WRONLY|O_RDWR|O_CREAT|rename|unlink|mkdir|link|truncate|chmod", line):
                    assert self._is_ours(path), line

    def _look(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for path in self.outside.rglob("*"):
            if self.served.folder not in (path, *path.parents) and path != self.calls:
                about = path.lstat()
                found[str(path)] = (about.st_mode, about.st_size, about.st_mtime_ns, about.st_nlink)
        return found

    def _is_secret(self, path: str) -> bool:
        named = os.path.normpath(path)
        inside = named.startswith(f"{self.served.folder}/") or named == str(self.served.folder)
        return bool(READ_LIMITS.match(named)) or (named.startswith(f"{self.outside}/") and not inside)

    def _is_ours(self, path: str) -> bool:
        """Names without a folder are those of another file in the same call, or of an open folder."""
        named = os.path.normpath(path)
        return named.startswith((f"{self.served.folder}/", "/dev/")) or "/" not in named


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text(CANARY)
    (outside / "secret.jpg").write_bytes(picture() + CANARY.encode())
    (outside / "link.jpg").symlink_to("secret.jpg")
    os.mkfifo(outside / "pipe")
    calls = outside / "calls"
    tracer = [
        "strace",
        "-f",
        "-D",
        "-qq",
        "--seccomp-bpf",
        "-e",
        "trace=%file",
        "-s",
        "4096",
        "-o",
        str(calls),
    ]
    permitted = shutil.which("strace") and not subprocess.run([*tracer, "true"], check=False).returncode
    with (
        served(outside / "jobs", *(tracer if permitted else [])) as running,
        running.client() as client,
    ):
        redacted(client, picture())  # the workers have loaded all that they ever load
        yield Watched(running, client, calls if permitted else None)


@pytest.fixture(scope="module")
def job_id(watched: Watched) -> str:
    return str(created(watched.client, picture(), start="false")["id"])


def harmless(name: str) -> bool:
    """Tell whether a name may be shown and saved by anybody."""
    return (
        0 < len(name) <= 120
        and name not in (".", "..")
        and not re.search(r"[/\\\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", name)
    )


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_name_is_only_ever_shown(watched: Watched, name: str) -> None:
    mark = watched.mark()
    answer = upload(watched.client, picture(), name, start="false")
    if answer.status_code != 201:
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    else:
        job = answer.json()
        assert harmless(job["name"])
        back = watched.client.get(f"/api/jobs/{job['id']}/original?download=1")
        assert back.content == picture()
        assert "Set-Cookie" not in back.headers
        disposition = back.headers["Content-Disposition"]
        assert disposition.startswith("attachment; filename")
        assert not re.search(r"\.\./|[\r\n]|\.\.\\", disposition)
        assert watched.client.delete(f"/api/jobs/{job['id']}").status_code == 204
    watched.require_untouched(mark)


@pytest.mark.parametrize("target", TARGETS)
def test_an_address_leads_nowhere_else(watched: Watched, job_id: str, target: str) -> None:
    mark = watched.mark()
    connection = http.client.HTTPConnection("127.0.0.1", watched.served.port, timeout=20)
    for method in ("GET", "DELETE", "POST"):
        connection.putrequest(method, target.format(id=job_id), skip_host=True)
        connection.putheader("Host", f"127.0.0.1:{watched.served.port}")
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        assert 400 <= answer.status < 500, (method, answer.status)
        assert CANARY.encode() not in body
        assert b"root:" not in body
        assert b"def create_app" not in body
    connection.close()
    assert watched.client.get(f"/api/jobs/{job_id}").status_code == 200
    watched.require_untouched(mark)


def test_the_tracer_would_see_it(watched: Watched) -> None:
    if watched.calls is None:
        pytest.skip("tracing is not permitted here")
    mark = watched.mark()
    with watched.calls.open("a") as calls:
        calls.write(f'1 openat(AT_FDCWD, "{watched.served.folder}/../secret.txt", O_RDONLY) = 3\n')
    with pytest.raises(AssertionError):
        watched.require_untouched(mark)
    assert "original" in watched.calls.read_text(errors="replace")


def test_a_zip_holds_harmless_names(watched: Watched) -> None:
    names = [NAMES[key] for key in ("traversal", "absolute", "backslashes", "bidi", "quotes", "encoded")]
    jobs = [over(watched.client, created(watched.client, picture(), name)) for name in [*names, *names[:1]]]
    answer = watched.client.get("/api/jobs/archive", params={"id": [job["id"] for job in jobs]})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        held = archive.namelist()
        assert archive.testzip() is None
    assert len(set(held)) == 2 * len(jobs)
    assert all(harmless(name) for name in held)
    assert set('<>:"/\\|?*').isdisjoint("".join(held))  # Windows could not unpack them


def test_what_is_kept_has_generated_names_and_is_nobody_elses(watched: Watched) -> None:
    created(watched.client, picture(), quote("../secret.jpg"), start="false")
    folder = watched.served.folder
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in folder.rglob("*"):
        assert not path.is_symlink()
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
        assert re.fullmatch(
            r"lock|jobs\.sqlite(-wal|-shm)?|[\w-]{22,}|(original|result)\.\w{1,8}|report\.json|preview\.jpg",
            path.name,
        ), path
