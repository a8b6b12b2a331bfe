"""A tree of arithmetic as a list of steps: walked once, evaluated often. Shared parts are evaluated once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.model import algebra

Number = float | NDArray[np.float64]

ARITHMETIC: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}


def _step(value: Number) -> Number:
    """1 from 0 on, else 0; of nan, nan."""
    return np.heaviside(value, 1.0)


OF_ONE: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "step": _step,
}
OF_MANY: dict[str, Callable[..., Any]] = {"min": np.minimum, "max": np.maximum}


class Steps(NamedTuple):
    """What to do, and on what: every step reads values that are there and adds one.

    names   : read first, in this order
    numbers : constants that follow them
    steps   : (function, place of the first argument, place of the second or -1)
    result  : place of the value of the whole
    """

    names: tuple[str, ...]
    numbers: tuple[float, ...]
    steps: tuple[tuple[Callable[..., Any], int, int], ...]
    result: int

    def run(self, values: Mapping[str, Number]) -> Any:
        """The value of the whole, with numpy's warnings as they are set.

        Raises KeyError for a name without a value.
        """
        found: list[Any] = [values[name] for name in self.names]
        found += self.numbers
        for function, first, second in self.steps:
            found.append(function(found[first]) if second < 0 else function(found[first], found[second]))
        return found[self.result]


def steps_of(node: ast.expr) -> Steps:
    """The steps of a tree."""
    order, known = [], set()
    waiting: list[tuple[ast.expr, bool]] = [(node, False)]
    while waiting:
        part, ready = waiting.pop()
        if ready:
            order.append(part)
        elif id(part) not in known:
            known.add(id(part))
            waiting.append((part, True))
            waiting += [(inner, False) for inner in reversed(algebra.parts(part))]
    names = tuple(sorted({part.id for part in order if isinstance(part, ast.Name)}))
    numbers = tuple(float(part.value) for part in order if isinstance(part, ast.Constant))  # type: ignore[arg-type]
    place: dict[int, int] = {}
    steps: list[tuple[Callable[..., Any], int, int]] = []
    constants = 0
    for part in order:
        if isinstance(part, ast.Name):
            place[id(part)] = names.index(part.id)
        elif isinstance(part, ast.Constant):
            place[id(part)] = len(names) + constants
            constants += 1
        else:
            first, *others = (place[id(inner)] for inner in algebra.parts(part))
            function = _function(part)
            for second in others or (-1,):
                steps.append((function, first, second))
                first = len(names) + len(numbers) + len(steps) - 1
            place[id(part)] = first
    return Steps(names, numbers, tuple(steps), place[id(node)])


def _function(node: ast.expr) -> Callable[..., Any]:
    if isinstance(node, ast.UnaryOp):
        return np.negative
    if isinstance(node, ast.BinOp):
        return ARITHMETIC[type(node.op)]
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return OF_ONE[node.func.id] if node.func.id in OF_ONE else OF_MANY[node.func.id]
