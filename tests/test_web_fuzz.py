"""The API holds to its own description: a small run of `scripts.fuzz_api`, in fewer phases."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from scripts.fuzz_api import Tried, serve_and_try

EXAMPLES = 15
Came = tuple[Tried, Tried, Counter[int]]


@pytest.fixture(scope="module")
def came(tmp_path_factory: pytest.TempPathFactory) -> Came:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    return serve_and_try(folder / "jobs", EXAMPLES, phases="examples,fuzzing")


def test_with_the_token_all_is_as_described(came: Came) -> None:
    friend, _, _ = came
    assert friend.failures == []
    assert friend.server_errors == 0
    assert friend.cases > 300
    assert {201, 202, 404, 422} <= {status for _, status in friend.statuses}


def test_without_the_token_there_is_health_and_nothing_else(came: Came) -> None:
    _, stranger, _ = came
    assert stranger.failures == []
    let_in = {name for name, status in stranger.statuses if status not in (401, 403)}
    assert let_in <= {"GET /healthz"}


def test_streams_without_end_begin_as_described(came: Came) -> None:
    _, _, stills = came
    assert stills.keys() <= {200, 404, 409}
    assert stills.total() >= EXAMPLES
