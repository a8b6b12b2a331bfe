"""Modifiers on models and effects: what changes, what must not, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd
from pkpd.errors import ModelFileError, SimulationError, UnknownName
from pkpd.model.modifier import weaker
from pkpd.model.parts import Between, Covariance

ORAL = "s-ketamine 14 mg oral"
TIMES = "0 to 12 h by 30 min"
KINETICS = """id = "tried"
kind = "modifier"
title = "Tried"
group = "condition"
use_for = "u"
not_for = "n"
[sources.a]
citation = "c"
[[kinetics]]
role = "{role}"
factor = {factor}
source = "a"
mark = "{mark}"
"""
EFFECT = """id = "tried"
kind = "modifier"
title = "Tried"
group = "adjuvant"
use_for = "u"
not_for = "n"
[sources.a]
citation = "c"
[[effects]]
of = "{of}"
what = "{what}"
amount = {amount}
source = "a"
mark = "assumed"
"""


def kinetics(factor: float, role: str = "liver_intrinsic_clearance", mark: str = "derived") -> pkpd.Modifier:
    return pkpd.read_modifier(KINETICS.format(role=role, factor=factor, mark=mark))


def effect(of: str, what: str, amount: float) -> pkpd.Modifier:
    return pkpd.read_modifier(EFFECT.format(of=of, what=what, amount=amount))


def ashraf() -> pkpd.Model:
    return pkpd.load("ashraf2018-s-ketamine")


def kamp(*effects: str) -> pkpd.Model:
    return pkpd.load("kamp2020-ketamine").with_effects(*(pkpd.load_effect(name) for name in effects))


def people(size: int = 40) -> pkpd.Population:
    return pkpd.Population(size, seed=5)


# Kinetics


def test_a_factor_of_one_changes_no_bit() -> None:
    plain = pkpd.simulate(ashraf(), ORAL, people(), TIMES)
    same = pkpd.simulate(ashraf().with_modifiers(kinetics(1)), ORAL, people(), TIMES)
    assert np.array_equal(plain.array, same.array)


@settings(max_examples=15, deadline=None)
@given(factor=st.floats(0.05, 20))
def test_the_same_patients_with_and_without(factor: float) -> None:
    """Every patient's own parameter is the factor times what it was; no other moves by a bit."""
    plain = pkpd.simulate(ashraf(), "no treatment", people(), ["0 h"]).individuals.parameters
    changed = pkpd.simulate(ashraf().with_modifiers(kinetics(factor)), "no treatment", people(), ["0 h"])
    for name in ashraf().parameters:
        times = factor if name == "CLint_liver" else 1
        assert changed.individuals.parameters[name] == pytest.approx(plain[name] * times, rel=1e-14), name
        if name != "CLint_liver":
            assert np.array_equal(changed.individuals.parameters[name], plain[name])


def test_two_modifiers_commute() -> None:
    one = ashraf().with_modifiers("clarithromycin", "rifampicin")
    other = ashraf().with_modifiers("rifampicin", "clarithromycin")
    first, second = (pkpd.simulate(model, ORAL, people(), TIMES).array for model in (one, other))
    assert first == pytest.approx(second, rel=1e-13)
    assert one.parameters["CLint_liver"].value == pytest.approx(301 * 0.52 * 4.8)


def test_the_change_says_where_it_comes_from() -> None:
    model = ashraf().with_modifiers("clarithromycin")
    changed = model.parameters["CLint_liver"]
    assert changed.mark == "derived"
    assert changed.written == pytest.approx(301 * 0.52)
    source = model.sources[changed.source]
    assert "Ashraf" in source.citation
    assert "clarithromycin" in source.citation
    assert model.parameters["ka"] is ashraf().parameters["ka"]
    assert "x 0.52" in model.modifier_notes[0]
    assert model.company == " with clarithromycin"
    assert ashraf().company == ""


@pytest.mark.parametrize(("mark", "kept"), [("primary", "secondary"), ("assumed", "assumed")])
def test_the_weaker_mark_stays(mark: str, kept: str) -> None:
    assert ashraf().with_modifiers(kinetics(2, mark=mark)).parameters["CLint_liver"].mark == kept
    assert weaker("assumed", "primary") == weaker("primary", "assumed") == "assumed"


def test_all_parameters_of_a_role_are_multiplied() -> None:
    from dataclasses import replace

    model = replace(ashraf(), roles={"liver_intrinsic_clearance": ("CLint_liver", "CLint_NK_liver")})
    changed = model.with_modifiers(kinetics(0.5)).parameters
    assert changed["CLint_liver"].value == 150.5
    assert changed["CLint_NK_liver"].value == 36.75


def test_uncertainty_and_range_go_along() -> None:
    changed = kamp().with_modifiers(kinetics(2, "clearance")).parameters["CL"]
    assert changed.between == kamp().parameters["CL"].between
    rse = ashraf().with_modifiers(kinetics(2)).parameters["CLint_liver"].uncertainty
    assert rse == {"rse": 0.142}
    otto = pkpd.load("otto2021-s-ketamine")
    assert otto.with_modifiers(kinetics(2, "norketamine_clearance")).parameters["CLn"].value == pytest.approx(2 * 57.72)


def test_of_several_ways_a_model_takes_the_one_whose_roles_it_has() -> None:
    extraction = ashraf().with_modifiers("rifampicin")
    assert extraction.parameters["CLint_gut"].value == pytest.approx(1.19 * 2.9)
    clearance = kamp().with_modifiers("rifampicin")
    assert clearance.parameters["CL"].value == pytest.approx(84 * 1.13)
    assert clearance.parameters["CLn"].value == pytest.approx(57.72 * 3)
    bare = pkpd.load("kamp2020-pooled").with_modifiers("rifampicin")  # no norketamine: optional
    assert bare.parameters["CL"].value == pytest.approx(84 * 1.13)
    assert [change.role for change in bare.modifiers[0].kinetics] == ["clearance"]


# What is refused


def test_a_role_the_model_lacks_is_refused_with_models_that_have_it() -> None:
    with pytest.raises(ModelFileError, match=r"kamp2020-ketamine.*gut_intrinsic_clearance.*acts on: .*ashraf2018"):
        kamp().with_modifiers("clarithromycin")


def test_nothing_to_act_on_is_refused() -> None:
    with pytest.raises(ModelFileError, match=r"nothing to act on.*fast-relief.*attached are none"):
        kamp().with_modifiers("electrical-pain")
    with pytest.raises(ModelFileError, match="acts already"):
        ashraf().with_modifiers("clarithromycin", "clarithromycin")
    with pytest.raises(UnknownName, match='Did you mean "clarithromycin"'):
        ashraf().with_modifiers("claritromycin")
    with pytest.raises(UnknownName, match="is a kinetic model .*, and not a modifier"):
        ashraf().with_modifiers("kamp2020-ketamine")


def test_a_value_to_set() -> None:
    carriers = pkpd.load_modifier("cyp2b6-6")
    assert carriers.settable == ("intrinsic", "factor")
    assert kamp().with_modifiers(carriers).parameters["CL"].value == 84
    changed = kamp().with_modifiers(carriers.with_values(factor=0.6))
    assert changed.parameters["CL"].value == pytest.approx(50.4)
    assert changed.parameters["CL"].mark == "assumed"
    assert "Set in the script" in changed.sources[changed.parameters["CL"].source].citation
    with pytest.raises(UnknownName, match='"factr".*Did you mean "factor"'):
        carriers.with_values(factr=0.5)
    with pytest.raises(ModelFileError, match="0 or more"):
        carriers.with_values(factor=-0.5)
    with pytest.raises(ModelFileError, match="not a number"):
        carriers.with_values(factor=float("nan"))
    with pytest.raises(ModelFileError, match=r"value set for factor is not used there. In use: intrinsic"):
        ashraf().with_modifiers(carriers.with_values(factor=0.6))


def test_doses_by_a_route_of_which_nothing_is_known_are_refused() -> None:
    from dataclasses import replace

    model = replace(ashraf(), roles={"clearance": ("QH",)}).with_modifiers("rifampicin")
    pkpd.simulate(model, "s-ketamine 5 mg iv over 2 min", None, ["1 h"])
    with pytest.raises(SimulationError, match="rifampicin does there is known for iv only, not oral"):
        pkpd.simulate(model, ORAL, None, ["1 h"])


def test_of_several_changes_each_holds_for_its_routes_alone() -> None:
    text = KINETICS.format(role="liver_intrinsic_clearance", factor=0.5, mark="assumed") + 'routes = ["iv", "oral"]\n'
    text += '[[kinetics]]\nrole = "gut_intrinsic_clearance"\nfactor = 0.5\nroutes = ["oral"]\n'
    model = ashraf().with_modifiers(pkpd.read_modifier(text + 'source = "a"\nmark = "assumed"\n'))
    pkpd.simulate(model, ORAL, None, ["1 h"])
    with pytest.raises(SimulationError, match="tried does there is known for oral only, not iv"):
        pkpd.simulate(model, "s-ketamine 5 mg iv over 2 min", None, ["1 h"])


def test_a_factor_of_0_ends_a_normal_spread_and_its_covariance() -> None:
    from dataclasses import replace

    model = ashraf()
    own = model.parameters["CLint_liver"]
    other = model.parameters["QH"]
    mark = own.mark
    normal = {
        one.name: replace(one, between=Between("normal", (0.1 * (one.value or 0)) ** 2, None, None, one.source, mark))
        for one in (own, other)
    }
    size = 0.5 * 0.1**2 * (own.value or 0) * (other.value or 0)
    together = (Covariance("CLint_liver", "QH", size, own.source, mark),)
    model = replace(model, parameters=model.parameters | normal, covariances=together)
    half, none = (
        pkpd.simulate(model.with_modifiers(kinetics(factor)), ORAL, people(), ["1 h"]).individuals.parameters
        for factor in (0.5, 0)
    )
    whole = pkpd.simulate(model, ORAL, people(), ["1 h"]).individuals.parameters
    assert half["CLint_liver"] == pytest.approx(0.5 * np.asarray(whole["CLint_liver"]))
    assert half["QH"] == pytest.approx(np.asarray(whole["QH"]))
    assert not np.any(none["CLint_liver"])


def test_a_parameter_without_a_number_cannot_be_changed() -> None:
    from dataclasses import replace

    bare = replace(pkpd.load("one-compartment"), roles={"clearance": ("CL",)})
    with pytest.raises(ModelFileError, match="CL has no number"):
        bare.with_modifiers(kinetics(2, "clearance"))


def test_readings_and_values_come_before_modifiers() -> None:
    model = ashraf().with_values(CLint_liver="200 L/h", ka="2 1/h").with_modifiers("ticlopidine")
    assert model.parameters["CLint_liver"].value == pytest.approx(74)
    assert model.with_values(ka="1 1/h").parameters["ka"].value == 1
    with pytest.raises(ModelFileError, match=r"CLint_liver is what with ticlopidine changes"):
        model.with_values(CLint_liver="100 L/h")
    with_readings = next(m for m in map(pkpd.load, pkpd.names("pk")) if m.readings and "clearance" in m.roles)
    name = next(iter(with_readings.readings))
    with pytest.raises(SimulationError, match="Choose the reading first"):
        with_readings.with_modifiers("cyp2b6-6").reading(name)
    both = with_readings.reading(name).with_modifiers("cyp2b6-6")
    assert both.chosen_reading == name


# Effects


@settings(max_examples=15, deadline=None)
@given(shift=st.floats(-3, 3))
def test_a_shift_of_log_odds_is_the_odds_ratio(shift: float) -> None:
    model = kamp("psychotomimetic-asked")
    dose, times = "0.5 mg/kg iv over 40 min", "0 to 3 h by 10 min"
    plain = pkpd.simulate(model, dose, people(), times)["psychotomimetic-asked"]
    shifted = pkpd.simulate(
        model.with_modifiers(effect("psychotomimetic-asked", "log odds", shift)), dose, people(), times
    )["psychotomimetic-asked"]
    inside = plain < 1 - 1e-9
    odds, before = shifted / (1 - shifted), plain / (1 - plain)
    assert odds[inside] == pytest.approx(np.exp(shift) * before[inside], rel=1e-6)
    assert ((shifted >= 0) & (shifted <= 1)).all()


def test_no_shift_changes_no_bit() -> None:
    model = kamp("psychotomimetic-asked", "fast-relief", "olofsen2022-perception")
    dose, times = "0.5 mg/kg iv over 40 min", "0 to 3 h by 10 min"
    plain = pkpd.simulate(model, dose, people(), times)
    for change in (
        effect("psychotomimetic-asked", "log odds", 0),
        effect("olofsen2022-perception", "value", 1),
        effect("olofsen2022-perception", "points", 0),
        effect("fast-relief", "C50", 1),
    ):
        same = pkpd.simulate(model.with_modifiers(change), dose, people(), times)
        for name in plain.names:
            assert np.array_equal(plain[name], same[name])


def test_value_points_and_potency() -> None:
    model = kamp("fast-relief", "olofsen2022-perception")
    dose, times = "0.5 mg/kg iv over 40 min", ["40 min"]
    plain = pkpd.simulate(model, dose, None, times)
    seen = pkpd.simulate(model.with_modifiers(effect("olofsen2022-perception", "value", 0.7)), dose, None, times)[
        "olofsen2022-perception"
    ]
    assert seen == pytest.approx(0.7 * plain["olofsen2022-perception"])
    seen = pkpd.simulate(model.with_modifiers(effect("olofsen2022-perception", "points", -0.1)), dose, None, times)[
        "olofsen2022-perception"
    ]
    assert seen == pytest.approx(plain["olofsen2022-perception"] - 0.1)
    six = pkpd.simulate(model.with_modifiers("electrical-pain"), dose, None, times)
    site = plain["site of fast-relief"]
    assert six["fast-relief"] == pytest.approx(site / (site + 600))
    assert plain["fast-relief"] == pytest.approx(site / (site + 100))


def test_an_effect_attached_later_is_changed_too_and_none_twice() -> None:
    further = '[[effects]]\nof = "slow-relief"\nwhat = "C50"\namount = 3\nsource = "a"\nmark = "assumed"\n'
    both = pkpd.read_modifier(EFFECT.format(of="fast-relief", what="C50", amount=6) + further)
    first = kamp("fast-relief").with_modifiers(both)
    later = first.with_effects(pkpd.load_effect("slow-relief"))
    assert [own.parameters["C50"].written for own in later.effects] == [600, 31.5]
    assert later.modifier_notes[0].count("C50 x") == 2
    again = kamp().with_effects(*later.effects)  # effects taken from a model on which the modifier acts
    assert [own.parameters["C50"].written for own in again.effects] == [600, 31.5]


def test_a_value_of_an_effect_comes_before_its_modifiers() -> None:
    changed = kamp("fast-relief").with_modifiers("electrical-pain").effects[0]
    with pytest.raises(ModelFileError, match="C50 is what electrical-pain changes"):
        changed.with_values(C50="50 ng/mL")
    assert changed.with_values(equilibration="5 min").parameters["C50"].written == 600
    before = kamp().with_effects(pkpd.load_effect("fast-relief").with_values(C50="50 ng/mL"))
    assert before.with_modifiers("electrical-pain").effects[0].parameters["C50"].written == 300


def test_a_share_follows_the_effect_it_is_a_share_of() -> None:
    model = kamp("psychotomimetic-asked", "psychotomimetic-reported")
    changed = model.with_modifiers(effect("psychotomimetic-asked", "log odds", -1))
    seen = pkpd.simulate(changed, "0.5 mg/kg iv over 40 min", None, ["40 min"])
    assert seen["psychotomimetic-reported"] == pytest.approx(0.24 * seen["psychotomimetic-asked"])


def test_midazolam_is_no_shift_of_potency_and_leaves_relief() -> None:
    model = kamp("fast-relief", "psychotomimetic-asked")
    changed = model.with_modifiers("midazolam")
    assert changed.effects == model.effects
    assert "fast-relief: no effect found" in changed.modifier_notes[0]
    assert "psychotomimetic-asked: unknown" in changed.modifier_notes[0]
    assert all(change.what != "C50" for change in pkpd.load_modifier("midazolam").effects)


@pytest.mark.parametrize("name", ["physiotherapy", "psychotherapy"])
def test_what_nobody_measured_is_unknown_and_not_zero(name: str) -> None:
    model = kamp("fast-relief", "slow-relief")
    changed = model.with_modifiers(name)
    assert changed.effects == model.effects
    assert changed.modifier_notes[0].count("unknown") == 2
    assert "no effect" not in changed.modifier_notes[0]


def test_what_an_effect_has_not_is_refused() -> None:
    model = kamp("fast-relief", "psychotomimetic-asked")
    with pytest.raises(ModelFileError, match=r'has no "C5".*Did you mean "C50"'):
        model.with_modifiers(effect("fast-relief", "C5", 2))
    with pytest.raises(ModelFileError, match="only a probability has log odds"):
        model.with_modifiers(effect("fast-relief", "log odds", 1))
    with pytest.raises(ModelFileError, match="more than 1"):
        model.with_modifiers(effect("psychotomimetic-asked", "value", 1.5))
    with pytest.raises(ModelFileError, match="no points"):
        model.with_modifiers(effect("fast-relief", "points", 1))


def test_nitroprusside_acts_on_the_racemate_alone() -> None:
    model = kamp("olofsen2022-perception")
    with pytest.raises(ModelFileError, match=r"depends on the drug form.*Forms: S, racemate"):
        model.with_modifiers("nitroprusside")
    racemate = model.with_modifiers("nitroprusside", form="racemate")
    assert racemate.effects[0].factor == 0.70
    assert model.with_modifiers("nitroprusside", form="S").effects[0].factor == 1
    pkpd.simulate(racemate, "0.5 mg/kg iv over 40 min", None, ["1 h"])
    with pytest.raises(SimulationError, match="applied for the form racemate, not S"):
        pkpd.simulate(racemate, "s-ketamine 0.5 mg/kg iv over 40 min", None, ["1 h"])
