"""Exact solution of linear compartment systems, eight subjects at a time.

Between two changes of input the state is a sum of t^d exp(-r t) (see `cascade`), so nothing is stepped: each segment's
coefficients follow from the state at its start. `expand` finds them; `terms` and `exposure` read values off them.

Source of the symmetric form of a mammillary system: Hearon, Bull Math Biophys 1953;15:121; of the eigenvalues: Jacobi's
rotations (Golub and Van Loan, Matrix Computations, 8.5).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.kernels.cached import kernel, part
from pkpd.kernels.cascade import LARGEST_GROUP, Cascade
from pkpd.kernels.lanes import LANES, absolute, fma, if_greater, if_less, load, splat, sqrt, store
from pkpd.kernels.memory import aligned
from pkpd.kernels.terms import raise_terms

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# A subject in whom terms cancel by more than this factor is solved by matrix exponential instead: the relative error
# is about 1e-16 times the factor.
LARGEST_CANCELLATION = 2e5
PROBES = 5
# The size of an output against which cancellation counts is what it reaches within a day of a dose.
WINDOW = 24.0


class Plan(NamedTuple):
    """What happens when, for subjects whose events and output times coincide. Times in h, after the segment's start."""

    duration: Integers  # (segments)       index into `durations` of each segment's length
    durations: Floats  # (distinct)
    rate: Integers  # (segments, inputs)  row of `amounts` that runs in as mg/h; -1 for none
    reset: Integers  # (segments)       1 where every amount is taken away before the boluses
    bolus: Integers  # (boluses, 2)     input, row of `amounts`
    bolus_start: Integers  # (segments + 1)
    shortest: Floats  # (1)              shortest infusion segment, h


class Workspace(NamedTuple):
    """Room for one block of lanes; every array holds LANES numbers an entry."""

    k: Floats  # rates of the scalar equations
    to_modal: Floats  # z = Q x, a row of LARGEST_GROUP an equation
    from_modal: Floats  # x = P z, a row of LARGEST_GROUP a state
    square: Floats  # the symmetric matrix of a group
    turn: Floats  # its eigenvectors
    coupling: Floats
    gain: Floats
    weight: Floats
    entry: Floats
    z: Floats
    power: Floats  # basis terms at one time
    trial: Floats  # output coefficients after a unit dose
    at_end: Floats  # basis terms at the end of each distinct duration
    total: Floats  # sum of the sizes of each output's terms while they are tried
    largest: Floats  # largest value of each output while terms are tried
    ones: Floats  # the rate of 1 mg/h in every lane
    trial_rate: Integers  # (inputs + 1, inputs)  one input at a time, then none


def workspace(cascade: Cascade, plan: Plan) -> Workspace:
    """Room for one block of this model under this plan."""
    n = len(cascade.diagonal)
    sizes = (
        n,
        n * LARGEST_GROUP,
        n * LARGEST_GROUP,
        LARGEST_GROUP**2,
        LARGEST_GROUP**2,
        int(cascade.couplings[0]),
        len(cascade.gain),
        int(cascade.weights[0]),
        len(cascade.entry_basis),
        n,
        len(cascade.basis),
        len(cascade.output_basis),
        len(cascade.basis) * len(plan.durations),
        len(cascade.output_start),
        len(cascade.output_start),
    )
    inputs = len(cascade.inputs)
    trial_rate = np.full((inputs + 1, max(1, inputs)), -1, np.int64)
    trial_rate[np.arange(inputs), np.arange(inputs)] = 0
    room = [aligned(max(1, size) * LANES) for size in sizes]
    return Workspace(*room, ones=np.ones(LANES), trial_rate=trial_rate)


@part
def rotate(square, turn, m, sweeps):
    """Eigenvalues (diagonal of `square`) and eigenvectors (columns of `turn`) of a symmetric m x m matrix in lanes.

    A fixed number of Jacobi sweeps, so that a lane never depends on how fast its neighbours converge.
    """
    for p in range(m):
        for q in range(m):
            store(turn, (p * m + q) * LANES, 1.0 if p == q else 0.0)
    for _ in range(sweeps):
        for p in range(m - 1):
            for q in range(p + 1, m):
                a = load(square, (p * m + q) * LANES)
                app, aqq = load(square, (p * m + p) * LANES), load(square, (q * m + q) * LANES)
                d = aqq - app
                root = sqrt(fma(d, d, 4.0 * a * a)) + 1e-300
                t = 2.0 * a / (d + if_less(d, 0.0, -root, root))
                c = 1.0 / sqrt(fma(t, t, 1.0))
                s = t * c
                store(square, (p * m + p) * LANES, fma(-t, a, app))
                store(square, (q * m + q) * LANES, fma(t, a, aqq))
                store(square, (p * m + q) * LANES, 0.0)
                for r in range(m):
                    if r != p and r != q:
                        rp = (min(r, p) * m + max(r, p)) * LANES
                        rq = (min(r, q) * m + max(r, q)) * LANES
                        x, y = load(square, rp), load(square, rq)
                        store(square, rp, c * x - s * y)
                        store(square, rq, s * x + c * y)
                for r in range(m):
                    x, y = load(turn, (r * m + p) * LANES), load(turn, (r * m + q) * LANES)
                    store(turn, (r * m + p) * LANES, c * x - s * y)
                    store(turn, (r * m + q) * LANES, s * x + c * y)


@part
def diagonalise(cascade, values, subjects, base, w):
    """Rates and eigenvectors of every group: x = P z, z = Q x."""
    for g in range(cascade.group_start.size - 1):
        first = cascade.group_start[g]
        m = cascade.group_start[g + 1] - first
        if m == 1:
            row = cascade.diagonal[first]
            store(w.k, first * LANES, splat(0.0) if row < 0 else -load(values, row * subjects + base))
            store(w.to_modal, first * LARGEST_GROUP * LANES, 1.0)
            store(w.from_modal, first * LARGEST_GROUP * LANES, 1.0)
            continue
        for p in range(m):
            for q in range(p + 1, m):
                store(w.square, (p * m + q) * LANES, 0.0)
            row = cascade.diagonal[first + p]
            store(w.square, (p * m + p) * LANES, splat(0.0) if row < 0 else -load(values, row * subjects + base))
        store(w.z, first * LANES, 1.0)  # z holds the scaling of the states until the segments begin
        for e in range(cascade.tree_start[g], cascade.tree_start[g + 1]):
            parent, child = cascade.tree[e, 0], cascade.tree[e, 1]
            forth = load(values, cascade.tree[e, 2] * subjects + base)
            back = load(values, cascade.tree[e, 3] * subjects + base)
            store(w.z, child * LANES, load(w.z, parent * LANES) * sqrt(forth / back))
            p, q = min(parent, child) - first, max(parent, child) - first
            store(w.square, (p * m + q) * LANES, -sqrt(forth * back))
        rotate(w.square, w.turn, m, 2 if m == 2 else 6 if m == 3 else 9)
        for i in range(m):
            store(w.k, (first + i) * LANES, load(w.square, (i * m + i) * LANES))
            for p in range(m):
                v, scale = load(w.turn, (p * m + i) * LANES), load(w.z, (first + p) * LANES)
                store(w.from_modal, ((first + p) * LARGEST_GROUP + i) * LANES, v * scale)
                store(w.to_modal, ((first + i) * LARGEST_GROUP + p) * LANES, v / scale)


@part
def prepare(cascade, values, group, subjects, base, w):
    """Couplings T, gains 1 / (k - r) and output weights of the scalar equations."""
    for t in range(cascade.couplings[0]):
        store(w.coupling, t * LANES, 0.0)
    for e in range(cascade.coupling.shape[0]):
        t, i, p, row, q, j = cascade.coupling[e]
        left = load(w.to_modal, (i * LARGEST_GROUP + p - cascade.group_start[group[i]]) * LANES)
        right = load(w.from_modal, (q * LARGEST_GROUP + j - cascade.group_start[group[j]]) * LANES)
        value = load(values, row * subjects + base)
        store(w.coupling, t * LANES, fma(left * value, right, load(w.coupling, t * LANES)))
    for e in range(cascade.gain.shape[0]):
        i, s = cascade.gain[e]
        rate = splat(0.0) if cascade.symbol_of[s] < 0 else load(w.k, cascade.symbol_of[s] * LANES)
        store(w.gain, e * LANES, 1.0 / (load(w.k, i * LANES) - rate))
    for e in range(cascade.weights[0]):
        store(w.weight, e * LANES, 0.0)
    for e in range(cascade.output_value.shape[0]):
        weight, i, p, row = cascade.output_value[e]
        vector = load(w.from_modal, (p * LARGEST_GROUP + i - cascade.group_start[group[i]]) * LANES)
        store(
            w.weight, weight * LANES, fma(vector, load(values, row * subjects + base), load(w.weight, weight * LANES))
        )


@part
def add_dose(cascade, group, u, amount, w):
    """Put an amount (mg, lanes) into the state of input u."""
    state = cascade.inputs[u]
    g = group[state]
    first = cascade.group_start[g]
    for i in range(first, cascade.group_start[g + 1]):
        column = load(w.to_modal, (i * LARGEST_GROUP + state - first) * LANES)
        store(w.z, i * LANES, fma(column, amount, load(w.z, i * LANES)))


@part
def coefficients(cascade, group, amounts, rate, segment, subjects, base, w):
    """Coefficient of every term of every equation, from the state at the start of a segment and its inputs."""
    for i in range(cascade.diagonal.size):
        for e in range(cascade.step_start[i], cascade.step_start[i + 1]):
            target, higher, gain = cascade.step[e, 0], cascade.step[e, 1], cascade.step[e, 2]
            forcing = splat(0.0)
            for f in range(cascade.force_start[e], cascade.force_start[e + 1]):
                forcing = fma(
                    load(w.coupling, cascade.force[f, 0] * LANES), load(w.entry, cascade.force[f, 1] * LANES), forcing
                )
            if cascade.step[e, 3] == 1:
                first = cascade.group_start[group[i]]
                for u in range(cascade.inputs.size):
                    if rate[segment, u] >= 0 and group[cascade.inputs[u]] == group[i]:
                        column = load(w.to_modal, (i * LARGEST_GROUP + cascade.inputs[u] - first) * LANES)
                        forcing = fma(column, load(amounts, rate[segment, u] * subjects + base), forcing)
            if higher >= 0:
                forcing = forcing - load(w.entry, higher * LANES)
            if gain >= 0:
                forcing = forcing * load(w.gain, gain * LANES)
            store(w.entry, target * LANES, forcing)
        own = load(w.z, i * LANES)
        for e in range(cascade.remove_start[i], cascade.remove_start[i + 1]):
            own = own - load(w.entry, cascade.remove[e] * LANES)
        store(w.entry, cascade.home[i] * LANES, own)


@part
def gather_outputs(cascade, w, into, where):
    """Coefficients of every output, written from entry `where` of `into` on."""
    for e in range(cascade.output_basis.size):
        store(into, (where + e) * LANES, 0.0)
    for e in range(cascade.output_part.shape[0]):
        place = (where + cascade.output_part[e, 0]) * LANES
        store(
            into,
            place,
            fma(
                load(w.weight, cascade.output_part[e, 1] * LANES),
                load(w.entry, cascade.output_part[e, 2] * LANES),
                load(into, place),
            ),
        )


@part
def magnitude(cascade, w, o):
    """Output o at the time whose terms are in `w.power`, and the sum of the sizes of its terms."""
    value, total = splat(0.0), splat(0.0)
    for e in range(cascade.output_start[o], cascade.output_start[o + 1]):
        part = load(w.trial, e * LANES) * load(w.power, cascade.output_basis[e] * LANES)
        value, total = value + part, total + absolute(part)
    return absolute(value), total


@part
def trust(cascade, plan, group, rate, first_rate, w):
    """Above 0 in the lanes whose terms cancel too much for the digits promised.

    A unit bolus into each input: the largest sum of the sizes of an output's terms against the largest value of that
    output, on times that span all rates and end with a day. The shortest infusion of the plan, at a unit rate: the same
    sum at its end against what it comes to, or will, as a bolus.
    """
    nothing = first_rate - first_rate
    outputs = cascade.output_start.size - 1
    fastest, slowest = splat(0.0), splat(1e300)
    for s in range(1, cascade.symbol_of.size):
        k = absolute(load(rate, (first_rate + s) * LANES))
        fastest = if_greater(k, fastest, k, fastest)
        slowest = if_less(k, slowest, k, slowest)
    last = 3.0 / slowest
    last = if_less(last, WINDOW, last, splat(WINDOW))
    first = 0.1 / fastest
    first = if_less(first, 0.1 * last, first, 0.1 * last)
    ratio = sqrt(sqrt(last / first))
    length = splat(plan.shortest[0])
    bad = splat(0.0)
    for u in range(cascade.inputs.size):
        for i in range(cascade.diagonal.size):
            store(w.z, i * LANES, 0.0)
        add_dose(cascade, group, u, splat(1.0), w)
        coefficients(cascade, group, w.ones, w.trial_rate, cascade.inputs.size, nothing, nothing, w)
        gather_outputs(cascade, w, w.trial, nothing)
        for o in range(outputs):
            store(w.largest, o * LANES, 0.0)
            total = splat(0.0)
            for e in range(cascade.output_start[o], cascade.output_start[o + 1]):
                s, d = cascade.basis[cascade.output_basis[e], 0], cascade.basis[cascade.output_basis[e], 1]
                size = absolute(load(w.trial, e * LANES))
                if s > 0:
                    for _ in range(d):  # t exp(-r t) is at most 0.37 / r
                        size = size * 0.37 / load(rate, (first_rate + s) * LANES)
                total = total + (size if s > 0 or d == 0 else splat(0.0))
            store(w.total, o * LANES, total)
        time = first
        for _ in range(PROBES):
            raise_terms(cascade.basis, rate, first_rate, time, w.power, nothing)
            for o in range(outputs):
                value, _ = magnitude(cascade, w, o)
                known = load(w.largest, o * LANES)
                store(w.largest, o * LANES, if_greater(value, known, value, known))
            time = time * ratio
        for o in range(outputs):
            bad = bad + cancelled(load(w.total, o * LANES), load(w.largest, o * LANES))
        if plan.shortest[0] < 1e300:
            for i in range(cascade.diagonal.size):
                store(w.z, i * LANES, 0.0)
            coefficients(cascade, group, w.ones, w.trial_rate, u, nothing, nothing, w)
            gather_outputs(cascade, w, w.trial, nothing)
            raise_terms(cascade.basis, rate, first_rate, length, w.power, nothing)
            for o in range(outputs):
                value, total = magnitude(cascade, w, o)
                dose = load(w.largest, o * LANES) * if_less(length, WINDOW, length, splat(WINDOW))
                bad = bad + cancelled(total, if_greater(value, dose, value, dose))
    return bad


@part
def cancelled(total, size):
    """1 in the lanes where terms of the sum `total` leave too few digits of a value of `size`; 0 where nothing is."""
    seen = if_greater(total, 0.0, if_less(total, LARGEST_CANCELLATION * size, splat(0.0), splat(1.0)), splat(0.0))
    return if_less(total, 1e300, seen, splat(1.0))


@kernel
def expand(cascade, group, plan, values, amounts, subjects, first_block, last_block, rate, coefficient, doubtful, w):
    """Output coefficients of every segment, for the subjects of blocks first_block ... last_block - 1.

    cascade, plan : structure and events; group : (states) group of each position
    values        : (rows x subjects) entries of K and C, flat; subjects is a multiple of LANES
    amounts       : (rows x subjects) boluses in mg and rates in mg/h, flat
    rate, coefficient : an Expansion's arrays; written in place
    doubtful          : (subjects) set above 0 where cancellation spoils the digits
    """
    terms = cascade.basis.shape[0]
    symbols = cascade.symbol_of.size
    per_segment = cascade.output_basis.size
    for block in range(last_block - first_block):
        base = (first_block + block) * LANES
        first_rate = block * symbols
        diagonalise(cascade, values, subjects, base, w)
        prepare(cascade, values, group, subjects, base, w)
        for s in range(symbols):
            store(rate, (first_rate + s) * LANES, splat(0.0) if s == 0 else load(w.k, cascade.symbol_of[s] * LANES))
        store(doubtful, base, trust(cascade, plan, group, rate, first_rate, w))
        for d in range(plan.durations.size):
            raise_terms(cascade.basis, rate, first_rate, splat(plan.durations[d]), w.at_end, d * terms)
        for i in range(cascade.diagonal.size):
            store(w.z, i * LANES, 0.0)
        for s in range(plan.duration.size):
            if plan.reset[s] == 1:
                for i in range(cascade.diagonal.size):
                    store(w.z, i * LANES, 0.0)
            for b in range(plan.bolus_start[s], plan.bolus_start[s + 1]):
                add_dose(cascade, group, plan.bolus[b, 0], load(amounts, plan.bolus[b, 1] * subjects + base), w)
            coefficients(cascade, group, amounts, plan.rate, s, subjects, base, w)
            gather_outputs(cascade, w, coefficient, (block * plan.duration.size + s) * per_segment)
            for i in range(cascade.diagonal.size):
                value = splat(0.0)
                for e in range(cascade.entry_start[i], cascade.entry_start[i + 1]):
                    term = plan.duration[s] * terms + cascade.entry_basis[e]
                    value = fma(load(w.entry, e * LANES), load(w.at_end, term * LANES), value)
                store(w.z, i * LANES, value)
