"""Arithmetic as a tape of shared nodes: written once, differentiated, cut into what is fixed and what states change.

A node is a number on the tape. Equal nodes are one node, so a part that stands in many equations is computed once.
Division is multiplication by a reciprocal, so that divisors are shared as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# What a node can be. Leaves: a number, the row of a subject's parameter, a state, the time.
LEAVES = ("number", "parameter", "state", "time")
OF_ONE = ("negative", "reciprocal", "exp", "log", "sqrt", "sin", "cos", "step")
OF_TWO = ("add", "subtract", "multiply", "min", "max", "power", "tame power")


class Node(NamedTuple):
    """One operation and the nodes it reads; of a leaf, its value or its number."""

    kind: str
    first: float = 0
    second: int = -1


class Tape:
    """Nodes in the order of evaluation: a node reads only earlier ones."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[Node, int] = {}
        self._moving: list[bool] = []
        self._slopes: dict[tuple[int, int], int] = {}

    def _put(self, node: Node) -> int:
        if node not in self._known:
            self._known[node] = len(self.nodes)
            self.nodes.append(node)
            self._moving.append(node.kind in ("state", "time") or any(self._moving[part] for part in self.parts(node)))
        return self._known[node]

    @staticmethod
    def parts(node: Node) -> tuple[int, ...]:
        """The nodes a node reads."""
        if node.kind in LEAVES:
            return ()
        return (int(node.first), node.second) if node.kind in OF_TWO else (int(node.first),)

    def moves(self, node: int) -> bool:
        """Whether a node changes while a subject is integrated: it reads a state or the time."""
        return self._moving[node]

    def value(self, node: int) -> float | None:
        """The value of a node that is a number, None for any other."""
        found = self.nodes[node]
        return found.first if found.kind == "number" else None

    def number(self, value: float) -> int:
        """A number."""
        return self._put(Node("number", float(value)))

    def parameter(self, row: int) -> int:
        """What a subject's table holds in a row."""
        return self._put(Node("parameter", row))

    def state(self, place: int) -> int:
        """A state, by its place."""
        return self._put(Node("state", place))

    def time(self) -> int:
        """The time, h."""
        return self._put(Node("time"))

    def add(self, a: int, b: int) -> int:
        """a + b."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.number(x + y)
        if x == 0:
            return b
        if y == 0:
            return a
        if self.nodes[b].kind == "negative":
            return self.subtract(a, int(self.nodes[b].first))
        if self.nodes[a].kind == "negative":
            return self.subtract(b, int(self.nodes[a].first))
        return self._put(Node("add", *sorted((a, b))))

    def subtract(self, a: int, b: int) -> int:
        """a - b."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.number(x - y)
        if y == 0:
            return a
        if x == 0:
            return self.negative(b)
        if a == b:
            return self.number(0.0)
        if self.nodes[b].kind == "negative":
            return self.add(a, int(self.nodes[b].first))
        return self._put(Node("subtract", a, b))

    def negative(self, a: int) -> int:
        """-a."""
        x = self.value(a)
        if x is not None:
            return self.number(-x)
        if self.nodes[a].kind == "negative":
            return int(self.nodes[a].first)
        return self._put(Node("negative", a))

    def multiply(self, a: int, b: int) -> int:
        """a b."""
        x, y = self.value(a), self.value(b)
        if x is not None and y is not None:
            return self.number(x * y)
        for known, other in ((x, b), (y, a)):
            if known == 0:
                return self.number(0.0)
            if known == 1:
                return other
            if known == -1:
                return self.negative(other)
        minus = False
        if self.nodes[a].kind == "negative":
            a, minus = int(self.nodes[a].first), not minus
        if self.nodes[b].kind == "negative":
            b, minus = int(self.nodes[b].first), not minus
        if self._moving[a] == self._moving[b]:
            product = self._put(Node("multiply", *sorted((a, b))))
        else:
            product = self._regrouped(*((a, b) if self._moving[b] else (b, a)))
        return self.negative(product) if minus else product

    def _regrouped(self, fixed: int, moving: int) -> int:
        """A fixed factor times a moving one; fixed factors of a product meet, so that they cost nothing in a step."""
        node = self.nodes[moving]
        if node.kind == "multiply":
            inner = (int(node.first), node.second)
            for one, other in (inner, inner[::-1]):
                if not self._moving[one]:
                    return self.multiply(self.multiply(fixed, one), other)
        return self._put(Node("multiply", *sorted((fixed, moving))))

    def divide(self, a: int, b: int) -> int:
        """a / b."""
        y = self.value(b)
        return self.number(1.0) if a == b and y != 0 else self.multiply(a, self.reciprocal(b))

    def reciprocal(self, a: int) -> int:
        """1 / a."""
        x = self.value(a)
        if x is not None and x != 0:
            return self.number(1.0 / x)
        if self.nodes[a].kind == "reciprocal":
            return int(self.nodes[a].first)
        if self.nodes[a].kind == "negative":
            return self.negative(self.reciprocal(int(self.nodes[a].first)))
        return self._put(Node("reciprocal", a))

    def power(self, a: int, b: int) -> int:
        """a ** b; a base below 0 counts as 0 where the exponent is no whole number."""
        exponent = self.value(b)
        if exponent is not None and exponent == int(exponent) and abs(exponent) <= 64:
            return self._whole_power(a, int(exponent))
        if exponent == 0.5:
            return self.of_one("sqrt", a)
        return self._put(Node("power", a, b))

    def _whole_power(self, a: int, exponent: int) -> int:
        if exponent < 0:
            return self.reciprocal(self._whole_power(a, -exponent))
        if exponent == 0:
            return self.number(1.0)
        half = self._whole_power(a, exponent // 2)
        square = half if exponent == 1 else self.multiply(half, half)
        return a if exponent == 1 else (self.multiply(square, a) if exponent % 2 else square)

    def of_one(self, kind: str, a: int) -> int:
        """exp, log, sqrt, sin, cos or step (1 from 0 on, 0 below) of a node."""
        x = self.value(a)
        if x is not None:
            with np.errstate(all="ignore"):
                made = _OF_ONE[kind](np.float64(x))
            if np.isfinite(made):
                return self.number(float(made))
        return self._put(Node(kind, a))

    def of_two(self, kind: str, a: int, b: int) -> int:
        """min or max of two nodes."""
        return a if a == b else self._put(Node(kind, a, b))

    def slope(self, node: int, by: int) -> int:
        """The derivative of a node with respect to a leaf.

        by : a leaf: a state or the time
        """
        key = (node, by)
        if key not in self._slopes:
            for part in self._unfolded(node, by):
                self._slopes[part, by] = self._slope(part, by)
        return self._slopes[key]

    def _unfolded(self, node: int, by: int) -> list[int]:
        """The nodes below one whose derivative is not known yet, deepest first."""
        wanted, waiting = set(), [node]
        while waiting:
            part = waiting.pop()
            if part not in wanted and (part, by) not in self._slopes:
                wanted.add(part)
                waiting += self.parts(self.nodes[part])
        return sorted(wanted)

    def _slope(self, number: int, by: int) -> int:
        if number == by:
            return self.number(1.0)
        node = self.nodes[number]
        inner = [self._slopes[part, by] for part in self.parts(node)]
        if all(self.value(part) == 0 for part in inner):
            return self.number(0.0)
        a, da = int(node.first), inner[0]
        if node.kind in OF_TWO:
            return self._slope_of_two(node.kind, a, da, node.second, inner[1])
        if node.kind == "negative":
            return self.negative(da)
        if node.kind == "reciprocal":
            return self.negative(self.multiply(da, self.multiply(number, number)))
        if node.kind == "exp":
            return self.multiply(da, number)
        if node.kind == "log":
            return self.divide(da, a)
        if node.kind == "sin":
            return self.multiply(da, self.of_one("cos", a))
        if node.kind == "cos":
            return self.negative(self.multiply(da, self.of_one("sin", a)))
        if node.kind == "sqrt":
            less = self._put(Node("tame power", a, self.number(-0.5)))
            return self.multiply(self.multiply(self.number(0.5), less), da)
        return self.number(0.0)  # of a step

    def _slope_of_two(self, kind: str, a: int, da: int, b: int, db: int) -> int:
        if kind in ("add", "subtract"):
            return self.add(da, db) if kind == "add" else self.subtract(da, db)
        if kind == "multiply":
            return self.add(self.multiply(da, b), self.multiply(a, db))
        if kind in ("min", "max"):
            ahead = self.of_one("step", self.subtract(a, b) if kind == "max" else self.subtract(b, a))
            return self.add(self.multiply(ahead, da), self.multiply(self.subtract(self.number(1.0), ahead), db))
        less = self._put(Node("tame power", a, self.subtract(b, self.number(1.0))))
        by_base = self.multiply(self.multiply(b, less), da)
        if self.value(db) == 0:
            return by_base
        raised = self._put(Node("power", a, b))
        return self.add(by_base, self.multiply(self.multiply(raised, self.of_one("log", a)), db))

    def needed(self, targets: Iterable[int]) -> list[int]:
        """Every node that some targets are made of, in the order of evaluation."""
        found: set[int] = set()
        waiting = list(targets)
        while waiting:
            part = waiting.pop()
            if part not in found:
                found.add(part)
                waiting += self.parts(self.nodes[part])
        return sorted(found)

    def fixed(self, targets: Iterable[int]) -> list[int]:
        """The nodes that no state changes and that moving ones, or the targets themselves, read: one row each."""
        targets = list(targets)
        read = {target for target in targets if not self._moving[target]}
        for number in self.needed(targets):
            if self._moving[number]:
                read |= {part for part in self.parts(self.nodes[number]) if not self._moving[part]}
        return sorted(part for part in read if self.nodes[part].kind != "number")

    def evaluate(
        self, targets: Sequence[int], parameters: Floats, states: Floats | None = None, time: Floats | float = 0.0
    ) -> Floats:
        """Values of some nodes for every subject.

        parameters : (rows, subjects)
        states     : (states, subjects); not needed for what does not move
        time       : (subjects) or one, h
        returns    : (targets, subjects)
        """
        values: dict[int, Any] = {}
        subjects = parameters.shape[1]
        with np.errstate(all="ignore"):
            for number in self.needed(targets):
                node = self.nodes[number]
                if node.kind == "number":
                    values[number] = np.float64(node.first)
                elif node.kind == "parameter":
                    values[number] = parameters[int(node.first)]
                elif node.kind == "state":
                    assert states is not None
                    values[number] = states[int(node.first)]
                elif node.kind == "time":
                    values[number] = np.asarray(time, float)
                elif node.kind in _OF_ONE:
                    values[number] = _OF_ONE[node.kind](values[int(node.first)])
                else:
                    values[number] = _OF_TWO[node.kind](values[int(node.first)], values[node.second])
        table = np.empty((len(targets), subjects))
        for row, target in enumerate(targets):
            table[row] = values[target]
        return table


def _power(base: Floats, exponent: Floats) -> Floats:
    return np.power(np.maximum(base, 0.0), exponent)


def _tame_power(base: Floats, exponent: Floats) -> Floats:
    return np.where(base > 0.0, np.power(np.maximum(base, math.ulp(0.0)), exponent), 0.0)


_OF_ONE: dict[str, Callable[[Any], Any]] = {
    "negative": np.negative,
    "reciprocal": lambda a: 1.0 / np.asarray(a, float),
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "step": lambda a: np.where(np.asarray(a) >= 0.0, 1.0, 0.0),
}
_OF_TWO: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
    "power": _power,
    "tame power": _tame_power,
}
