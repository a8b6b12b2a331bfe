"""Systems that take steps, for the tests of the stepping kernels: networks as equations, events, one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from kernel_runs import HOUR, Rates, events_of
from naive import Given, Network
from numpy.typing import ArrayLike, NDArray

from pkpd.kernels import adaptive
from pkpd.kernels.adaptive import Answer, Exactness
from pkpd.kernels.blocks import Equations
from pkpd.kernels.events import Events, stopped
from pkpd.kernels.tape import Tape

Floats = NDArray[np.float64]


def run(
    equations: Equations,
    parameters: Floats,
    schedule: Events | Sequence[Events],
    times: int,
    *,
    relative: float = 1e-9,
    absolute: float = 1e-12,
    steps: int = 100_000,
    method: str | None = None,
    threads: int = 1,
    threshold: Floats | None = None,
) -> Answer:
    """`adaptive.solve`, with values that no later call overwrites."""
    given = [schedule] if isinstance(schedule, Events) else schedule
    exactness = Exactness(relative, np.full(len(equations.slopes), absolute), steps)
    return adaptive.solve(
        equations, parameters, given, times, exactness, method=method, threads=threads, threshold=threshold
    )


def network_equations(
    network: Network, dosed: Sequence[str], outputs: Sequence[Mapping[str, str]] | None = None
) -> tuple[Equations, tuple[str, ...]]:
    """A network as equations, and the names of the rows of its parameters.

    outputs : per output, state -> name of its weight, "" for 1; every state's amount unless given
    """
    tape = Tape()
    names: dict[str, int] = {}
    states = [tape.state(place) for place in range(len(network.states))]

    def rate(name: str) -> int:
        return tape.parameter(names.setdefault(name, len(names))) if name else tape.number(1.0)

    slopes = [tape.number(0.0)] * len(states)
    for (row, column), parts in network.entries().items():
        for sign, name in parts:
            term = tape.multiply(rate(name), states[column])
            slopes[row] = tape.add(slopes[row], term) if sign > 0 else tape.subtract(slopes[row], term)
    read = []
    for output in outputs if outputs is not None else [{state: ""} for state in network.states]:
        node = tape.number(0.0)
        for state, name in output.items():
            node = tape.add(node, tape.multiply(rate(name), states[network.states.index(state)]))
        read.append(node)
    nothing = tuple(tape.number(0.0) for _ in states)
    inputs = tuple(network.states.index(state) for state in dosed)
    return Equations(tape, tuple(slopes), tuple(read), nothing, inputs), tuple(names)


def run_network(
    network: Network,
    rates: Rates,
    doses: Sequence[Given],
    hours: ArrayLike,
    *,
    outputs: Sequence[Mapping[str, str]] | None = None,
    before: bool = False,
    threshold: Sequence[float] | None = None,
    method: str | None = None,
    relative: float = 1e-9,
) -> Floats:
    """Outputs, (outputs, times, subjects), or (outputs, 4, subjects) up to the only time, which then is an event."""
    dosed = tuple(dict.fromkeys(dose.state for dose in doses))
    equations, names = network_equations(network, dosed, outputs)
    subjects = max(np.size(value) for value in rates.values())
    table = np.array([np.broadcast_to(np.asarray(rates[name], float), subjects) for name in names])
    events = events_of(doses, dosed, hours, range(subjects), before=before)
    if threshold is not None:
        (end,) = np.atleast_1d(np.asarray(hours, float))
        events = stopped(events, round(end * HOUR))
    limits = None if threshold is None else np.asarray(threshold, float)
    return run(
        equations, table, events, np.size(hours), threshold=limits, method=method, relative=relative
    ).values.copy()
