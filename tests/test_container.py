"""The image and how compose runs it: the same packages as everywhere, nobody is root, nothing is left open.

`scripts/try_image.py` does the steps themselves, which takes minutes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.try_image import Step, health_command, steps
from stream_guard import settings as st
from stream_guard.errors import SettingsError
from stream_guard.web.access import check
from stream_guard.web.app import create_app
from stream_guard.web.server import WebServer

ROOT = Path(__file__).parents[1]
STEPS = steps((ROOT / "Dockerfile").read_text(encoding="utf-8"))
LAST = STEPS[max(i for i, step in enumerate(STEPS) if step.word == "FROM") :]
"""The stage that is shipped."""
SERVICE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"][
    "stream-guard"
]
TOKEN = {"STREAM_GUARD_WEB_TOKEN": "0123456789abcdef"}


def said(word: str, among: list[Step] = STEPS) -> list[str]:
    return [step.rest for step in among if step.word == word]


def environment() -> dict[str, str]:
    """Return what the image sets."""
    return dict(pair.split("=", 1) for line in said("ENV", LAST) for pair in line.split())


def packages(text: str) -> set[str]:
    """Return the libraries and Pythons that a line of apt-get or a list of packages names."""
    return {word for word in re.findall(r"[a-z][a-z0-9.-]+", text) if re.match(r"lib[a-z]|python3", word)}


def test_the_same_libraries_are_named_everywhere() -> None:
    image = packages(next(line for line in said("RUN", LAST) if "apt-get install" in line))
    readme = packages(
        next(line for line in (ROOT / "README.md").read_text().splitlines() if "libgl1" in line)
    )
    ci = packages(next(line for line in (ROOT / ".ci" / "run").read_text().splitlines() if "libgl1" in line))
    assert len(image) == 5
    assert image == readme - {"python3", "python3-venv"} == ci - {"python3-venv"}


def test_the_base_is_named_by_tag_and_ours_by_version() -> None:
    assert {line.split()[0] for line in said("FROM")} == {"python:3.11-slim-bookworm"}


def test_nobody_is_root() -> None:
    (user,) = said("USER", LAST)
    assert all(int(number) >= 10_000 for number in user.split(":"))
    after = LAST[LAST.index(Step("USER", user)) :]
    assert not {"RUN", "COPY", "ADD"} & {step.word for step in after}


def test_no_secret_can_get_into_the_image() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert not re.search(r"TOKEN|PASSWORD|SECRET|\bARG\b|\bADD\b", text)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [line for line in ignored if not line.startswith(("#", "!"))] == ["*", "**/__pycache__"]
    sent = {line[1:] for line in ignored if line.startswith("!")}
    copied = {word for line in said("COPY") if "--from" not in line for word in line.split()[:-1]}
    assert copied == sent
    assert all((ROOT / name).exists() for name in sent)


def test_what_the_image_sets_are_settings_and_let_nobody_in_without_a_token() -> None:
    ours = {name: value for name, value in environment().items() if name.startswith("STREAM_GUARD_")}
    found = st.effective(environ=ours).settings
    assert (found.web.host, found.web.port) == ("0.0.0.0", int(said("EXPOSE")[0]))  # noqa: S104
    assert found.jobs.jobs_folder.startswith(said("VOLUME")[0] + "/")
    with pytest.raises(SettingsError, match=r"no web\.token"):
        check(found.web)
    with pytest.raises(SettingsError, match="a proxy ends TLS"):
        check(st.effective(environ=ours | TOKEN).settings.web)
    check(st.effective(environ=ours | TOKEN | SERVICE["environment"]).settings.web)


def test_compose_takes_every_right_away() -> None:
    assert SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"]
    assert SERVICE["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit"} <= SERVICE.keys()
    assert SERVICE.keys().isdisjoint({"privileged", "network_mode", "cap_add", "devices"})
    assert SERVICE["volumes"] == [f"jobs:{said('VOLUME')[0]}"]
    assert all("noexec" in mount for mount in SERVICE["tmpfs"])


def test_the_server_is_behind_a_proxy_only_as_long_as_the_port_is_this_machines_own() -> None:
    assert SERVICE["environment"] == {"STREAM_GUARD_WEB_BEHIND_PROXY": "true"}
    assert SERVICE["ports"] == [f"127.0.0.1:8000:{said('EXPOSE')[0]}"]


def test_the_token_comes_from_a_file_that_git_leaves_alone() -> None:
    assert SERVICE["env_file"] in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def server() -> Iterator[WebServer]:
    web = st.effective(environ={"STREAM_GUARD_WEB_PORT": "0"}).settings.web
    with WebServer(create_app({}, web), web) as running:
        yield running


def checked(port: str) -> int:
    """Return the exit code of the health check for another port."""
    _, *command = health_command(_last_words())
    return subprocess.run(
        [sys.executable, *(word.replace(":8000/", f":{port}/") for word in command)],
        capture_output=True,
        check=False,
        timeout=30,
    ).returncode


def _last_words() -> Mapping[str, str]:
    return {step.word: step.rest for step in LAST}


def test_the_health_check_tells_a_server_from_none(server: WebServer) -> None:
    port = server.address.rsplit(":")[-1].strip("/")
    assert checked(port) == 0
    server.stop()
    assert checked(port) != 0
