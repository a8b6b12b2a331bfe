"""Study files: what they hold, and that a mistake is refused before anything runs."""

from pathlib import Path

import pytest

import pkpd
from pkpd.model.library import study_path

TEXT = Path(study_path("crps-infusions")).read_text(encoding="utf-8")


def test_shipped_study_is_the_documented_one():
    study = pkpd.load_study("crps-infusions")
    assert [arm.name for arm in study.arms] == [
        "Sigtermans 2009",
        "Schwartzman 2009",
        "Goldberg 2010, upper range",
        "single infusion",
        "placebo",
    ]
    assert study.population.size == 1000
    assert study.reference == "placebo"
    spread = study.population.spread()
    assert (spread.mean, spread.sd, spread.least, spread.most, spread.mark) == (79, 19, 40, 150, "secondary")
    assert study.regimens["placebo"].is_empty


def test_study_equals_the_same_call_of_compare():
    study = pkpd.load_study("crps-infusions").with_patients(30, seed=4)
    direct = pkpd.compare(study.model, study.regimens, study.population, reference="placebo", indication="crps")
    assert study.run().table().equals(direct.table())


def test_study_may_name_effects_and_an_end(tmp_path):
    text = TEXT.replace('"default"', '["baseline-pain", "dahan2011-relief"]').replace(
        'threshold = "50 ng/mL"', 'until = "120 h"'
    )
    file = tmp_path / "crps-infusions.toml"
    file.write_text(text, encoding="utf-8")
    comparison = pkpd.load_study(str(file)).with_patients(10).run()
    assert comparison.horizon == 120 * 3600 * 10**9
    assert {o.name for o in comparison.arms[0].outcomes}.isdisjoint({"mild-sedation"})


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('model = "kamp2020-ketamine"', 'model = "kamp-ketamine"', ["line 6", "kamp2020-ketamine"]),
        ("70kg iv over 6 h", "70kg ivv over 6 h", ["line 43", '"ivv"', 'Did you mean "iv"']),
        ('source  = "goldberg2010"', 'source  = "goldberg"', ["line 58", 'Did you mean "goldberg2010"']),
        ("ketamine 0.5 mg/kg iv", "ketamine 0.5 iv", ["line 64", "no unit"]),
        ('iv over 40 min"', 'iv over 0 min"', ["line 64", "zero length"]),
        ('iv over 40 min"', 'iv over -40 min"', ["line 64", "negative"]),
        ("ketamine 0.5 mg/kg iv", "ketamine 0.5 mg/kg oral", ["line 64", 'route "oral"', "iv"]),
        ('reference = "placebo"', 'reference = "placeb"', ["line 8", 'Did you mean "placebo"']),
        ("seed      = 2", "sed = 1", ["line 10", 'Did you mean "seed"']),
        ("subjects  = 1000", "subjects = 0", ["line 9", "whole number from 1"]),
        ('"50 ng/mL"', '"50 ng"', ["line 11", "concentration"]),
        ('unit   = "kg"', 'unit = "lb"', ["population.weight", '"lb"']),
        ("sd     = 19", "", ["population.weight", '"sd" is missing']),
        ('effects   = "default"', 'effects = ["fast-releif"]', ["line 7", 'Did you mean "fast-relief"']),
        ('name    = "placebo"', 'name = "single infusion"', ["two arms", "single infusion"]),
        ("[population.weight]", "[population.wieght]", ["wieght", "weight"]),
        ('kind  = "study"', 'kind = "stud"', ["line 2", 'Did you mean "study"']),
        ("seed      = 2", "seed = = 1", ["line 10", "TOML"]),
    ],
)
def test_mistakes_in_a_study_name_their_line(old, new, words):
    assert old in TEXT
    with pytest.raises(pkpd.PkpdError) as caught:
        pkpd.read_study(TEXT.replace(old, new, 1), "study.toml")
    for word in ["study.toml", *words]:
        assert word in str(caught.value)


def test_unknown_study_offers_the_nearest():
    with pytest.raises(pkpd.PkpdError, match="crps-infusions"):
        pkpd.load_study("crps-infusion")


def test_s_only_model_refuses_the_racemate():
    text = TEXT.replace("kamp2020-ketamine", "otto2021-s-ketamine")
    with pytest.raises(pkpd.PkpdError, match="line 50.*does not take ketamine. Allowed: S"):
        pkpd.read_study(text, "study.toml")


def test_the_study_of_the_models_page_runs():
    page = (Path(__file__).resolve().parents[1] / "models" / "README.md").read_text(encoding="utf-8")
    text = page[page.index("## A study") :].split("```toml\n")[1].split("```")[0]
    study = pkpd.read_study(text)
    assert list(study.regimens) == ["40 min", "2 h"]
    assert [arm.name for arm in study.with_patients(20).run().arms] == ["40 min", "2 h"]


VALUED = """
id         = "valued"
kind       = "study"
title      = "A study with a value of its own"
indication = "fibromyalgia"
model      = "kamp2020-ketamine"

[sources.mine]
citation = "A choice of my own"

[values."slow-relief.P_responder"]
value  = 30
unit   = "%"
source = "mine"
mark   = "assumed"
note   = "fewer outside complex regional pain syndrome"

[values."kamp2020-ketamine.CL"]
value  = 1
unit   = "L/min"
source = "mine"
mark   = "derived"

[[facts]]
text   = "Eight of twelve responded."
source = "mine"
mark   = "secondary"

[[arms]]
name    = "40 min"
regimen = "0.5 mg/kg iv over 40 min"
source  = "mine"
mark    = "assumed"
"""


def test_a_study_may_have_values_of_its_own_with_source_and_mark():
    study = pkpd.read_study(VALUED)
    share = next(effect for effect in study.effects if effect.id == "slow-relief")
    changed = share.parameters["P_responder"]
    assert (changed.value, changed.mark) == (0.3, "assumed")
    assert share.sources[changed.source].citation == "A choice of my own"
    clearance = study.model.parameters["CL"]
    assert (clearance.value, clearance.mark) == (60.0, "derived")
    assert clearance.between is not None
    assert pkpd.load("kamp2020-ketamine").parameters["CL"].value == 84
    assert pkpd.load_effect("slow-relief").parameters["P_responder"].value == 0.57
    effects = {effect.id for effect in pkpd.default_effects()}
    assert {effect.id for effect in study.effects} == effects
    assert [fact.text for fact in study.facts] == ["Eight of twelve responded."]


def test_a_value_changes_what_comes_out():
    def responders(text):
        comparison = pkpd.read_study(text).with_patients(400).run()
        return comparison.arms[0].individuals.responders["slow-relief"].mean()

    assert responders(VALUED) == pytest.approx(0.3, abs=0.08)
    assert responders(VALUED.replace("value  = 30\n", "value  = 90\n")) == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"slow-relief.P_responder"', '"slow-releif.P_responder"', ['Did you mean "slow-relief"']),
        ('"slow-relief.P_responder"', '"slow-relief.P_respondr"', ['Did you mean "P_responder"']),
        ('unit   = "%"', 'unit = "mg"', ["line 11", "plain number"]),
        ("value  = 30", "value = 130", ["line 11", "130 % is no probability"]),
        ('mark   = "derived"', 'mark = "derive"', ["line 22", 'Did you mean "derived"']),
        ('mark   = "secondary"', 'mark = "second"', ["line 27", 'Did you mean "secondary"']),
        ('"fibromyalgia"', '"fibromialgia"', ["line 5", 'Did you mean "fibromyalgia"']),
        ('text   = "Eight', 'txt = "Eight', ["line 25", 'Did you mean "text"']),
    ],
)
def test_mistakes_in_values_and_facts_name_their_line(old, new, words):
    assert old in VALUED
    with pytest.raises(pkpd.PkpdError) as caught:
        pkpd.read_study(VALUED.replace(old, new, 1), "study.toml")
    for word in ["study.toml", *words]:
        assert word in str(caught.value)


def test_values_that_cannot_be_are_refused_where_they_stand():
    text = VALUED.replace("slow-relief.P_responder", "slow-relief.C50").replace("value  = 30\n", "value  = -3\n")
    with pytest.raises(pkpd.PkpdError, match=r"study.toml line 11, .*C50: -3 ng/mL is not above 0"):
        pkpd.read_study(text.replace('unit   = "%"', 'unit   = "ng/mL"', 1), "study.toml")
    text = VALUED.replace("slow-relief.P_responder", "kamp2020-ketamine.V3").replace("value  = 30\n", "value  = -84\n")
    with pytest.raises(pkpd.PkpdError, match=r"study.toml line 11, .*V3 is -84 L; it is above 0"):
        pkpd.read_study(text.replace('unit   = "%"', 'unit   = "L"', 1), "study.toml")


AGE = """[population.age]
mean = 46
sd = 12
unit = "year"
kind = "normal"
least = 18
source = "otto2021"
mark = "secondary"
"""


def with_population(added, model="kamp2020-ketamine"):
    return TEXT.replace("kamp2020-ketamine", model, 1).replace("[[arms]]", f"{added}\n[[arms]]", 1)


def test_a_study_may_say_age_and_traits():
    study = pkpd.read_study(with_population(AGE))
    assert study.population.covariates["age"].mean == 46
    assert study.with_patients(20).run().arms[0].individuals.covariates["age"].min() >= 18
    nasal = with_population(
        '[population.asian]\nshare = 0.1\nsource = "otto2021"\nmark = "assumed"\n'
        '[population.age]\nvalue = 70\nunit = "year"\nsource = "otto2021"\nmark = "assumed"\n',
        "perezruixo2021-esketamine",
    )
    nasal = nasal[: nasal.index("[[arms]]")].replace('reference = "placebo"', "")
    arm = '[[arms]]\nname = "a"\nregimen = "s-ketamine 56 mg nasal"\nsource = "otto2021"\nmark = "assumed"\n'
    people = pkpd.read_study(nasal + arm).population
    assert people.covariates["asian"].share == 0.1
    assert people.covariate("age", 45)[0] == 70


@pytest.mark.parametrize(
    ("added", "words"),
    [
        (AGE.replace("year", "kg"), ["[population.age.unit]", "age is in year"]),
        (AGE.replace("age]", "asian]"), ["[population.asian]", "Allowed: age, height"]),
        ('[population.age]\nshare = 0.5\nsource = "otto2021"\nmark = "assumed"\n', ["[population.age.share]", "trait"]),
        (
            '[population.age]\nvalue = 5\nsource = "otto2021"\nmark = "assumed"\n',
            ["[population.age]", '"unit" is missing'],
        ),
        (AGE.replace("sd = 12\n", ""), ["[population.age]", '"sd" is missing']),
        (AGE.replace("sd = 12", "sd = -12"), ["[population.age.mean]", "do not fit together"]),
    ],
)
def test_a_population_that_cannot_be(added, words):
    with pytest.raises(pkpd.PkpdError) as refused:
        pkpd.read_study(with_population(added), "study.toml")
    for word in words:
        assert word in str(refused.value)


def test_the_trial_of_the_models_page_is_read():
    page = (Path(__file__).resolve().parents[1] / "models" / "README.md").read_text(encoding="utf-8")
    section = page[page.index("## A study") : page.index("## Routes and models")]
    blocks = [text[4:] if text.startswith("    ") else "" for text in section.splitlines()]
    study = section.split("```toml\n")[1].split("```")[0]
    arm, trial = ("\n".join(blocks[k:]).split("\n\n\n")[0] for k in (blocks.index("[[arms]]"), blocks.index("[trial]")))
    placebo = '[[arms]]\nname="placebo"\nregimen="no treatment"\nsource="mine"\nmark="assumed"\n'
    found = pkpd.read_study(f"{study}\n{arm}\n{placebo}\n{trial}")
    assert [value.arm for value in found.values] == ["spinal cord injury"]
    assert found.trial.patients == (20, 21) and found.trial.conduct.entry == 5
    assert found.trial.endpoints[0].observed.drug.events == 9
    assert found.trial.endpoints[0].significant is False
