"""How a linear compartment system falls apart into small solvable pieces.

x' = K x + input, y = C x. States that exchange drug both ways form a group (a mammillary or chain-like core); between
groups drug flows one way only (delay chains, metabolites, effect sites). Inside a group a diagonal scaling makes K
symmetric, so its eigenvalues are real and its eigenvectors well behaved, repeated eigenvalues included. In eigen
coordinates the whole system is a cascade of scalar equations

    z_i' = -k_i z_i + sum_j T_ij z_j + input_i,      j earlier than i,

whose solution on an interval of constant input is a sum of t^d exp(-r t). Which of these terms occur, and from which
they follow, depends on the structure alone; `arrange` works it out once and the kernel repeats it for every subject.
Equal rates by construction (a delay chain) give the terms with d > 0: such a matrix has no eigenvectors enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

LARGEST_GROUP = 8


class Cascade(NamedTuple):
    """The structure of one linear model, as the kernel reads it. Positions count states in the arranged order."""

    group_start: Integers  # (groups + 1)             first position of each group
    tree: Integers  # (edges, 4)                 parent, child, value of K[child, parent], value of K[parent, child]
    tree_start: Integers  # (groups + 1)
    diagonal: Integers  # (states)                   value of K[i, i]; -1 where it is zero
    coupling: Integers  # (parts, 6)                 T entry, equation i, state p, value of K[p, q], state q, equation j
    couplings: Integers  # (1)                        number of T entries
    symbol_of: Integers  # (symbols)                  an equation that has this rate; -1 for symbol 0
    basis: Integers  # (terms, 3)                 symbol and degree d of each t^d/d! exp(-r t), term of degree d - 1
    step: Integers  # (steps, 4)                 A entry, A entry of the next degree, gain, takes the input
    step_start: Integers  # (states + 1)
    force: Integers  # (parts, 2)                 T entry, A entry
    force_start: Integers  # (steps + 1)
    gain: Integers  # (gains, 2)                 equation, symbol: gain is 1 / (k_i - r)
    home: Integers  # (states)                   A entry of exp(-k_i t) itself
    remove: Integers  # (parts)                    A entries to subtract from z_i(0) at home
    remove_start: Integers  # (states + 1)
    entry_basis: Integers  # (A entries)                basis term of each
    entry_start: Integers  # (states + 1)               A entries of each equation
    inputs: Integers  # (inputs)                   position of each dosed state
    output_value: Integers  # (parts, 4)                 weight entry, equation, state, value of C
    weights: Integers  # (1)                        number of weight entries
    output_part: Integers  # (parts, 3)                 O entry, weight entry, A entry
    output_basis: Integers  # (O entries)                basis term of each
    output_start: Integers  # (outputs + 1)


def groups_of(rows: Sequence[int], columns: Sequence[int], states: int) -> list[list[int]]:
    """Strongly connected groups of states, sources first.

    rows, columns : positions of the non-zero entries of K
    states        : number of states
    """
    reach = np.eye(states, dtype=bool)
    reach[list(columns), list(rows)] = True
    for _ in range(max(1, states.bit_length())):
        reach = reach @ reach
    mutual = reach & reach.T
    ancestors = reach.sum(axis=0)
    seen: set[int] = set()
    groups = []
    for state in sorted(range(states), key=lambda s: (int(ancestors[s]), s)):
        if state not in seen:
            group = [int(s) for s in np.flatnonzero(mutual[state])]
            seen.update(group)
            groups.append(group)
    return groups


def _spanning_tree(group: list[int], entries: dict[tuple[int, int], int]) -> list[tuple[int, int]] | None:
    """Parent-child pairs of a group whose exchange is a two-way tree; None where it is not."""
    edges = {(p, q) for p in group for q in group if p != q and (p, q) in entries}
    if len(edges) != 2 * (len(group) - 1) or any((q, p) not in edges for p, q in edges):
        return None
    placed, pairs = [group[0]], []
    for parent in placed:
        for child in group:
            if child not in placed and (parent, child) in edges:
                placed.append(child)
                pairs.append((parent, child))
    return pairs if len(placed) == len(group) else None


def arrange(
    states: int,
    entries: dict[tuple[int, int], int],
    keys: Sequence[str],
    inputs: Sequence[int],
    outputs: Sequence[dict[int, int]],
) -> Cascade | None:
    """The cascade of a linear system, or None where it is not one (circular one-way flow, large groups).

    states  : number of states
    entries : (row, column) of K -> index of its value
    keys    : per state, text that is equal for two states whose rate of loss is equal by construction
    inputs  : dosed states
    outputs : per output, state -> index of its weight in C
    """
    off_diagonal = [place for place in entries if place[0] != place[1]]
    groups = groups_of([p for p, _ in off_diagonal], [q for _, q in off_diagonal], states)
    order = [state for group in groups for state in group]
    at = {state: position for position, state in enumerate(order)}
    group_of = {state: number for number, group in enumerate(groups) for state in group}
    tree: list[tuple[int, int, int, int]] = []
    tree_start = [0]
    for group in groups:
        pairs = _spanning_tree(group, entries) if len(group) > 1 else []
        if pairs is None or len(group) > LARGEST_GROUP:
            return None
        tree += [(at[p], at[c], entries[c, p], entries[p, c]) for p, c in pairs]
        tree_start.append(len(tree))

    coupled: dict[tuple[int, int], int] = {}
    coupling = []
    for p, q in off_diagonal:
        if group_of[p] != group_of[q]:
            for i in groups[group_of[p]]:
                for j in groups[group_of[q]]:
                    entry = coupled.setdefault((at[i], at[j]), len(coupled))
                    coupling.append((entry, at[i], at[p], entries[p, q], at[q], at[j]))

    symbols: dict[str, int] = {"": 0}
    symbol_of = [-1]
    symbol = []
    for position, state in enumerate(order):
        key = keys[state] if (state, state) in entries else ""
        if len(groups[group_of[state]]) > 1:
            key = f"eigenvalue {position}"
        if key not in symbols:
            symbols[key] = len(symbols)
            symbol_of.append(position)
        symbol.append(symbols[key])

    builder = _Terms(symbol, coupled, {at[state] for state in inputs}, [group_of[state] for state in order])
    builder.solve()

    output_value: list[tuple[int, int, int, int]] = []
    weight_of: dict[tuple[int, int], int] = {}
    output_part, output_basis, output_start = [], [], [0]
    for number, weights in enumerate(outputs):
        here: dict[int, int] = {}
        for state, value in weights.items():
            for i in groups[group_of[state]]:
                weight = weight_of.setdefault((number, at[i]), len(weight_of))
                output_value.append((weight, at[i], at[state], value))
        for (which, i), weight in weight_of.items():
            if which == number:
                for entry in range(builder.entry_start[i], builder.entry_start[i + 1]):
                    term = builder.entry_basis[entry]
                    place = here.setdefault(term, output_start[-1] + len(here))
                    output_part.append((place, weight, entry))
        output_basis += list(here)
        output_start.append(output_start[-1] + len(here))

    def table(rows: Sequence[object], width: int = 0) -> Integers:
        made = np.array(rows, dtype=np.int64)
        return np.ascontiguousarray(made.reshape(-1, width) if width else made)

    starts = np.concatenate([[0], np.cumsum([len(group) for group in groups])])
    return Cascade(
        group_start=starts.astype(np.int64),
        tree=table(tree, 4),
        tree_start=table(tree_start),
        diagonal=table([entries.get((state, state), -1) for state in order]),
        coupling=table(coupling, 6),
        couplings=table([len(coupled)]),
        symbol_of=table(symbol_of),
        basis=table(builder.basis, 3),
        step=table(builder.step, 4),
        step_start=table(builder.step_start),
        force=table(builder.force, 2),
        force_start=table(builder.force_start),
        gain=table(builder.gain, 2),
        home=table(builder.home),
        remove=table(builder.remove),
        remove_start=table(builder.remove_start),
        entry_basis=table(builder.entry_basis),
        entry_start=table(builder.entry_start),
        inputs=table([at[state] for state in inputs]),
        output_value=table(output_value, 4),
        weights=table([len(weight_of)]),
        output_part=table(output_part, 3),
        output_basis=table(output_basis),
        output_start=table(output_start),
    )


class _Terms:
    """Which terms t^d/d! exp(-r t) each scalar equation has, and the recursion that gives their coefficients.

    For a forcing term f of rate r and degree d the coefficient is b_d = (f_d - b_(d+1)) / (k - r) where k differs from
    r, and b_(d+1) = f_d where they are one rate; the coefficient of exp(-k t) makes up what z(0) needs.
    """

    def __init__(
        self, symbol: list[int], coupled: dict[tuple[int, int], int], dosed: set[int], group: list[int]
    ) -> None:
        self.symbol, self.coupled, self.dosed, self.group = symbol, coupled, dosed, group
        self.basis: list[tuple[int, int, int]] = []
        self.basis_of: dict[tuple[int, int], int] = {}
        self.step: list[tuple[int, int, int, int]] = []
        self.step_start = [0]
        self.force: list[tuple[int, int]] = []
        self.force_start = [0]
        self.gain: list[tuple[int, int]] = []
        self.home: list[int] = []
        self.remove: list[int] = []
        self.remove_start = [0]
        self.entry_basis: list[int] = []
        self.entry_start = [0]
        self.entries: list[dict[tuple[int, int], int]] = []

    def term(self, rate: int, degree: int) -> int:
        """The number of the basis term, made where it is new; lower degrees of the same rate come first."""
        for d in range(degree + 1):
            if (rate, d) not in self.basis_of:
                self.basis_of[rate, d] = len(self.basis)
                self.basis.append((rate, d, self.basis_of.get((rate, d - 1), -1)))
        return self.basis_of[rate, degree]

    def solve(self) -> None:
        dosed_groups = {self.group[state] for state in self.dosed}
        for i, own in enumerate(self.symbol):
            forcing: dict[tuple[int, int], list[tuple[int, int]]] = {}
            takes_input = self.group[i] in dosed_groups
            if takes_input:
                forcing[0, 0] = []
            for (to, j), entry in self.coupled.items():
                if to == i:
                    for pair, source in self.entries[j].items():
                        forcing.setdefault(pair, []).append((entry, source))
            self._equation(i, own, forcing, takes_input)

    def _equation(
        self, i: int, own: int, forcing: dict[tuple[int, int], list[tuple[int, int]]], takes_input: bool
    ) -> None:
        mine: dict[tuple[int, int], int] = {}

        def entry(rate: int, degree: int) -> int:
            if (rate, degree) not in mine:
                mine[rate, degree] = len(self.entry_basis)
                self.entry_basis.append(self.term(rate, degree))
            return mine[rate, degree]

        self.home.append(entry(own, 0))
        degrees: dict[int, int] = {}
        for rate, degree in forcing:
            degrees[rate] = max(degrees.get(rate, 0), degree)
        for rate in sorted(degrees):
            if rate != own:
                self.gain.append((i, rate))
            for degree in range(degrees[rate], -1, -1):
                if rate == own:
                    target, higher, gain = entry(rate, degree + 1), -1, -1
                else:
                    target, gain = entry(rate, degree), len(self.gain) - 1
                    higher = entry(rate, degree + 1) if degree < degrees[rate] else -1
                self.step.append((target, higher, gain, int(takes_input and (rate, degree) == (0, 0))))
                self.force += forcing.get((rate, degree), [])
                self.force_start.append(len(self.force))
            if rate != own:
                self.remove.append(entry(rate, 0))
        self.step_start.append(len(self.step))
        self.remove_start.append(len(self.remove))
        self.entry_start.append(len(self.entry_basis))
        self.entries.append(mine)
