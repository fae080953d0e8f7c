"""Zones as a user meets them: options, settings file, plan and report, judged by the output's pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import stream_guard
from stream_guard.errors import InputError
from tests.command_line import FAST, STREET, WALK, run
from tests.media import frames

HIGH = "0.55,0 1,0 0.9,0.3 0.6,0.25"
RIGHT = "0.6,0 1,0 1,1 0.6,1"
LOOK = FAST[:4]
OPAQUE = ("--codec", "ffv1", "--style", "solid", "--colour", "#00ff00")
"""Without loss, in a colour that the sample does not have."""


def _corners(zone: str) -> list[list[float]]:
    return [[float(v) for v in corner.split(",")] for corner in zone.split()]


def _green_frames(path: Path) -> int:
    """Return in how many frames the middle of HIGH is green, and green alone, out of 125."""
    found = 0
    for frame in frames(path):
        rgb = frame.to_ndarray(format="rgb24").astype(int)
        inside = rgb[8:80, 400:560]
        found += bool((inside[..., 1] > 240).all() and (inside[..., ::2] < 20).all())
    return found


def _report(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(f"{path}.report.json").read_text())
    return found


def test_a_cover_zone_is_painted_in_every_frame_and_reported(tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    done = run("redact", WALK, "-o", out, "--cover-zone", HIGH, "--report", *LOOK, *OPAQUE)
    assert done.returncode == 0, done.stderr
    assert _green_frames(out) == 125
    assert _report(out)["zones"] == {"cover": [_corners(HIGH)], "ignore": []}


def test_zones_travel_with_the_plan_even_where_frames_are_unknown(tmp_path: Path) -> None:
    config, plan, out = tmp_path / "zones.toml", tmp_path / "plan.json", tmp_path / "out.mkv"
    config.write_text(f"[zones]\ncover_zone = [{_corners(HIGH)}]\nignore_zone = [{_corners(RIGHT)}]\n")
    done = run("detect", WALK, "-o", plan, "--config", config, *LOOK)
    assert done.returncode == 0, done.stderr
    assert "ignore zones" in done.stderr
    tree = json.loads(plan.read_text())
    assert tree["zones"] == {"cover": [_corners(HIGH)], "ignore": [_corners(RIGHT)]}
    tree["frames"] = [{**frame, "faces": []} for frame in tree["frames"]]
    tree["frames"][5]["whole"] = "a person said so"
    plan.write_text(json.dumps(tree))
    done = run("redact", WALK, "-o", out, "--plan", plan, "--report", *OPAQUE)
    assert done.returncode == 5
    assert _green_frames(out) == 124  # and one slate
    assert _report(out)["zones"] == tree["zones"]


def test_zones_of_the_plan_and_of_the_settings_are_both_covered(tmp_path: Path) -> None:
    plan, out = tmp_path / "plan.json", tmp_path / "out.png"
    stream_guard.detect(STREET, plan, preset="fast", detectors="yunet", cover_zone=HIGH)
    left = "0,0.9 0.2,0.9 0.2,1 0,1"
    told = stream_guard.redact(
        STREET, out, plan=plan, cover_zone=left, ignore_zone=RIGHT, style="solid", colour="#00ff00"
    )
    assert told.zones["cover"] == [_corners(HIGH), _corners(left)]
    assert told.notes == ("zones.ignore_zone was not needed: what is covered follows from the plan",)
    pixels = np.asarray(Image.open(out))
    assert (pixels[20, 480] == (0, 255, 0)).all()
    assert (pixels[350, 60] == (0, 255, 0)).all()


def test_a_face_in_an_ignore_zone_is_left_alone_and_told(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = run("redact", STREET, "-o", out, "--ignore-zone", "0,0 0.35,0 0.35,1 0,1", *LOOK)
    assert done.returncode == 0
    assert "left uncovered" in done.stderr
    raw, pixels = (np.asarray(Image.open(path).convert("RGB")) for path in (STREET, out))
    left, middle = np.s_[72:157, 60:135], np.s_[130:175, 264:303]
    assert np.array_equal(raw[left], pixels[left])
    assert not np.array_equal(raw[middle], pixels[middle])


def test_a_cover_zone_outranks_an_ignore_zone(tmp_path: Path) -> None:
    face = "0.1,0.2 0.2,0.2 0.2,0.45 0.1,0.45"
    told = stream_guard.redact(
        STREET, tmp_path / "out.png", preset="fast", detectors="yunet",
        ignore_zone="0,0 0.35,0 0.35,1 0,1", cover_zone=face,
    )  # fmt: skip
    assert told.faces == 3
    assert told.warnings == ()


@pytest.mark.parametrize(
    ("zone", "says"),
    [
        ("0,0 960,0 960,540", "shares of the picture's width and height, 0 to 1, not 960,0"),
        ("0,0 1,1", "3 to 64 corners, not 2"),
        ("0,0 1,1 1,0 0,1", "cross"),
        ("here", "a zone should look like"),
    ],
)
def test_a_wrong_zone_is_named_with_its_option(tmp_path: Path, zone: str, says: str) -> None:
    done = run("redact", STREET, "-o", tmp_path / "out.png", "--cover-zone", RIGHT, "--cover-zone", zone)
    assert done.returncode == 2
    assert says in done.stderr
    assert "option --cover-zone" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_wrong_zone_in_a_plan_is_refused(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    stream_guard.detect(STREET, plan, preset="fast", detectors="yunet", cover_zone=HIGH)
    plan.write_text(plan.read_text().replace("0.55", "352"))
    with pytest.raises(InputError, match=r"zones\.cover\.0: a zone's corner should be in shares"):
        stream_guard.redact(STREET, tmp_path / "out.png", plan=plan)


def test_pixels_in_memory_know_zones() -> None:
    pixels = np.full((90, 120, 3), 200, np.uint8)
    covered = stream_guard.anonymize_image(
        pixels, detectors="yunet", style="solid", cover_zone="0,0 0.5,0 0.5,1 0,1"
    )
    assert not covered[:, :60].any()
    assert (covered[:, 60:] == 200).all()


def test_the_environment_can_name_several_zones() -> None:
    done = run("settings", STREAM_GUARD_ZONES_COVER_ZONE=f"{HIGH}; {RIGHT}")
    assert f"cover_zone = [{_corners(HIGH)}, {_corners(RIGHT)}]" in done.stdout
