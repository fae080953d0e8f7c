"""What a person changed in a plan is listed, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stream_guard import plan as plans
from stream_guard.model.frame import Stamp
from stream_guard.model.geometry import Box
from stream_guard.model.verdict import Cover, Origin, Region
from stream_guard.record.changes import changes

Tree = dict[str, Any]


def _detected() -> Tree:
    faces = [
        Region(1, Box(1.5, 2, 30.25, 40), Origin.DETECTED, 0.7),
        Region(2, Box(50, 2, 60, 9), Origin.HELD),
    ]
    covers = [Cover(Stamp(0, n, n / 25), tuple(faces)) for n in range(9)]
    covers.append(Cover(Stamp(0, 9, 0.36), whole="too dark"))
    tree: Tree = json.loads(plans.dump(plans.of(covers, "in.mp4", "ab" * 32, 64, 48)))
    return tree


def _told(tmp_path: Path, edit: Callable[[Tree], object]) -> list[tuple[str, int | None, int, int]]:
    tree = _detected()
    edit(tree)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(tree))
    found = changes(plans.load(path))
    return [(c.change, c.track, c.first_frame, c.last_frame) for c in found]


def _in_frames(first: int, last: int, edit: Callable[[Tree], object]) -> Callable[[Tree], object]:
    return lambda tree: [edit(line) for line in tree["frames"][first : last + 1]]


def test_a_plan_as_it_was_written_has_no_changes(tmp_path: Path) -> None:
    assert _told(tmp_path, lambda tree: None) == []


NEW = {"track": 7, "box": [0, 0, 9, 9]}


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (_in_frames(2, 5, lambda f: f["faces"].append(NEW)), [("face added", 7, 2, 5)]),
        (_in_frames(2, 5, lambda f: f["faces"].pop(1)), [("face removed", 2, 2, 5)]),
        (
            _in_frames(3, 3, lambda f: f["faces"][0]["box"].__setitem__(0, 1.6)),
            [("face moved or altered", 1, 3, 3)],
        ),
        (_in_frames(3, 3, lambda f: f["faces"][0].update(score=0.71)), [("face moved or altered", 1, 3, 3)]),
        (
            _in_frames(3, 3, lambda f: f["faces"][0].update(track=9)),
            [("face added", 9, 3, 3), ("face removed", 1, 3, 3)],
        ),
        (
            _in_frames(
                3, 3, lambda f: f["faces"].append(f["faces"][0])
            ),  # the same twice: one of them is new
            [("face added", 1, 3, 3)],
        ),
        (_in_frames(1, 2, lambda f: f.update(whole="a child")), [("covered whole", None, 1, 2)]),
        (_in_frames(9, 9, lambda f: f.update(whole=None)), [("no longer covered whole", None, 9, 9)]),
        (_in_frames(9, 9, lambda f: f.update(whole="else")), [("reason altered", None, 9, 9)]),
        (lambda tree: tree["frames"].__delitem__(slice(4, 7)), [("frame removed", None, 4, 6)]),
        (lambda tree: tree["frames"].pop(), [("frame removed", None, 9, 9)]),
        (lambda tree: tree["frames"].pop(0), [("frame removed", None, 0, 0)]),
        (lambda tree: tree["frames"].append({"frame": 12, "faces": [NEW]}), [("face added", 7, 12, 12)]),
        (
            lambda tree: tree["zones"]["cover"].append([[0, 0], [1, 0], [1, 1]]),
            [("zones altered", None, 0, 9)],
        ),
        (
            lambda tree: [tree["frames"][n]["faces"].pop() for n in (1, 2, 6)],
            [("face removed", 2, 1, 2), ("face removed", 2, 6, 6)],
        ),
    ],
)
def test_each_kind_of_change_is_told(
    tmp_path: Path, edit: Callable[[Tree], object], told: list[tuple[str, int | None, int, int]]
) -> None:
    assert _told(tmp_path, edit) == told


def test_altered_digests_are_told(tmp_path: Path) -> None:
    def cover_up(tree: Tree) -> None:
        tree["frames"][3]["faces"].pop()
        del tree["frames"][3]["detected"]["2"]

    ((change, _, first, last),) = _told(tmp_path, cover_up)
    assert "what it says was detected was altered" in change
    assert (first, last) == (0, 9)


def test_a_plan_that_nobody_detected_is_all_change(tmp_path: Path) -> None:
    def by_hand(tree: Tree) -> None:
        del tree["detected"]
        tree["frames"] = [{"frame": 0, "faces": [NEW]}]

    assert [t[0] for t in _told(tmp_path, by_hand)] == [
        "the plan was not written by detect, or what it says was detected was altered",
        "face added",
    ]


def test_a_claim_of_endless_frames_costs_nothing(tmp_path: Path) -> None:
    told = _told(tmp_path, lambda tree: tree["detected"].update(frames=10**15))
    assert told == [("frame removed", None, 10, 10**15 - 1)]
