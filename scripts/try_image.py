"""Does what the Dockerfile says without Docker, and tries the result; needs root, debootstrap and a network.

python -m scripts.try_image WORK_FOLDER     # makes a bare Debian there once; about five minutes

The steps run in chroots. The result is then run as compose.yaml says: another user, a read-only root, no
capability, no new privileges; and with no network but its own loopback.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Final

ROOT: Final = Path(__file__).parents[1]
RELEASE: Final = "bookworm"
_PATH: Final = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
_PATIENCE_S: Final = 90.0
_TOKEN: Final = "made-up-for-this-trial"  # noqa: S105
_LENT: Final = ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")
"""The machine's own way to its package indexes; lent to the build, never part of the result."""

_UPLOAD: Final = """
import json, time, urllib.request as r
from pathlib import Path
import stream_guard
samples = Path(stream_guard.__file__).parent / "_data" / "samples"
def ask(path, data=None):
    headers = {"Authorization": "Bearer TOKEN", "Content-Type": "application/octet-stream"}
    return r.urlopen(r.Request("http://127.0.0.1:8000" + path, data, headers), timeout=30)
job = json.load(ask("/api/jobs?name=portrait.jpg", (samples / "portrait.jpg").read_bytes()))
while job["state"] not in ("done", "failed"):
    time.sleep(0.1)
    job = json.load(ask("/api/jobs/" + job["id"]))
assert job["state"] == "done" and job["outcome"]["faces"] == 1, job
print(len(ask("/api/jobs/" + job["id"] + "/result").read()), "bytes of redacted picture")
"""


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile."""

    word: str
    rest: str


@dataclass
class Stage:
    """The file system of a stage, and what its next step runs with."""

    folder: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    work: str = "/"
    user: str = "0:0"
    said: dict[str, str] = field(default_factory=dict)
    """HEALTHCHECK, ENTRYPOINT and the like: kept for later."""


def steps(text: str) -> list[Step]:
    """Return the instructions of a Dockerfile, without comments and line ends."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [Step(*line.split(maxsplit=1)) for line in whole]


def health_command(stage_said: Mapping[str, str]) -> list[str]:
    """Return what HEALTHCHECK runs."""
    command: list[str] = json.loads(stage_said["HEALTHCHECK"].partition(" CMD ")[2])
    return command


# -- building ------------------------------------------------------------------------------------------


def base(folder: Path) -> Path:
    """Make a bare Debian with Python, as the slim image is, unless there is one."""
    made = folder / "base"
    if not (made / "usr" / "bin" / "python").exists():
        subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=python3,python3-venv", RELEASE, made],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (made / "usr" / "bin" / "python").symlink_to("python3")
    return made


def build(folder: Path) -> Stage:
    """Run every step of the Dockerfile and return the last stage."""
    stages: dict[str, Stage] = {}
    for step in steps((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        print(f"== {step.word} {step.rest}", flush=True)
        if step.word == "FROM":
            name = step.rest.partition(" AS ")[2] or "result"
            shutil.rmtree(folder / name, ignore_errors=True)
            subprocess.run(["cp", "-a", base(folder), folder / name], check=True)
            stage = stages[name] = Stage(folder / name)
        else:
            _do(step, stage, stages)
    return stage


def _do(step: Step, stage: Stage, stages: Mapping[str, Stage]) -> None:
    match step.word:
        case "RUN":
            _in_chroot(stage, step.rest)
        case "COPY":
            _copy(shlex.split(step.rest), stage, stages)
        case "ENV":
            for pair in shlex.split(step.rest):
                name, _, value = pair.partition("=")
                stage.env[name] = Template(value).substitute(stage.env)
        case "WORKDIR":
            stage.work = step.rest
            (stage.folder / step.rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            stage.user = step.rest
        case "VOLUME" | "EXPOSE" | "HEALTHCHECK" | "STOPSIGNAL" | "ENTRYPOINT" | "CMD":
            stage.said[step.word] = step.rest
        case _:
            raise SystemExit(f"the Dockerfile says {step.word}, which this script cannot do")


def _copy(words: list[str], stage: Stage, stages: Mapping[str, Stage]) -> None:
    there = stage.folder / stage.work.lstrip("/")
    options = [word for word in words if word.startswith("--from=")]
    *sources, target = [word for word in words if word not in options]
    for source in sources:
        if options:
            origin = stages[options[0].partition("=")[2]].folder / source.lstrip("/")
        else:
            _require_sent(source)
            origin = ROOT / source
        into = there / target.lstrip("/") if target != "./" else there / source
        if target.startswith("/"):
            into = stage.folder / target.lstrip("/")
        if origin.is_dir():
            shutil.copytree(origin, into, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(origin, into)


def _require_sent(source: str) -> None:
    """Hold the Dockerfile to .dockerignore: what is not let through there is not to be had."""
    if f"!{source}" not in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        raise SystemExit(f".dockerignore keeps {source} out, but the Dockerfile copies it")


def _in_chroot(stage: Stage, command: str) -> None:
    root = stage.folder
    lent = [Path(path) for path in _LENT if Path(path).is_file()]
    given = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    folders = [Path(path) for path in given.get("PIP_FIND_LINKS", "").split() if Path(path).is_dir()]
    for path in (*lent, *folders):
        place = root / str(path).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir(exist_ok=True) if path.is_dir() else place.touch()
    script = [
        *(f"mount --bind {path} {root}{path}" for path in (*lent, *folders, Path("/dev"))),
        f"exec chroot {root} sh -c {shlex.quote(f'cd {stage.work} && {command}')}",
    ]
    subprocess.run(
        [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            f"--mount-proc={root}/proc",
            "sh",
            "-ec",
            "\n".join(script),
        ],
        check=True,
        env={"DEBIAN_FRONTEND": "noninteractive", "HOME": "/root", **given, **stage.env},
    )


# -- running -------------------------------------------------------------------------------------------


def _as_user(stage: Stage, extra: Mapping[str, str]) -> list[str]:
    uid, _, gid = stage.user.partition(":")
    environment = {"HOME": "/tmp", **stage.env, **extra}  # noqa: S108 - the image's own
    return [
        "setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs",
        "--bounding-set=-all", "--inh-caps=-all", "env", "-i", *(f"{k}={v}" for k, v in environment.items()),
    ]  # fmt: skip


def _mounts(root: Path, data: Path) -> list[str]:
    devices = ("null", "zero", "full", "random", "urandom")
    return [
        "ip link set lo up",
        f"mount --bind {root} {root}",
        f"mount -t tmpfs -o noexec,nosuid,nodev,size=256m,mode=1777 tmpfs {root}/tmp",  # noqa: S108
        f"mount -t tmpfs -o nosuid,mode=755 tmpfs {root}/dev",
        *(f"touch {root}/dev/{name} && mount --bind /dev/{name} {root}/dev/{name}" for name in devices),
        f"mount --bind {data} {root}/data",
        f"mount -t proc proc {root}/proc",
        f"mount -o remount,bind,ro {root}",
    ]


@contextmanager
def running(stage: Stage, data: Path) -> Iterator[int]:
    """Start the image's command as process 1 of namespaces of its own; yield its number out here."""
    root = stage.folder
    uid, gid = (int(word) for word in stage.user.split(":"))
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    os.chown(data, uid, gid)
    command = [*json.loads(stage.said["ENTRYPOINT"]), *json.loads(stage.said["CMD"])]
    environment = {"STREAM_GUARD_WEB_TOKEN": _TOKEN, "STREAM_GUARD_WEB_BEHIND_PROXY": "true"}
    whole = shlex.join(["chroot", str(root), *_as_user(stage, environment), *command])
    spaces = ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
    script = "\n".join([*_mounts(root, data), f"exec {whole}"])
    with subprocess.Popen([*spaces, "sh", "-ec", script]) as outer:
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        try:
            while not (found := children.read_text().split()):
                time.sleep(0.05)
            yield int(found[0])
        finally:
            outer.kill()


def inside(stage: Stage, pid: int, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command beside the server, as the same user."""
    entered = ["nsenter", f"--target={pid}", "--mount", "--pid", "--net", "--ipc", "--root", "--wd"]
    return subprocess.run(
        [*entered, *_as_user(stage, {}), *command], capture_output=True, text=True, check=False, timeout=120
    )


def trial(stage: Stage, data: Path) -> None:
    """Start the server, see it healthy, redact one picture, try to write the root, and stop it.

    Raises:
        SystemExit: something was not as it must be.
    """
    with running(stage, data) as pid:
        start_s = time.monotonic()
        while inside(stage, pid, health_command(stage.said)).returncode:
            if time.monotonic() - start_s > _PATIENCE_S or not Path(f"/proc/{pid}").exists():
                raise SystemExit("the server never became healthy")
            time.sleep(0.5)
        print(f"healthy after {time.monotonic() - start_s:.1f} s")
        _require(stage, pid, ["python", "-c", _UPLOAD.replace("TOKEN", _TOKEN)])
        for place in ("/opt/stream-guard/x", "/etc/x", "/x"):
            if not inside(stage, pid, ["touch", place]).returncode:
                raise SystemExit(f"{place} could be written")
        _require(stage, pid, ["id"])
        os.kill(pid, 15)
        stop_s = time.monotonic()
        while Path(f"/proc/{pid}").exists():
            if time.monotonic() - stop_s > _PATIENCE_S:
                raise SystemExit("the server did not stop on SIGTERM")
            time.sleep(0.05)
        print(f"stopped {time.monotonic() - stop_s:.1f} s after SIGTERM")


def _require(stage: Stage, pid: int, command: list[str]) -> None:
    done = inside(stage, pid, command)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr}")
    print(done.stdout.strip())


def main() -> int:
    """Return 0 when the image builds and works."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the file systems are made")
    folder: Path = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    trial(build(folder), folder / "data")
    return 0


if __name__ == "__main__":
    sys.exit(main())
