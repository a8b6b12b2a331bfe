"""The obvious simulator, to compare the real one with: matrices from plain dicts, doses added up one by one.

Shares no code with the package. Times in h, amounts in mg.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

Floats = NDArray[np.float64]
Flows = Mapping[tuple[str, str], str]


class Given(NamedTuple):
    """One dose: an amount into a state, at once (duration 0) or evenly."""

    state: str
    start: float
    duration: float
    amount: float


class Network(NamedTuple):
    """States and what passes between them; every rate constant (1/h) by name.

    flows  : (from, to) -> name of a rate; what leaves; to "" is out of the body
    copies : (from, to) -> name of a rate; what arrives without leaving anywhere (effect sites, areas)
    """

    states: tuple[str, ...]
    flows: Flows
    copies: Flows = {}

    def entries(self) -> dict[tuple[int, int], list[tuple[float, str]]]:
        """(row, column) of K -> the rates it is made of, each with its sign."""
        at = self.states.index
        found: dict[tuple[int, int], list[tuple[float, str]]] = {}
        for (source, to), rate in self.flows.items():
            found.setdefault((at(source), at(source)), []).append((-1.0, rate))
            if to:
                found.setdefault((at(to), at(source)), []).append((1.0, rate))
        for (source, to), rate in self.copies.items():
            found.setdefault((at(to), at(source)), []).append((1.0, rate))
        return found

    def matrix(self, rates: Mapping[str, float]) -> Floats:
        """K of x' = K x."""
        made = np.zeros((len(self.states), len(self.states)))
        for place, parts in self.entries().items():
            made[place] = math.fsum(sign * rates[name] for sign, name in parts)
        return made


def expm(matrix: Floats) -> NDArray[np.longdouble]:
    """exp of a matrix in extended precision: Taylor series of the matrix over 2^s, squared s times."""
    wide = np.asarray(matrix, np.longdouble)
    norm = float(np.abs(wide).sum(axis=0).max())
    halvings = max(0, math.ceil(math.log2(norm / 0.25))) if norm > 0 else 0
    small = wide / np.longdouble(2) ** halvings
    total = term = np.eye(len(wide), dtype=np.longdouble)
    for n in range(1, 24):
        term = term @ small / n
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return total


def response(matrix: Floats, state: int, dose: Given, hours: float, before: bool = False) -> Floats:
    """Amounts in all states `hours` after time 0, from one dose."""
    since = hours - dose.start
    size = len(matrix)
    if since < 0 or (before and since == 0):
        return np.zeros(size)
    if dose.duration == 0:
        return np.asarray(expm(matrix * since)[:, state] * dose.amount, float)
    running = np.zeros((size + 1, size + 1))
    running[:size, :size] = matrix
    running[state, size] = dose.amount / dose.duration
    filled = expm(running * min(since, dose.duration))[:size, size]
    return np.asarray(expm(matrix * max(0.0, since - dose.duration)) @ filled, float)


def amounts(
    network: Network, rates: Mapping[str, float], doses: Sequence[Given], hours: ArrayLike, before: bool = False
) -> Floats:
    """Amounts, (states, times): the sum of what each dose gives alone.

    before : at the very time of a bolus, the value before it
    """
    matrix = network.matrix(rates)
    columns = [
        np.sum([response(matrix, network.states.index(dose.state), dose, t, before) for dose in doses], axis=0)
        for t in np.asarray(hours, float)
    ]
    return np.stack(columns, axis=1)


def integrated(network: Network, rates: Mapping[str, float], doses: Sequence[Given], hours: Sequence[float]) -> Floats:
    """Amounts, (states, times), by an implicit Runge-Kutta integrator, restarted at every dose."""
    matrix = network.matrix(rates)
    breaks = sorted({0.0, *hours, *(d.start for d in doses), *(d.start + d.duration for d in doses)})
    state = np.zeros(len(matrix))
    found: dict[float, Floats] = {}
    for begin, end in zip(breaks, [*breaks[1:], breaks[-1]], strict=True):
        entering = np.zeros(len(matrix))
        for dose in doses:
            place = network.states.index(dose.state)
            if dose.duration == 0 and dose.start == begin:
                state[place] += dose.amount
            elif dose.start <= begin < dose.start + dose.duration:
                entering[place] += dose.amount / dose.duration
        found[begin] = state.copy()
        if end > begin:

            def slope(_: float, x: Floats, entering: Floats = entering) -> Floats:
                return matrix @ x + entering

            state = solve_ivp(slope, (begin, end), state, method="Radau", jac=matrix, rtol=1e-10, atol=1e-12).y[:, -1]
    return np.stack([found[t] for t in hours], axis=1)


class Action(NamedTuple):
    """Something done to amounts at one time: add, replace, multiply, reset, off or on."""

    time: float
    kind: str
    state: int = 0
    value: float = 0.0


class Running(NamedTuple):
    """A constant input into a state."""

    begin: float
    end: float
    state: int
    rate: float


def events(
    rhs: Callable[[float, Floats], ArrayLike],
    start: ArrayLike,
    actions: Sequence[Action],
    rates: Sequence[Running],
    times: Sequence[float],
    before: bool = False,
) -> Floats:
    """Amounts, (states, times), of any system under events, by an integrator restarted at every one of them.

    rhs     : (t, x) -> dx/dt without inputs
    start   : amounts at the first time of all, and after a reset
    actions : those of one time in the order they happen; a state that is off holds nothing and takes nothing up
    rates   : a reset does not stop them
    times   : read after all that happens at them, or `before` it
    """
    initial = np.array(start, float)
    breaks = sorted({*times, *(a.time for a in actions), *(r.begin for r in rates), *(r.end for r in rates)})
    state, off = initial.copy(), np.zeros(len(initial), bool)
    found: dict[float, Floats] = {}
    for begin, end in zip(breaks, [*breaks[1:], breaks[-1]], strict=True):
        if before:
            found[begin] = state.copy()
        for action in actions:
            if action.time != begin:
                continue
            if action.kind == "reset":
                state, off = initial.copy(), np.zeros(len(initial), bool)
            elif action.kind in ("off", "on"):
                off[action.state] = action.kind == "off"
            elif action.kind == "add":
                state[action.state] += action.value
            elif action.kind == "replace":
                state[action.state] = action.value
            else:
                assert action.kind == "multiply"
                state[action.state] *= action.value
            state[off] = 0.0
        if not before:
            found[begin] = state.copy()
        entering = np.zeros(len(state))
        for running in rates:
            if running.begin <= begin < running.end:
                entering[running.state] += running.rate
        if end > begin:

            def slope(t: float, x: Floats, entering: Floats = entering, off: Floats = off) -> Floats:
                return np.where(off, 0.0, np.asarray(rhs(t, x)) + entering)

            state = solve_ivp(slope, (begin, end), state, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    return np.stack([found[t] for t in times], axis=1)


def decay(amount: float, rate: float, hours: ArrayLike) -> Floats:
    """One compartment after a bolus."""
    return amount * np.exp(-rate * np.asarray(hours, float))


def filling(amount: float, duration: float, rate: float, hours: ArrayLike) -> Floats:
    """One compartment during and after an infusion that begins at 0."""
    t = np.asarray(hours, float)
    during = -np.expm1(-rate * np.minimum(t, duration)) * amount / duration / rate
    return np.asarray(during * np.exp(-rate * np.maximum(t - duration, 0.0)))


def bateman(amount: float, ka: float, ke: float, hours: ArrayLike) -> Floats:
    """One compartment fed by a depot that gets the whole dose at 0."""
    t = np.asarray(hours, float)
    if ka == ke:
        return np.asarray(amount * ka * t * np.exp(-ka * t))
    return np.asarray(amount * ka / (ka - ke) * (np.exp(-ke * t) - np.exp(-ka * t)))


def chain(amount: float, rate: float, place: int, hours: ArrayLike) -> Floats:
    """State number `place` (0 the dosed one) of a row of states with one rate, after a bolus into the first."""
    t = np.asarray(hours, float)
    return np.asarray(amount * (rate * t) ** place / math.factorial(place) * np.exp(-rate * t))


def bisect(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function passes 0 between two places where it has different signs."""
    below = function(low) < 0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if (function(middle) < 0) == below else (low, middle)
    return (low + high) / 2


def mammillary(peripherals: int) -> Network:
    """Central compartment with some peripheral ones; rates k10, k12, k21, k13, k31, ..."""
    names = ("central", *(f"peripheral{n}" for n in range(1, peripherals + 1)))
    flows = {("central", ""): "k10"}
    for n, name in enumerate(names[1:], start=2):
        flows |= {("central", name): f"k1{n}", (name, "central"): f"k{n}1"}
    return Network(names, flows)
