"""The [trial] of a study file: what it holds, and that a mistake is refused with its line, cause and way out."""

from __future__ import annotations

import math

import pytest

import pkpd
from pkpd.errors import StudyError
from pkpd.model.library import study_path
from pkpd.published import trial_of
from pkpd.study import read_study
from pkpd.times import TICKS_PER_HOUR
from pkpd.trials.reading import usual_conduct
from pkpd.trials.values import Counts, Mean

HEAD = study_path("sigtermans2009-crps").read_text(encoding="utf-8").partition("[trial]")[0]
TRIAL = """
[trial]
design   = "parallel"
drug     = "S-ketamine 100 h"
control  = "placebo"
patients = [30, 30]
missing  = "last score"
follow_up = "12 weeks"
source   = "sigtermans2009"
mark     = "primary"
note     = "a note"

[trial.conduct.entry]
value  = 5
unit   = "point"
source = "sigtermans2009"
mark   = "assumed"

[trial.conduct.washout]
value  = 2
unit   = "d"
source = "sigtermans2009"
mark   = "assumed"

[trial.enrichment]
regimen = "s-ketamine 10 mg iv over 20 min"
when    = "10 min"
relief  = 0.3
source  = "sigtermans2009"
mark    = "assumed"

[[trial.endpoints]]
kind = "pain score"
when = "7 d"
row  = "sigtermans2009-week1"

[[trial.endpoints]]
kind      = "relief"
threshold = 0.5
when      = "0 h"
drug      = [20, 30]
control   = [6, 28]
analysis  = "chi-square"
source    = "sigtermans2009"
mark      = "assumed"

[[trial.endpoints]]
kind    = "pain relief"
when    = "0 h"
until   = "3 d"
drug    = { mean = 0.5, sd = 0.3, patients = 25 }
control = { mean = 0.2, se = 0.1 }
words   = "in words"
source  = "sigtermans2009"
mark    = "assumed"
"""


def read(text: str):
    return trial_of(read_study(text, "study.toml"))


def test_everything_it_says_is_in_the_trial():
    trial = read(HEAD + TRIAL)
    assert (trial.design, trial.patients, trial.conduct.missing, trial.note) == (
        "parallel",
        (30, 30),
        "last score",
        "a note",
    )
    assert (trial.drug.name, trial.control.name) == ("S-ketamine 100 h", "placebo")
    assert (trial.conduct.entry, trial.conduct.washout) == (5, 48)
    assert trial.conduct.noise == usual_conduct()[0].noise
    assert trial.followed == 12 * 7 * 24 * TICKS_PER_HOUR > trial.horizon
    assert trial.enrichment.relief == 0.3 and trial.enrichment.when == TICKS_PER_HOUR // 6
    week, end, mean = trial.endpoints
    assert week.observed.drug.value == 2.68 and week.observed.drug.error == pytest.approx(0.51)
    assert week.observed.control.value == 5.45 and week.observed.used
    assert end.observed.drug == Counts(20, 30) and trial.analysis_of(end) == "chi-square" and not end.observed.used
    assert mean.observed.drug.error == pytest.approx(0.3 / 5) and mean.observed.control.error == 0.1
    assert len(mean.visits) == 4 and mean.words == "in words"
    assert all(origin.source in trial.sources for origin in trial.conduct.origins.values())


def test_what_is_usual_is_marked_with_its_sources():
    usual, sources = usual_conduct()
    assert set(usual.origins) == {"entry", "noise", "unblinding", "drop_out", "drop_out_control", "washout"}
    assert all(origin.mark in ("derived", "assumed") and origin.source in sources for origin in usual.origins.values())
    assert usual.washout == 168 and usual.drop_out == 0.086


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('design   = "parallel"', 'design = "paralel"', ["[trial.design]", 'Did you mean "parallel"']),
        ('design   = "parallel"', 'design = "crossover"', ["patients", "30, 30", "one"]),
        ('design   = "parallel"', 'design = "single arm"', ["no control"]),
        ('control  = "placebo"', 'control = "placbo"', ['Did you mean "placebo"']),
        ('control  = "placebo"\n', "", ["need one"]),
        ("[30, 30]", "[30, 0]", ['"placebo" has 0 patients', "at least 2"]),
        ("[30, 30]", "[30, 1]", ['"placebo" has 1 patients', "at least 2"]),
        ("[30, 30]", "30", ["whole numbers"]),
        ('missing  = "last score"', 'missing = "last"', ['Did you mean "last score"']),
        ("value  = 5", "value = 11", ["entry is 11", "0 to 10"]),
        ('"12 weeks"', '"3 d"', ["last visit is 168 h", "follow_up of 72 h ends before it"]),
        ('"12 weeks"', '"late"', ["[trial.follow_up]", "late"]),
        ('unit   = "point"', 'unit = "kg"', ['"kg" does not fit', "point"]),
        ("conduct.entry", "conduct.entri", ['Did you mean "entry"']),
        ("relief  = 0.3", "relief = 1.3", ["1.3", "fraction"]),
        ('kind = "pain score"', 'kind = "pain scores"', ['Did you mean "pain score"']),
        ("sigtermans2009-week1", "sigtermans2009-week2", ["sigtermans2009-week1"]),
        ("sigtermans2009-week1", "kvarnstrom2004-responders", ["responders", "pain score"]),
        ("threshold = 0.5", "threshold = 50", ["50", "fraction"]),
        ("threshold = 0.5\n", "", ["no threshold is given", "fraction"]),
        ("[20, 30]", "[40, 30]", ["40 of 30"]),
        ("[20, 30]", "20", ["[events, patients]"]),
        ("chi-square", "t test", ['"t test" does not fit', "Fisher"]),
        ('until   = "3 d"', 'until = "0 h"', ["not after"]),
        ("sd = 0.3, patients = 25", "sd = 0.3", ["number of patients"]),
        ('when = "7 d"', 'when = "7"', ["unit"]),
        ('kind = "pain score"', 'kind = "pain score"\nthreshold = 2', ["no threshold"]),
        ('kind = "pain score"', 'kind = "pain score"\nof = "dizziness"', ["`of`"]),
        ('kind = "pain score"\nwhen = "7 d"\nrow  = "sigtermans2009-week1"', 'kind = "side effect"', ["`of`"]),
        (
            'kind = "pain score"\nwhen = "7 d"\nrow  = "sigtermans2009-week1"',
            'kind = "side effect"\nof = "dizzyness"',
            ["psychotomimetic-asked"],
        ),
        ('drug     = "S-ketamine 100 h"', 'drug = "placebo"', ['"placebo" is held against itself']),
        ("[20, 30]", "[20, 31]", ["found in 31 patients, and 30 are said"]),
        ("mean = 0.5, sd", "mean = 5, sd", ["a mean of 5 was found", "-1 to 1"]),
        ("se = 0.1", "se = -0.1", ["error of -0.1 cannot be"]),
    ],
)
def test_mistakes_are_named(old, new, words):
    assert old in TRIAL
    with pytest.raises(StudyError) as caught:
        read(HEAD + TRIAL.replace(old, new, 1))
    for word in ["study.toml line", *words]:
        assert word in str(caught.value)


def test_a_study_that_is_no_trial_says_which_are():
    with pytest.raises(StudyError, match=r"compares regimens and is no trial.*kvarnstrom2004-spinal-cord-injury"):
        trial_of(pkpd.load_study("crps-infusions"))


def test_a_mean_without_a_spread_has_none():
    text = HEAD + TRIAL.replace(", se = 0.1", "")
    observed = read(text).endpoints[2].observed
    assert isinstance(observed.control, Mean) and math.isnan(observed.control.error)


def test_further_arms_of_a_trial_are_followed_as_long():
    study = pkpd.load_study("favourable-indication")
    assert {trial.followed for trial in (study.trial, *study.further)} == {80 * 24 * TICKS_PER_HOUR}
