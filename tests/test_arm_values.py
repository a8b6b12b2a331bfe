"""Arms with effects of their own: the same patients, as if they had another indication."""

from __future__ import annotations

import numpy as np
import pytest

import pkpd
from pkpd.published import trial_of
from pkpd.study import read_study

ARM = "ketamine 0.5 mg/kg iv over 40 min"
TEXT = f"""
id    = "two-indications"
kind  = "study"
title = "Two indications"
model = "kamp2020-ketamine"

[sources.mine]
citation = "A choice of my own"

[values."slow-relief.P_responder"]
value  = 0.4
unit   = "1"
source = "mine"
mark   = "assumed"

[[arms]]
name    = "one"
regimen = "{ARM}"
source  = "mine"
mark    = "assumed"
note    = "n"

[[arms]]
name    = "other"
regimen = "{ARM}"
source  = "mine"
mark    = "assumed"
note    = "n"

[arms.values."placebo-response.P_placebo"]
value  = 60
unit   = "%"
source = "mine"
mark   = "assumed"
note   = "more of them"

[[arms]]
name    = "other, placebo"
regimen = "no treatment"
source  = "mine"
mark    = "assumed"
note    = "n"

[arms.values."placebo-response.P_placebo"]
value  = 0.6
unit   = "1"
source = "mine"
mark   = "assumed"

[trial]
design   = "parallel"
drug     = "other"
control  = "other, placebo"
patients = [8, 8]
source   = "mine"
mark     = "assumed"

[[trial.endpoints]]
kind = "pain score"
when = "14 d"
"""


def with_values(effects, **values):
    return [effect.with_values(**values) if effect.id == "placebo-response" else effect for effect in effects]


def test_an_arm_equals_a_study_with_its_values():
    study = read_study(TEXT)
    assert [(value.label, value.value) for value in study.values] == [
        ("slow-relief.P_responder", 0.4),
        ('placebo-response.P_placebo of "other"', 60),
        ('placebo-response.P_placebo of "other, placebo"', 0.6),
    ]
    made = study.with_patients(60, seed=5).run()
    people = study.with_patients(60, seed=5).population
    alone = pkpd.compare(study.model, {"other": ARM}, people, effects=with_values(study.effects, P_placebo=0.6))
    plain = pkpd.compare(study.model, {"one": ARM}, people, effects=study.effects)
    assert same(made.arms[1], alone.arms[0]) and same(made.arms[0], plain.arms[0])
    assert not same(made.arms[0], made.arms[1])
    classes = [arm.individuals.responders["placebo-response"] for arm in made.arms[:2]]
    assert classes[0].sum() < classes[1].sum() and not (classes[0] & ~classes[1]).any()
    assert any("this arm has its own placebo-response" in note and '"other"' in note for note in made.notes)
    assert not any('"one"' in note and "its own" in note for note in made.notes)


def same(first, second):
    names = [outcome.name for outcome in first.outcomes]
    return names == [outcome.name for outcome in second.outcomes] and all(
        np.array_equal(a.values, b.values, equal_nan=True) for a, b in zip(first.outcomes, second.outcomes, strict=True)
    )


def test_a_script_gives_an_arm_its_effect():
    model = pkpd.load("kamp2020-ketamine")
    own = pkpd.load_effect("placebo-response").with_values(P_placebo=1.0)
    made = pkpd.compare(model, {"one": ARM, "all": (ARM, own), "none": "no treatment"}, 30)
    assert made.arms[1].individuals.responders["placebo-response"].all()
    assert not made.arms[0].individuals.responders["placebo-response"].all()
    with pytest.raises(pkpd.PkpdError, match='regimen "all".*effect to replace "hypertension".*not known'):
        pkpd.compare(model, {"all": (ARM, pkpd.load_effect("hypertension"))}, 5)


def test_a_trial_of_arms_with_values_is_of_patients_with_them():
    trial = trial_of(read_study(TEXT))
    made = pkpd.run_trials(trial, 40, seed=2)
    whole = TEXT.replace('[values."slow-relief.P_responder"]', '[values."placebo-response.P_placebo"]', 1).replace(
        "value  = 0.4", "value  = 0.6", 1
    )
    cut = read_study(
        "\n\n".join(
            block
            for block in whole.replace(
                "[[arms]]",
                '[values."slow-relief.P_responder"]\nvalue=0.4\nunit="1"\nsource="mine"\nmark="assumed"\n\n[[arms]]',
                1,
            ).split("\n\n")
            if not block.startswith("[arms.values")
        )
    )
    other = pkpd.run_trials(trial_of(cut), 40, seed=2)
    assert all(np.array_equal(a, b) for a, b in zip(made.endpoints[0].found, other.endpoints[0].found, strict=True))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('control  = "other, placebo"', 'control = "one"', ["different values", "allocated at random"]),
        ('[arms.values."placebo-response.P_placebo"]', '[arms.values."kamp2020-ketamine.CL"]', ["effects only"]),
        ('[arms.values."placebo-response.P_placebo"]', '[arms.values."placebo.P_placebo"]', ["placebo-response"]),
        ('[arms.values."placebo-response.P_placebo"]', '[arms.values."placebo-response.P"]', ["P_placebo"]),
        ("value  = 60", "value = 600", ["placebo-response"]),
        ('note   = "more of them"', 'why = "more"', ["why"]),
        ('drug     = "other"', 'drug = "another"', ['Did you mean "other"']),
    ],
)
def test_mistakes_name_file_and_line(old, new, words):
    assert old in TEXT
    with pytest.raises(pkpd.PkpdError) as caught:
        read_study(TEXT.replace(old, new, 1), "study.toml")
    for word in ["study.toml line", *words]:
        assert word in str(caught.value)
