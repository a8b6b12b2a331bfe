"""Standard structures: mass balance, equivalence of clearances and rate constants, absorption, chains, refusals."""

from __future__ import annotations

import pytest

from pkpd.errors import ModelFileError, UnknownName
from pkpd.model.expressions import Expression
from pkpd.model.standard import STRUCTURES
from pkpd.model.structures import expand

RATES = {
    "one-compartment": {"CL": 3.0, "V1": 10.0},
    "two-compartment": {"CL": 3.0, "V1": 10.0, "Q2": 2.0, "V2": 20.0},
    "three-compartment": {"CL": 3.0, "V1": 10.0, "Q2": 2.0, "V2": 20.0, "Q3": 1.0, "V3": 50.0},
    "two-compartment-rates": {"k10": 0.3, "k12": 0.2, "k21": 0.1},
    "three-compartment-rates": {"k10": 0.3, "k12": 0.2, "k21": 0.1, "k13": 0.1, "k31": 0.02},
}
AMOUNTS = {"central": 7.0, "peripheral1": 5.0, "peripheral2": 3.0}


@pytest.mark.parametrize("use", RATES)
def test_what_leaves_is_eliminated_from_the_central_compartment(use: str) -> None:
    states = expand(use).states
    values = RATES[use] | AMOUNTS
    change = sum(float(state.equation.evaluate(values)) for state in states)
    assert change == pytest.approx(-0.3 * 7.0, rel=1e-14)


@pytest.mark.parametrize("count", ["two", "three"])
def test_rate_constants_and_clearances_agree(count: str) -> None:
    by_flow, by_rate = expand(f"{count}-compartment").states, expand(f"{count}-compartment-rates").states
    for flow, rate in zip(by_flow, by_rate, strict=True):
        assert flow.name == rate.name
        first = flow.equation.evaluate(RATES[f"{count}-compartment"] | AMOUNTS)
        assert first == pytest.approx(rate.equation.evaluate(RATES[f"{count}-compartment-rates"] | AMOUNTS), rel=1e-14)


@pytest.mark.parametrize("use", RATES)
def test_every_structure_is_linear(use: str) -> None:
    states = expand(use).states
    names = {state.name for state in states}
    for state in states:
        for name in names:
            assert not state.equation.derivative(name).depends_on(names)


def test_prefix_parameters_and_input() -> None:
    made = expand("two-compartment", "M_", {"CL": "CLm * f", "V1": "central"}, "fm * CL / V1 * central")
    central, peripheral = made.states
    assert (central.name, peripheral.name) == ("M_central", "M_peripheral1")
    assert central.equation.names == {"CLm", "f", "central", "M_central", "M_peripheral1", "Q2", "V2", "fm", "CL", "V1"}
    assert peripheral.equation.key == Expression.read("Q2 / central * M_central - Q2 / V2 * M_peripheral1").key


def test_absorption_hands_on_what_leaves_the_depot() -> None:
    made = expand("first-order-absorption", "oral_", {"ka": "ka_oral"}, extra={"to": "central"})
    (depot,) = made.states
    assert (depot.name, depot.equation.text) == ("oral_depot", "-(ka_oral * oral_depot)")
    ((option, target, flow),) = made.feeds
    assert (option, target, flow.text) == ("to", "central", "ka_oral * oral_depot")


def test_transit_chain() -> None:
    chain = expand("transit-chain", with_={"k": "ktr"}, input="ka * depot", extra={"length": 3}).states
    assert [state.name for state in chain] == ["chain1", "chain2", "chain3"]
    values = {"ktr": 2.0, "ka": 0.5, "depot": 8.0, "chain1": 1.0, "chain2": 3.0, "chain3": 5.0}
    assert [state.equation.evaluate(values) for state in chain] == [2.0, -4.0, -4.0]
    assert not expand("transit-chain", extra={"length": 3}).feeds
    ((_, _, flow),) = expand("transit-chain", extra={"length": 3, "to": "central"}).feeds
    assert flow.text == "k * chain3"


def test_unknown_words() -> None:
    with pytest.raises(UnknownName, match='"two-compartments" is not known.*Did you mean "two-compartment"'):
        expand("two-compartments")
    with pytest.raises(UnknownName, match='parameter "V" is not known. Allowed: CL, V1.'):
        expand("one-compartment", with_={"V": "V1"})
    with pytest.raises(UnknownName, match='option "to" is not known'):
        expand("one-compartment", extra={"to": "central"})


@pytest.mark.parametrize("length", [0, 101, 2.0, True, "3"])
def test_impossible_length(length: object) -> None:
    with pytest.raises(ModelFileError, match="is not a whole number from 1 to 100"):
        expand("transit-chain", extra={"length": length})


def test_missing_option() -> None:
    with pytest.raises(ModelFileError, match='"first-order-absorption" needs "to"'):
        expand("first-order-absorption")


def test_registry_names_itself() -> None:
    assert all(name == structure.name for name, structure in STRUCTURES.items())
