"""A system of equations as machine code that serves WIDE subjects at a time.

Every function reads and writes rows of WIDE numbers: the states with the time as a last row, and a subject's fixed
values. The Newton matrix W = s I - J is factorised without exchanging rows, in an order that keeps it sparse: at every
place the state is eliminated first that brings in the fewest new entries (Markowitz, Manage Sci 1957;3:255-269). A
pivot that is too small spoils the step, whose error then makes the step shorter, and s with it larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from llvmlite import ir

from pkpd.kernels.lanes import WIDE, call_intrinsic, constant, emit_exp, emit_log, emit_sine, vector_type
from pkpd.kernels.machine import Machine
from pkpd.kernels.tape import Tape

_DOUBLE = ir.DoubleType()
_VECTOR = vector_type(WIDE)
_ROW = _VECTOR.as_pointer()
_FLAGS = ("contract",)
NAMES = ("slope", "factorise", "solve", "drift", "read")


class Equations(NamedTuple):
    """x' = f(x, t) and what is read off: nodes of one tape."""

    tape: Tape
    slopes: tuple[int, ...]  # (states) node of each f, without the inputs
    outputs: tuple[int, ...]  # node of each output
    initial: tuple[int, ...]  # (states) node of each state at the start and after a reset
    inputs: tuple[int, ...]  # dosed states
    corners: tuple[int, ...] = ()  # nodes, straight lines in time, at whose change of sign the equations jump
    amounts: tuple[int, ...] = ()  # states that cannot fall below 0


class Blocks(NamedTuple):
    """Equations ready to be integrated.

    slope(x, p, f)          : f(x, t) with the inputs, whose rates are the last rows of p
    factorise(x, p, w)      : the factors of s I - J from s in the first row of w, in place
    solve(w, f, b)          : W^-1 (f + b) in place of b
    drift(x, p, f)          : df/dt at constant x
    read(x, p, out)         : the outputs
    """

    machine: Machine
    states: int
    fixed: tuple[int, ...]  # nodes whose values are the rows of p
    factors: int  # rows of w
    drifts: bool  # whether the time stands in f
    watched: tuple[int, ...]  # states the outputs read

    def address(self, name: str) -> int:
        """Where a function begins."""
        return int(self.machine.address[name])


@lru_cache(maxsize=64)
def build(equations: Equations) -> Blocks:
    """The functions of a system, compiled or found on disk."""
    tape, slopes, outputs, inputs = equations.tape, equations.slopes, equations.outputs, equations.inputs
    states = len(slopes)
    entries = jacobian(tape, slopes)
    time = tape.time()
    drift = [tape.slope(node, time) for node in slopes]
    moving = [*slopes, *outputs, *entries.values(), *drift]
    fixed = tuple(tape.fixed(moving))
    row = {node: number for number, node in enumerate(fixed)}
    module = ir.Module("blocks")
    _formulas(module, "slope", tape, row, states, slopes, inputs)
    _formulas(module, "drift", tape, row, states, drift)
    _formulas(module, "read", tape, row, states, outputs)
    plan = elimination(states, list(entries))
    _factorise(module, tape, row, entries, plan)
    _solve(module, plan)
    text = str(module)
    watched = sorted({int(tape.nodes[node].first) for node in tape.needed(outputs) if tape.nodes[node].kind == "state"})
    drifts = any(tape.value(node) != 0 for node in drift)
    return Blocks(_loaded(text), states, fixed, plan.size, drifts, tuple(watched))


@lru_cache(maxsize=256)
def _loaded(text: str) -> Machine:
    return Machine(text, NAMES)


def jacobian(tape: Tape, slopes: Sequence[int]) -> dict[tuple[int, int], int]:
    """The entries of J that are not 0: (row, column) -> node."""
    found = {}
    for p, node in enumerate(slopes):
        read = {int(tape.nodes[part].first) for part in tape.needed([node]) if tape.nodes[part].kind == "state"}
        for q in sorted(read):
            entry = tape.slope(node, tape.state(q))
            if tape.value(entry) != 0:
                found[p, q] = entry
    return found


class Elimination(NamedTuple):
    """The order of Gauss's elimination and where each factor is kept.

    order : states, first eliminated first
    place : (row, column) -> row of w; on the diagonal the reciprocal of the pivot, right of it (in the order of
            elimination) U, left of it L
    """

    order: tuple[int, ...]
    place: dict[tuple[int, int], int]

    @property
    def size(self) -> int:
        """Rows of w; at least one, which brings s."""
        return max(1, len(self.place))


def elimination(states: int, entries: Sequence[tuple[int, int]]) -> Elimination:
    """The order that brings in the fewest new entries at each place, and the pattern it leaves."""
    pattern = {*entries, *((p, p) for p in range(states))}
    left = set(range(states))
    order = []
    while left:
        column = {q: [p for p in left if p != q and (p, q) in pattern] for q in left}
        row = {p: [q for q in left if q != p and (p, q) in pattern] for p in left}
        pivot = min(left, key=lambda p: (len(row[p]) * len(column[p]), p))
        pattern |= {(p, q) for p in column[pivot] for q in row[pivot]}
        order.append(pivot)
        left.remove(pivot)
    return Elimination(tuple(order), {entry: number for number, entry in enumerate(sorted(pattern))})


class _Function:
    """One function under construction, with its three addresses."""

    def __init__(self, module: ir.Module, name: str) -> None:
        kind = ir.FunctionType(ir.VoidType(), [_DOUBLE.as_pointer()] * 3)
        function = ir.Function(module, kind, name)
        self.builder = ir.IRBuilder(function.append_basic_block())
        self._rows = [self.builder.bitcast(argument, _ROW) for argument in function.args]

    def load(self, argument: int, row: int) -> Any:
        where = self.builder.gep(self._rows[argument], [ir.Constant(ir.IntType(64), row)])
        return self.builder.load(where, align=8, typ=_VECTOR)

    def store(self, argument: int, row: int, value: Any) -> None:
        where = self.builder.gep(self._rows[argument], [ir.Constant(ir.IntType(64), row)])
        self.builder.store(value, where, align=8)

    def multiply(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=_FLAGS)

    def less(self, a: Any, b: Any, c: Any) -> Any:
        """a - b c."""
        return self.builder.fsub(a, self.builder.fmul(b, c, flags=_FLAGS), flags=_FLAGS)


def number(value: float) -> ir.Constant:
    """The same number in every lane."""
    return constant(value, WIDE)


class _Writer:
    """Writes the nodes of a tape as instructions, each once, just before it is first read."""

    def __init__(self, function: _Function, tape: Tape, row: dict[int, int], states: int) -> None:
        self._function, self._tape, self._row, self._states = function, tape, row, states
        self._written: dict[int, Any] = {}

    def write(self, target: int) -> Any:
        """The value of a node."""
        waiting = [target]
        while waiting:
            node = waiting[-1]
            if node in self._written:
                waiting.pop()
                continue
            parts = () if node in self._row else self._tape.parts(self._tape.nodes[node])
            missing = [part for part in parts if part not in self._written]
            if missing:
                waiting += missing
            else:
                self._written[node] = self._instruction(node)
                waiting.pop()
        return self._written[target]

    def _instruction(self, number_of: int) -> Any:
        node, function, builder = self._tape.nodes[number_of], self._function, self._function.builder
        if number_of in self._row:
            return function.load(1, self._row[number_of])
        if node.kind == "number":
            return number(node.first)
        if node.kind == "state":
            return function.load(0, int(node.first))
        if node.kind == "time":
            return function.load(0, self._states)
        a, *rest = (self._written[part] for part in self._tape.parts(node))
        if node.kind == "negative":
            return builder.fneg(a)
        if node.kind == "reciprocal":
            return builder.fdiv(number(1.0), a)
        if node.kind == "step":
            return builder.select(builder.fcmp_ordered(">=", a, number(0.0)), number(1.0), number(0.0))
        if node.kind == "exp":
            return emit_exp(builder, a)
        if node.kind == "log":
            return emit_log(builder, a)
        if node.kind == "sqrt":
            return call_intrinsic(builder, "sqrt", a)
        if node.kind in ("sin", "cos"):
            return emit_sine(builder, a, quarters=1 if node.kind == "cos" else 0)
        b = rest[0]
        if node.kind in ("min", "max"):
            other = builder.select(builder.fcmp_unordered("uno", a, b), builder.fadd(a, b), b)  # a NaN stays
            return builder.select(builder.fcmp_ordered("<" if node.kind == "min" else ">", a, b), a, other)
        if node.kind in ("power", "tame power"):
            return _power(builder, a, b, tame=node.kind == "tame power")
        emit = {"add": builder.fadd, "subtract": builder.fsub, "multiply": builder.fmul}[node.kind]
        return emit(a, b, flags=_FLAGS)


def _power(builder: Any, base: Any, exponent: Any, tame: bool) -> Any:
    """exp(exponent log base); a base not above 0 counts as 0, to any power if tame."""
    raised = emit_exp(builder, builder.fmul(exponent, emit_log(builder, base)))
    of_zero = number(0.0)
    if not tame:
        rising = builder.select(builder.fcmp_ordered("==", exponent, number(0.0)), number(1.0), number(float("inf")))
        of_zero = builder.select(builder.fcmp_ordered(">", exponent, number(0.0)), number(0.0), rising)
    return builder.select(builder.fcmp_unordered(">", base, number(0.0)), raised, of_zero)


def _formulas(
    module: ir.Module,
    name: str,
    tape: Tape,
    row: dict[int, int],
    states: int,
    targets: Sequence[int],
    inputs: Sequence[int] = (),
) -> None:
    function = _Function(module, name)
    writer = _Writer(function, tape, row, states)
    for place, target in enumerate(targets):
        value = writer.write(target)
        for number_of, state in enumerate(inputs):
            if state == place:
                value = function.builder.fadd(value, function.load(1, len(row) + number_of))
        function.store(2, place, value)
    function.builder.ret_void()


def _factorise(
    module: ir.Module, tape: Tape, row: dict[int, int], entries: dict[tuple[int, int], int], plan: Elimination
) -> None:
    function = _Function(module, "factorise")
    builder = function.builder
    writer = _Writer(function, tape, row, len(plan.order))
    scale = function.load(2, 0)
    value: dict[tuple[int, int], Any] = {}
    for p, q in plan.place:
        entry = writer.write(entries[p, q]) if (p, q) in entries else number(0.0)
        value[p, q] = builder.fsub(scale, entry) if p == q else builder.fneg(entry)
    for at, pivot in enumerate(plan.order):
        later = plan.order[at + 1 :]
        value[pivot, pivot] = builder.fdiv(number(1.0), value[pivot, pivot])
        for p in later:
            if (p, pivot) not in plan.place:
                continue
            value[p, pivot] = function.multiply(value[p, pivot], value[pivot, pivot])
            for q in later:
                if (pivot, q) in plan.place:
                    value[p, q] = function.less(value[p, q], value[p, pivot], value[pivot, q])
    for entry, place in plan.place.items():
        function.store(2, place, value[entry])
    builder.ret_void()


def _solve(module: ir.Module, plan: Elimination) -> None:
    function = _Function(module, "solve")
    value = {p: function.builder.fadd(function.load(1, p), function.load(2, p)) for p in plan.order}
    for at, pivot in enumerate(plan.order):
        for p in plan.order[at + 1 :]:
            if (p, pivot) in plan.place:
                value[p] = function.less(value[p], function.load(0, plan.place[p, pivot]), value[pivot])
    for at in range(len(plan.order) - 1, -1, -1):
        pivot = plan.order[at]
        for q in plan.order[at + 1 :]:
            if (pivot, q) in plan.place:
                value[pivot] = function.less(value[pivot], function.load(0, plan.place[pivot, q]), value[q])
        value[pivot] = function.multiply(value[pivot], function.load(0, plan.place[pivot, pivot]))
    for p in plan.order:
        function.store(2, p, value[p])
    function.builder.ret_void()
