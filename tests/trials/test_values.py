"""Trials made in a script: what does not fit is refused with what would."""

from __future__ import annotations

import pytest
from trial_designs import designed

import pkpd
from pkpd.errors import PkpdError, StudyError


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"patients": (15, 0)}, ['"control" has 0 patients', "at least 2"]),
        ({"patients": (15,)}, ["two numbers"]),
        ({"patients": (15, 15), "control": None}, ["one"]),
        ({"endpoints": []}, ["no endpoint"]),
        ({"endpoints": ["pain score"]}, ['("pain score", "7 d")']),
        ({"endpoints": [("pain score", "7")]}, ["unit"]),
        ({"endpoints": [("relief", "7 d")]}, ["no threshold is given", "fraction"]),
        ({"design": "cross-over", "patients": (9,)}, ['Did you mean "crossover"']),
        ({"endpoints": [("side effect", "psychotomimetic-aksed")]}, ['Did you mean "psychotomimetic-asked"']),
        ({"entry": 12}, ["entry is 12", "0 to 10"]),
        ({"noise": -1}, ["noise is -1"]),
        ({"drop_out": 2}, ["drop_out is 2", "0 to 1"]),
        ({"noice": 1}, ['Did you mean "noise"']),
        ({"missing": "LOCF"}, ['"LOCF" is not known', "last score"]),
        ({"washout": "7"}, ["unit"]),
        ({"drug": "no treatment"}, ["no treatment", "needs one"]),
        ({"enrichment": ("no treatment", "0 h", 0.5)}, ["test dose is empty"]),
        ({"drug": "20 mg iv ovr 20 min"}, ['Did you mean "over"']),
    ],
)
def test_what_does_not_fit_is_refused(asked, words):
    with pytest.raises(PkpdError) as caught:
        designed(**asked)
    for word in words:
        assert word in str(caught.value)


def test_unblinding_needs_the_effect_by_which_patients_notice():
    effects = [effect for effect in pkpd.default_effects() if effect.role in ("baseline", "relief", "placebo")]
    with pytest.raises(StudyError, match="psychotomimetic-asked.*unblinding to 0"):
        pkpd.run_trials(designed(effects=effects), 2)
    assert pkpd.run_trials(designed(effects=effects, unblinding=0.0), 2).count == 2


def test_a_model_without_pain_is_refused():
    effects = [effect for effect in pkpd.default_effects() if effect.role == "side effect"]
    with pytest.raises(PkpdError, match="baseline-pain"):
        designed(effects=effects)


def test_arms_may_have_modifiers():
    trial = designed(drug=("ketamine 0.5 mg/kg iv over 40 min", "rifampicin"), endpoints=[("pain score", "0 h")])
    plain = designed(drug="ketamine 0.5 mg/kg iv over 40 min", endpoints=[("pain score", "0 h")])
    first, second = (pkpd.run_trials(one, 100).endpoints[0] for one in (trial, plain))
    assert first.true_difference > second.true_difference  # less ketamine, less relief
    assert (first.found.true_control == second.found.true_control).all()


def test_people_with_numbers_of_their_own_are_refused_since_every_trial_draws_others():
    heavy = pkpd.enrol(pkpd.Population(200, seed=3), ["weight above 90 kg"]).population
    for people in (heavy, pkpd.Population(3, subjects=[1, 2, 3])):
        with pytest.raises(StudyError, match="patients of its own, by number, and every trial draws others.*criteria"):
            designed(population=people)
