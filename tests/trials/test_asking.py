"""What a script gives in the wrong form is answered with what is wanted, and not with an error of Python."""

from __future__ import annotations

import math

import pytest
from trial_designs import designed

import pkpd
from pkpd.errors import PkpdError
from pkpd.statistics.dosefinding.shapes import Shape
from pkpd.trials import asking
from pkpd.trials.literature import run_literature, sized

MODEL = "kamp2020-ketamine"
INFUSION = "ketamine {dose} mg/kg iv over 40 min"
STUDY = "noppers2011-fibromyalgia"


@pytest.fixture(scope="module")
def study():
    return pkpd.load_study(STUDY)


def test_what_is_no_trial_is_refused(study):
    compared = pkpd.load_study("crps-infusions")
    for given, told in (
        (STUDY, rf'pkpd\.load_study\("{STUDY}"\)\.trial'),
        (study, r"Give study\.trial"),
        (compared, r"compares regimens and is no trial"),
        (compared.trial, r"None is no trial"),
        (pkpd.load(MODEL), r"is no trial"),
    ):
        with pytest.raises(PkpdError, match=told):
            pkpd.run_trials(given)


def test_a_number_of_trials_that_no_memory_holds_is_refused():
    with pytest.raises(PkpdError, match="trials: 10,000,001 are too many"):
        pkpd.run_trials(designed(), asking.MOST + 1)
    with pytest.raises(PkpdError, match="literatures: 5,000,000 are too many"):
        run_literature(sized(designed(), [5, 6, 7]), 5_000_000)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"model": MODEL}, r"Load it first, with pkpd\.load"),
        ({"patients": 20}, r"\(20, 20\) for the arms"),
        ({"patients": "20"}, r"\(20, 20\) for the arms"),
        ({"population": 100}, "how many patients there are is said by `patients`"),
        ({"population": "crps"}, r'pkpd\.load_population\("crps"\)'),
        ({"names": ("a",)}, "Give two"),
        ({"names": "ab"}, "Give two"),
        ({"names": (1, 2)}, "Each is a text"),
        ({"enrichment": ("ketamine 10 mg iv bolus", "1 h")}, "test dose, time after its end, least relief"),
        ({"enrichment": "ketamine 10 mg iv bolus"}, "test dose, time after its end, least relief"),
        ({"enrichment": ("ketamine 10 mg iv bolus", "1 h", "half")}, "'half' is no fraction"),
        ({"criteria": "age at least 5 year"}, r'such as \["age at least 5 year"\]'),
        ({"criteria": 5}, "no list"),
        ({"endpoints": ("pain score", "7 d")}, "Give a list of them"),
        ({"endpoints": "pain score"}, "no list"),
        ({"endpoints": [("relief", "7 d", "half")]}, "'half' is no number"),
        ({"endpoints": [(3, "7 d")]}, "begins with its kind"),
        ({"practice": 0.1}, r"pkpd\.Practice\(missed=0\.1\)"),
        ({"design": 5}, "Allowed: crossover"),
    ],
)
def test_a_design_given_in_another_form_is_refused(asked, told):
    with pytest.raises(PkpdError, match=told):
        designed(**asked)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"model": MODEL}, r"Load it first, with pkpd\.load"),
        ({"regimen": 5}, r"no text\. Give one with \{dose\}"),
        ({"count": 0}, "from 1 on"),
        ({"count": 1.5}, "from 1 on"),
        ({"count": 10**12}, "too many"),
        ({"doses": "0,1"}, "a list of at least three numbers"),
        ({"doses": ["0 mg", "1 mg", "2 mg"]}, "a list of at least three numbers"),
        ({"doses": [0, 1, math.inf]}, "a list of at least three numbers"),
        ({"patients": 2.5}, "one whole number from 2 on"),
        ({"shapes": ["emax"]}, r'"emax" is a name'),
        ({"shapes": "emax"}, "no list of candidates"),
        ({"shapes": []}, "no list of candidates"),
        ({"effect": "-2 point"}, "plain number below 0"),
        ({"effect": math.nan}, "plain number below 0"),
        ({"effect": 2.0}, "is more pain"),
        ({"effect": -20.0}, "no pain score has an effect of -20 points"),
        ({"effect": -0.2, "endpoint": ("pain relief", "0 h")}, "is less relief"),
        ({"effect": 30.0, "endpoint": ("pain relief", "0 h")}, "no pain relief has an effect of 30"),
        ({"design": "crossover"}, "design is 'crossover', and is not asked"),
        ({"alpha": "a"}, "between 0 and 1"),
        ({"selection": "best"}, 'Give "average", "aic" or "max-t"'),
    ],
)
def test_a_dose_finding_given_in_another_form_is_refused(asked, told):
    given = {
        **{"model": pkpd.load(MODEL), "regimen": INFUSION, "doses": [0, 0.25, 0.5], "patients": 5},
        **{"endpoint": ("pain score", "0 h"), "shapes": [Shape("linear")], "effect": -2.0, "count": 2},
        **asked,
    }
    order = [given.pop(key) for key in ("model", "regimen", "doses", "patients", "endpoint", "shapes", "effect")]
    with pytest.raises(PkpdError, match=told):
        pkpd.find_dose(*order, **given)


def test_a_relief_is_looked_for_above_0():
    made = pkpd.find_dose(
        pkpd.load(MODEL), INFUSION, [0, 0.25, 0.5], 5, ("pain relief", "0 h"), [Shape("linear")], 0.2, count=2
    )
    assert 0 < made.true_target < 0.5


def test_a_literature_given_in_another_form_is_refused(study):
    for given, told in (
        (study.trial, r"sized\(trial, \[10, 20, 40\]\)"),
        (study, r"Give study\.trial"),
        ([STUDY] * 3, rf'trial 0: "{STUDY}" is a name'),
        (None, "None is no trial"),
    ):
        with pytest.raises(PkpdError, match=told):
            run_literature(given)
    with pytest.raises(PkpdError, match="a list of whole numbers"):
        sized(study.trial, 5)
    with pytest.raises(PkpdError, match="from 1 on"):
        run_literature([study.trial] * 3, 0)
