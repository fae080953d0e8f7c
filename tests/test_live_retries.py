"""A lost source is tried again soon, unless that could lock somebody out."""

from __future__ import annotations

from stream_guard.errors import SourceLostError
from stream_guard.live.retries import Retries

GONE = SourceLostError("gone")
REFUSED = SourceLostError("refused", needs_a_person=True, rarely=True)
UNKNOWN = SourceLostError("no such stream", needs_a_person=True)


def test_a_camera_that_is_away_is_tried_at_most_two_seconds_apart() -> None:
    retries = Retries()
    assert [retries.pause_s(GONE, showed=False) for _ in range(5)] == [1, 1.5, 2, 2, 2]
    assert retries.pause_s(GONE, showed=True) == 0.5
    assert retries.pause_s(UNKNOWN, showed=False) == 1


def test_a_wrong_password_is_tried_rarely() -> None:
    retries = Retries()
    assert [retries.pause_s(REFUSED, showed=False) for _ in range(5)] == [5, 10, 20, 30, 30]


def test_a_password_that_was_right_is_tried_three_times_soon() -> None:
    retries = Retries()
    assert retries.pause_s(GONE, showed=True) == 0.5
    assert [retries.pause_s(REFUSED, showed=False) for _ in range(4)] == [1, 1.5, 2, 30]
    assert [retries.pause_s(GONE, showed=False) for _ in range(2)] == [2, 2]
    assert retries.pause_s(REFUSED, showed=False) == 2


def test_what_only_has_to_be_read_anew_is_so_at_once_but_not_in_a_busy_loop() -> None:
    changed = SourceLostError("changed", at_once=True)
    retries = Retries()
    assert retries.pause_s(changed, showed=True) == 0
    assert retries.pause_s(changed, showed=False) == 1


def test_a_file_that_has_ended_is_no_camera_that_returns() -> None:
    over = SourceLostError("over", needs_a_person=True, rarely=True)
    assert Retries().pause_s(over, showed=True) == 5
