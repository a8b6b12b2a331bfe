"""Patients with modifiers of their own: each has the numbers he has alone under the model with his own modifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pkpd
from pkpd.errors import PkpdError
from pkpd.population.company import bearers, sets
from pkpd.population.covariates import Choice
from pkpd.population.people import Population, Share

ORAL = "s-ketamine 14 mg oral"
CALMING = """
id = "calming"
kind = "modifier"
title = "t"
group = "adjuvant"
use_for = "u"
not_for = "n"
[sources.mine]
citation = "Mine 2020"
[[effects]]
of = "psychotomimetic-asked"
what = "log odds"
amount = -1.4
source = "mine"
mark = "assumed"
"""
DRUGS = {"clarithromycin": 0.4, "ticlopidine": Share(0.3)}


def alone(model: pkpd.Model, people: Population, found: Any, number: int) -> pkpd.Model:
    """The model of one patient."""
    own = [key for key, mask in bearers(people).items() if mask[number]]
    return model.with_modifiers(*own) if own else model


@pytest.mark.parametrize(
    ("name", "regimen", "modifiers", "effects", "quantities"),
    [
        ("ashraf2018-s-ketamine", ORAL, DRUGS, (), ("S-ketamine",)),
        (
            "kamp2020-ketamine",
            "0.5 mg/kg iv over 40 min",
            {"lorazepam": 0.5, "midazolam": 0.4, "women": "sex is female", "rifampicin": 0.3},
            ("baseline-pain", "fast-relief", "psychotomimetic-asked", "psychotomimetic-reported"),
            ("S-ketamine", "pain", "psychotomimetic-asked", "psychotomimetic-reported"),
        ),
    ],
)
def test_every_patient_equals_himself_alone(
    name: str, regimen: str, modifiers: Any, effects: tuple[str, ...], quantities: tuple[str, ...]
) -> None:
    model = pkpd.load(name).with_effects(*(pkpd.load_effect(effect) for effect in effects))
    sex = {"sex": Choice({"female": 0.5, "male": 0.5})}
    people = Population(24, 3, covariates=sex, modifiers=modifiers)
    plain = Population(24, 3, covariates=sex)
    times = ["20 min", "1 h", "6 h"]
    crowd = pkpd.simulate(model, regimen, people, times)
    assert len(sets(list(bearers(people).values()), 24)) > 3
    for number in range(24):
        own = pkpd.simulate(alone(model, people, crowd, number), regimen, plain.only([number]), times)
        for quantity in quantities:
            assert np.array_equal(crowd[quantity][:, number], own[quantity][:, 0]), (number, quantity)


def test_who_has_no_modifier_keeps_every_bit() -> None:
    effect = pkpd.load_effect("psychotomimetic-asked")
    model = pkpd.load("kamp2020-ketamine").with_effects(effect)
    with_it, without = (
        pkpd.simulate(model, "0.3 mg/kg iv", Population(2000, modifiers=given), ["2 min", "20 min"])
        for given in ({pkpd.read_modifier(CALMING): 0.5}, {})
    )
    spared = ~with_it.individuals.beside["calming"]
    found, plain = with_it[effect.id], without[effect.id]
    assert np.array_equal(found[:, spared], plain[:, spared])
    odds = found[:, ~spared] / (1 - found[:, ~spared]) / (plain[:, ~spared] / (1 - plain[:, ~spared]))
    assert odds == pytest.approx(np.exp(-1.4), rel=1e-6)


def test_who_has_what_is_drawn_by_address() -> None:
    people = Population(5000, 9, modifiers=DRUGS)
    found = bearers(people)
    assert found["clarithromycin"].mean() == pytest.approx(0.4, abs=0.03)
    more = Population(5000, 9, modifiers={"grapefruit-juice": 0.2, **DRUGS})
    assert np.array_equal(bearers(more)["clarithromycin"], found["clarithromycin"])
    assert np.array_equal(bearers(people.only([7, 99]))["ticlopidine"], found["ticlopidine"][[7, 99]])
    by_sex = Population(
        200, covariates={"sex": Choice({"female": 0.5, "male": 0.5})}, modifiers={"women": "sex is female"}
    )
    assert np.array_equal(bearers(by_sex)["women"], by_sex.covariate("sex", 0.0) == 0)


def test_a_share_may_be_among_some() -> None:
    sex = {"sex": Choice({"female": 0.5, "male": 0.5})}
    among = Share(0.3, among="sex is female")
    found = bearers(Population(4000, 9, covariates=sex, modifiers={"ticlopidine": among}))["ticlopidine"]
    everybody = Population(4000, 9, covariates=sex, modifiers={"ticlopidine": 0.3})
    female = everybody.covariate("sex", 0.0) == 0
    assert np.array_equal(found, bearers(everybody)["ticlopidine"] & female)
    assert found.any() and not found[~female].any()


def test_sets_leave_nobody_out() -> None:
    masks = [np.arange(50) % 2 == 0, np.arange(50) % 3 == 0]
    found = sets(masks, 50)
    assert sorted(np.concatenate([who for _, who in found]).tolist()) == list(range(50))
    for numbers, who in found:
        assert all(masks[k][one] == (k in numbers) for k in range(2) for one in who)


def test_in_a_comparison_the_arm_and_the_patient_act_together_once() -> None:
    model = pkpd.load("ashraf2018-s-ketamine")
    arms = {"plain": ORAL, "all on it": (ORAL, "clarithromycin"), "none": "no treatment"}
    made = pkpd.compare(model, arms, Population(40, modifiers=DRUGS), until="1 d", effects=[])
    assert any(note.startswith("In 17 of 40 patients: Clarithromycin") for note in made.notes)
    without = pkpd.compare(model, arms, Population(40, modifiers={"ticlopidine": 0.3}), until="1 d", effects=[])
    peaks = [next(o.values for o in one.arms[1].outcomes if o.name.startswith("peak")) for one in (made, without)]
    assert np.array_equal(*peaks)
    swept = pkpd.sweep(model, [ORAL], Population(40, modifiers=DRUGS), ["1 h"], of="S-ketamine")
    single = pkpd.simulate(model, ORAL, Population(40, modifiers=DRUGS), ["1 h"])["S-ketamine"][0]
    assert swept.values[0, 1, 0] == pytest.approx(np.median(single))


def test_genotypes_by_criterion_with_values_of_their_own() -> None:
    genotype = {"cyp2b6": Choice({"*1/*1": 0.5, "*1/*6": 0.3, "*6/*6": 0.2})}
    one = pkpd.load_modifier("cyp2b6-6").with_values(factor=0.6)
    two = pkpd.load_modifier("cyp2b6-6").with_values(factor=0.32)
    people = Population(60, covariates=genotype, modifiers={one: "cyp2b6 is *1/*6", two: "cyp2b6 is *6/*6"})
    made = pkpd.simulate(pkpd.load("kamp2020-ketamine"), "10 mg iv", people, ["1 h"]).individuals
    plain = pkpd.simulate(pkpd.load("kamp2020-ketamine"), "10 mg iv", Population(60), ["1 h"]).individuals
    ratio = np.asarray(made.parameters["CL"]) / np.asarray(plain.parameters["CL"])
    expected = np.array([1.0, 0.6, 0.32])[people.covariate("cyp2b6", 0.0).astype(int)]
    assert ratio == pytest.approx(expected)
    assert set(made.beside) == {"cyp2b6-6 (cyp2b6 is *1/*6)", "cyp2b6-6 (cyp2b6 is *6/*6)"}
    twice = Population(60, covariates=genotype, modifiers={one: "cyp2b6 is *1/*6", two: 0.5})
    with pytest.raises(PkpdError, match="patients have the modifier cyp2b6-6 twice"):
        pkpd.simulate(pkpd.load("kamp2020-ketamine"), "10 mg iv", twice, ["1 h"])


def test_fewer_respond_after_long_pain() -> None:
    duration = {"pain duration": "20 year"}
    model = pkpd.load("kamp2020-ketamine").with_effects(pkpd.load_effect("slow-relief"))
    modifiers = {"long-standing-pain": "pain duration at least 12 year"}
    shares = [
        pkpd.simulate(model, "no treatment", Population(20_000, covariates=duration, modifiers=given), ["0 h"])
        .individuals.responders["slow-relief"]
        .mean()
        for given in ({}, modifiers)
    ]
    assert shares == pytest.approx([0.57, 0.57 * 0.95], abs=0.01)


@pytest.mark.parametrize(
    ("modifiers", "regimen", "words"),
    [
        ({"clarithromycine": 0.5}, ORAL, 'Did you mean "clarithromycin"?'),
        ({"clarithromycin": 1.5}, ORAL, "a share of 1.5 is not from 0 to 1"),
        ({"clarithromycin": None}, ORAL, "Give the share of people who have it"),
        ({3: 0.5}, ORAL, "3 is no modifier"),
        ({"clarithromycin": "sex is female"}, ORAL, "covariate of words"),
        ({"midazolam": 0.5}, ORAL, "nothing to act on"),
        ({"women": 0.5}, ORAL, "population: modifier"),
    ],
)
def test_refused(modifiers: Any, regimen: str, words: str) -> None:
    with pytest.raises(PkpdError) as refused:
        pkpd.simulate(pkpd.load("ashraf2018-s-ketamine"), regimen, Population(10, modifiers=modifiers), ["1 h"])
    assert words in str(refused.value)


def test_a_modifier_of_one_form_takes_the_form_that_is_given() -> None:
    model = pkpd.load("kamp2020-ketamine").with_effects(pkpd.load_effect("simons2022-drug-high"))
    people = Population(60, modifiers={"nitroprusside": 0.5})
    given = "0.5 mg/kg iv over 40 min"
    found, usual = (pkpd.simulate(model, given, who, ["40 min"]) for who in (people, Population(60)))
    ratio = found["simons2022-drug-high"][0] / usual["simons2022-drug-high"][0]
    assert ratio == pytest.approx(np.where(found.individuals.beside["nitroprusside"], 0.78, 1.0))
    arms = {"racemate": given, "S": f"s-ketamine {given}", "none": "no treatment"}
    made = pkpd.compare(model, arms, people, until="1 d")
    assert [arm.individuals.whole != {} for arm in made.arms] == [True, False, True]
    with pytest.raises(PkpdError, match="depends on the drug form given"):
        pkpd.simulate(model, "no treatment", people, ["1 h"])


def test_a_dose_by_a_route_the_modifier_is_not_known_for_is_refused() -> None:
    model = pkpd.load("kamp2020-ketamine").with_route("im", ka="1.7 1/h", bioavailability=0.9)
    people = Population(10, modifiers={"women": 0.5})
    pkpd.simulate(model, "20 mg iv", people, ["1 h"])
    for act in (
        lambda: pkpd.simulate(model, "20 mg im", people, ["1 h"]),
        lambda: pkpd.compare(model, {"a": "20 mg im"}, people, until="1 d", effects=[]),
        lambda: pkpd.sweep(model, ["20 mg im"], people, ["1 h"], of="S-ketamine"),
    ):
        with pytest.raises(PkpdError, match="what women does there is known for iv only"):
            act()
