"""The terminal half-life of an output: of the slowest of the states that a dose passes on its way to it."""

from __future__ import annotations

import math

import numpy as np

from pkpd.dosing.regimen import Regimen
from pkpd.entering import dosed_states
from pkpd.individuals import Individuals


def terminal_half_life(subjects: Individuals, regimen: Regimen, output: str) -> float:
    """The longest half-life of the states that a dose passes on its way to an output, h.

    returns : ln 2 over the smallest rate of loss; infinite where something never leaves, nan where the output is not
              of the linear part
    """
    from scipy.sparse.csgraph import connected_components

    program = subjects.program
    number = program.outputs.index(output)
    if not program.linear[number]:
        return math.nan
    values = subjects.system_values()[:, 0]
    size = len(program.states)
    matrix = np.zeros((size, size))
    for row, column, at in program.entries:
        matrix[row, column] += values[at]
    linked = (matrix != 0) | np.eye(size, dtype=bool)
    reach = np.linalg.matrix_power(linked.astype(float), size) > 0  # [row, column]: from column to row
    routes = [model_route for name, model_route in subjects.model.routes.items() if name in regimen.routes]
    entered = {state for route in routes for way in (route, *route.also) for state in way.into.values()} & set(
        dosed_states(subjects.model)
    )
    dosed = reach[:, [program.states.index(state) for state in entered]].any(axis=1)
    read = reach[[state for state, _ in program.weights[number]], :].any(axis=0)
    passed = np.flatnonzero(dosed & read)
    part = matrix[np.ix_(passed, passed)]
    _, group = connected_components(part != 0, connection="strong")
    slowest = min(
        float((-np.linalg.eigvals(part[np.ix_(group == one, group == one)]).real).min()) for one in set(group.tolist())
    )
    return math.log(2.0) / slowest if slowest > 0 else math.inf
