"""Steady states of any model: exact for a linear one, else the amounts that one more interval gives back.

What one interval makes of the amounts at its start is a map; Newton's method finds the point it leaves where it is,
with slopes from differences. The doses lead there only if the map draws nearer, which its slopes tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd.actions import ADD, OFF, REPLACE
from pkpd.dosing.timeline import Repeated
from pkpd.individuals import Individuals
from pkpd.model.expressions import Expression
from pkpd.model.model import Output
from pkpd.model.program import TIME, Program, compiled
from pkpd.solving import Tolerance, Values, solve, system
from pkpd.times import TICKS_PER_HOUR

if TYPE_CHECKING:
    from pkpd.kernels.steady import Pulse

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_EXACT = Tolerance(relative=1e-10)
_FIRST = 4  # intervals gone through before Newton's first step
_MOST = 40  # steps of Newton's
_STEP = 1e-4  # for slopes, of a state's size
_NEAR = 1e-8  # last step of Newton's, of a state's size
_PLATEAU = 24 * TICKS_PER_HOUR  # any interval does for what never changes

_GATHERS = (
    "the doses have no steady state, because drug gathers for ever somewhere. Give every state they reach a loss that "
    "keeps up with them; an area belongs in an output."
)


def values_of(people: Individuals, columns: Integers) -> Values:
    """The parameters of some columns, (subjects) or (regimes, subjects), as `solve` takes them."""
    chosen = people.only(columns.reshape(-1))
    entries = chosen.system_values()
    matrices = np.ascontiguousarray(np.moveaxis(entries.reshape(-1, *columns.shape), 0, columns.ndim - 1))

    def named(name: str) -> Any:
        value = np.asarray(chosen.named(name))
        return value if value.ndim == 0 else value.reshape(columns.shape)

    return Values(matrices, named)


def steady_state(
    people: Individuals, columns: Integers, wanted: Repeated, amounts: Floats, threads: int = 1
) -> tuple[Floats, dict[int, str]]:
    """The amounts in every state just before a cycle begins that has been repeated for ever.

    columns : (subjects) where each finds its parameters among `people`
    wanted  : the doses of the cycle
    amounts : (rows, subjects) mg and mg/h, of the doses
    returns : (states, subjects) canonical units, and subject -> why it has none; amounts are 0 there
    """
    from pkpd.kernels.steady import Pulse, periodic

    cycle = [Pulse(*pulse) for pulse in wanted.pulses]
    program = people.program
    if program.is_linear:
        whole = system(program, (), program.outputs)
        off = tuple({*wanted.off, *_idle(program)})
        found, exists = periodic(whole, values_of(people, columns).matrices, cycle, wanted.interval, amounts, off)
        return found, dict.fromkeys(np.flatnonzero(~exists).tolist(), _GATHERS)
    everybody = range(len(columns))
    nothing = np.zeros((len(program.states), len(columns)))
    if wanted.superposed:
        why = f"row {wanted.row}, SS: 2 adds up, which only amounts of a linear model may. Use SS 1."
        return nothing, dict.fromkeys(everybody, why)
    if any(TIME in state.equation.names for state in program.model.states.values()):
        why = f"row {wanted.row}, SS: an equation reads t, so that nothing stays the same. Write the doses out."
        return nothing, dict.fromkeys(everybody, why)
    return _Cycle(people, columns, cycle, wanted, amounts, threads).found()


def _idle(program: Program) -> list[int]:
    """States that no output depends on."""
    needed = {state for output in program.weights for state, _ in output}
    while more := {q for p, q, _ in program.entries if p in needed} - needed:
        needed |= more
    return [state for state in range(len(program.states)) if state not in needed]


@lru_cache(maxsize=32)
def _telling(program: Program) -> tuple[Program, tuple[str, ...]]:
    """The program with every state of the model among its outputs, and the names of these, effect sites last."""
    model = program.model
    names = {state: f"state {state}" for state in model.states}
    told = {
        name: Output(name, Expression.read(state), model.states[state].unit, model.states[state].dimension)
        for state, name in names.items()
    }
    return compiled(replace(model, outputs={**model.outputs, **told})), (
        *names.values(),
        *(site.name for site in program.sites),
    )


def _unread(program: Program) -> list[int]:
    """States that nothing reported depends on, such as an area, which never comes to rest."""
    states = program.model.states
    read = {name for output in program.model.outputs.values() for name in output.expression.names if name in states}
    while more := {one for name in read for one in states[name].equation.names if one in states} - read:
        read |= more
    return [number for number, name in enumerate(states) if name not in read]


class _Cycle:
    """One interval as a map of the amounts at its start."""

    def __init__(
        self,
        people: Individuals,
        columns: Integers,
        cycle: Sequence[Pulse],
        wanted: Repeated,
        amounts: Floats,
        threads: int,
    ) -> None:
        self.program, self.names = _telling(people.program)
        self.unread = _unread(people.program)
        self.people = replace(people, program=self.program, model=self.program.model)
        self.columns, self.cycle, self.amounts, self.threads = columns, cycle, amounts, threads
        self.off = wanted.off
        self.interval = wanted.interval or _PLATEAU
        if not wanted.interval:
            self.cycle = [pulse._replace(duration=self.interval) for pulse in cycle]

    def passed(self, at_start: Floats | None, subjects: Integers) -> tuple[Floats, Mapping[int, str]]:
        """The amounts one interval later, (states, subjects).

        at_start : (states, subjects); the starting values of the model unless given
        subjects : which of the subjects each column is
        """
        from pkpd.kernels.events import Events
        from pkpd.kernels.steady import at_once, breaks_of

        states = len(self.names)
        breaks = breaks_of(self.cycle, self.interval)
        rows = [] if at_start is None else list(at_start)
        actions = [(0, REPLACE, state, state) for state in range(len(rows))]
        actions += [(0, OFF, state, 0) for state in self.off]
        rate = np.full((len(breaks), states), -1, np.int64)
        for s, begin in enumerate(breaks):
            running: dict[int, Floats] = {}
            for pulse in self.cycle:
                amount = self.amounts[pulse.row, subjects]
                if pulse.duration == 0 and pulse.offset == begin:
                    actions.append((s, ADD, pulse.state, len(rows)))
                    rows.append(amount)
                elif pulse.duration and (times := at_once(pulse, begin, self.interval)):
                    running[pulse.state] = running.get(pulse.state, np.zeros(len(subjects))) + times * amount
            for state, amount in running.items():
                rate[s, state] = len(rows)
                rows.append(amount)
        events = Events(
            breaks=np.array(breaks, np.int64),
            rate=rate,
            actions=np.array(actions, np.int64).reshape(-1, 4),
            amounts=np.array(rows) if rows else np.zeros((1, len(subjects))),
            times=np.array([self.interval], np.int64),
            before=True,
            subjects=np.arange(len(subjects)),
        )
        solved = solve(
            self.program,
            tuple(range(states)),
            values_of(self.people, self.columns[subjects]),
            [events],
            1,
            len(subjects),
            outputs=self.names,
            tolerance=_EXACT,
            threads=self.threads,
        )
        return solved.values[:, 0], solved.failures

    def found(self) -> tuple[Floats, dict[int, str]]:
        """What the interval leaves where it is, (states, subjects), and why some have nothing of the kind."""
        states, count = len(self.names), len(self.columns)
        everybody = np.arange(count)
        amounts, failures = self.passed(None, everybody)
        reasons = dict(failures)
        for _ in range(_FIRST):
            amounts, failures = self.passed(np.nan_to_num(amounts), everybody)
            reasons |= failures
        amounts = np.nan_to_num(amounts)
        amounts[self.unread] = 0.0
        left = np.array([one for one in everybody if one not in reasons], np.int64)
        for _ in range(_MOST):
            if not len(left):
                break
            here = amounts[:, left]
            size = np.maximum(np.abs(here), 1e-9 * np.abs(here).max(axis=0, initial=1e-300))
            change, slopes, failures = self._slopes(here, size, left)
            change[self.unread] = slopes[:, self.unread] = slopes[:, :, self.unread] = 0.0
            step = np.linalg.solve(np.eye(states) - slopes, change.T[:, :, None])[:, :, 0].T
            ended = here + change
            moved = here + step
            amounts[:, left] = np.where((ended >= 0) & (moved < 0.1 * ended), 0.1 * ended, moved)
            near = (np.abs(step) <= _NEAR * size).all(axis=0)
            draws = np.abs(np.linalg.eigvals(slopes)).max(axis=1) < 1.0
            bad = ~np.isfinite(step).all(axis=0) | (near & ~draws)
            for position, one in enumerate(left.tolist()):
                if position in failures or bad[position]:
                    reasons[one] = failures.get(position, _GATHERS)
            left = left[~near & ~bad & ~np.isin(np.arange(len(left)), list(failures))]
        reasons |= dict.fromkeys(left.tolist(), _GATHERS)
        amounts[:, sorted(reasons)] = 0.0
        return amounts, reasons

    def _slopes(self, here: Floats, size: Floats, subjects: Integers) -> tuple[Floats, Floats, dict[int, str]]:
        """What an interval adds to the amounts, its slopes (subjects, states, states), and who could not be solved."""
        states, count = here.shape
        at_start = np.tile(here, states + 1)
        for state in range(states):
            at_start[state, (state + 1) * count : (state + 2) * count] += _STEP * size[state]
        passed, failures = self.passed(at_start, np.tile(subjects, states + 1))
        ends = np.moveaxis(np.nan_to_num(passed).reshape(states, states + 1, count), 1, 0)
        slopes = np.moveaxis((ends[1:] - ends[0]) / (_STEP * size)[:, None, :], 2, 0).swapaxes(1, 2)
        return ends[0] - here, slopes, {position % count: why for position, why in failures.items()}
