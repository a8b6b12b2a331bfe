"""Practice in comparisons and study files: the same patients depart from every regimen alike."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pkpd
from pkpd import DropOut, Late, Missed, Practice
from pkpd.errors import StudyError
from pkpd.model.parts import Limit
from pkpd.outcomes import WEEK
from pkpd.plot.curves import follow
from pkpd.terminal.comparison import print_comparison
from pkpd.terminal.study import print_study

ARMS = {
    "weekly": "0.5 mg/kg iv over 40 min every 7 d for 6 doses",
    "slow": "0.5 mg/kg iv over 2 h every 7 d for 6 doses",
    "course": "20 mg/h iv over 50 h",
    "none": "no treatment",
}
PRACTICE = Practice(missed=0.25, late=Late("1 h", "8 h", sd=0.5), drop_out=DropOut(share=0.3, by="6 week"), vial="5 mg")


@pytest.fixture(scope="module")
def model():
    return pkpd.load("kamp2020-ketamine")


@pytest.fixture(scope="module")
def compared(model):
    return pkpd.compare(model, ARMS, 120, seed=6, practice=PRACTICE)


def test_outcomes_say_what_was_really_given(model, compared):
    people = pkpd.Population(120, seed=6)
    weights = people.covariate("weight", 70.0)
    for name in ("weekly", "slow", "course"):
        arm, attended = compared.arm(name), PRACTICE.attended(ARMS[name], people)
        given = PRACTICE.regimens(ARMS[name], people).cumulative_amount(weights)
        assert np.array_equal(arm.outcome("cumulative dose").values, given)
        assert arm.outcome("cumulative S-ketamine").values == pytest.approx(given / 2, rel=1e-12)
        assert np.array_equal(arm.outcome("doses taken").values, attended.given.mean(axis=0))
        dropped = arm.outcome("dropped out")
        assert dropped.event and np.array_equal(dropped.values, attended.dropped)
        assert arm.end == pkpd.parse(ARMS[name]).end
    assert {"doses taken", "dropped out"}.isdisjoint(o.name for o in compared.arm("none").outcomes)
    assert any("In practice, in every arm: 0.25 of sessions missed" in note for note in compared.notes)


def test_a_patient_misses_the_same_session_in_every_arm(compared):
    weekly, slow = (compared.arm(name) for name in ("weekly", "slow"))
    for name in ("doses taken", "dropped out"):
        assert np.array_equal(weekly.outcome(name).values, slow.outcome(name).values)
    assert 0 < weekly.outcome("dropped out").values.mean() < 0.6


def test_the_order_of_arms_and_the_threads_change_no_bit(model, compared):
    turned = pkpd.compare(
        model, dict(reversed(ARMS.items())), 120, seed=6, practice=PRACTICE, reference="none", threads=1
    )
    for arm in compared.arms:
        if arm.name == "none":  # it takes the end of treatment of the first arm
            continue
        again = turned.arm(arm.name)
        for outcome in arm.outcomes:
            same = (o for o in again.outcomes if (o.name, o.when) == (outcome.name, outcome.when))
            assert np.array_equal(outcome.values, next(same).values)


def test_no_practice_and_one_that_changes_nothing_give_the_same_bits(model):
    arms = {"a": ARMS["weekly"], "b": ARMS["none"]}
    plain = pkpd.compare(model, arms, 40)
    same = pkpd.compare(model, arms, 40, practice=Practice(missed=0.0, drop_out=DropOut(per_session=0.0)))
    for before, after in zip(plain.arms, same.arms, strict=True):
        for outcome in before.outcomes:
            assert np.array_equal(outcome.values, after.outcome(outcome.name, outcome.when).values)
    assert same.arm("a").outcome("doses taken").values.min() == 1.0


def test_patients_of_their_own_depart_in_their_own_way(model):
    apart = pkpd.compare(model, {"a": ARMS["weekly"], "b": ARMS["weekly"]}, 80, practice=PRACTICE, paired=False)
    first, second = (arm.outcome("doses taken").values for arm in apart.arms)
    assert not np.array_equal(first, second)


def test_curves_follow_what_was_given(model):
    none = pkpd.compare(model, {"a": ARMS["weekly"]}, 30, practice=Practice(missed=1.0))
    assert none.arm("a").outcome("peak S-ketamine in plasma").values.max() == 0.0
    assert none.arm("a").outcome("cumulative dose").values.max() == 0.0
    assert follow(none, none.arm("a"), 6 * WEEK).bands.max() == 0.0


def test_levels_are_held_against_limits_as_they_were_given(model):
    limit = Limit("concentration", None, 0.2, "mg/L", of="S-ketamine")
    model = replace(model, validity=(*model.validity, limit))
    half = Practice(pump=pkpd.Pump(most="30 mg/h"))
    for verb in (
        lambda practice: pkpd.simulate(model, "60 mg/h iv over 8 h", 6, "8 h", practice=practice),
        lambda practice: pkpd.compare(model, {"a": "60 mg/h iv over 8 h"}, 6, until="1 d", practice=practice),
    ):
        assert any("concentration of S-ketamine" in flag.text for flag in verb(None).flags)
        assert not any("concentration of S-ketamine" in flag.text for flag in verb(half).flags)


STUDY = """
id    = "kept"
kind  = "study"
title = "Kept to"
model = "kamp2020-ketamine"
subjects = 30

[sources.mine]
citation = "A question of my own"
{practice}
[[arms]]
name    = "weekly"
regimen = "0.5 mg/kg iv over 40 min every 7 d for 6 doses"
source  = "mine"
mark    = "assumed"
"""
ORIGIN = 'source = "mine"\nmark = "assumed"\n'
FULL = f"""
[practice.missed]
after_taken  = 0.1
after_missed = 0.4
first        = 0
{ORIGIN}
[practice.late]
median = "30 min"
most   = "6 h"
sd     = 1
share  = 0.5
early  = 0.1
step   = "5 min"
{ORIGIN}
[practice.drop_out]
share = 0.2
by    = "10 week"
shape = 1.5
{ORIGIN}
[practice.weight_bands]
bands = [["60 kg", "55 kg"], ["90 kg", "75 kg"], ["100 kg"]]
{ORIGIN}
[practice.vial]
size     = "5 mg"
rounding = "up"
{ORIGIN}
[practice.pump]
step          = "0.1 mL/h"
most          = "60 mL/h"
concentration = "1 mg/mL"
{ORIGIN}"""


def read(practice):
    return pkpd.read_study(STUDY.format(practice="\n" + practice), "kept.toml")


def test_a_study_file_says_it_all(capsys):
    study, mine = read(FULL), {"source": "A question of my own", "mark": "assumed"}
    assert study.practice == Practice(
        Missed(0.1, 0.4, 0.0, **mine),
        Late("30 min", "6 h", sd=1.0, share=0.5, early=0.1, step="5 min", **mine),
        DropOut(share=0.2, by="10 week", shape=1.5, **mine),
        pkpd.WeightBands((("60 kg", "55 kg"), ("90 kg", "75 kg"), (None, "100 kg")), **mine),
        pkpd.Vial("5 mg", "up", **mine),
        pkpd.Pump("0.1 mL/h", "60 mL/h", "1 mg/mL", **mine),
    )
    made = study.run()
    own = pkpd.compare(study.model, study.regimens, study.population, practice=study.practice)
    for outcome in own.arms[0].outcomes:
        assert np.array_equal(outcome.values, made.arms[0].outcome(outcome.name, outcome.when).values)
    print_comparison(made)
    printed = capsys.readouterr().out
    assert "Treatment kept to" in printed and "doses taken" in printed and "dropped out" in printed
    print_study(study)
    shown = capsys.readouterr().out
    assert "In practice, alike in every arm" in shown and shown.count("A question of my own") >= 6
    assert read("").practice is None


@pytest.mark.parametrize(
    ("practice", "words"),
    [
        ("[practice.mised]\nafter_taken = 0.1\n", ["line 11", "[practice.mised]", 'Did you mean "missed"']),
        ("[practice]\n", ["[practice]", "nothing in it", "[practice.drop_out]"]),
        ("[practice.missed]\nafter_taken = 0.1\n", ["[practice.missed]", '"source" is missing']),
        (f"[practice.missed]\n{ORIGIN}", ["[practice.missed]", '"after_taken" is missing']),
        (f"[practice.missed]\nafter_taken = 1.5\n{ORIGIN}", ["line 12", "after_taken is 1.5", "from 0 up to 1"]),
        (f"[practice.missed]\nafter_taken = 0.1\nafterr = 1\n{ORIGIN}", ["line 13", '"afterr" is not known']),
        (f'[practice.missed]\nafter_taken = "0.1"\n{ORIGIN}', ["line 12", "not a number"]),
        (
            f'[practice.late]\nmedian = 30\nmost = "6 h"\nsd = 1\n{ORIGIN}',
            ["line 12", "[practice.late.median]", "quotes"],
        ),
        (f'[practice.late]\nmedian = "30 min"\nmost = "6"\nsd = 1\n{ORIGIN}', ["line 13", "late: most", "no unit"]),
        (f'[practice.late]\nmedian = "30 min"\nsd = 1\n{ORIGIN}', ['"most" is missing']),
        (f"[practice.drop_out]\nshare = 0.1\n{ORIGIN}", ["line 12", "given share"]),
        (f"[practice.drop_out]\n{ORIGIN}", ["[practice.drop_out", "given nothing"]),
        (f'[practice.weight_bands]\nbands = [["60 kg", "55 kg"]]\n{ORIGIN}', ["line 12", "all above"]),
        (f'[practice.weight_bands]\nbands = [["60 kg", "0 kg"], ["80 kg"]]\n{ORIGIN}', ["line 12", "'0 kg'"]),
        (f'[practice.vial]\nsize = "5 mg"\nrounding = "of"\n{ORIGIN}', ["line 13", "rounding", "nearest"]),
        (f'[practice.pump]\nstep = "0.1 mL/h"\n{ORIGIN}', ["line 12", "concentration"]),
        ('[practice.vial]\nsize = "5 mg"\nsource = "mine"\nmark = "guess"\n', ["line 14", '"guess" is not known']),
        ('[practice.vial]\nsize = "5 mg"\nsource = "yours"\nmark = "assumed"\n', ["line 13", '"yours" is not known']),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(practice, words):
    with pytest.raises(StudyError) as caught:
        read(practice)
    assert "kept.toml" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_the_tables_of_the_manual_are_read():
    manual = (Path(__file__).parents[2] / "models" / "README.md").read_text(encoding="utf-8")
    first = manual.index("    [practice.missed]")
    block = manual[first : manual.index("\nAn arm may give", first)]
    study = read("\n".join(line.removeprefix("    ") for line in block.splitlines()))
    assert list(study.practice.parts) == ["missed", "late", "drop_out", "weight_bands", "vial", "pump"]
