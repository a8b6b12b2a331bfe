"""Practice in trials: patients score by what they were given of the treatment, as the public verb says they would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from trial_designs import designed

import pkpd
from pkpd.errors import SimulationError
from pkpd.times import TICKS_PER_HOUR
from pkpd.trials.conducting import Conducted, conduct, plan
from pkpd.trials.entry import enrol, open_to_all
from pkpd.trials.measuring import Draw
from pkpd.trials.values import Trial

WEEKLY = "ketamine 40 mg iv over 4 h every 7 d for 4 doses"
QUIET = {"noise": 0.0, "unblinding": 0.0, "drop_out": 0.0}
KEPT = pkpd.Practice(missed=0.4, late=pkpd.Late("6 h", "24 h", "exponential", share=0.5))


def conducted(trial: Trial, count: int = 3) -> Conducted:
    return conduct(trial, plan(trial), np.arange(count), Draw(1))


def test_scores_follow_what_each_patient_was_given():
    trial = designed(drug=WEEKLY, patients=(4, 4), practice=KEPT, **QUIET)
    made = conducted(trial)
    entered = enrol(trial, plan(trial).models[0], np.arange(3), Draw(1))
    numbers = entered.numbers[made.first]
    people = replace(trial.population, size=len(numbers), subjects=numbers, seed=1)
    hours = (trial.drug.regimen.end + trial.horizon) / TICKS_PER_HOUR
    result = pkpd.simulate(open_to_all(trial.model), WEEKLY, people, times=([hours], "h"), practice=KEPT)
    assert made.drug.true[0].ravel() == pytest.approx(result["pain"][0], rel=1e-12)
    full = conducted(replace(trial, practice=None))
    assert (made.drug.true != full.drug.true).any()
    assert np.array_equal(made.control.true, full.control.true)


def test_who_misses_everything_has_what_no_treatment_does():
    asked = [("pain score", "7 d"), ("side effect", "psychotomimetic-asked")]
    trial = designed(drug=WEEKLY, patients=(20, 20), practice=pkpd.Practice(missed=1.0), endpoints=asked, **QUIET)
    made = conducted(trial)
    never = conducted(replace(trial, drug=replace(trial.drug, regimen=pkpd.parse("ketamine 1e-9 mg iv bolus"))))
    had = [one.drug.events["psychotomimetic-asked"] for one in (made, never)]  # some have it without any drug
    assert np.array_equal(*had) and 0 < had[0].mean() < 0.2
    full = conducted(replace(trial, practice=None))
    assert full.drug.events["psychotomimetic-asked"].mean() > 2 * had[0].mean()
    result = pkpd.run_trials(trial, 300).endpoints[0]
    assert result.true_difference == 0


def test_practice_lowers_what_a_trial_finds():
    shown = [
        pkpd.run_trials(designed(drug=WEEKLY, practice=practice), 200).endpoints[0].true_difference
        for practice in (None, pkpd.Practice(missed=0.3), pkpd.Practice(missed=0.9))
    ]
    assert shown[0] < shown[1] < shown[2] < 0


def test_an_empty_practice_is_none():
    made = [pkpd.run_trials(designed(drug=WEEKLY, practice=one), 20).endpoints[0] for one in (None, pkpd.Practice())]
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(made[0].found, made[1].found, strict=True))


def test_a_second_period_is_missed_apart_from_the_first():
    """Sessions are numbered over both periods, and what is true of the second is without the first."""
    trial = designed(design="crossover", patients=(30,), drug=WEEKLY, washout="400 d", practice=KEPT, **QUIET)
    made = conducted(trial, 10)
    late = ~made.first  # the drug comes second
    assert made.drug.scores[0][late] == pytest.approx(np.clip(made.drug.true[0][late], 0, 10), abs=1e-6)
    soon = conducted(replace(trial, conduct=replace(trial.conduct, washout=8 * 24.0)), 10)
    again = soon.drug.true[0][late]
    assert again == pytest.approx(made.drug.true[0][late], rel=1e-9)
    carried = soon.control.scores[0][made.first]
    assert carried.mean() < soon.control.true[0][made.first].mean() - 0.01


def test_a_period_with_practice_is_the_sequence_simulated_whole():
    trial = designed(design="crossover", patients=(6,), drug=WEEKLY, washout="8 d", practice=KEPT, **QUIET)
    entered = enrol(trial, plan(trial).models[0], np.arange(4), Draw(1))
    made = conducted(trial, 4)
    numbers = entered.numbers[made.first]
    people = replace(trial.population, size=len(numbers), subjects=numbers, seed=1)
    gap = trial.drug.regimen.end / TICKS_PER_HOUR + 8 * 24
    hours = gap + (trial.drug.regimen.end + trial.horizon) / TICKS_PER_HOUR
    model = open_to_all(trial.model)
    result = pkpd.simulate(model, WEEKLY, people, times=([hours], "h"), practice=KEPT)
    left = (1 - result["fast-relief"][0]) * (1 - result["slow-relief"][0])
    scores, level = made.control.scores[0][made.first], made.control.level[made.first]
    quiet = scores <= level * left * (1 + 1e-9)  # what is more is the placebo response of the second period
    assert quiet.all()
    assert (np.abs(scores - level * left) < 1e-9 * level).mean() > 0.5


def test_limits_are_held_against_what_is_given():
    trial = designed(drug=WEEKLY, practice=pkpd.Practice(vial="50 mg"))
    assert pkpd.run_trials(trial, 5).trial.practice == pkpd.Practice(vial="50 mg")
    nothing = designed(drug="ketamine 1 mg iv over 4 h", practice=pkpd.Practice(vial=pkpd.Vial("500 mg", "down")))
    with pytest.raises(SimulationError, match="nothing"):
        pkpd.run_trials(nothing, 5)
    with pytest.raises(SimulationError, match="practice"):
        pkpd.run_trials(designed(practice="often"), 5)


def test_what_is_true_of_a_second_treatment_is_without_the_first():
    asked = {"design": "crossover", "patients": (12,), "drug": WEEKLY, "control": WEEKLY, "practice": KEPT, **QUIET}
    near, far = (conducted(designed(**asked, washout=gap), 5) for gap in ("8 d", "400 d"))
    late = ~near.first
    assert near.drug.true[0][late] == pytest.approx(far.drug.true[0][late], rel=1e-9)
    assert (near.drug.scores[0][late] < near.drug.true[0][late] - 1e-3).any()
