"""Zones: polygons in shares of the picture, so that one serves every resolution of a camera."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

Point = tuple[float, float]

MOST_CORNERS: Final = 64
_LEAST_AREA: Final = 1e-6
"""Two pixels of a 1080p picture: a zone of less is a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Polygon:
    """A plane figure by its corners in order; the last one is joined to the first."""

    corners: tuple[Point, ...]

    @property
    def edges(self) -> Iterator[tuple[Point, Point]]:
        """All sides, each from corner to next corner."""
        return zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True)

    @property
    def area(self) -> float:
        """The area by the shoelace formula; meaningless where edges cross."""
        return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in self.edges)) / 2

    def scaled(self, kx: float, ky: float) -> Polygon:
        return Polygon(tuple((x * kx, y * ky) for x, y in self.corners))

    def holds(self, x: float, y: float) -> bool:
        """Tell whether a point lies inside; a point on the border does not."""
        if any(_side(a, b, (x, y)) == 0 and _is_between(a, b, (x, y)) for a, b in self.edges):
            return False
        right_of = [a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) < x for a, b in _spanning(self, y)]
        return sum(right_of) % 2 == 1


def checked_zone(corners: tuple[Point, ...]) -> tuple[Point, ...]:
    """Return the corners of a zone, once each, if they make sense as one.

    Raises:
        ValueError: they don't; says why.
    """
    if len(corners) > 1 and corners[0] == corners[-1]:
        corners = corners[:-1]  # as GeoJSON and many drawing tools close a ring
    if not 3 <= len(corners) <= MOST_CORNERS:
        raise ValueError(f"a zone should have 3 to {MOST_CORNERS} corners, not {len(corners)}")
    if outside := [p for p in corners if not all(0 <= v <= 1 for v in p)]:
        x, y = outside[0]
        raise ValueError(
            f"a zone's corner should be in shares of the picture's width and height, 0 to 1, not {x:g},{y:g} "
            "(divide pixels by the picture's size)"
        )
    edges = list(Polygon(corners).edges)
    neighbours = {(i, i + 1) for i in range(len(edges))} | {(0, len(edges) - 1)}
    for i, k in combinations(range(len(edges)), 2):
        if (i, k) not in neighbours and _meet(edges[i], edges[k]):
            raise ValueError("a zone's sides should not cross or touch each other; give its corners in order")
    if Polygon(corners).area < _LEAST_AREA:
        raise ValueError("a zone should have an area; its corners lie on one line")
    return corners


def zones_of(corners: Sequence[tuple[Point, ...]]) -> tuple[Polygon, ...]:
    """Return checked zones as polygons."""
    return tuple(map(Polygon, corners))


def _spanning(polygon: Polygon, y: float) -> Iterator[tuple[Point, Point]]:
    return ((a, b) for a, b in polygon.edges if (a[1] > y) != (b[1] > y))


def _side(a: Point, b: Point, p: Point) -> float:
    """Return on which side of the line from a to b a point lies: the sign of the cross product."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def _is_between(a: Point, b: Point, p: Point) -> bool:
    return all(min(a[i], b[i]) <= p[i] <= max(a[i], b[i]) for i in (0, 1))


def _meet(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Tell whether two line segments share a point."""
    (a, b), (c, d) = one, other
    apart = _side(a, b, c) * _side(a, b, d) > 0 or _side(c, d, a) * _side(c, d, b) > 0
    boxes_meet = all(
        max(min(a[i], b[i]), min(c[i], d[i])) <= min(max(a[i], b[i]), max(c[i], d[i])) for i in (0, 1)
    )
    return boxes_meet and not apart
