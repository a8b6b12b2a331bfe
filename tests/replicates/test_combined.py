"""Draws of the estimates together with modifiers of the patients' own, and with what they get of a prescription."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from replicated import kamp, replicate_of

import pkpd
from pkpd.population.company import bearers
from pkpd.replicates import nested
from pkpd.replicates.values import Uncertainty

WEEKLY = "20 mg/h iv over 4 h every 7 d for 4 doses"
KEPT = pkpd.Practice(missed=0.3, late=pkpd.Late("6 h", "24 h", "exponential"), vial="25 mg")
TIMES = ["2 h", "8 d", "30 d"]
OTTO = "otto2021-s-ketamine"
ORAL: dict[str, Any] = {"oral": "s-ketamine 20 mg oral", "none": "no treatment"}


@lru_cache
def practised() -> Uncertainty:
    return pkpd.uncertainty(
        kamp(),
        {"weekly": WEEKLY, "none": "no treatment"},
        pkpd.Population(12, seed=3),
        replicates=41,
        times=TIMES,
        models=[OTTO],
        practice=KEPT,
        scans="uniform",
    )


def test_a_replicate_in_practice_is_a_comparison_in_practice() -> None:
    made = practised()
    arms = {arm.name: arm.regimen for arm in made.main.comparison.arms}
    for number in (0, 23, 40):
        model, effects = replicate_of(made, number)
        one = pkpd.compare(model, arms, pkpd.Population(12, seed=3), effects=effects, practice=KEPT)
        for arm in one.arms:
            for outcome in arm.outcomes:
                same = made.main.outcome(arm.name, outcome.name, outcome.when)
                assert same is not None
                assert same.means[number] == pytest.approx(np.mean(outcome.values), rel=1e-12, abs=1e-12)


def test_practice_is_the_same_in_every_replicate_and_under_every_model() -> None:
    made = practised()
    began = [view.outcome("weekly", "doses taken", "") for view in made.views]
    assert len(began) == 2
    for one in began:
        assert one is not None and np.ptp(one.means) == 0 and 0.5 < one.means[0] < 0.9
    assert began[0].means[0] == began[1].means[0]
    assert any(note.startswith("In practice, in every arm") for note in made.notes)


def test_a_course_in_practice_is_what_patients_get_of_it() -> None:
    made = practised()
    curve = next(one for one in made.main.curves if (one.arm, one.quantity) == ("weekly", "S-ketamine"))
    one = pkpd.simulate(kamp(), WEEKLY, pkpd.Population(12, seed=3), TIMES, practice=KEPT)
    assert curve.typical == pytest.approx(np.median(one["S-ketamine"], axis=1), rel=1e-12)
    with pytest.raises(pkpd.PkpdError, match="practice"):
        pkpd.uncertainty(kamp(), {"a": WEEKLY}, 10, replicates=40, practice="often")  # type: ignore[arg-type]


def test_a_study_file_s_practice_goes_into_its_uncertainty() -> None:
    study = replace(pkpd.load_study("favourable-indication"), practice=pkpd.Practice(missed=0.5)).with_patients(20)
    made = study.uncertainty(replicates=40, times=["1 h"])
    assert all(
        made.main.comparison.summary(arm, "doses taken").value < 0.8
        for arm, regimen in study.regimens.items()
        if not regimen.is_empty
    )


def drawn(
    people: pkpd.Population, regimens: Mapping[str, Any], model: str = "ashraf2018-s-ketamine", scans: str = "uniform"
) -> Uncertainty:
    return pkpd.uncertainty(pkpd.load(model), regimens, people, replicates=41, times=["1 h", "8 h"], scans=scans)


def test_everybody_having_a_modifier_is_an_arm_having_it() -> None:
    has = pkpd.Population(15, seed=2, modifiers={"rifampicin": 1.0})
    own = drawn(has, ORAL)
    arms = drawn(replace(has, modifiers={}), {name: (text, "rifampicin") for name, text in ORAL.items()})
    for name, outcomes in arms.main.outcomes.items():
        for one in outcomes:
            same = own.main.outcome(name, one.name, one.when)
            assert same is not None and np.array_equal(same.means, one.means), (name, one.name)
    for a, b in zip(own.main.curves, arms.main.curves, strict=True):
        assert np.array_equal(a.typical, b.typical) and np.array_equal(a.new, b.new)


@pytest.mark.parametrize("block", [20_000, 40])
def test_a_replicate_has_each_patient_under_his_own_model(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nested, "BLOCK", block)
    crowd = pkpd.Population(16, seed=2, modifiers={"rifampicin": 0.5})
    made = drawn(crowd, ORAL)
    has = bearers(crowd)["rifampicin"]
    assert 0 < has.sum() < 16
    with_it, without = (drawn(replace(crowd, modifiers=own), ORAL) for own in ({"rifampicin": 1.0}, {}))
    number, plain = 7, replace(crowd, modifiers={})
    model, effects = replicate_of(without, number)
    one = pkpd.compare(model, ORAL, plain, effects=effects)
    two = pkpd.compare(model, {n: (t, "rifampicin") for n, t in ORAL.items()}, plain, effects=effects)
    for arm in ORAL:
        for first, second in zip(one.arm(arm).outcomes, two.arm(arm).outcomes, strict=True):
            same = made.main.outcome(arm, first.name, first.when)
            assert same is not None
            wanted = np.where(has, second.values, first.values).mean()
            assert same.means[number] == pytest.approx(wanted, rel=1e-12, abs=1e-12), (arm, first.name)
    assert (
        with_it.main.outcome("oral", "peak S-ketamine in plasma", "").means.mean()
        < made.main.outcome("oral", "peak S-ketamine in plasma", "").means.mean()
    )


def test_effects_that_modifiers_change_as_a_whole_are_changed_in_replicates() -> None:
    """An odds ratio of a patient's own lies outside the parameters."""
    crowd, single = pkpd.Population(400, seed=2, modifiers={"midazolam": 0.5}), {"a": "2 mg/kg iv bolus"}
    effects = (*pkpd.default_effects(), pkpd.load_effect("emergence-agitation"))
    made = pkpd.uncertainty(kamp(), single, crowd, replicates=41, times=["1 h"], effects=effects)
    same = made.main.outcome("a", "emergence-agitation", "")
    assert same is not None
    alone, plain = (
        pkpd.compare(kamp(), single, people, effects=effects).arms[0].outcome("emergence-agitation").values.mean()
        for people in (crowd, replace(crowd, modifiers={}))
    )
    assert same.means.mean() == pytest.approx(alone, abs=0.01)
    assert alone < plain - 0.02
