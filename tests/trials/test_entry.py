"""Who enters a trial: the entry criterion, allocation, test doses, and who is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from trial_designs import designed

import pkpd
from pkpd.errors import StudyError
from pkpd.trials.conducting import plan
from pkpd.trials.entry import CANDIDATES, enrol
from pkpd.trials.measuring import Draw
from pkpd.trials.values import Trial


def entered(trial: Trial, count: int = 400, seed: int = 1):
    return enrol(trial, plan(trial).models[0], np.arange(count), Draw(seed))


def test_everybody_who_enters_meets_the_criterion_and_nobody_enters_twice():
    found = entered(designed(entry=6.0))
    assert found.before.min() >= 6.0
    assert len(np.unique(found.numbers)) == found.numbers.size
    assert np.array_equal(found.numbers // CANDIDATES, np.arange(400)[:, None].repeat(30, axis=1))


def test_the_share_that_enters_is_that_of_the_measured_score():
    trial = designed(entry=6.0, noise=1.0)
    screened = entered(trial).screened
    wanted = screened.eligible / screened.size
    measured = stats.norm(6.8, np.hypot(1.8, 1.0))
    assert wanted == pytest.approx(measured.sf(6.0), abs=0.02)


def test_candidates_are_taken_in_order():
    trial = designed(entry=5.0)
    few, many = entered(trial, 3), entered(trial, 50)
    assert np.array_equal(few.numbers, many.numbers[:3]) and np.array_equal(few.place, many.place[:3])
    assert (np.diff(many.numbers, axis=1) > 0).all()
    assert many.screened.size == (many.numbers[:, -1] % CANDIDATES + 1).sum() and many.screened.eligible == 50 * 30


def test_entering_on_a_bad_day_regresses_to_the_mean():
    """Mean pain of those whose score reached 7, by integration over pain and noise."""
    trial = designed(entry=7.0, noise=1.5, unblinding=0.0, drop_out=0.0, drug="s-ketamine 0.0001 mg iv bolus")
    made = pkpd.run_trials(trial, 400)
    pain, noise = stats.truncnorm(-6.8 / 1.8, np.inf, 6.8, 1.8), stats.norm(0.0, 1.5)

    def level(x):
        return min(x, 10.0)

    reached = integrate.quad(lambda x: pain.pdf(x) * noise.sf(7.0 - level(x)), 0, 20, points=[10])[0]
    mean = integrate.quad(lambda x: level(x) * pain.pdf(x) * noise.sf(7.0 - level(x)), 0, 20, points=[10])[0] / reached
    found = entered(trial)
    assert found.before.mean() > mean + 0.4
    arm = made.endpoints[0].found.true_control / (1.0 - 0.23 * 0.6 * (1.0 - 2.0 ** (-7.0 / 3.0)))
    assert arm.mean() == pytest.approx(mean, abs=0.03)


@pytest.mark.parametrize("patients", [(20, 10), (15, 15)])
def test_allocation_fills_both_arms_and_looks_at_nothing(patients):
    found = entered(designed(patients=patients))
    assert np.array_equal(np.sort(found.place, axis=1), np.tile(np.arange(30), (400, 1)))
    position = np.broadcast_to(np.arange(30), found.place.shape)
    assert abs(np.corrcoef(found.place.ravel(), position.ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(found.place.ravel(), found.before.ravel())[0, 1]) < 0.03


def test_a_test_dose_leaves_responders_alone():
    dose = ("ketamine 0.3 mg/kg iv over 30 min", "0 min", 0.5)
    plain = pkpd.run_trials(designed(endpoints=[("relief", "0 h", 0.5)], drug=dose[0]), 150).endpoints[0]
    trial = designed(endpoints=[("relief", "0 h", 0.5)], drug=dose[0], enrichment=dose)
    rich = pkpd.run_trials(trial, 150)
    assert rich.endpoints[0].found.true_drug.mean() > plain.found.true_drug.mean() + 0.25
    assert rich.screened.size > 1.8 * 150 * trial.enrolled
    assert rich.screened.criteria[1] == "relief of at least 50% on the test dose" and rich.screened.first[1] > 0


def test_criteria_that_nobody_meets_are_refused_with_how_near_the_nearest_came():
    model = pkpd.load("kamp2020-ketamine")
    effects = [
        effect.with_values(B="2 point") if effect.id == "baseline-pain" else effect for effect in pkpd.default_effects()
    ]
    trial = designed(model=model, effects=effects, entry=9.9, noise=0.1, patients=(3, 3))
    with pytest.raises(StudyError, match=r"6 places.*at least 9\.9 at screening.*highest pain score was \d\.\d.*Widen"):
        pkpd.run_trials(trial, 2)


PEOPLE = pkpd.Population(
    seed=1,
    covariates={
        "age": pkpd.Spread(50, 15, "normal", 18, 90),
        "pregnancy": pkpd.Share(0.1),
        "sex": pkpd.Choice({"female": 0.7, "male": 0.3}),
    },
)


def test_criteria_beside_the_pain_score_are_met_by_all_and_counted():
    trial = designed(population=PEOPLE, criteria=["age 40 to 60 year", "no pregnancy"], entry=5.0)
    found = entered(trial, 100)
    who = PEOPLE.only(found.numbers.ravel().tolist())
    age = who.covariate("age", 0.0)
    assert age.min() >= 40 and age.max() <= 60 and not who.covariate("pregnancy", 0.0).any()
    screened = found.screened
    assert screened.criteria == ("pain score at least 5 at screening", "age 40 to 60 year", "no pregnancy")
    assert screened.size == screened.eligible + sum(screened.first) and screened.eligible == 3000
    for share, told in zip((0.19, 0.5, 0.1), screened.failed, strict=True):
        assert told / screened.size == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"criteria": ["agee 40 to 60 year"]}, 'Did you mean "age"'),
        ({"criteria": ["age 40 to 60"]}, "no unit"),
        ({"criteria": ["age 60 to 40 year"]}, "nobody can meet it"),
        ({"criteria": ["diabetes"]}, '"diabetes" is not known'),
    ],
)
def test_criteria_that_say_nothing_are_refused_before_anything_runs(asked, words):
    with pytest.raises(pkpd.PkpdError, match=words):
        designed(population=PEOPLE, **asked)


def test_criteria_that_too_few_meet_say_how_many_each_removes():
    trial = designed(population=PEOPLE, criteria=["age above 89.99 year"], patients=(40, 40))
    with pytest.raises(StudyError, match=r"80 places.*age above 89\.99 year: [\d,]+ fail it"):
        pkpd.run_trials(trial, 1)


def test_an_inert_test_dose_leaves_the_arms_as_they_are():
    """It selects on noise and on placebo response to itself, which is not that to the trial."""
    asked = {"entry": 5.0, "endpoints": [("pain score", "28 d")], "drop_out": 0.0, "patients": (10, 10)}
    dose = ("s-ketamine 0.0001 mg iv bolus", "7 d", 0.3)
    plain, tested = (
        pkpd.run_trials(designed(**asked, enrichment=given), 150).endpoints[0].found for given in (None, dose)
    )
    relief = [1 - found.true_control.mean() / found.control.mean() for found in (plain, tested)]
    level = 1 - 0.23 * 0.6  # what is left with placebo responders as usual
    assert tested.true_control.mean() / level == pytest.approx(plain.true_control.mean() / level, rel=0.12)
    assert relief[1] < 0.2
