"""The kernels run on the networks and doses of `naive`, for the tests of kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from naive import Given, Network
from numpy.typing import ArrayLike, NDArray

from pkpd.actions import ADD
from pkpd.kernels import batch
from pkpd.kernels.events import TICKS_PER_HOUR, Events, System

Floats = NDArray[np.float64]
Rates = Mapping[str, ArrayLike]

HOUR = TICKS_PER_HOUR


def system_of(
    network: Network, rates: Rates, dosed: Sequence[str], outputs: Sequence[Mapping[str, str]] | None = None
) -> tuple[System, Floats]:
    """System and table of values, (rows, subjects).

    rates   : name -> one number or (subjects), for the network and the outputs
    outputs : per output, state -> name of its weight; every state's amount unless given
    """
    subjects = max(np.size(value) for value in rates.values())
    entries, rows, loss = [], [], {}
    for (row, column), parts in network.entries().items():
        entries.append((row, column, len(rows)))
        rows.append(np.broadcast_to(sum(sign * np.asarray(rates[name], float) for sign, name in parts), subjects))
        if row == column:
            loss[row] = "+".join(sorted(name for _, name in parts))
    weights = []
    for output in outputs if outputs is not None else [{state: ""} for state in network.states]:
        weights.append(tuple((network.states.index(state), len(rows) + n) for n, state in enumerate(output)))
        rows += [np.broadcast_to(np.asarray(rates.get(name, 1.0), float), subjects) for name in output.values()]
    keys = tuple(loss.get(number, "") for number in range(len(network.states)))
    inputs = tuple(network.states.index(state) for state in dosed)
    return System(len(network.states), tuple(entries), keys, inputs, tuple(weights)), np.array(rows)


def events_of(
    doses: Sequence[Given],
    dosed: Sequence[str],
    hours: ArrayLike,
    subjects: Sequence[int],
    sizes: ArrayLike = 1.0,
    before: bool = False,
) -> Events:
    """Events for subjects who share doses and times; `sizes` multiplies the doses, one number or (subjects)."""

    def tick(t: float) -> int:
        return round(t * HOUR)

    breaks = sorted({0, *(tick(d.start) for d in doses), *(tick(d.start + d.duration) for d in doses)})
    amounts: list[Floats] = []
    bolus = []
    rate = np.full((len(breaks), len(dosed)), -1)
    scale = np.broadcast_to(np.asarray(sizes, float), len(subjects))
    for dose in doses:
        if dose.duration == 0:
            bolus.append((breaks.index(tick(dose.start)), ADD, dosed.index(dose.state), len(amounts)))
            amounts.append(dose.amount * scale)
    for s, begin in enumerate(breaks):
        for u, state in enumerate(dosed):
            running = [
                d.amount / d.duration
                for d in doses
                if d.state == state and d.duration > 0 and tick(d.start) <= begin < tick(d.start + d.duration)
            ]
            if running:
                rate[s, u] = len(amounts)
                amounts.append(sum(running) * scale)
    return Events(
        np.array(breaks, np.int64),
        rate.astype(np.int64),
        np.array(bolus, np.int64).reshape(-1, 4),
        np.array(amounts) if amounts else np.zeros((1, len(subjects))),
        np.rint(np.asarray(hours, float) * HOUR).astype(np.int64),
        before,
        np.asarray(subjects, np.int64),
    )


def solve(
    network: Network,
    rates: Rates,
    doses: Sequence[Given],
    hours: ArrayLike,
    *,
    outputs: Sequence[Mapping[str, str]] | None = None,
    before: bool = False,
    threads: int = 1,
    sizes: ArrayLike = 1.0,
) -> Floats:
    """Outputs, (outputs, times, subjects), of subjects who share doses and times."""
    dosed = tuple(dict.fromkeys(dose.state for dose in doses))
    system, values = system_of(network, rates, dosed, outputs)
    events = events_of(doses, dosed, hours, range(values.shape[1]), sizes, before)
    return batch.solve(system, values, [events], np.size(hours), threads=threads)


def summarise(
    network: Network,
    rates: Rates,
    doses: Sequence[Given],
    end: float,
    threshold: Sequence[float],
    *,
    outputs: Sequence[Mapping[str, str]] | None = None,
    threads: int = 1,
) -> Floats:
    """Peak, its time, area and time above a threshold, (outputs, 4, subjects)."""
    dosed = tuple(dict.fromkeys(dose.state for dose in doses))
    system, values = system_of(network, rates, dosed, outputs)
    events = events_of(doses, dosed, [end], range(values.shape[1]))
    return batch.summarise(system, values, [events], round(end * HOUR), np.asarray(threshold, float), threads=threads)
