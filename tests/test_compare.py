"""Comparisons: what each outcome means, pairing, intervals, and the expected numbers of the shipped arms."""

import dataclasses
import math
import re

import numpy as np
import pytest
from scipy.stats import binomtest

import pkpd
from pkpd.comparison import JOINT_STATES
from pkpd.errors import SimulationError
from pkpd.statistics.two_by_two import wilson
from pkpd.terminal.comparison import print_comparison

PUSH, SLOW = "0.3 mg/kg iv over 4 min", "0.3 mg/kg iv over 15 min"
ARMS = {"push": PUSH, "slow": SLOW, "none": "no treatment"}


@pytest.fixture(scope="module")
def model():
    return pkpd.load("kamp2020-ketamine")


@pytest.fixture(scope="module")
def comparison(model):
    return pkpd.compare(model, ARMS, 400, seed=3)


@pytest.fixture(scope="module")
def study():
    return pkpd.load_study("crps-infusions")


def test_four_states_add_up_to_one_and_to_the_marginals_in_every_patient(comparison):
    for arm in comparison.arms:
        states = np.array([arm.outcome(name, "1 week").values for name in JOINT_STATES])
        assert (states.sum(axis=0) == 1).all()
        relieved = arm.outcome("pain relief of at least 30%", "1 week").values
        affected = arm.outcome("psychotomimetic-asked").values
        assert np.array_equal(states[0] + states[1], relieved)
        assert np.array_equal(states[1] + states[3], affected)


def test_four_states_are_not_a_product_of_marginals(model):
    """Thresholds of fast relief and psychotomimetic effect are correlated, so the states at the end are too."""
    arm = pkpd.compare(model, {"a": SLOW}, 20_000, joint=(0.5, "end of treatment", "psychotomimetic-asked")).arm("a")
    both = arm.outcome("relief with side effect", "end of treatment").values.mean()
    product = (
        arm.outcome("pain relief of at least 50%", "end of treatment").values.mean()
        * arm.outcome("psychotomimetic-asked").values.mean()
    )
    assert both > product + 0.02


def test_who_reports_was_also_asked(comparison):
    for arm in comparison.arms:
        asked, reported = arm.outcome("psychotomimetic-asked").values, arm.outcome("psychotomimetic-reported").values
        assert (reported <= asked).all()
        assert reported.sum() < asked.sum()


def test_one_draw_a_person_makes_events_grow_with_exposure(comparison):
    """The slower infusion has the lower peak in everybody, so nobody has the effect only there."""
    assert (
        comparison.arm("push").outcome("psychotomimetic-asked").values
        >= comparison.arm("slow").outcome("psychotomimetic-asked").values
    ).all()


def test_summaries_and_differences_are_what_the_patients_give(comparison):
    arm, none = comparison.arm("push"), comparison.arm("none")
    values = arm.outcome("pain relief", "end of treatment").values
    found = comparison.summary("push", "pain relief", "end of treatment")
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, (0.05, 0.95))))
    assert found.error == pytest.approx(values.std(ddof=1) / 20)
    gain = values - none.outcome("pain relief", "end of treatment").values
    line = next(
        s
        for s in comparison.differences()
        if (s.regimen, s.quantity, s.when) == ("push", "pain relief", "end of treatment")
    )
    assert line.against == "none"
    assert line.value == pytest.approx(gain.mean())
    assert line.high - line.value == pytest.approx(1.96 * gain.std(ddof=1) / 20, rel=1e-4)
    share = comparison.summary("push", "psychotomimetic-asked")
    events = arm.outcome("psychotomimetic-asked").values.sum()
    assert [share.low, share.high] == pytest.approx([float(end) for end in wilson(events, 400)])
    assert share.error == pytest.approx(math.sqrt(share.value * (1 - share.value) / 400))


@pytest.mark.parametrize(("events", "n"), [(0, 10), (5, 10), (51, 93), (93, 93)])
def test_wilson_interval_is_scipys(events, n):
    expected = binomtest(events, n).proportion_ci(method="wilson")
    assert wilson(events, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_pairing_makes_differences_surer(model):
    kept = pkpd.compare(model, ARMS, 400, seed=3)
    other = pkpd.compare(model, ARMS, 400, seed=3, paired=False)
    lines = [
        next(s for s in c.differences() if (s.regimen, s.quantity, s.when) == line)
        for line in [("push", "pain score", "end of treatment")]
        for c in (kept, other)
    ]
    assert lines[0].error < 0.8 * lines[1].error
    assert np.array_equal(kept.arm("push").individuals.weight, kept.arm("slow").individuals.weight)
    assert not np.array_equal(other.arm("push").individuals.weight, other.arm("slow").individuals.weight)


def test_untreated_arm_takes_the_first_treated_arms_clock(model):
    arms = {"none": "no treatment", "long": "20 mg/h iv over 100 h", "short": PUSH}
    comparison = pkpd.compare(model, arms, 5)
    assert comparison.arm("none").end == comparison.arm("long").end
    assert comparison.reference == "none"
    assert comparison.horizon == comparison.arm("long").end + 84 * 24 * 3600 * 10**9


def test_relief_without_drug_is_placebo_alone(comparison):
    """In a placebo responder 0.6 x (1 - 2^(-t / 3 d)), counted from the start of treatment; in others nothing."""
    arm = comparison.arm("none")
    responders = arm.individuals.responders["placebo-response"]
    relief = arm.outcome("pain relief", "1 week").values
    days = 7 + 4 / 60 / 24
    assert relief[responders] == pytest.approx(0.6 * (1 - 2 ** (-days / 3)))
    assert relief[~responders] == pytest.approx(0.0, abs=1e-12)


def test_until_cuts_the_course(model):
    short = pkpd.compare(model, {"a": SLOW}, 5, until="10 d")
    whens = [o.when for o in short.arm("a").outcomes if o.name == "pain relief"]
    assert whens == ["end of treatment", "1 week"]


def test_exposure_follows_from_the_parameters(model):
    """Area = dose / clearance, and the peak of an infusion is its end."""
    people = pkpd.Population(20, seed=5)
    comparison = pkpd.compare(model, {"a": "s-ketamine 20 mg iv over 20 min"}, people, until="40 d")
    arm = comparison.arm("a")
    clearance = arm.individuals.parameters["CL"]
    assert arm.outcome("area under S-ketamine").values == pytest.approx(20 / clearance * 1000, rel=1e-9)
    assert arm.outcome("cumulative dose").values == pytest.approx(20.0)
    result = pkpd.simulate(model, "s-ketamine 20 mg iv over 20 min", people, times="0 to 60 min by 20 min")
    assert arm.outcome("peak S-ketamine in plasma").values == pytest.approx(result["S-ketamine"].max(axis=0), rel=1e-9)


def test_same_seed_same_bits_for_any_number_of_threads(model):
    tables = [pkpd.compare(model, ARMS, 100, seed=9, threads=threads).table() for threads in (1, 2)]
    assert tables[0].equals(tables[1])


def test_a_patient_is_the_same_alone_and_in_a_crowd(model):
    crowd = pkpd.compare(model, ARMS, 50, seed=9)
    alone = pkpd.compare(model, ARMS, pkpd.Population(50, seed=9).only([7]))
    for many, one in zip(crowd.arms, alone.arms, strict=True):
        for a, b in zip(many.outcomes, one.outcomes, strict=True):
            assert a.values[7] == b.values[0], a.name


def test_model_without_s_ketamine_says_why_there_are_no_effects():
    comparison = pkpd.compare(pkpd.load("domino1984-ketamine"), {"a": PUSH}, 5)
    assert comparison.analyte == "ketamine"
    assert "S-ketamine" in comparison.notes[0]
    assert all(outcome.name != "pain relief" for outcome in comparison.arm("a").outcomes)


def test_limits_passed_are_flagged():
    comparison = pkpd.compare(pkpd.load("simons2022-s-ketamine"), {"a": "s-ketamine 20 mg iv over 20 min"}, 200)
    assert any("weight 53 to 93" in flag.text for flag in comparison.flags)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: pkpd.compare(m, {}), "no regimens"),
        (lambda m: pkpd.compare(m, ARMS, 5, reference="non"), 'Did you mean "none"'),
        (lambda m: pkpd.compare(m, ARMS, 5, joint=(0.3, "1 week", "sedation")), "mild-sedation"),
        (lambda m: pkpd.compare(m, ARMS, 5, joint=(0.3, "1 wek", "mild-sedation")), 'Did you mean "1 week"'),
        (lambda m: pkpd.compare(m, ARMS, 5, joint=(30, "1 week", "mild-sedation")), "not a fraction"),
        (lambda m: pkpd.compare(m, {"a": "0.5 mg/kg oral"}, 5), 'route "oral"'),
        (lambda m: pkpd.compare(m, ARMS, 5, threshold="50"), "has no unit"),
        (lambda m: pkpd.compare(m, ARMS, 5, until="3 mg"), "not one of time"),
        (lambda m: pkpd.compare(m, ARMS, 0), "whole number from 1"),
        (lambda m: pkpd.compare(m, ARMS, 5).summary("push", "pain relif", "1 week"), "pain relief 1 week"),
        (lambda m: pkpd.compare(m, ARMS, 5).arm("pusch"), 'Did you mean "push"'),
    ],
)
def test_mistakes_name_themselves(model, call, words):
    with pytest.raises(pkpd.PkpdError) as caught:
        call(model)
    assert words in str(caught.value)


def test_population_numbers_of_the_default_configuration(study):
    """Mean pain one week after the S-ketamine arm 3.5 and after placebo 6.1 (trial: 2.68, SE 0.51; 5.45, SE 0.48)."""
    comparison = study.with_patients(20_000, seed=11).run()
    assert comparison.summary("Sigtermans 2009", "pain score", "1 week").value == pytest.approx(3.5, abs=0.05)
    assert comparison.summary("placebo", "pain score", "1 week").value == pytest.approx(6.1, abs=0.05)


def test_half_of_the_pain_relieved_at_the_end_of_40_minutes(model):
    """44 % of patients after racemate 0.4 mg/kg over 40 min; 44 to 49 % attributable to the drug in trials."""
    comparison = pkpd.compare(model, {"a": "0.4 mg/kg iv over 40 min"}, 40_000, seed=2, until="1 h")
    share = comparison.summary("a", "pain relief of at least 50%", "end of treatment").value
    assert share == pytest.approx(0.44, abs=0.01)


def test_doses_of_the_arms(study):
    typical = pkpd.compare(study.model, study.regimens, pkpd.Population.typical())
    doses = {arm.name: arm.outcome("cumulative dose").values[0] for arm in typical.arms}
    assert doses == pytest.approx(
        {
            "Sigtermans 2009": 1820.0,
            "Schwartzman 2009": 980.0,
            "Goldberg 2010, upper range": 4740.0,
            "single infusion": 35.0,
            "placebo": 0.0,
        }
    )


def test_until_between_the_arms_last_times_compares_what_both_have(model):
    arms = {"long": "25 mg/h iv over 4 h every 24 h for 5 doses", "short": "0.5 mg/kg iv over 40 min"}
    comparison = pkpd.compare(model, arms, 20, until="8 d")
    assert {s.when for s in comparison.differences()} == {"", "end of treatment"}
    assert ("pain relief", "1 week") in {(s.quantity, s.when) for s in comparison.summaries()}
    print_comparison(comparison)


def test_names_in_brackets_are_printed_as_they_are(model, capsys):
    comparison = pkpd.compare(model, {"[/b] a": PUSH, "[red]": "no treatment"}, 5, title="[blue]x[/red]")
    print_comparison(comparison)
    printed = capsys.readouterr().out
    for name in ("[/b] a", "[red]", "[blue]x[/red]"):
        assert name in printed


def test_other_kinetics_under_the_default_effects_are_noted():
    comparison = pkpd.compare(pkpd.load("otto2021-s-ketamine"), {"a": "s-ketamine 20 mg iv over 20 min"}, 5)
    assert any("estimated again" in note for note in comparison.notes)


def test_a_regimen_a_model_cannot_take_is_refused_before_anything_runs(model):
    done = []
    arms = {"a": PUSH, "b": "0.5 mg/kg oral"}
    with pytest.raises(pkpd.PkpdError, match='regimen "b" on model kamp2020-ketamine: route "oral"'):
        pkpd.compare(model, arms, 5, progress=done.append)
    assert done == []


def test_without_the_usual_side_effect_there_are_no_joint_states(model):
    effects = [pkpd.load_effect(name) for name in ("baseline-pain", "fast-relief", "mild-sedation")]
    comparison = pkpd.compare(model, {"a": PUSH}, 20, effects=effects)
    assert comparison.joint is None
    assert "mild-sedation" in {outcome.name for outcome in comparison.arm("a").outcomes}


def test_outputs_that_are_no_concentrations_keep_their_unit() -> None:
    """A response in points is never given as a level in plasma, wherever it stands in the file."""
    model = pkpd.load("two-compartment-indirect-response")
    table = {"CL": 5.0, "V1": 20.0, "Q2": 1.0, "V2": 30.0, "ka": 1.0, "kin": 2.0, "kout": 0.4, "Imax": 1.0, "IC50": 0.1}
    table = {name: [value, 1.1 * value] for name, value in {**table, "Hill": 1.0}.items()}
    turned = dataclasses.replace(model, outputs=dict(reversed(model.outputs.items())))
    for one in (model, turned):
        made = pkpd.compare(one, {"a": "50 mg iv", "b": "no treatment"}, table, until="2 d", effects=())
        table_of = made.table()
        rows = table_of[table_of["against"] == ""].set_index(["regimen", "quantity"])
        assert rows.loc[("a", "peak drug in plasma"), "unit"] == "ng/mL"
        assert rows.loc[("b", "highest response"), "value"] == pytest.approx(5.0)
        assert rows.loc[("b", "mean response"), "value"] == pytest.approx(5.0)
        assert rows.loc[("a", "mean response"), "unit"] == "point"
        assert not any("response in plasma" in quantity for _, quantity in rows.index)


def test_a_patient_who_cannot_be_integrated_is_named_with_a_way_out() -> None:
    model = pkpd.load("one-compartment-michaelis-menten")
    table = {"Vmax": [30.0, 30.0], "Km": [0.2, 1e-12], "V1": 20.0, "ka": 1.0}
    with pytest.raises(SimulationError, match=r"subject 1 could not.*falls below 0.*Leave such subjects out"):
        pkpd.compare(model, {"a": "50 mg iv"}, table, until="2 d", effects=())


def test_an_end_of_treatment_at_which_nothing_has_acted_yet_is_told():
    """84 mg by nose are given at once: relief at that moment is none, and an hour later about that of a vein's."""
    nasal = pkpd.load("perezruixo2021-esketamine")
    arms = {"nose": "s-ketamine 84 mg nasal", "vein": "s-ketamine 28 mg iv over 40 min", "none": "no treatment"}
    made = pkpd.compare(nasal, arms, 100, until="12 h")
    (told,) = [note for note in made.notes if "has not acted by then" in note]
    assert told.startswith("In nose treatment ends")
    assert made.summary("nose", "pain relief", "end of treatment").value == pytest.approx(0, abs=1e-9)
    later = pkpd.simulate(nasal.with_effects(*pkpd.default_effects()), arms["nose"], None, ["1 h"])
    assert later["fast-relief"][0, 0] > 0.3
    twice = {"push": "5 mg iv every 2 h for 2 doses and 1 mg/h iv over 4 h", "slow": SLOW}
    assert not any(
        "has not acted" in note for note in pkpd.compare(nasal, {"slow": "s-ketamine 5 mg iv over 1 min"}, 5).notes
    )
    found = pkpd.compare(pkpd.load("kamp2020-ketamine"), twice, 5)
    assert not any("has not acted" in note for note in found.notes)


def test_a_summary_is_printed_as_a_sentence():
    made = pkpd.compare(
        pkpd.load("kamp2020-ketamine"), {"a": "20 mg iv", "none": "no treatment"}, 50, seed=1, until="2 d"
    )
    told = str(made.summary("a", "peak S-ketamine in plasma"))
    assert re.fullmatch(
        r"peak S-ketamine in plasma under a: [\d.]+ \[[\d.]+, [\d.]+\] ng/mL "
        r"\(5th to 95th percentile of patients\), "
        r"±[\d.]+ Monte-Carlo error",
        told,
    )
