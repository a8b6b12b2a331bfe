"""Many trials: the same for any number of threads, honest under the null, and as the closed form has it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from trial_designs import designed

import pkpd
from pkpd.errors import PkpdError, StudyError
from pkpd.statistics import parallel, prospect
from pkpd.trials import running

NOTHING = "s-ketamine 0.0001 mg iv bolus"


def columns(made):
    return [column for result in made.endpoints for column in result.found]


def same(first, second, count):
    return all(
        np.array_equal(a[:count], b[:count], equal_nan=True)
        for a, b in zip(columns(first), columns(second), strict=True)
    )


@pytest.mark.parametrize(
    "design", [{}, {"design": "crossover", "patients": (12,), "washout": "28 d"}, {"control": None, "patients": (9,)}]
)
def test_a_trial_is_the_same_alone_in_a_crowd_by_any_thread_and_block(design, monkeypatch):
    trial = designed(endpoints=[("pain score", "7 d"), ("relief", "28 d", 0.3)], **design)
    made = pkpd.run_trials(trial, 70, threads=2)
    assert same(made, pkpd.run_trials(trial, 70, threads=1), 70)
    assert same(made, pkpd.run_trials(trial, 3), 3)
    monkeypatch.setattr(running, "PATIENTS", 100)
    assert same(made, pkpd.run_trials(trial, 70), 70)
    assert not same(made, pkpd.run_trials(trial, 70, seed=5), 70)


@pytest.mark.parametrize("asked", [{"drop_out": 0.0}, {"drop_out": 0.4, "follow_up": "90 d"}])
def test_adding_an_endpoint_changes_no_other(asked):
    """Where the end of follow-up is said, patients leave by that; else by the last visit there is."""
    one = pkpd.run_trials(designed(endpoints=[("pain score", "7 d")], **asked), 20)
    two = pkpd.run_trials(designed(endpoints=[("pain score", "7 d"), ("relief", "80 d", 0.5)], **asked), 20)
    assert all(np.array_equal(a, b) for a, b in zip(one.endpoints[0].found, two.endpoints[0].found, strict=True))


@pytest.mark.parametrize(
    ("endpoint", "most"),
    [(("pain score", "1 d"), 0.07), (("pain relief", "1 d"), 0.07), (("fall", "1 d", 2.0), 0.05)],
)
def test_without_an_effect_one_in_twenty_is_significant(endpoint, most):
    trial = designed(drug=NOTHING, endpoints=[endpoint], unblinding=0.0, drop_out=0.0, patients=(20, 20))
    result = pkpd.run_trials(trial, 3000).endpoints[0]
    assert abs(result.true_difference) < 1e-5 and not result.is_clear and np.isnan(result.type_m)
    assert 0.005 < result.power < most


def test_an_analysis_adjusted_for_pain_before_is_honest_too_and_finds_more():
    kind = {"endpoints": [pkpd.Endpoint("pain score", 24 * 3_600_000_000_000, analysis="ANCOVA")], "drop_out": 0.0}
    null = pkpd.run_trials(designed(drug=NOTHING, unblinding=0.0, **kind), 2000).endpoints[0]
    assert 0.035 < null.power < 0.065
    weaker = {"drug": "s-ketamine 10 mg/h iv over 24 h", "patients": (15, 15)}
    adjusted = pkpd.run_trials(designed(**weaker, **kind), 1000).endpoints[0]
    plain = pkpd.run_trials(designed(**weaker, endpoints=[("pain score", "1 d")], drop_out=0.0), 1000).endpoints[0]
    assert adjusted.power > plain.power + 0.05


def test_power_and_exaggeration_are_those_of_the_closed_form():
    trial = designed(drug="s-ketamine 8 mg/h iv over 48 h", patients=(20, 20), unblinding=0.0, drop_out=0.0)
    result = pkpd.run_trials(trial, 4000).endpoints[0]
    sd = np.sqrt(np.mean(result.found.spread**2))
    wanted = prospect(result.expected, parallel(sd, 20))
    assert result.power == pytest.approx(float(wanted.power), abs=0.03)
    assert result.mean_significant == pytest.approx(float(wanted.significant), rel=0.03)
    assert 0.2 < result.power < 0.8


def test_a_bigger_trial_finds_more_and_exaggerates_less():
    weak = {"drug": "s-ketamine 8 mg/h iv over 48 h"}
    small, large = (pkpd.run_trials(designed(**weak, patients=(n, n)), 600).endpoints[0] for n in (8, 60))
    assert small.power < large.power and small.type_m > large.type_m + 0.2
    needed = large.settling()
    again = pkpd.run_trials(designed(**weak, patients=(needed, needed)), 800).endpoints[0]
    assert again.power == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize(
    "asked",
    [
        {"endpoints": [("relief", "7 d", 0.3)], "drug": "s-ketamine 12 mg/h iv over 48 h"},
        {"endpoints": [("relief", "7 d", 0.3)], "drug": "s-ketamine 12 mg/h iv over 48 h", "drop_out": 0.25},
        {"endpoints": [("pain score", "7 d")], "drug": "s-ketamine 12 mg/h iv over 48 h", "drop_out": 0.25},
        {
            **{"endpoints": [("pain score", "1 h")], "drug": "ketamine 0.1 mg/kg iv over 40 min"},
            **{"design": "crossover", "patients": (20,)},
        },
        {
            **{"endpoints": [("relief", "1 h", 0.5)], "drug": "ketamine 0.3 mg/kg iv over 40 min"},
            **{"design": "crossover", "patients": (20,)},
        },
    ],
)
def test_the_size_named_has_the_power_promised_as_the_trial_is_conducted(asked):
    needed = pkpd.run_trials(designed(**{"patients": (30, 30), **asked}), 1500).endpoints[0].settling()
    arms = (needed,) if "design" in asked else (needed, needed)
    found = pkpd.run_trials(designed(**{**asked, "patients": arms}), 1500).endpoints[0]
    assert found.power == pytest.approx(0.8, abs=0.05)


def test_a_share_of_nobody_has_a_size_too():
    trial = designed(drug="ketamine 0.5 mg/kg iv over 40 min", endpoints=[("relief", "0 h", 0.5)], patients=(20, 20))
    result = pkpd.run_trials(trial, 200).endpoints[0]
    assert (
        result.found.true_control.max() == 0
        and 5 < result.settling() < 40
        and len(pkpd.run_trials(trial, 20).rows()) == 1
    )


def test_dropping_out_and_unblinding_pull_apart_truth_and_estimate():
    kept = pkpd.run_trials(designed(unblinding=0.0, drop_out=0.0), 300).endpoints[0]
    left = pkpd.run_trials(designed(unblinding=0.0, drop_out=0.5), 300).endpoints[0]
    told = pkpd.run_trials(designed(unblinding=1.0, drop_out=0.0), 300).endpoints[0]
    assert kept.true_difference == left.true_difference == told.true_difference
    assert left.expected > kept.expected + 0.8 and told.expected < kept.expected - 0.4
    assert told.expected_blinded == pytest.approx(kept.expected, abs=1e-12)


def test_small_arms_that_all_leave_are_no_finding():
    trial = designed(patients=(3, 3), drop_out=0.9, missing="left out")
    result = pkpd.run_trials(trial, 400).endpoints[0]
    lost = np.isnan(result.found.estimate)
    assert 0.5 < lost.mean() < 1 and not result.significant[lost].any()


def test_flags_and_hard_limits():
    assert not pkpd.run_trials(designed(), 2).flags
    flagged = pkpd.run_trials(designed(population=pkpd.Population(weight="200 kg")), 2).flags
    assert any("weight" in flag.text for flag in flagged)
    child = pkpd.Population(weight="20 kg", covariates={"age": "6 year"})
    with pytest.raises(PkpdError, match="age"):
        pkpd.run_trials(designed(population=child), 2)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "many"])
def test_a_number_of_trials_that_is_none_is_refused(count):
    with pytest.raises(StudyError, match="not a whole number of trials"):
        pkpd.run_trials(designed(), count)


def test_progress_ends_at_one():
    seen: list[float] = []
    pkpd.run_trials(designed(), 600, progress=seen.append)
    assert seen[-1] == 1.0 and seen == sorted(seen) and len(seen) > 1


class TestWhatIsNotKnown:
    def test_a_trial_has_the_draw_of_its_number(self):
        trial = designed(endpoints=[("pain score", "7 d")])
        draws = pkpd.draw_estimates(trial.model, 4, seed=1)
        many = pkpd.run_trials(trial, 10, replicates=draws)
        one = pkpd.run_trials(trial, 7, replicates=4, seed=1)
        assert many.replicates == 4 and same(many, one, 7)
        assert any(name.startswith("slow-relief.") for name in draws.of(2))
        effects = []
        for effect in trial.model.effects:
            own = {n: v for n, v in draws.of(2).items() if n.startswith(effect.id + ".")}
            given = {n.partition(".")[2]: v for n, v in own.items()}
            changed = {n: replace(effect.parameters[n], value=v) for n, v in given.items()}
            effects.append(replace(effect, parameters={**effect.parameters, **changed}))
        assert not [name for name in draws.of(2) if "." not in name]  # of the default kinetics none is drawn
        by_hand = pkpd.run_trials(replace(trial, model=replace(trial.model, effects=tuple(effects))), 7)
        for column, other in zip(columns(many), columns(by_hand), strict=True):
            assert column[[2, 6]] == pytest.approx(other[[2, 6]], rel=1e-9)

    def test_draws_of_another_model_are_refused(self):
        trial, bare = designed(), pkpd.load("kamp2020-ketamine")
        other = designed(model=pkpd.load("otto2021-s-ketamine")).model
        for model in (bare, pkpd.load("otto2021-s-ketamine"), other):
            with pytest.raises(PkpdError, match=r"another model than kamp2020-ketamine.*trial\.model"):
                pkpd.run_trials(trial, 20, replicates=pkpd.draw_estimates(model, 4))
        assert pkpd.run_trials(trial, 4, replicates=pkpd.draw_estimates(trial.model, 4)).replicates == 4

    def test_draws_in_which_nothing_is_drawn_are_refused(self):
        sure = [
            replace(effect, parameters={n: replace(p, uncertainty={}) for n, p in effect.parameters.items()})
            for effect in designed().model.effects
        ]
        trial = designed(effects=sure)
        for draws in (4, pkpd.draw_estimates(trial.model, 4)):
            with pytest.raises(PkpdError, match="nothing is drawn"):
                pkpd.run_trials(trial, 20, replicates=draws)

    def test_more_draws_than_trials_are_refused(self):
        trial = designed()
        for draws in (21, pkpd.draw_estimates(trial.model, 21)):
            with pytest.raises(StudyError, match="at least as many trials as draws"):
                pkpd.run_trials(trial, 20, replicates=draws)

    def test_power_where_the_truth_is_not_known_lies_nearer_the_middle(self):
        trial = designed()
        known, unknown = pkpd.run_trials(trial, 600), pkpd.run_trials(trial, 600, replicates=100)
        spread = [made.endpoints[0].found.true_drug.std() for made in (known, unknown)]
        assert spread[1] > 1.05 * spread[0] and unknown.endpoints[0].power < known.endpoints[0].power

    def test_what_acts_in_an_arm_acts_on_the_draws(self):
        model = pkpd.load("otto2021-s-ketamine")
        trial = designed(
            model=model, drug=("s-ketamine 40 mg iv over 4 h", "rifampicin"), endpoints=[("pain score", "0 h")]
        )
        plain = designed(model=model, drug="s-ketamine 40 mg iv over 4 h", endpoints=[("pain score", "0 h")])
        draws = pkpd.draw_estimates(plain.model, 3, seed=1)
        assert any("CL" in name for name in draws.of(0))
        a, b = (pkpd.run_trials(one, 30, replicates=draws).endpoints[0] for one in (trial, plain))
        known_a, known_b = (pkpd.run_trials(one, 30).endpoints[0] for one in (trial, plain))
        assert a.true_difference > b.true_difference
        gap = known_a.true_difference - known_b.true_difference
        assert a.true_difference - b.true_difference == pytest.approx(gap, rel=0.4)

    def test_modifiers_of_the_patients_own_act_on_the_draws(self):
        """Everybody having one of his own is an arm having it; no draw with an uncertainty of nothing changes a bit."""
        model = pkpd.load("otto2021-s-ketamine")
        asked = {"model": model, "endpoints": [("pain score", "0 h")]}
        drug = "s-ketamine 40 mg iv over 4 h"
        draws = pkpd.draw_estimates(designed(**asked).model, 3, seed=1)
        own = designed(**asked, drug=drug, population=pkpd.Population(modifiers={"rifampicin": 1.0}))
        arms = designed(**asked, drug=(drug, "rifampicin"), control=("no treatment", "rifampicin"))
        a, b = (pkpd.run_trials(one, 12, replicates=draws).endpoints[0].found for one in (own, arms))
        assert all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))
        some = replace(own, population=replace(own.population, modifiers={"rifampicin": 0.5}))
        plain = designed(**asked, drug=drug)
        true = [pkpd.run_trials(one, 60, replicates=draws).endpoints[0].true_difference for one in (plain, some, own)]
        assert true[0] < true[1] < true[2] < 0


def test_patients_may_have_modifiers_of_their_own():
    drug = {"drug": "ketamine 0.5 mg/kg iv over 40 min", "endpoints": [("pain score", "0 h")], "unblinding": 0.0}
    shares = [0.0, 0.5, 1.0]
    made = [
        pkpd.run_trials(designed(population=pkpd.Population(modifiers={"rifampicin": share}), **drug), 60).endpoints[0]
        for share in shares
    ]
    everybody = pkpd.run_trials(designed(**{**drug, "drug": (drug["drug"], "rifampicin")}), 60).endpoints[0]
    assert np.allclose(made[2].found.true_drug, everybody.found.true_drug, rtol=1e-12)
    assert made[0].true_difference < made[1].true_difference < made[2].true_difference


def test_side_effects_are_those_of_a_comparison_and_count_in_those_who_leave():
    asked = [
        ("side effect", "psychotomimetic-asked"),
        ("side effect", "psychotomimetic-reported"),
        ("pain score", "1 d"),
    ]
    infusion = "ketamine 0.5 mg/kg iv over 40 min"
    for unblinding in (0.0, 0.5):
        made = pkpd.run_trials(designed(drug=infusion, endpoints=asked, unblinding=unblinding, drop_out=0.9), 300)
        comparison = pkpd.compare(pkpd.load("kamp2020-ketamine"), {"a": infusion, "b": "no treatment"}, 4000)
        for result in made.endpoints[:2]:
            for name, share in (("a", result.found.drug), ("b", result.found.control)):
                told = comparison.summary(name, result.endpoint.of)
                assert share.mean() == pytest.approx(told.value, abs=4 * np.hypot(told.error, 0.0075))
            assert np.array_equal(result.found.drug, result.found.true_drug)
    crossed = pkpd.run_trials(designed(drug=infusion, endpoints=asked, design="crossover", patients=(20,)), 100)
    assert crossed.endpoints[0].found.drug.mean() == pytest.approx(made.endpoints[0].found.drug.mean(), abs=0.05)
    assert crossed.endpoints[0].true_difference > 0.3


def test_a_control_arm_that_is_treated_loses_patients_as_the_drug_arm_does():
    same_dose = designed(control="s-ketamine 20 mg/h iv over 100 h", unblinding=0.0, drop_out=0.3)
    result = pkpd.run_trials(same_dose, 600).endpoints[0]
    assert abs(result.expected) < 4 * result.found.estimate.std() / np.sqrt(600)


def test_a_mixed_model_of_a_cross_over_is_that_of_periods_where_nobody_left():
    asked = {"design": "crossover", "patients": (10,), "drop_out": 0.0}
    week = 7 * 24 * 3_600_000_000_000
    kinds = [pkpd.Endpoint("pain score", week, analysis=how) for how in ("mixed model", "periods")]
    mixed, periods = (pkpd.run_trials(designed(endpoints=[kind], **asked), 4).endpoints[0].found for kind in kinds)
    assert mixed.estimate == pytest.approx(periods.estimate, abs=1e-5) and mixed.p == pytest.approx(periods.p, abs=1e-2)
    left = pkpd.run_trials(designed(endpoints=kinds[:1], **{**asked, "drop_out": 0.2, "missing": "left out"}), 4)
    assert np.isfinite(left.endpoints[0].found.estimate).all()


def test_equal_pain_before_cannot_be_adjusted_for_and_aborts_nothing():
    day = 24 * 3_600_000_000_000
    trial = designed(
        entry=9.9, noise=3.0, patients=(3, 3), endpoints=[pkpd.Endpoint("pain score", day, analysis="ANCOVA")]
    )
    result = pkpd.run_trials(trial, 60).endpoints[0]
    lost = np.isnan(result.found.estimate)
    assert 0 < lost.sum() < 60 and not result.significant[lost].any()


def test_draws_that_lie_evenly_are_refused():
    with pytest.raises(StudyError, match="not independent"):
        designed(population=pkpd.Population(draws="low-discrepancy"))


def test_a_study_file_s_practice_goes_into_its_trial():
    from pkpd.model.library import study_path

    text = study_path("kvarnstrom2004-spinal-cord-injury").read_text(encoding="utf-8")
    kept = '\n[practice.missed]\nafter_taken = 0.5\nsource = "kvarnstrom2004"\nmark = "assumed"\n'
    plain, study = pkpd.read_study(text, "plain.toml").trial, pkpd.read_study(text + kept, "kept.toml")
    assert study.trial.practice == study.practice != plain.practice
    found = [pkpd.run_trials(one, 100).endpoints[0].true_difference for one in (plain, study.trial)]
    assert abs(found[1]) < abs(found[0])


def test_errors_are_those_between_draws_where_estimates_are_drawn():
    made = [pkpd.run_trials(designed(), 100, replicates=10, seed=seed).endpoints[0] for seed in range(1, 9)]
    told = np.mean([one.true_error for one in made])
    seen = np.std([one.true_difference for one in made], ddof=1)
    plain = made[0].found.true_drug - made[0].found.true_control
    assert told > 1.1 * plain.std(ddof=1) / 10
    assert 0.4 < told / seen < 2.5


def test_the_first_trial_may_have_any_number():
    trial = designed()
    late, early = pkpd.run_trials(trial, 4, first=7), pkpd.run_trials(trial, 11)
    assert all(np.array_equal(a, b[7:], equal_nan=True) for a, b in zip(columns(late), columns(early), strict=True))
    with pytest.raises(StudyError, match="first is -1"):
        pkpd.run_trials(trial, 2, first=-1)
