"""The studies of the library: their doses are the trials', every one runs, and none is missing without a reason."""

import csv
from functools import cache
from pathlib import Path

import pytest

import pkpd
from pkpd import guidance
from pkpd.model.library import study_names
from pkpd.unsimulated import read_unsimulated, unsimulated

TRIALS = Path(__file__).resolve().parents[2] / "shared" / "evidence" / "chronic_pain_trials.csv"

# Row of the trials' table -> study and arm; several rows of one trial name it once.
ARMS = {
    "Sigtermans": ("sigtermans2009-crps", "S-ketamine 100 h"),
    "Schwartzman": ("schwartzman2009-crps", "10 daily infusions"),
    "Kvarnstrom SCI": ("kvarnstrom2004-spinal-cord-injury", "0.4 mg/kg over 40 min"),
    "Amr SCI IV": ("amr2010-spinal-cord-injury", "80 mg over 5 h on 7 days"),
    "Kvarnstrom PNP": ("kvarnstrom2003-nerve-injury", "0.4 mg/kg over 40 min"),
    "Max": ("max1995-nerve-injury", "58 mg over 2 h"),
    "Gottrup": ("gottrup2006-nerve-injury", "0.24 mg/kg over 30 min"),
    "Pickering": ("pickering2020-neuropathic", "0.5 mg/kg"),
    "Rema multiday": ("rema2012-neuropathic", "0.2, 0.4, 0.6 mg/kg/h"),
    "Eide PHN": ("eide1994-postherpetic-neuralgia", "0.15 mg/kg over 10 min"),
    "Kim PHN": ("kim2015-postherpetic-neuralgia", "1 mg/kg over 1 h, 3 times"),
    "Graven-Nielsen part 1": ("gravennielsen2000-fibromyalgia", "0.3 mg/kg over 30 min"),
    "Sorensen": ("sorensen1995-fibromyalgia", "0.3 mg/kg over 10 min"),
    "Cohen FM test": ("cohen2006-fibromyalgia", "0.1 mg/kg over 7 min"),
    "Lemming WAD": ("lemming2005-whiplash", "0.3 mg/kg over 30 min"),
    "Persson WAD": ("persson2012-whiplash", "0.3 mg/kg over 30 min"),
    "Ishizuka": ("ishizuka2007-cancer", "S-ketamine 10 mg three times a day"),
}
# Rows whose doses are given as several ("10.5/21/31.5") or as a range: the study's arms, in their order.
SEVERAL = {
    "Persson ischaemic": ("persson1998-ischaemic", [10.5, 21.0, 31.5]),
    "Mercadante": ("mercadante2000-cancer", [17.5, 35.0]),
}


MANY = "favourable-indication"  # several indications, by arm


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


@cache
def rows():
    if not TRIALS.exists():
        pytest.skip("the table of trials does not lie beside the project")
    with TRIALS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def study(name):
    return pkpd.load_study(name)


@pytest.mark.parametrize("trial", ARMS)
def test_doses_are_those_of_the_trial(trial):
    name, arm = ARMS[trial]
    regimen = study(name).regimens[arm]
    found = guidance.describe(regimen, 70.0)
    mine = [row for row in rows() if row["study"] == trial]
    assert mine
    compared = 0
    for row in mine:
        total, session = number(row["cum_mg_70kg"]), number(row["mg_session_70kg"])
        if total is not None:
            # the table rounds 0.24 mg/kg x 70 kg = 16.8 mg to 17
            assert float(regimen.cumulative_amount(70.0)) == pytest.approx(total, abs=0.5)
            compared += 1
        if session is not None:
            sessions = number(row["n_sessions"]) or 1
            assert float(regimen.cumulative_amount(70.0)) / sessions == pytest.approx(session, abs=0.5)
            if row["route"] == "IV":
                assert found.largest == pytest.approx(session, abs=0.5)
                assert len(found.sessions) == sessions
            compared += 1
    assert compared
    forms = {"S": "S", "rac": "racemate"}
    assert {form.enantiomer for form in regimen.forms} == {forms[mine[0]["form"]]}


@pytest.mark.parametrize("trial", SEVERAL)
def test_several_doses_are_those_of_the_trial(trial):
    name, doses = SEVERAL[trial]
    (row,) = [row for row in rows() if row["study"] == trial]
    assert [float(text) for text in row["mg_session_70kg"].split("/")] == doses
    given = [regimen for regimen in study(name).regimens.values() if not regimen.is_empty]
    assert [float(regimen.cumulative_amount(70.0)) for regimen in given] == pytest.approx(doses)


def test_ranges_of_open_series_are_covered():
    lower, upper = study("goldberg2010-crps").regimens.values()
    assert float(lower.cumulative_amount(70.0)) == 1200
    assert 4700 < float(upper.cumulative_amount(70.0)) <= 4800
    assert float(study("kiefer2008-crps").regimens["50 to 500 mg/d"].cumulative_amount(70.0)) == sum(range(50, 501, 50))


def test_every_ketamine_trial_of_the_table_is_simulated_or_says_why_not():
    answered = {
        **dict.fromkeys([*ARMS, *SEVERAL]),
        "Dahan (same trial, PK-PD)": "sigtermans2009-crps",
        "Goldberg": "goldberg2010-crps",
        "Kiefer (S pilot)": "kiefer2008-crps",
        "Nikolajsen": "nikolajsen1996-phantom-limb",
        "Inpatient 5 d cohort": "inpatients2021-five-days",
    }
    why = {trial.trial for trial in unsimulated()}
    named = {
        "Sigtermans (acute vs chronic)": "Sigtermans 2010",
        "Amr SCI epidural": "Amr 2011",
        "Huge": "Huge 2010",
        "Rigo": "Rigo 2017",
        "Martin (DXM/memantine after ketamine)": "Martin 2019",
        "Lynch topical": "Lynch 2005",
        "Eide PHN SC": "Eide 1995",
        "Fallon": "Fallon 2018",
        "Carr": "Carr 2004",
        "Corriger OKAPI": "Corriger 2022",
        "Oral clinic Dublin": "Oral clinic, Dublin 2023",
        "Lidocaine+ketamine cohort": "Lidocaine and ketamine 2023",
    }
    assert set(named.values()) <= why
    for row in rows():
        if row["design"] != "meta-analysis":
            assert row["study"] in answered or row["study"] in named, row["study"]


@pytest.mark.parametrize("name", study_names())
def test_every_study_runs_and_says_what_it_assumes(name):
    found = study(name)
    assert found.indication in guidance.INDICATIONS or name == MANY
    for arm in found.arms:
        assert arm.mark != "assumed" or arm.note, f"{arm.name} is assumed; its note says what"
    comparison = found.with_patients(20).run(threads=1)
    assert [arm.name for arm in comparison.arms] == [arm.name for arm in found.arms]
    assert all(arm.individuals.size == 20 for arm in comparison.arms)
    treated = {arm.name for arm in comparison.arms if not arm.regimen.is_empty}
    assert treated <= {flag.of for flag in comparison.flags}


@pytest.mark.parametrize("name", study_names())
def test_slow_responders_are_crps_default_and_assumed_elsewhere(name):
    found = study(name)
    whole = {effect.id: effect for effect in found.effects or pkpd.default_effects()}
    if "slow-relief" not in whole:
        assert found.indication == "perioperative"
        return
    for arm in found.arms:
        effects = {**whole, **{effect.id: effect for effect in arm.effects}}
        crps = found.indication == "crps" or (name == MANY and arm.name.startswith("CRPS"))
        share = effects["slow-relief"].parameters["P_responder"]
        assert (share.value, share.mark) == ((0.57, "derived") if crps else (0.3, "assumed"))
        placebo = effects["placebo-response"].parameters["P_placebo"]
        assert placebo.mark == ("primary" if crps else "assumed")


def test_surgery_keeps_to_the_acute_guideline_and_tells_opioid_sparing_beside_it():
    found = study("perioperative-chronic-pain")
    assert "no ketamine" in found.regimens
    comparison = found.with_patients(20).run(threads=1)
    assert not [flag for flag in comparison.flags if flag.kind == "guideline"]
    assert {arm.mark for arm in found.arms} == {"assumed"}
    sparing = next(fact for fact in found.facts if "8 mg" in fact.text)
    assert sparing.mark == "assumed"
    assert "13 mg" in sparing.text
    assert not [outcome.name for outcome in comparison.arms[0].outcomes if "opioid" in outcome.name]


def test_a_long_regimen_is_flagged_without_an_indication_and_a_short_one_is_not():
    regimens = {"long": "s-ketamine 15 mg/h iv over 100 h every 484 h for 2 doses", "short": "0.5 mg/kg iv over 40 min"}
    comparison = pkpd.compare(pkpd.load("kamp2020-ketamine"), regimens, 5)
    told = [flag for flag in comparison.flags if flag.kind in ("guideline", "harm")]
    assert {flag.of for flag in told} == {"long"}
    assert any("3 of 6" in flag.text for flag in told)
    with pytest.raises(pkpd.PkpdError, match='Did you mean "crps"'):
        pkpd.compare(pkpd.load("kamp2020-ketamine"), regimens, 5, indication="crsp")


def test_mistakes_in_the_list_of_trials_name_their_line():
    text = (
        'kind = "trials not simulated"\n[sources.a]\ncitation = "A"\n[[trials]]\ntrial = "T"\nindication = "crsp"\n'
        'given = "g"\nwhy = "w"\nsource = "a"\nmark = "primary"\n'
    )
    with pytest.raises(pkpd.PkpdError, match='list.toml line 6.*Did you mean "crps"'):
        read_unsimulated(text, "list.toml")
    assert read_unsimulated(text.replace("crsp", "crps"))[0].citation == "A"
