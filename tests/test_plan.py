"""The plan file: what is written can be read, and what a person breaks is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stream_guard import parts
from stream_guard import plan as plans
from stream_guard.errors import InputError
from stream_guard.model.frame import Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.ports import Tracker
from stream_guard.model.verdict import Between, Cover, Observation, Origin, Region

SHA = "ab" * 32


def _plan() -> plans.Plan:
    face = Region(3, Box(1.5, 2, 30.25, 40), Origin.TRACKED, 0.7)
    covers = [
        Cover(Stamp(0, 0, 0.0), (face,)),
        Cover(Stamp(0, 1, 0.04)),
        Cover(Stamp(0, 2, 0.08), whole="too dark"),
    ]
    return plans.of(covers, "in.mp4", SHA, 64, 48)


def test_a_plan_survives_the_disk_with_one_line_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(plans.dump(_plan()), encoding="utf-8")
    assert plans.load(path) == _plan()
    assert sum(line.startswith('{"frame"') for line in path.read_text().splitlines()) == 3


def test_it_replays_as_planned_regions() -> None:
    plan = _plan()
    assert plan.regions()[0] == (Region(3, Box(1.5, 2, 30.25, 40), Origin.PLANNED, 0.7),)
    assert plan.regions()[1] == ()
    assert plan.whole() == {2: "too dark"}


def test_only_what_detect_wrote_may_leave_the_picture() -> None:
    """A track that has just gone may lie beyond the border; where a person puts a face, one must be."""
    gone = Region(7, Box(100, 0, 110, 10), Origin.TRACKED)
    plan = plans.of([Cover(Stamp(0, 0, 0.0), (gone,))], "in.mp4", SHA, 64, 48)
    seen = Observation(Stamp(0, 0, 0.0), 64, 48, Between())
    assert _replay(plan).push(seen)[0].regions[0].box == gone.box
    (line,) = plan.frames
    added = plans.Face(track=8, box=(100, 0, 110, 10), score=0)
    line = line.model_copy(update={"faces": (*line.faces, added)})
    with pytest.raises(InputError, match="track 8 in frame 0 lies outside the picture of 64x48"):
        _replay(plan.model_copy(update={"frames": (line,)})).push(seen)


def _replay(plan: plans.Plan) -> Tracker:
    return parts.replay(plan)[1]


def _broken(change: str) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(plans.dump(_plan()))
    face = tree["frames"][0]["faces"][0]
    match change:
        case "version":
            tree["stream_guard_plan"] = 2
        case "empty box":
            face["box"] = [10, 10, 10, 20]
        case "nan":
            face["box"][0] = float("nan")
        case "three numbers":
            face["box"] = [1, 2, 3]
        case "unknown key":
            face["boxx"] = 1
        case "twice":
            tree["frames"][1]["frame"] = 0
        case "negative":
            tree["frames"][0]["frame"] = -1
        case "no input":
            del tree["input"]
    return tree


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("version", "version 2 is not known"),
        ("empty box", "frames.0.faces.0: box [10.0, 10.0, 10.0, 20.0] is empty"),
        ("nan", "frames.0.faces.0.box.0"),
        ("three numbers", "frames.0.faces.0.box.3"),
        ("unknown key", "frames.0.faces.0.boxx"),
        ("twice", "frame 0 is listed twice"),
        ("negative", "frames.0.frame"),
        ("no input", "input: Field required"),
    ],
)
def test_what_an_editor_broke_is_named(tmp_path: Path, change: str, says: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(_broken(change)))
    with pytest.raises(InputError) as caught:
        plans.load(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not json", b"[]", b"\xff\xfe", b'{"stream_guard_plan": 1'])
def test_what_is_no_plan_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a valid plan"):
        plans.load(path)


def test_a_missing_plan_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the plan"):
        plans.load(tmp_path / "absent.json")


def test_a_plan_for_another_file_is_refused(tmp_path: Path) -> None:
    plans.require_made_for(_plan(), tmp_path, SHA, "in.mp4")
    with pytest.raises(InputError, match=r"made for in\.mp4 .* not for other\.mp4"):
        plans.require_made_for(_plan(), tmp_path, "cd" * 32, "other.mp4")
