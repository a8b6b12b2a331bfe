"""Rooted trees and the conditions they set for the order of methods (Hairer, Norsett, Wanner, chapter II.2)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations_with_replacement, product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Tree = tuple["Tree", ...]  # the trees that hang on the root


@lru_cache(maxsize=16)
def trees(nodes: int) -> tuple[Tree, ...]:
    """All rooted trees with some number of nodes."""
    return tuple(sorted({tree for parts in _partitions(nodes - 1, nodes - 1) for tree in _forests(parts)}, key=str))


def _partitions(total: int, largest: int) -> Iterator[tuple[int, ...]]:
    if total == 0:
        yield ()
    for first in range(min(total, largest), 0, -1):
        for rest in _partitions(total - first, first):
            yield (first, *rest)


def _forests(parts: tuple[int, ...]) -> Iterator[Tree]:
    counts = {size: parts.count(size) for size in parts}
    groups = [combinations_with_replacement(trees(size), count) for size, count in counts.items()]
    for chosen in product(*groups):
        yield tuple(sorted((tree for group in chosen for tree in group), key=str))


def nodes_of(tree: Tree) -> int:
    return 1 + sum(nodes_of(part) for part in tree)


def density(tree: Tree) -> float:
    return nodes_of(tree) * math.prod(density(part) for part in tree)


def weights(tree: Tree, several: Floats, single: Floats) -> Floats:
    """(stages) what a tree comes to at each stage.

    several : (stages, stages) coefficients below a node that bears several
    single  : below a node that bears one; for Runge-Kutta methods the same
    """
    matrix = single if len(tree) == 1 else several
    found = np.ones(len(several))
    for part in tree:
        found = found * (matrix @ weights(part, several, single))
    return found


def defects(order: int, b: Floats, several: Floats, single: Floats, share: float = 1.0) -> Floats:
    """Of every tree with `order` nodes, sum b_i weights_i - share^order / density, times the density."""
    return np.array(
        [density(tree) * (b @ weights(tree, several, single)) - share**order for tree in trees(order)], float
    )
