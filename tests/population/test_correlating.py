"""Random effects correlated across files: what the files state is what a million people have."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from spread_files import between, effect, one_compartment

import pkpd
from pkpd.errors import ModelFileError, UnknownName
from pkpd.model.correlating import mixing
from pkpd.simulation import individuals

MILLION = 1_000_000
PEOPLE = pkpd.Population(MILLION, seed=5, weight="70 kg")
BARE = one_compartment()


def etas(model: pkpd.Model, *names: str) -> NDArray[np.float64]:
    people = individuals(model, PEOPLE)
    return np.log([np.asarray(people.effects[name]["C50"]) for name in names])


def test_a_chain() -> None:
    """a with b 0.5, b with c 0.8, each stated once: a and c have the product, as a chain without a third link has."""
    model = BARE.with_effects(effect("a", {"b.C50": 0.5}), effect("b", {"c.C50": 0.8}), effect("c"))
    wanted = np.array([[1, 0.5, 0.4], [0.5, 1, 0.8], [0.4, 0.8, 1]])
    found = etas(model, "a", "b", "c")
    assert np.corrcoef(found) == pytest.approx(wanted, abs=4 / MILLION**0.5)
    assert found.std(axis=1) == pytest.approx(np.full(3, 0.5), rel=4 / (2 * MILLION) ** 0.5)


def test_several_partners_who_are_correlated_themselves() -> None:
    """A whole block over three files."""
    model = BARE.with_effects(effect("a", {"b.C50": 0.5, "c.C50": -0.2}), effect("b", {"c.C50": 0.4}), effect("c"))
    wanted = np.array([[1, 0.5, -0.2], [0.5, 1, 0.4], [-0.2, 0.4, 1]])
    assert np.corrcoef(etas(model, "a", "b", "c")) == pytest.approx(wanted, abs=4 / MILLION**0.5)


def test_two_partners_who_are_not() -> None:
    model = BARE.with_effects(effect("a", {"b.C50": 0.6, "c.C50": 0.6}), effect("b"), effect("c"))
    wanted = np.array([[1, 0.6, 0.6], [0.6, 1, 0], [0.6, 0, 1]])
    assert np.corrcoef(etas(model, "a", "b", "c")) == pytest.approx(wanted, abs=4 / MILLION**0.5)


def test_a_partner_within_a_covariance_block_of_the_kinetics() -> None:
    block = '[[covariances]]\nof = ["CL", "V1"]\nrho = 0.7\nsource = "made"\nmark = "assumed"\n'
    kinetics = one_compartment(CL=between("lognormal", "sd = 0.3"), V1=between("lognormal", "sd = 0.2"), more=block)
    model = kinetics.with_effects(effect("a", {"example-one.V1": 0.5}))
    people = individuals(model, PEOPLE)
    columns = [people.parameters["CL"], people.parameters["V1"], people.effects["a"]["C50"]]
    wanted = np.array([[1, 0.7, 0.35], [0.7, 1, 0.5], [0.35, 0.5, 1]])
    assert np.corrcoef(np.log([np.asarray(c) for c in columns])) == pytest.approx(wanted, abs=4 / MILLION**0.5)


def test_a_partner_of_the_library_need_not_be_attached() -> None:
    """psychotomimetic-asked is correlated with fast relief: who follows it follows what that comes to."""
    one = effect("a", {"psychotomimetic-asked.C50": 0.5})
    alone = mixing(BARE.with_effects(one))["a"]["C50"]
    assert alone == pytest.approx(
        {"fast-relief.C50": 0.25, "psychotomimetic-asked.C50": 0.5 * 0.75**0.5, "a.C50": 0.75**0.5}
    )
    kinetics = pkpd.load("kamp2020-ketamine")
    with_all = kinetics.with_effects(*pkpd.default_effects())
    assert mixing(with_all)["psychotomimetic-asked"]["C50"] == {
        "fast-relief.C50": 0.5,
        "psychotomimetic-asked.C50": 0.75**0.5,
    }


def test_what_cannot_be() -> None:
    three = (effect("a", {"b.C50": 0.8, "c.C50": 0.8}), effect("b"), effect("c"))
    with pytest.raises(
        ModelFileError,
        match=r"correlations of a.C50 cannot hold together: 0.8 with b.C50 \(with the others held: -0.6 to 0.6\); 0.8",
    ):
        individuals(BARE.with_effects(*three), PEOPLE.only([0]))
    circle = (effect("a", {"b.C50": 0.5}), effect("b", {"c.C50": 0.5}), effect("c", {"a.C50": 0.5}))
    with pytest.raises(ModelFileError, match="in a circle: a.C50 -> b.C50 -> c.C50 -> a.C50. State each pair in one"):
        individuals(BARE.with_effects(*circle), PEOPLE.only([0]))
    with pytest.raises(UnknownName, match='"b" has no parameter "EC50" with a spread .* a.C50 could be'):
        individuals(BARE.with_effects(effect("a", {"b.EC50": 0.5}), effect("b")), PEOPLE.only([0]))
    same = (effect("a", {"b.C50": 0.5, "c.C50": 0.5}), effect("b", {"c.C50": 1.0}), effect("c"))
    with pytest.raises(ModelFileError, match="two of them follow one another wholly"):
        individuals(BARE.with_effects(*same), PEOPLE.only([0]))


def test_thresholds_of_benefit_and_harm_are_shared_by_arms_and_sessions() -> None:
    """rho 0.5 of the default configuration, and the same thresholds of a patient in every arm, whatever is given."""
    comparison = pkpd.compare(
        pkpd.load("kamp2020-ketamine"),
        {"one": "0.5 mg/kg iv over 40 min", "five": "0.5 mg/kg iv over 40 min every 24 h for 5 doses"},
        subjects=pkpd.Population(2000, seed=3),
        until="6 d",
    )
    one, five = (arm.individuals for arm in comparison.arms)
    benefit, harm = (np.log(np.asarray(one.effects[name]["C50"])) for name in ("fast-relief", "psychotomimetic-asked"))
    assert np.corrcoef(benefit, harm)[0, 1] == pytest.approx(0.5, abs=4 * 0.75 / 2000**0.5)
    for name, own in one.effects.items():
        for parameter, column in own.items():
            assert np.array_equal(column, five.effects[name][parameter])
    assert all(np.array_equal(draw, five.draws[name]) for name, draw in one.draws.items())
    side = {arm.name: {o.name: o.values for o in arm.outcomes}["psychotomimetic-asked"] for arm in comparison.arms}
    assert (side["five"] >= side["one"]).all()


def test_responders_are_independent_of_exposure_and_of_each_other() -> None:
    """A million people: drug 0.57, placebo 0.23, and neither with clearance, volume, a threshold or the other."""
    model = pkpd.load("kamp2020-ketamine").with_effects(*pkpd.default_effects())
    people = individuals(model, pkpd.Population(MILLION, seed=8))
    drug, placebo = (people.responders[name].astype(float) for name in ("slow-relief", "placebo-response"))
    assert drug.mean() == pytest.approx(0.57, abs=4 * (0.57 * 0.43 / MILLION) ** 0.5)
    assert placebo.mean() == pytest.approx(0.23, abs=4 * (0.23 * 0.77 / MILLION) ** 0.5)
    columns = [
        drug,
        placebo,
        np.log(np.asarray(people.parameters["CL"])),
        np.log(np.asarray(people.parameters["V1"])),
        np.log(np.asarray(people.effects["slow-relief"]["C50"])),
        np.log(np.asarray(people.effects["fast-relief"]["C50"])),
        people.draws["psychotomimetic-asked"],
    ]
    together = np.corrcoef(columns)[:2]
    assert together[0, 1:] == pytest.approx(np.zeros(6), abs=4 / MILLION**0.5)
    assert together[1, 2:] == pytest.approx(np.zeros(5), abs=4 / MILLION**0.5)


def test_a_mixture_of_responders_and_non_responders() -> None:
    """Slow relief: nothing in 43 of 100 whatever the dose; in the others what their threshold makes of the level."""
    model = pkpd.load("kamp2020-ketamine").with_effects(pkpd.load_effect("slow-relief"))
    people = pkpd.Population(20_000, seed=2, weight="70 kg")
    relief = pkpd.simulate(model, "s-ketamine 20 mg/h iv over 100 h", people, ["100 h"])["slow-relief"][0]
    assert np.mean(relief > 0) == pytest.approx(0.57, abs=4 * 0.5 / 20_000**0.5)
    level = pkpd.simulate(model, "s-ketamine 20 mg/h iv over 100 h", people, ["100 h"])
    site = level["site of slow-relief"][0]
    answering = relief > 0
    threshold = np.asarray(level.individuals.effects["slow-relief"]["C50"]) * 1000
    assert relief[answering] == pytest.approx((site / (site + threshold))[answering], rel=1e-9)
    assert np.corrcoef(answering, site)[0, 1] == pytest.approx(0, abs=4 / 20_000**0.5)
