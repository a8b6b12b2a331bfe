"""Scores of a trial against the same patients simulated one by one, and what conduct does to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from trial_designs import LONG, designed

import pkpd
from pkpd.population import streams
from pkpd.times import TICKS_PER_HOUR
from pkpd.trials.conducting import Conducted, conduct, plan
from pkpd.trials.entry import open_to_all
from pkpd.trials.measuring import NOTICED, Draw
from pkpd.trials.values import Trial

DAY = 24 * TICKS_PER_HOUR


def conducted(trial: Trial, count: int = 60, seed: int = 1) -> Conducted:
    return conduct(trial, plan(trial), np.arange(count), Draw(seed))


def by_hand(trial: Trial, number: int, regimen: str, hours: float, seed: int = 1) -> float:
    """True pain of one candidate by the public verb."""
    people = replace(trial.population, size=1, subjects=(number,), seed=seed)
    result = pkpd.simulate(open_to_all(trial.model), regimen, people, times=([hours], "h"))
    return float(result["pain"][0, 0])


def test_scores_are_the_patients_pain_and_the_noise_of_the_day():
    trial = designed(patients=(4, 4), entry=5.0, noise=1.2, unblinding=0.0, endpoints=[("pain score", "7 d")])
    made = conducted(trial, 3)
    from pkpd.trials.entry import enrol

    entered = enrol(trial, plan(trial).models[0], np.arange(3), Draw(1))
    for arm, own, regimen in ((made.drug, made.first, LONG), (made.control, ~made.first, "no treatment")):
        numbers = entered.numbers[own].reshape(3, 4)
        for t in range(3):
            for p in range(4):
                number = int(numbers[t, p])
                true = by_hand(trial, number, regimen, 100.0 + 7 * 24)
                name = f"trial score 1 {100 * TICKS_PER_HOUR + 7 * DAY}"
                noise = 1.2 * streams.normal(1, np.array([number]), name)[0]
                assert arm.true[0, t, p] == pytest.approx(true, rel=1e-12)
                assert arm.scores[0, t, p] == pytest.approx(np.clip(true + noise, 0, 10), rel=1e-12)
                screening = streams.normal(1, np.array([number]), "trial score at screening")[0]
                assert arm.before[t, p] == pytest.approx(np.clip(arm.level[t, p] + 1.2 * screening, 0, 10), rel=1e-12)


def test_the_scale_ends_at_0_and_10():
    made = conducted(designed(noise=4.0))
    for scores in (made.drug.scores, made.control.scores, made.drug.before):
        assert scores.min() >= 0 and scores.max() <= 10
    assert (made.drug.scores == 0).any() and (made.control.scores == 10).any()


def test_those_who_notice_score_lower_in_both_arms():
    trial = designed(unblinding=0.7, noise=0.0, drop_out=0.0)
    made = conducted(trial)
    for arm, least in ((made.drug, 0.7), (made.control, 0.05)):
        felt = np.clip(arm.true[0] - 0.7 * arm.events[NOTICED], 0, 10)
        assert np.allclose(arm.scores[0], felt, rtol=0, atol=1e-12)
        assert np.array_equal(arm.blinded[0], np.clip(arm.true[0], 0, 10))
        assert arm.events[NOTICED].mean() > least
    assert made.control.events[NOTICED].mean() == pytest.approx(0.12, abs=0.03)  # the floor of the curve


def test_who_notices_is_who_has_the_side_effect_in_a_comparison():
    trial = designed(patients=(40, 40), unblinding=0.5)
    made = conducted(trial, 20)
    comparison = pkpd.compare(trial.model, {"a": LONG, "b": "no treatment"}, 4000)
    asked = comparison.summary("a", "psychotomimetic-asked")
    assert made.drug.events[NOTICED].mean() == pytest.approx(asked.value, abs=4 * np.hypot(asked.error, 0.017))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_leaves_evenly_over_the_trial(share):
    trial = designed(drop_out=share, endpoints=[("pain score", "100 h"), ("pain score", "7 d")], patients=(50, 50))
    made = conducted(trial, 100)
    gone = 1 - made.drug.stayed.mean(axis=(1, 2))
    whole = 100 + 7 * 24
    assert gone == pytest.approx([share * 200 / whole, share], abs=0.015)
    assert made.control.stayed.all()
    assert (made.drug.stayed[0] >= made.drug.stayed[1]).all()


class TestCrossover:
    def test_what_is_left_of_the_first_period_is_carried_over(self):
        washout = 10.9 * 24
        trial = designed(design="crossover", patients=(40,), noise=0.0, unblinding=0.0, washout=f"{washout} h")
        made = conducted(trial, 30)
        second = made.first  # the control comes second where the drug comes first
        entered_level, seen = made.control.level[second], made.control.scores[0][second]
        assert seen.mean() < made.control.true[0][second].mean() - 0.3
        assert np.array_equal(made.control.scores[0][~second], np.clip(made.control.true[0][~second], 0, 10))
        assert (made.control.before[second] <= entered_level + 1e-9).all()
        trial = designed(design="crossover", patients=(40,), noise=0.0, unblinding=0.0, washout="400 d")
        made = conducted(trial, 30)
        late = made.control.scores[0][made.first]
        assert late == pytest.approx(made.control.true[0][made.first], abs=1e-6)

    def test_a_period_is_the_sequence_simulated_whole(self):
        trial = designed(
            design="crossover",
            patients=(4,),
            noise=0.0,
            unblinding=0.0,
            washout="8 d",
            drug="ketamine 40 mg iv over 4 h",
        )
        from pkpd.trials.entry import enrol

        entered = enrol(trial, plan(trial).models[0], np.arange(2), Draw(1))
        made = conducted(trial, 2)
        for t in range(2):
            for p in np.flatnonzero(made.first[t]):
                people = replace(trial.population, size=1, subjects=(int(entered.numbers[t, p]),))
                model = open_to_all(trial.model)
                gap = 4 + 192
                result = pkpd.simulate(model, "ketamine 40 mg iv over 4 h", people, times=([gap + 4 + 168.0], "h"))
                placebo = next(e for e in model.effects if e.role == "placebo")
                left = (1 - result["fast-relief"][0, 0]) * (1 - result["slow-relief"][0, 0])
                again = streams.uniform(1, people.numbers, f"{placebo.id}.responder 2")[0] < 0.23
                drop = again * 0.6 * (1 - 2.0 ** (-(4 + 168) / 72))
                assert made.control.scores[0, t, p] == pytest.approx(
                    made.control.level[t, p] * left * (1 - drop), rel=1e-9
                )

    def test_nobody_notices_a_period_before_it_begins(self):
        asked = {"design": "crossover", "patients": (40,), "noise": 0.0, "drop_out": 0.0, "washout": "400 d"}
        told = conducted(designed(**asked, unblinding=2.0), 30)
        quiet = conducted(designed(**asked, unblinding=0.0), 30)
        for a, b in ((told.drug, quiet.drug), (told.control, quiet.control)):
            assert np.array_equal(a.before, b.before) and np.array_equal(a.blinded, b.scores)

    def test_half_of_the_patients_begin_with_each(self):
        made = conducted(designed(design="crossover", patients=(9,)))
        assert (made.first.sum(axis=1) == 5).all()
