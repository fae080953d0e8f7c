"""What an attacker can do to find out who a redacted face is, and what guessing would reach."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating[Any]]
"""(n, d): a row for each picture."""
People = Sequence[str]
"""Who is in each of n pictures."""

FALSE_ACCEPTS: Final = 0.01
RIDGE: Final = 0.1
"""Of the mean of the kernel's diagonal."""
_ALIKE: Final = 1e-5
_SURE: Final = 2.6
"""Standard deviations that guessing exceeds once in 200 times."""


def rank_1(probes: Vectors, gallery: Vectors, people: People) -> float:
    """Return the share of probes whose nearest picture in the gallery shows the same person.

    Rows have length 1. Probes and gallery come from the same n pictures, none is compared with itself, and
    among equally near ones the attacker guesses: half of all solid masks are the same picture.
    """
    scores = probes @ gallery.T
    np.fill_diagonal(scores, -np.inf)
    nearest = scores >= scores.max(axis=1, keepdims=True) - _ALIKE
    return float(np.mean((nearest & _same(people)).sum(axis=1) / nearest.sum(axis=1)))


def true_accepts(probes: Vectors, gallery: Vectors, people: People) -> float:
    """Return the share of pairs of one person that pass where 1 % of the pairs of strangers do."""
    scores, same = probes @ gallery.T, _same(people)
    threshold = np.quantile(scores[~same], 1 - FALSE_ACCEPTS)
    return float(np.mean(scores[same & ~np.eye(len(same), dtype=bool)] > threshold))


def classified(vectors: Vectors, people: People) -> float:
    """Return the share of pictures named by a linear classifier that was trained on all others.

    Ridge regression on one column a person; leaving one out has a closed form by the hat matrix
    (https://en.wikipedia.org/wiki/PRESS_statistic).
    """
    names, person = np.unique(np.array(people), return_inverse=True)
    wanted = np.eye(len(names))[person]
    centred = vectors - vectors.mean(axis=0)
    kernel = centred @ centred.T + 1.0
    hat = kernel @ np.linalg.inv(kernel + RIDGE * np.trace(kernel) / len(kernel) * np.eye(len(kernel)))
    own = np.diag(hat)[:, None]
    without_itself = (hat @ wanted - own * wanted) / (1 - own)
    return float(np.mean(without_itself.argmax(axis=1) == person))


def chance_bound(people: People) -> float:
    """Return the share of hits that guessing stays under: 0.18 for 100 pictures of 10 people."""
    chance = 1 / len(set(people))
    return round(chance + _SURE * math.sqrt(chance * (1 - chance) / len(people)), 2)


def _same(people: People) -> NDArray[np.bool_]:
    names = np.array(people)
    return np.asarray(names[:, None] == names)
