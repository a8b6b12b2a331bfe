"""The equations of a program on a tape: what the stepping kernels integrate, and which parameters they read."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from functools import lru_cache, reduce
from typing import NamedTuple

from pkpd.errors import SimulationError
from pkpd.kernels.blocks import Equations
from pkpd.kernels.tape import Tape
from pkpd.model.expressions import Expression
from pkpd.model.model import AMOUNT
from pkpd.model.program import TIME, Program, Site, Term


class Assembled(NamedTuple):
    """Equations and the names behind their numbers.

    states     : states that the outputs depend on, effect sites included
    parameters : names of the rows of parameters; an effect site's half-life goes by the site's name, a relative potency
                 by those of the drive and of what it weighs
    """

    equations: Equations
    states: tuple[str, ...]
    parameters: tuple[str, ...]


class _Reader:
    """Puts expressions on a tape; a name it does not know becomes a parameter."""

    def __init__(self, states: tuple[str, ...]) -> None:
        self.tape = Tape()
        self.parameters: dict[str, int] = {}
        self._states = {name: self.tape.state(number) for number, name in enumerate(states)}
        self._known: dict[int, int] = {}

    def name(self, name: str) -> int:
        """The node of a name."""
        if name == TIME:
            return self.tape.time()
        if name in self._states:
            return self._states[name]
        return self.tape.parameter(self.parameters.setdefault(name, len(self.parameters)))

    def read(self, expression: Expression) -> int:
        """The node of an expression."""
        return self._node(expression.node)

    def _node(self, node: ast.expr) -> int:
        if id(node) not in self._known:  # substitution shares parts, which are read once
            self._known[id(node)] = self._written(node)
        return self._known[id(node)]

    def _written(self, node: ast.expr) -> int:
        tape = self.tape
        if isinstance(node, ast.Name):
            return self.name(node.id)
        if isinstance(node, ast.Constant):
            assert isinstance(node.value, (int, float))
            return tape.number(float(node.value))
        if isinstance(node, ast.UnaryOp):
            return tape.negative(self._node(node.operand))
        if isinstance(node, ast.BinOp):
            left, right = self._node(node.left), self._node(node.right)
            if isinstance(node.op, ast.Add):
                return tape.add(left, right)
            if isinstance(node.op, ast.Sub):
                return tape.subtract(left, right)
            if isinstance(node.op, ast.Mult):
                return tape.multiply(left, right)
            return tape.divide(left, right) if isinstance(node.op, ast.Div) else tape.power(left, right)
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        first, *others = (self._node(argument) for argument in node.args)
        if not others:
            return tape.of_one(node.func.id, first)
        for other in others:
            first = tape.of_two(node.func.id, first, other)
        return first


@lru_cache(maxsize=128)
def assemble(program: Program, outputs: tuple[str, ...], inputs: tuple[str, ...]) -> Assembled:
    """The equations that some outputs depend on.

    outputs : names of the program
    inputs  : dosed states; those that no output depends on are left in, so that events need no change
    """
    sites = {site.name: site for site in program.sites}
    drives = {drive.name: drive for drive in program.drives}
    states = _needed(program, outputs, inputs, sites)
    reader = _Reader(states)
    tape = reader.tape

    def output(name: str) -> int:
        if name in drives:
            parts = [_weighed(tape, reader, output(term.output), name, term) for term in drives[name].terms]
            return reduce(tape.add, parts)
        return reader.name(name) if name in sites else reader.read(program.model.outputs[name].expression)

    slopes, initial = [], []
    for name in states:
        if name in sites:
            site = sites[name]
            rate = tape.divide(tape.number(math.log(2.0)), reader.name(f"half-life of {name}"))
            slopes.append(tape.multiply(rate, tape.subtract(output(site.analyte), reader.name(name))))
            initial.append(tape.number(0.0))
        else:
            state = program.model.states[name]
            slopes.append(reader.read(state.equation))
            initial.append(tape.number(0.0) if state.initial is None else reader.read(state.initial))
    read = tuple(output(name) for name in outputs)
    amounts = [name in program.model.states and program.model.states[name].dimension == AMOUNT for name in states]
    equations = Equations(
        tape,
        tuple(slopes),
        read,
        tuple(initial),
        tuple(states.index(name) for name in inputs),
        _corners(program, tape, slopes),
        tuple(number for number, amount in enumerate(amounts) if amount),
    )
    return Assembled(equations, states, tuple(reader.parameters))


def _corners(program: Program, tape: Tape, slopes: list[int]) -> tuple[int, ...]:
    """What changes sign where equations jump or bend with time: arguments of `step`, differences in `min` and `max`.

    One that reads a state has no time of its own; steps find it by their error.
    """
    found: dict[int, None] = {}
    for number in tape.needed(slopes):
        node = tape.nodes[number]
        if node.kind not in ("step", "min", "max"):
            continue
        line = int(node.first) if node.kind == "step" else tape.subtract(int(node.first), node.second)
        if any(tape.nodes[part].kind == "state" for part in tape.needed([line])) or not tape.moves(line):
            continue
        if tape.moves(tape.slope(line, tape.time())):
            if node.kind != "step":
                continue  # it only bends, which the error of a step shows
            raise SimulationError(
                f"model {program.model.id}: step of an expression in which t does not stand as in a + b t has "
                "jumps at times that cannot be told. Write each as a step of its own, such as step(t - t1)."
            )
        found[line] = None
    return tuple(found)


def _weighed(tape: Tape, reader: _Reader, level: int, drive: str, term: Term) -> int:
    """A part of a drive: the level times its relative potency."""
    if term.potency is None:
        return level
    return tape.multiply(reader.name(f"potency of {term.output} in {drive}"), level)


def _needed(
    program: Program, outputs: tuple[str, ...], inputs: tuple[str, ...], sites: Mapping[str, Site]
) -> tuple[str, ...]:
    """The states that outputs depend on, and the inputs, in the program's order."""
    model = program.model

    def read_by(name: str) -> frozenset[str]:
        if name in sites:
            return model.outputs[sites[name].analyte].expression.names
        return model.states[name].equation.names

    needed = set(inputs)
    parts = {drive.name: [term.output for term in drive.terms] for drive in program.drives}
    for name in [part for output in outputs for part in parts.get(output, [output])]:
        needed |= {name} if name in sites else model.outputs[name].expression.names & set(program.states)
    while more := {read for name in needed for read in read_by(name) if read in model.states} - needed:
        needed |= more
    return tuple(name for name in program.states if name in needed)
