"""Population files: what ships, what it says of its numbers, study files that use it, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import pkpd
from pkpd.cli import main
from pkpd.errors import PkpdError
from pkpd.guidance import screen_population
from pkpd.model import library
from pkpd.population.covariates import Share
from pkpd.populations import load_patients, load_population, read_patients

NAMES = library.names("population")

OWN = """
id = "own"
kind = "population"
title = "t"
about = "a"
use_for = "u"
not_for = "n"

[sources.mine]
citation = "Mine 2020"

[population]
base = "crps"

[population.weight]
value  = 70
unit   = "kg"
source = "mine"
mark   = "assumed"

[population.sleep_apnoea]
share  = 0.5
source = "mine"
mark   = "primary"

[population.modifiers.heavier]
modifier = "cyp2b6-6"
who      = "cyp2b6 is *6/*6"
values   = { factor = 0.5 }
source   = "mine"
mark     = "assumed"

[population.modifiers.rifampicin]
share  = 0.1
source = "mine"
mark   = "assumed"

[[population.correlations]]
of     = ["height", "age"]
rank   = -0.2
source = "mine"
mark   = "assumed"
"""

STUDY = """
id = "study"
kind = "study"
title = "t"
model = "kamp2020-ketamine"
effects = []
subjects = 50
seed = 4
{population}
[sources.mine]
citation = "Mine 2020"

[[arms]]
name = "a"
regimen = "20 mg iv"
source = "mine"
mark = "assumed"
"""


@pytest.mark.parametrize("name", NAMES)
def test_what_ships_says_of_every_number_where_it_is_from(name: str) -> None:
    found = load_patients(name)
    named = [*found.population.covariates, *(" with ".join(pair) for pair in found.population.correlations), "weight"]
    for what in named:
        source, mark = found.known_from[what]
        assert source in found.sources
        assert mark in ("primary", "secondary", "derived", "assumed")
    for what, given in found.population.covariates.items():
        if isinstance(given, Share):
            assert found.known_from[what][1] == "assumed"  # no prevalence was seen in a source
    made = screen_population(load_population(name, 5000))
    assert sum(made.counts.values()) == 5000
    assert "cyp2b6" in found.population.covariates


def test_the_crps_trial() -> None:
    people = pkpd.load_population("crps", 200_000, seed=3)
    age, sex = people.covariate("age", 0.0), people.covariate("sex", 0.0)
    weight, height = people.covariate("weight", 0.0), people.covariate("height", 0.0)
    assert (weight.mean(), weight.std()) == pytest.approx((78.9, 18.4), abs=0.2)  # 79 and 19 before the limits
    law = stats.truncnorm((18 - 46) / 12, (90 - 46) / 12, 46, 12)
    assert (age.mean(), age.std()) == pytest.approx((law.mean(), law.std()), abs=0.1)
    assert 1 - sex.mean() == pytest.approx(0.73, abs=0.005)
    assert np.median(people.covariate("pain_duration", 0.0)) == pytest.approx(7.4, abs=0.1)
    assert height[sex == 1].mean() - height[sex == 0].mean() == pytest.approx(13, abs=0.3)
    for of, rho in ((0, 0.35), (1, 0.3)):
        assert np.corrcoef(weight[sex == of], height[sex == of])[0, 1] == pytest.approx(rho, abs=0.08)
    assert people.covariate("pregnancy", 0.0)[sex == 1].sum() == 0
    assert np.array_equal(
        pkpd.load_population("crps", 300, seed=3).covariate("weight", 0.0),
        pkpd.Population(300, 3).covariate("weight", 0.0),
    )


def test_a_population_that_starts_from_another(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN, encoding="utf-8")
    people = load_population(path, 400, 2)
    base = load_population("crps", 400, 2)
    assert set(people.covariate("weight", 0.0)) == {70.0}
    assert not any("weight" in pair for pair in people.correlations)
    assert people.correlations[("height", "age")] == -0.2
    assert people.correlations[("sex", "height")] == base.correlations[("sex", "height")]
    assert people.covariate("sleep_apnoea", 0.0).mean() == pytest.approx(0.5, abs=0.1)
    made = pkpd.simulate(pkpd.load("kamp2020-ketamine"), "20 mg iv", people, ["1 h"]).individuals
    assert np.array_equal(made.beside["cyp2b6-6"], people.covariate("cyp2b6", 0.0) == 2)
    found = load_patients(path)
    assert found.base == "crps"
    assert found.known_from["cyp2b6-6"] == ("mine", "assumed")
    assert found.known_from["age"] == ("otto2021", "secondary")


def test_a_correlation_of_the_base_may_be_given_anew() -> None:
    found = read_patients(OWN.replace('["height", "age"]', '["height", "sex"]'), "own").population
    assert found.correlations == {("height", "sex"): -0.2}


def test_a_study_takes_a_population() -> None:
    named = pkpd.read_study(STUDY.format(population='population = "cancer"'), "s")
    assert named.population == replace(load_population("cancer", 50, 4))
    given = pkpd.read_study(
        STUDY.format(population='[population]\nbase = "cancer"\n[population.age]\nvalue = 70\nunit = "year"\n'
                     'source = "mine"\nmark = "assumed"\n[population.modifiers.rifampicin]\nshare = 0.4\n'
                     'source = "mine"\nmark = "assumed"'),
        "s",
    )  # fmt: skip
    assert set(given.population.covariate("age", 0.0)) == {70.0}
    assert given.population.covariates["sex"] == named.population.covariates["sex"]
    comparison = given.run()
    assert any("of 50 patients: Rifampicin" in note for note in comparison.notes)
    assert comparison.arms[0].individuals.covariates["age"].tolist() == [70.0] * 50


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            'base = "crps"',
            'base = "crsp"',
            ["[population.base]", "crsp", 'Did you mean "crps"?'],
        ),
        ('base = "crps"', 'base = "own"', ["a population does not start from itself"]),
        ('kind = "population"', 'kind = "study"', ['"study" is not known']),
        ("share  = 0.5", "share  = 1.5", ["[population.sleep_apnoea.share]", "1.5 is not a number from 0 to 1"]),
        ("share  = 0.5", "shar  = 0.5", ["[population.sleep_apnoea]", '"unit" is missing']),
        ("share  = 0.5", "choices = { a = 0.5 }", ["sum to 0.5, not to 1"]),
        ("share  = 0.5", 'share = 0.5\namong = "3 of them"', ["cannot be read"]),
        ('unit   = "kg"', 'unit   = "year"', ["[population.weight.unit]", 'unit "year" does not fit; weight is in kg']),
        ("rank   = -0.2", "rank   = -0.999", ["not positive definite"]),
        ('of     = ["height", "age"]', 'of     = ["height", "agee"]', ['covariate "agee" is not known']),
        ('of     = ["height", "age"]', 'of     = ["height"]', ["a correlation is of two covariates"]),
        ("[population.weight]", "[population.waight]", ["waight, which is almost", "weight"]),
        ('modifier = "cyp2b6-6"', 'modifier = "cyp2b6"', ["modifiers.heavier", 'Did you mean "cyp2b6-6"?']),
        ("{ factor = 0.5 }", "{ facto = 0.5 }", ['value to set "facto" is not known']),
        ('who      = "cyp2b6 is *6/*6"', "", ['give one of "share"']),
        ('mark   = "primary"', 'mark   = "found"', ['"found" is not known']),
        ('citation = "Mine 2020"', "", ['"citation" is missing']),
    ],
)
def test_refused_files(old: str, new: str, words: list[str]) -> None:
    assert OWN.count(old) >= 1
    with pytest.raises(PkpdError) as refused:
        read_patients(OWN.replace(old, new), "own.toml")
    for word in (*words, "own.toml"):
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [("crsp", 'Did you mean "crps"?'), ("missing.toml", "be read"), ("crps-infusions", "Allowed:")],
)
def test_populations_that_are_not_there(name: str, words: Any) -> None:
    with pytest.raises(PkpdError) as refused:
        load_population(name)
    assert words in str(refused.value)


def test_in_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "population"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in NAMES)
    assert main(["show", "crps"]) == 0
    shown = capsys.readouterr().out
    for word in (
        "mean 79 kg",
        "female in 73 %",
        "rank correlation 0.84",
        "otto2021",
        "Screening of 100,000",
        "eligible",
    ):
        assert word in shown
    assert "mean 95 mL/min" in shown


def test_the_pages_run(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).resolve().parents[1]
    scripts = re.findall(r"```python\n(.*?)```", (root / "docs/populations.md").read_text("utf-8"), re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        exec(compile(script, "populations.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "2,000 screened" in printed
    assert "patients: Rifampicin" in printed
    assert "5,000 patients screened" in printed
    page = (root / "models/README.md").read_text("utf-8")
    example = page[page.index("## A population") :].split("```toml\n")[1].split("```")[0]
    found = read_patients(example, "example")
    assert load_patients("crps").population.known[0] == found.population.known[0] == "weight"
    assert len(found.population.modifiers) == 2
