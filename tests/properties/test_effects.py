"""Laws of effects: odds, neutral and commuting modifiers, drives of several analytes, exceedance, shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import pkpd
from pkpd.effects.curves import exceedance

Floats = NDArray[np.float64]
laws = settings(derandomize=True, deadline=None, max_examples=25)

KAMP = pkpd.load("kamp2020-ketamine")
DOSE = "0.5 mg/kg iv over 40 min"
PEOPLE = pkpd.Population(30, seed=8)
TIMES = "0 to 6 h by 20 min"
CHANGE = """id = "{id}"
kind = "modifier"
title = "{id}"
group = "adjuvant"
use_for = "u"
not_for = "n"
[sources.a]
citation = "c"
"""
PART = '[[effects]]\nof = "{of}"\nwhat = "{what}"\namount = {amount!r}\nsource = "a"\nmark = "assumed"\n'
ROLE = '[[kinetics]]\nrole = "clearance"\nfactor = {factor!r}\nsource = "a"\nmark = "assumed"\n'


def change(name: str, *parts: tuple[str, str, float], clearance: float | None = None) -> pkpd.Modifier:
    text = CHANGE.format(id=name) + ("" if clearance is None else ROLE.format(factor=clearance))
    return pkpd.read_modifier(text + "".join(PART.format(of=of, what=what, amount=size) for of, what, size in parts))


def with_effects(*names: str) -> pkpd.Model:
    return KAMP.with_effects(*(pkpd.load_effect(name) for name in names))


def course(model: pkpd.Model, name: str, dose: str = DOSE) -> Floats:
    found: Floats = pkpd.simulate(model, dose, PEOPLE, TIMES)[name]
    return found


ASKED = with_effects("psychotomimetic-asked", "psychotomimetic-reported")
PLAIN = course(ASKED, "psychotomimetic-asked")


@laws
@given(st.floats(-12, 12))
def test_a_shift_of_log_odds_multiplies_the_odds_and_is_undone_by_its_opposite(shift: float) -> None:
    there = ASKED.with_modifiers(change("there", ("psychotomimetic-asked", "log odds", shift)))
    shifted = course(there, "psychotomimetic-asked")
    ours = np.exp(shift) * PLAIN
    assert shifted == pytest.approx(ours / (1 - PLAIN + ours), rel=1e-12)
    back = there.with_modifiers(change("back", ("psychotomimetic-asked", "log odds", -shift)))
    assert np.array_equal(course(back, "psychotomimetic-asked"), PLAIN)


@laws
@given(st.sampled_from([-1e6, -800.0, 800.0, 1e6]), st.sampled_from(["no treatment", "1000 mg/kg iv"]))
def test_no_shift_is_so_large_that_a_probability_is_lost(shift: float, dose: str) -> None:
    """Where somebody certainly does or certainly does not, odds are infinite or 0, and stay so."""
    model = with_effects("unresponsive").with_modifiers(change("far", ("unresponsive", "log odds", shift)))
    before, found = course(with_effects("unresponsive"), "unresponsive", dose), course(model, "unresponsive", dose)
    assert ((found >= 0) & (found <= 1)).all()
    assert np.array_equal(found[before == 0], before[before == 0])
    assert np.array_equal(found[before == 1], before[before == 1])


NEUTRAL = change(
    "neutral",
    *[("psychotomimetic-asked", what, size) for what, size in (("C50", 1.0), ("log odds", 0.0), ("value", 1.0))],
    *[("mean-arterial-pressure", what, size) for what, size in (("Emax", 1.0), ("value", 1.0), ("points", 0.0))],
    clearance=1.0,
)


@laws
@given(st.integers(0, 10_000))
def test_factors_of_one_and_shifts_of_nothing_change_no_bit(seed: int) -> None:
    model = with_effects("psychotomimetic-asked", "mean-arterial-pressure", "fast-relief")
    people = pkpd.Population(10, seed=seed)
    plain, same = (pkpd.simulate(one, DOSE, people, TIMES) for one in (model, model.with_modifiers(NEUTRAL)))
    assert plain.names == same.names
    assert all(np.array_equal(plain[name], same[name]) for name in plain.names)


@laws
@given(st.floats(0.2, 5), st.floats(0.2, 5), st.floats(-3, 3), st.floats(0.1, 1), st.floats(0.3, 3))
def test_modifiers_commute(first: float, second: float, shift: float, share: float, clearance: float) -> None:
    """Whatever they change: the same parameter, the value, its odds, the kinetics beneath."""
    one = change("one", ("psychotomimetic-asked", "C50", first), ("psychotomimetic-asked", "value", share))
    other = change(
        *("other", ("psychotomimetic-asked", "log odds", shift), ("psychotomimetic-asked", "C50", second)),
        clearance=clearance,
    )
    forth, back = ASKED.with_modifiers(one, other), ASKED.with_modifiers(other, one)
    for name in ("psychotomimetic-asked", "psychotomimetic-reported"):
        assert course(forth, name) == pytest.approx(course(back, name), rel=1e-12)


@laws
@given(
    st.floats(1e-3, 2), st.floats(1e-3, 2), st.sampled_from(["norketamine_potency", "R_potency"]), st.floats(1.01, 4)
)
def test_more_of_a_positive_potency_is_more_relief(norketamine: float, r: float, grown: str, times: float) -> None:
    potencies = {"norketamine_potency": norketamine, "R_potency": r}
    less, more = (
        course(KAMP.with_effects(pkpd.load_effect("fast-relief").with_values(**values)), "fast-relief")
        for values in (potencies, potencies | {grown: potencies[grown] * times})
    )
    assert (more[1:] > less[1:]).all()
    assert (more <= 1).all()


@laws
@given(st.floats(1e-3, 1), st.floats(1e-3, 1))
def test_an_added_analyte_comes_in_without_a_jump(norketamine: float, r: float) -> None:
    """Towards a potency of 0 the drive of three analytes becomes the drive of the one that is left."""
    tiny = {"norketamine_potency": norketamine * 1e-9, "R_potency": -r * 1e-9}
    on = KAMP.with_effects(pkpd.load_effect("fast-relief").with_values(**tiny))
    assert course(on, "fast-relief") == pytest.approx(course(with_effects("fast-relief"), "fast-relief"), abs=1e-7)


def test_what_is_switched_off_might_as_well_not_stand_in_the_file() -> None:
    """The default configuration without the lines of its further analytes: the same bits."""
    effects = pkpd.default_effects()
    bare = [
        replace(one, driver=replace(one.driver, also=())) if one.driver is not None and one.driver.also else one
        for one in effects
    ]
    assert [one.id for one, other in zip(effects, bare, strict=True) if one is not other] == ["fast-relief"]
    plain, without = (pkpd.simulate(KAMP.with_effects(*chosen), DOSE, PEOPLE, TIMES) for chosen in (effects, bare))
    assert plain.names == without.names
    assert all(np.array_equal(plain[name], without[name]) for name in plain.names)


@pytest.mark.parametrize("name", ["midazolam", "physiotherapy", "naloxone", "gabapentin", "opioids"])
def test_findings_of_nothing_and_unknowns_leave_every_bit_of_the_default(name: str) -> None:
    model = KAMP.with_effects(*pkpd.default_effects())
    plain, beside = (pkpd.simulate(one, DOSE, PEOPLE, TIMES) for one in (model, model.with_modifiers(name)))
    assert all(np.array_equal(plain[quantity], beside[quantity]) for quantity in plain.names)
    arms = {"alone": DOSE, "beside": (DOSE, name)}
    made = pkpd.compare(model, arms, PEOPLE, until="3 h")
    for first, second in zip(made.arm("alone").outcomes, made.arm("beside").outcomes, strict=True):
        assert np.array_equal(first.values, second.values), first.name
    assert any(name.split("-")[0].capitalize() in note for note in made.notes)


@given(st.floats(0, 5), st.floats(0, 5), st.floats(-20, 20), st.floats(0.01, 20), st.floats(1, 40))
def test_an_exceedance_rises_with_the_level_and_the_shift_and_falls_with_the_threshold(
    a: float, b: float, shift: float, more: float, sd: float
) -> None:
    low, high = sorted((a, b))
    of = {"Emax": 37.5, "C50": 0.2, "Hill": 1.0, "shift": shift, "threshold": 40.0, "sd": sd}
    here = float(exceedance(low, 0.0, of))
    assert 0 <= here <= float(exceedance(high, 0.0, of)) <= 1
    assert here <= float(exceedance(low, 0.0, of | {"shift": shift + more}))
    assert here >= float(exceedance(low, 0.0, of | {"threshold": 40.0 + more}))
    mean = 37.5 * low / (0.2 + low) + shift
    assert here <= 0.5 if mean < 40 else here >= 0.5


SHARE = """id = "part"
kind = "effect"
title = "t"
endpoint = "e"
role = "side effect"
use_for = "u"
not_for = "n"
[sources.a]
citation = "c"
[curve]
form = "share"
share = "share"
of = "psychotomimetic-reported"
[parameters.share]
value = {share!r}
unit = "1"
source = "a"
mark = "assumed"
"""


@laws
@given(st.floats(0.01, 1), st.floats(-2, 2))
def test_a_share_of_a_share_is_the_product_and_in_the_same_people(share: float, shift: float) -> None:
    model = ASKED.with_effects(pkpd.read_effect(SHARE.format(share=share)))
    model = model.with_modifiers(change("moved", ("psychotomimetic-asked", "log odds", shift)))
    result = pkpd.simulate(model, DOSE, PEOPLE, TIMES)
    whole = result["psychotomimetic-asked"]
    assert result["part"] == pytest.approx(share * 0.24 * whole, rel=1e-12)
    arm = pkpd.compare(model, {"a": DOSE}, pkpd.Population(400, seed=3), until="3 h").arm("a")
    asked, reported, part = (
        arm.outcome(name).values for name in ("psychotomimetic-asked", "psychotomimetic-reported", "part")
    )
    assert (part <= reported).all()
    assert (reported <= asked).all()
