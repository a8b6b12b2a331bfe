"""The structure of linear systems: groups, terms, and which systems are no cascade."""

from __future__ import annotations

import pytest
from kernel_runs import system_of
from naive import Network, mammillary

import pkpd
from pkpd.kernels.cascade import LARGEST_GROUP, Cascade, arrange, groups_of
from pkpd.model.program import compiled

DELAYED = Network(("a", "b", "c"), {("a", "b"): "k", ("b", "c"): "k", ("c", ""): "k"})
CIRCLE = Network(("a", "b", "c"), {("a", "b"): "k1", ("b", "c"): "k2", ("c", "a"): "k3"})


def arranged(network: Network, dosed: tuple[str, ...]) -> Cascade | None:
    names = {*network.flows.values(), *network.copies.values()}
    system, _ = system_of(network, dict.fromkeys(names, 1.0), dosed)
    return arrange(
        system.states,
        {(p, q): row for p, q, row in system.entries},
        system.keys,
        system.inputs,
        [dict(output) for output in system.outputs],
    )


def degrees(cascade: Cascade) -> list[int]:
    return sorted(int(degree) for _, degree, _ in cascade.basis)


def test_groups_are_states_that_exchange_both_ways_sources_first() -> None:
    # 3 -> 0 <-> 1, 0 -> 2
    assert groups_of([0, 1, 0, 2], [3, 0, 1, 0], 4) == [[3], [0, 1], [2]]


def test_states_without_any_exchange_are_groups_of_one() -> None:
    assert groups_of([], [], 3) == [[0], [1], [2]]


@pytest.mark.parametrize("peripherals", [0, 1, 2, 3])
def test_a_mammillary_system_is_one_group_with_a_term_for_each_eigenvalue(peripherals: int) -> None:
    cascade = arranged(mammillary(peripherals), ("central",))
    assert cascade is not None
    assert len(cascade.group_start) == 2
    assert degrees(cascade) == [0] * (peripherals + 2)  # one of them is the constant, for infusions


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5])
def test_a_delay_chain_of_equal_rates_raises_the_degree_by_one_a_step(length: int) -> None:
    names = tuple(f"c{n}" for n in range(length))
    network = Network(names, dict.fromkeys(zip(names, (*names[1:], ""), strict=True), "k"))
    cascade = arranged(network, names[:1])
    assert cascade is not None
    assert max(degrees(cascade)) == length - 1


def test_rates_that_differ_by_name_give_no_powers_of_time() -> None:
    network = Network(("a", "b", "c"), {("a", "b"): "k1", ("b", "c"): "k2", ("c", ""): "k3"})
    cascade = arranged(network, ("a",))
    assert cascade is not None
    assert max(degrees(cascade)) == 0


def test_an_area_rises_with_time_only_under_an_infusion_without_loss() -> None:
    """The state without loss has the rate zero; its terms of degree 1 are the constant input's."""
    cascade = arranged(Network(("a", "area"), {("a", ""): "k"}, {("a", "area"): "one"}), ("a",))
    assert cascade is not None
    assert [int(s) for s in cascade.symbol_of] == [-1, 0]
    assert max(degrees(cascade)) == 1


def test_delays_of_simons2022_give_terms_of_degree_one() -> None:
    program = compiled(pkpd.load("simons2022-s-ketamine"))
    cascade = arrange(
        len(program.states),
        {(p, q): row for p, q, row in program.entries},
        program.keys,
        [program.states.index("S_central")],
        [dict(output) for output in program.weights],
    )
    assert cascade is not None
    sizes = sorted(int(b - a) for a, b in zip(cascade.group_start, cascade.group_start[1:], strict=False))
    assert sizes == [*[1] * 7, 2, 2, 3]  # two delays of two, two depots and the gut; metabolites and parent
    assert max(degrees(cascade)) == 1
    assert degrees(cascade).count(1) == 2


@pytest.mark.parametrize(
    "network",
    [
        CIRCLE,
        # a triangle of two-way exchange
        Network(
            ("a", "b", "c"),
            {
                pair: f"k{n}"
                for n, pair in enumerate([("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"), ("a", "c"), ("c", "a")])
            },
        ),
        mammillary(LARGEST_GROUP),
    ],
)
def test_circular_flow_and_large_groups_are_no_cascade(network: Network) -> None:
    assert arranged(network, network.states[:1]) is None


def test_the_largest_group_is_still_a_cascade() -> None:
    assert arranged(mammillary(LARGEST_GROUP - 1), ("central",)) is not None
    assert arranged(DELAYED, ("a",)) is not None
