"""Fixtures that more than one test file uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

DATA = Path(os.environ.get("STREAM_GUARD_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


settings.register_profile("any machine", deadline=None)  # a busy machine is no failure
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def footage() -> Path:
    """The folder of test footage: `videos`, `images` and `odd`; tests are skipped where there is none."""
    if not (DATA / "MANIFEST.csv").is_file():
        pytest.skip("no test footage: set STREAM_GUARD_TEST_DATA")
    return DATA


@pytest.fixture(scope="session")
def people() -> Path:
    """A folder of pictures for each of some people, beside the footage; tests are skipped without it."""
    folder = DATA.parent / "privacy" / "lfw"
    if not folder.is_dir():
        pytest.skip("no pictures of known people: set STREAM_GUARD_TEST_DATA to a folder beside privacy/lfw")
    return folder
