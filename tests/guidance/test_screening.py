"""Patients screened: hard exclusions, cautions, and words that are none."""

import pytest

import pkpd
from pkpd.guidance import guideline, screen

HARD = [
    "severe hepatic disease",
    "poorly controlled cardiovascular disease",
    "poorly controlled hypertension",
    "active psychosis",
    "active substance abuse",
    "pregnancy",
    "raised intracranial pressure",
    "raised intraocular pressure",
    "acute glaucoma",
]
CAUTIONS = ["moderate hepatic disease", "thyrotoxicosis", "theophylline", "sleep apnoea", "controlled bipolar disorder"]


@pytest.mark.parametrize("condition", HARD)
def test_hard_exclusions(condition):
    found = screen([condition])
    assert found.verdict == "excluded"
    assert any("AAP.0000000000000808" in reason.citation for reason in found.found[0].reasons)


@pytest.mark.parametrize("condition", CAUTIONS)
def test_cautions(condition):
    assert screen([condition]).verdict == "caution"


@pytest.mark.parametrize(
    ("words", "condition"),
    [
        ("Narrow angle  glaucoma", "narrow-angle glaucoma"),
        ("high risk coronary disease", "high-risk coronary disease"),
        ("obstructive sleep apnea", "sleep apnoea"),
        ("STOP-Bang 3 or more", "sleep apnoea"),
        ("severe liver impairment", "severe hepatic disease"),
        ("increased intracranial pressure", "raised intracranial pressure"),
    ],
)
def test_other_words_for_a_condition(words, condition):
    assert [found.name for found in screen([words]).found] == [condition]


def test_the_gravest_verdict_counts_and_every_reason_is_told():
    found = screen(["Sleep apnoea", "severe liver disease"])
    assert found.verdict == "excluded"
    assert [condition.name for condition in found.found] == ["sleep apnoea", "severe hepatic disease"]
    assert "grade C" in str(found)
    assert "STOP-Bang" in str(found)


def test_a_patient_without_conditions_is_eligible():
    assert screen([]).verdict == "eligible"


def test_an_unknown_condition_is_refused_with_the_nearest():
    with pytest.raises(pkpd.PkpdError, match='Did you mean "pregnancy"'):
        screen(["pregnanci"])
    with pytest.raises(pkpd.PkpdError, match="list of conditions"):
        screen("pregnancy")


def test_no_condition_stands_under_two_names():
    conditions = guideline("patient-screening").conditions
    words = [word.lower().replace("-", " ") for one in conditions for word in (one.name, *one.also)]
    assert len(words) == len(set(words))
