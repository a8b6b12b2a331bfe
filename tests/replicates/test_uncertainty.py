"""The verb: each replicate is the model with other numbers, in the same patients; bands, models, shares, refusals."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from replicated import kamp, replicate_of

import pkpd
from pkpd.errors import PkpdError, SimulationError
from pkpd.individuals import of_population
from pkpd.model.expressions import Expression
from pkpd.replicates import nested
from pkpd.replicates.reach import behind
from pkpd.replicates.values import Uncertainty
from pkpd.simulation import concentrations

REGIMENS: dict[str, Any] = {
    "single": "0.5 mg/kg iv over 40 min",
    "days": "20 mg/h iv over 10 h every 24 h for 3 doses",
    "none": "no treatment",
}
TIMES = ["30 min", "40 min", "2 h", "60 h", "9 d"]
PEOPLE = pkpd.Population(25, seed=3)


@lru_cache
def found(scans: str = "leave", models: tuple[str, ...] = ()) -> Uncertainty:
    return pkpd.uncertainty(
        kamp(), REGIMENS, PEOPLE, replicates=41, models=list(models), times=TIMES, scans=scans, until="30 d"
    )


@pytest.mark.parametrize("scans", ["leave", "uniform"])
def test_a_replicate_is_a_comparison_under_the_model_with_its_numbers(scans: str) -> None:
    uncertainty = found(scans)
    for number in (0, 17, 40):
        model, effects = replicate_of(uncertainty, number)
        one = pkpd.compare(model, REGIMENS, PEOPLE, "30 d", effects=effects)
        for arm in one.arms:
            for outcome in arm.outcomes:
                own = uncertainty.main.outcome(arm.name, outcome.name, outcome.when)
                assert own is not None
                assert own.means[number] == pytest.approx(outcome.values.mean(), rel=1e-9, abs=1e-12), outcome


def test_the_bands_are_those_of_all_replicates_and_patients() -> None:
    uncertainty = pkpd.uncertainty(
        kamp(), REGIMENS, PEOPLE, replicates=41, times=TIMES, until="30 d", covariance={"CL": {"CL": 64.0}}
    )
    for quantity, centre in (("S-ketamine", np.median), ("relief", np.mean)):
        pool = []
        for number in range(41):
            model, effects = replicate_of(uncertainty, number)
            result = pkpd.simulate(model.with_effects(*effects), REGIMENS["days"], PEOPLE, TIMES)
            pool.append(result[quantity])
        values = np.array(pool)  # replicates, times, patients
        curve = uncertainty.curve("days", quantity)
        typical = centre(values, axis=2)
        assert curve.band == pytest.approx(np.quantile(typical, (0.025, 0.975), axis=0), rel=1e-9, abs=1e-12)
        together = values.transpose(1, 0, 2).reshape(len(TIMES), -1)
        assert curve.new == pytest.approx(np.quantile(together, (0.05, 0.95), axis=1), rel=1e-9, abs=1e-12)
        for time, split in enumerate(curve.parts):
            assert split.patients + split.estimates == pytest.approx(together[time].var(), rel=1e-9)
            assert split.estimates == pytest.approx(values[:, time].mean(axis=1).var(), rel=1e-9, abs=1e-15)


def test_the_published_estimates_are_in_the_middle() -> None:
    curve = found().curve("single", "relief")
    alone = pkpd.simulate(kamp().with_effects(*pkpd.default_effects()), REGIMENS["single"], PEOPLE, TIMES)
    assert curve.typical == pytest.approx(alone["relief"].mean(axis=1), rel=1e-12)
    assert curve.patients == pytest.approx(np.quantile(alone["relief"], (0.05, 0.95), axis=1), rel=1e-12)
    assert (curve.band[0] < curve.typical).all()
    assert (curve.band[1] > curve.typical).all()
    assert (curve.new[1] - curve.new[0] > 2 * (curve.band[1] - curve.band[0])).all()


def test_a_band_that_nobody_knows_is_missing_and_said_to_be() -> None:
    uncertainty = found()
    curve = uncertainty.curve("single", "S-ketamine")
    assert not curve.is_drawn
    assert np.isnan(curve.band).all()
    alone = pkpd.simulate(kamp(), REGIMENS["single"], PEOPLE, TIMES)["S-ketamine"]
    assert curve.new == pytest.approx(np.quantile(np.tile(alone, 41), (0.05, 0.95), axis=1), rel=1e-9)
    assert uncertainty.curve("single", "relief").is_drawn
    said = " ".join(uncertainty.statements())
    for words in (
        "No uncertainty is published for V1, Q2, V2, Q3, V3",
        "levels have no band of the estimates",
        "only a range worth trying is known: CL (69 to 90 L/h), CL_ratio_R (0.83 to 0.94), fast-relief.C50",
        "Drawn by their published standard error or interval: fast-relief.equilibration, slow-relief.equilibration",
        "each by itself where their covariances are not published",
    ):
        assert words in said
    assert "assumed range (no distribution is published): CL, CL_ratio_R" in " ".join(found("uniform").statements())
    line = uncertainty.line("single", "peak S-ketamine in plasma")
    assert np.isnan(line.interval).all()
    assert line.over_draws == pytest.approx(line.summary.value)
    responders = uncertainty.line("days", "pain relief of at least 30%", "1 week")
    own = uncertainty.main.outcome("days", "pain relief of at least 30%", "1 week")
    assert own is not None
    assert responders.over_draws == pytest.approx(own.means.mean())
    against = [one for one in uncertainty.lines() if one.summary.against and one.summary.when == "1 week"]
    placebo = uncertainty.main.outcome("none", "pain relief of at least 30%", "1 week")
    assert placebo is not None
    apart = next(one for one in against if one.summary.quantity == own.name and one.summary.regimen == "days")
    assert apart.interval[:2] == pytest.approx(np.quantile(own.means - placebo.means, (0.025, 0.975)))
    assert "none" not in {one.arm for one in uncertainty.main.curves if one.quantity == "S-ketamine"}


def test_numbers_depend_on_neither_threads_nor_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(threads: int) -> Uncertainty:
        few = pkpd.Population(10, seed=3)
        return pkpd.uncertainty(
            kamp(), REGIMENS, few, replicates=40, times=TIMES, scans="uniform", until="20 d", threads=threads
        )

    one = run(1)
    monkeypatch.setattr(nested, "BLOCK", 30)
    monkeypatch.setattr(nested, "HELD", 900)
    monkeypatch.setattr(nested.Crowd, "is_touched", lambda *_: True)
    other = run(2)
    assert one.table().equals(other.table())
    assert one.to_frame().equals(other.to_frame())


def test_patients_and_draws_are_addressed() -> None:
    """Fewer replicates are the first of more, and another model beside changes nothing."""
    few, more = found(), pkpd.uncertainty(kamp(), REGIMENS, PEOPLE, replicates=60, times=TIMES, until="30 d")
    beside = found(models=("otto2021-s-ketamine",))
    for own, longer, same in zip(
        few.main.outcomes["days"], more.main.outcomes["days"], beside.main.outcomes["days"], strict=True
    ):
        assert (own.means == longer.means[:41]).all()
        assert (own.means == same.means).all()


def test_other_models_stand_apart() -> None:
    uncertainty = found(models=("otto2021-s-ketamine", "simons2022-s-ketamine"))
    alone = pkpd.uncertainty(
        pkpd.load("simons2022-s-ketamine"),
        {"days": "s-ketamine 10 mg/h iv over 10 h every 24 h for 3 doses"},
        PEOPLE,
        replicates=41,
        times=TIMES,
        until="30 d",
        effects=pkpd.default_effects(),
    )
    view = uncertainty.view("simons2022-s-ketamine")
    assert uncertainty.curve("days", "S-ketamine", "simons2022-s-ketamine").typical == pytest.approx(
        alone.curve("days", "S-ketamine").typical
    )
    assert view.curve("days", "S-ketamine").is_drawn
    assert uncertainty.curve("days", "S-ketamine").typical == pytest.approx(found().curve("days", "S-ketamine").typical)
    line = uncertainty.line("days", "peak S-ketamine in plasma")
    assert list(line.models) == ["kamp2020-ketamine", "otto2021-s-ketamine", "simons2022-s-ketamine"]
    peaks = [one.outcome("days", "peak S-ketamine in plasma", "") for one in uncertainty.views]
    means = [one.parts.mean for one in peaks if one is not None]
    within = [one.parts.patients + one.parts.estimates for one in peaks if one is not None]
    assert line.shares[2] == pytest.approx(np.var(means) / (np.var(means) + np.mean(within)))
    assert sum(line.shares) == pytest.approx(1)
    row = uncertainty.table().set_index(["regimen", "quantity", "when", "against"])
    peak = row.loc[("days", "peak S-ketamine in plasma", "", "")]
    assert (peak.models_low, peak.models_high) == (min(line.models.values()), max(line.models.values()))
    assert np.isnan(row.loc[("days", "cumulative dose", "", "")].models_low)
    assert any("given the S half of the racemate in" in note for note in uncertainty.notes)


def test_effects_may_be_the_choice_as_well() -> None:
    effects = [effect for effect in pkpd.default_effects() if effect.id != "slow-relief"]
    other = kamp().with_effects(*effects, pkpd.load_effect("dahan2011-relief"))
    uncertainty = pkpd.uncertainty(
        kamp(), REGIMENS, PEOPLE, replicates=40, models={"Dahan's own": other}, times=TIMES, until="30 d"
    )
    line = uncertainty.line("days", "pain relief", "1 week")
    assert list(line.models) == ["kamp2020-ketamine", "Dahan's own"]
    assert line.models["Dahan's own"] != pytest.approx(line.models["kamp2020-ketamine"], rel=0.05)
    assert uncertainty.line("days", "peak S-ketamine in plasma").shares[2] == pytest.approx(0, abs=1e-12)


def test_draws_may_be_made_before_and_given() -> None:
    def run(replicates: Any, **options: Any) -> Uncertainty:
        few = pkpd.Population(6, seed=3)
        beside = ["otto2021-s-ketamine"]
        arms = {"S": "s-ketamine 20 mg iv over 1 h"}
        return pkpd.uncertainty(
            kamp(), arms, few, replicates=replicates, models=beside, times=["1 h"], until="9 d", **options
        )

    model, scans = kamp().with_effects(*pkpd.default_effects()), ["fast-relief.C50", "CL"]
    asked = run(40, scans=scans)
    given = run(pkpd.draw_estimates(model, 40, seed=3, scans=scans))
    assert repr(asked.rows()) == repr(given.rows())
    for one, other in zip(asked.views, given.views, strict=True):
        for name in [estimate.name for estimate in one.estimates.sampled]:
            assert (one.estimates[name] == other.estimates[name]).all()
    with pytest.raises(SimulationError, match="drawn already"):
        run(pkpd.draw_estimates(model, 40), scans="uniform")
    with pytest.raises(SimulationError, match=r"39 is not a whole number from 40"):
        run(pkpd.draw_estimates(model, 39))
    with pytest.raises(SimulationError, match="drawn for another model than kamp2020-ketamine with its effects"):
        run(pkpd.draw_estimates(kamp(), 40))
    with pytest.raises(SimulationError, match="CL is not the same"):
        run(pkpd.draw_estimates(model.with_values(CL="70 L/h"), 40))


def test_library_models_that_cannot_are_left_out() -> None:
    regimens = {"film": "s-ketamine 50 mg sublingual"}
    model = pkpd.load("simons2022-s-ketamine")
    uncertainty = pkpd.uncertainty(model, regimens, 5, replicates=40, models="library", times=["1 h"], until="2 d")
    assert len(uncertainty.views) == 1
    assert "No other model of the library takes every regimen: ashraf2018" in " ".join(uncertainty.notes)


def test_a_modifier_multiplies_the_draws() -> None:
    model = pkpd.load("ashraf2018-s-ketamine")
    regimens = {"alone": "s-ketamine 20 mg oral", "with": ("s-ketamine 20 mg oral", "clarithromycin")}
    one = pkpd.uncertainty(model, regimens, PEOPLE, replicates=40, times=["1 h", "3 h"], until="2 d", effects=[])
    drawn = one.main.estimates.of(5)
    slowed = model.with_modifiers("clarithromycin")
    factors = {
        name: (after.value or 0) / before.value
        for (name, before), after in zip(model.parameters.items(), slowed.parameters.values(), strict=True)
        if before.value
    }
    assert factors["CLint_liver"] == pytest.approx(0.52)
    people = of_population(slowed, PEOPLE, {name: value * factors[name] for name, value in drawn.items()})
    arm = one.main.comparison.arm("with")
    levels = concentrations(people, arm.regimen, np.array([3 * 3600 * 10**9]), outputs=("S-ketamine",))
    wanted = nested.Crowd(model, PEOPLE, one.main.estimates, "S", None, None, 1)
    blocks = wanted.blocks(arm)
    got = concentrations(blocks[0], arm.regimen, np.array([3 * 3600 * 10**9]), outputs=("S-ketamine",))
    assert (got[0, 0].reshape(-1, PEOPLE.size)[5] == levels[0, 0]).all()


def test_a_bioavailability_is_sampled_where_asked() -> None:
    model = kamp().with_route("nasal", ka="1.76 1/h")
    regimens = {"spray": "s-ketamine 50 mg nasal"}
    uncertainty = pkpd.uncertainty(
        model, regimens, PEOPLE, replicates=200, times=["1 h"], until="2 d", scans=["F_nasal"], effects=[]
    )
    curve = uncertainty.curve("spray", "S-ketamine")
    drawn = uncertainty.main.estimates["F_nasal"]
    typical = curve.typical[0] / 0.465
    assert curve.band[:, 0] == pytest.approx(np.quantile(drawn, (0.025, 0.975)) * typical, rel=1e-6)
    assert "F_nasal" in " ".join(uncertainty.statements())


def test_a_table_and_a_covariance_reach_other_models_as_far_as_they_are_of_effects() -> None:
    draws = {"CL": np.linspace(70, 90, 40), "slow-relief.C50": np.linspace(0.008, 0.012, 40)}
    matrix = {
        "V1": {"V1": 9.0, "slow-relief.equilibration": 60.0},
        "slow-relief.equilibration": {"slow-relief.equilibration": 900.0},
    }
    uncertainty = pkpd.uncertainty(
        kamp(),
        {"S": "s-ketamine 20 mg iv over 1 h"},
        6,
        replicates=40,
        models=["otto2021-s-ketamine"],
        times=["1 h"],
        until="9 d",
        draws=draws,
        covariance=matrix,
    )
    main, other = (view.estimates for view in uncertainty.views)
    assert (main["CL"] == draws["CL"]).all()
    assert (other["slow-relief.C50"] == main["slow-relief.C50"]).all()
    assert "CL" not in [one.name for one in other.sampled]
    assert {one.name: one.basis for one in other.sampled}["slow-relief.equilibration"] == "given"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"replicates": 39}, "whole number from 40 on"),
        ({"subjects": {"CL": [80.0]}}, "no estimate is behind them"),
        ({"subjects": 60_000}, "more than 2,000,000"),
        ({"quantities": ["S-ketamin"]}, 'Did you mean "S-ketamine"'),
        ({"quantities": "relief"}, '["relief"]'),
        ({"models": ["kamp2020-pooled"]}, "kamp2020-pooled"),
        ({"models": ["otto2021"]}, 'Did you mean "otto2021-s-ketamine"'),
        ({"models": "libary"}, 'Did you mean "library"'),
        ({"models": [4]}, "is no model"),
        ({"models": ["otto2021-s-ketamine", "otto2021-s-ketamine"]}, "there twice"),
        ({"scans": "some"}, "leave"),
        ({"times": ([[1.0], [2.0]], "h")}, "the same for all"),
        ({"draws": {"CL": [80.0] * 5}}, "too few for 40"),
        ({"reference": "sngle"}, 'Did you mean "single"'),
    ],
)
def test_mistakes_are_refused(change: dict[str, Any], told: str) -> None:
    options: dict[str, Any] = {"subjects": 2, "replicates": 40, "until": "2 d", **change}
    with pytest.raises(PkpdError) as mistake:
        pkpd.uncertainty(kamp(), REGIMENS, **options)
    assert told in str(mistake.value)


def test_draws_that_make_no_probability_name_their_replicate() -> None:
    plain = pkpd.load_effect("dizziness")
    effect = replace(plain, derived={"ceiling": Expression.read("floor + excess")}).with_values(floor=0.3)
    with pytest.raises(SimulationError, match=r"replicate \d+: the draws of dizziness make ceiling"):
        pkpd.uncertainty(
            kamp(),
            REGIMENS,
            3,
            replicates=40,
            until="2 d",
            effects=[effect],
            scans=["dizziness.excess"],
            times=["1 h"],
        )


MODELS = [name for name in pkpd.names("pk") if name != "fanta2015-oral-s-ketamine"]


@pytest.mark.parametrize("name", MODELS)
def test_nothing_acts_on_an_output_but_what_is_behind_it(name: str) -> None:
    model = pkpd.load(name)
    if "S-ketamine" in model.outputs:
        model = model.with_effects(*pkpd.default_effects())
    form = "" if "racemate" in model.forms else "s-"
    route = "iv" if "iv" in model.routes else next(iter(model.routes))
    regimen = pkpd.parse(f"{form}ketamine 28 mg {route}" + (" over 1 h" if route == "iv" else ""))
    people = pkpd.Population(3, seed=1)
    ticks = np.array([1, 3, 9]) * 3600 * 10**9
    names = [n for n, parameter in model.parameters.items() if parameter.value]
    names += [f"{effect.id}.{n}" for effect in model.effects for n, own in effect.parameters.items() if own.value]
    plain = of_population(model, people)
    outputs = plain.program.outputs
    before = concentrations(plain, regimen, ticks)
    used = set()
    for changed in names:
        owner, _, own = changed.rpartition(".")
        parameters = {file.id: file.parameters for file in model.files}[owner or model.id]
        other = of_population(model, people, {changed: 0.9 * (parameters[own].value or 0)})
        after = concentrations(other, regimen, ticks)
        for number, output in enumerate(outputs):
            if changed in behind(model, output):
                used.add(changed)
            else:
                assert (after[number] == before[number]).all(), (changed, output)
    assert used
