"""Which patients have which modifier: another drug, a genotype, a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.population.covariates import Share
from pkpd.population.criteria import meets
from pkpd.population.people import Population

Mask = NDArray[np.bool_]


def bearers(population: Population) -> dict[Any, Mask]:
    """Who has each modifier of a population, (size) each, in the order they are given.

    Of a share the patient's own number for that modifier decides, in those among whom it is; of a criterion, whether he
    meets it.
    """
    found: dict[Any, Mask] = {}
    for key, who in population.modifiers.items():
        if isinstance(who, Share):
            name = key if isinstance(key, str) else key.id
            found[key] = population.uniform(f"modifier {name}") < who.share
            if who.among:
                found[key] &= meets(population, who.among)
        else:
            found[key] = meets(population, str(who))
    return found


def sets(masks: Sequence[Mask], size: int) -> list[tuple[tuple[int, ...], NDArray[np.int64]]]:
    """Patients sorted by what they have.

    masks   : who has each thing, (size)
    returns : the numbers of what they have, and the positions of the patients who have just that; nobody's left out
    """
    if not masks:
        return [((), np.arange(size))]
    table = np.stack(masks, axis=1)
    rows, which = np.unique(table, axis=0, return_inverse=True)
    order = np.argsort(which.reshape(-1), kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(which.reshape(-1)))[:-1])
    return [(tuple(np.flatnonzero(row).tolist()), part) for row, part in zip(rows, parts, strict=True)]
