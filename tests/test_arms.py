"""Modifiers of single arms: in a comparison, a study file and the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pkpd
from pkpd.cli import main
from pkpd.errors import ModelFileError, PkpdError, SimulationError, StudyError, UnknownName

ORAL = "s-ketamine 0.2 mg/kg oral"
STUDY = """id = "interactions"
kind = "study"
title = "With and without"
model = "ashraf2018-s-ketamine"
effects = ["fast-relief"]
subjects = 20
until = "24 h"
[sources.mine]
citation = "mine"
[[arms]]
name = "alone"
regimen = "s-ketamine 0.2 mg/kg oral"
source = "mine"
mark = "assumed"
[[arms]]
name = "beside"
regimen = "s-ketamine 0.2 mg/kg oral"
with = ["clarithromycin"]
source = "mine"
mark = "assumed"
"""


def compared(regimens: dict[str, object], **options: object) -> pkpd.Comparison:
    model = pkpd.load("ashraf2018-s-ketamine").with_effects(pkpd.load_effect("fast-relief"))
    return pkpd.compare(model, regimens, options.pop("subjects", 60), "24 h", **options)  # type: ignore[arg-type]


def test_the_same_patients_with_and_without() -> None:
    """Every patient is his own control: with less clearance every area is larger, and other parameters are his own."""
    found = compared({"alone": ORAL, "beside": (ORAL, "clarithromycin"), "again": (ORAL,)})
    alone, beside, again = found.arms
    area = "area under S-ketamine"
    assert (beside.outcome(area).values > alone.outcome(area).values).all()
    assert np.array_equal(again.outcome(area).values, alone.outcome(area).values)
    for name in ("ka", "V2", "CLint_NK_liver"):
        assert np.array_equal(alone.individuals.parameters[name], beside.individuals.parameters[name])
    assert beside.individuals.parameters["CLint_liver"] == pytest.approx(
        alone.individuals.parameters["CLint_liver"] * 0.52
    )


def test_an_arm_is_what_the_modified_model_gives_by_itself() -> None:
    beside = compared({"beside": (ORAL, "clarithromycin")}).arms[0]
    model = pkpd.load("ashraf2018-s-ketamine").with_modifiers("clarithromycin")
    alone = pkpd.compare(model, {"beside": ORAL}, 60, "24 h").arms[0]
    for name in ("area under S-ketamine", "peak S-ketamine in plasma"):
        assert np.array_equal(beside.outcome(name).values, alone.outcome(name).values)


def test_the_prescription_and_the_notes_say_what_acts() -> None:
    found = compared({"alone": ORAL, "beside": (ORAL, pkpd.load_modifier("clarithromycin"), "electrical-pain")})
    assert found.arms[0].prescription == ORAL
    assert found.arms[1].prescription == f"{ORAL} with clarithromycin, electrical-pain"
    (said,) = [note for note in found.notes if "Clarithromycin" in note]
    assert said.startswith('In "beside"')
    assert "CLint_liver x 0.52 (derived)" in said
    assert any("fast-relief: C50 x 6 (assumed)" in note for note in found.notes)
    result = pkpd.simulate(pkpd.load("ashraf2018-s-ketamine").with_modifiers("ticlopidine"), ORAL, None, ["1 h"])
    assert result.regimen.endswith("oral with ticlopidine")


def test_unpaired_arms_have_their_own_patients() -> None:
    found = compared({"alone": ORAL, "beside": (ORAL, "clarithromycin")}, paired=False)
    first, second = (arm.individuals for arm in found.arms)
    assert not set(first.numbers) & set(second.numbers)


def test_the_form_given_decides() -> None:
    model = pkpd.load("kamp2020-ketamine").with_effects(pkpd.load_effect("olofsen2022-perception"))
    arms = {
        "racemate": ("0.5 mg/kg iv over 40 min", "nitroprusside"),
        "S": ("s-ketamine 0.25 mg/kg iv over 40 min", "nitroprusside"),
    }
    racemate, s_ketamine = pkpd.compare(model, arms, 5, "2 h").arms
    assert racemate.individuals.model.effects[0].factor == 0.70
    assert s_ketamine.individuals.model.effects[0].factor == 1


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ((), SimulationError, "empty"),
        ((ORAL, 3), SimulationError, "no modifier"),
        ((ORAL, "claritromycin"), UnknownName, 'Did you mean "clarithromycin"'),
        ((ORAL, "midazolam", "midazolam"), ModelFileError, "acts already"),
        ((ORAL, "clonidine"), ModelFileError, "nothing to act on"),
    ],
)
def test_refused_before_anything_runs(given: object, error: type[PkpdError], told: str) -> None:
    with pytest.raises(error, match=told):
        compared({"arm": given})


def test_a_table_must_not_give_what_a_modifier_changes() -> None:
    with pytest.raises(SimulationError, match="the parameter table gives CLint_liver, which with clarithromycin"):
        compared({"arm": (ORAL, "clarithromycin")}, subjects={"CLint_liver": [300.0, 400.0]})
    compared({"arm": (ORAL, "clarithromycin")}, subjects={"ka": [1.0, 2.0]})


def test_nor_in_any_other_verb() -> None:
    model, table = pkpd.load("ashraf2018-s-ketamine").with_modifiers("clarithromycin"), {"CLint_liver": [300.0, 400.0]}
    records = pkpd.read_dataset("ID,TIME,EVID,AMT,ROUTE\n1,0,1,10,oral\n1,1,0,0,\n")
    for run in (
        lambda: pkpd.simulate(model, ORAL, table, ["1 h"]),
        lambda: pkpd.prepare(model, ORAL, ["1 h"])(table),
        lambda: pkpd.sweep(model, [ORAL], table, ["1 h"], of="S-ketamine"),
        lambda: pkpd.predict(model, records, {"CLint_liver": 300.0}),
    ):
        with pytest.raises(SimulationError, match="gives CLint_liver, which with clarithromycin would change"):
            run()
    own = pkpd.prepare(model, ORAL, ["1 h"])({"ka": [1.0, 2.0]})
    assert np.array_equal(own, pkpd.simulate(model, ORAL, {"ka": [1.0, 2.0]}, ["1 h"]).array)


def test_who_is_refused_is_refused_before_any_arm_runs() -> None:
    shares: list[float] = []
    children = pkpd.Population(5, covariates={"age": "10 year"})
    with pytest.raises(SimulationError, match='regimen "a"'):
        pkpd.compare(pkpd.load("kamp2020-ketamine"), {"a": "5 mg iv"}, children, "2 h", progress=shares.append)
    with pytest.raises(SimulationError, match="a parameter table is the same in every arm"):
        table = {"CL": [80.0, 90.0]}
        arms = {"a": "5 mg iv", "b": "6 mg iv"}
        pkpd.compare(pkpd.load("kamp2020-ketamine"), arms, table, "2 h", paired=False, progress=shares.append)
    assert shares == []


def test_a_study_file() -> None:
    study = pkpd.read_study(STUDY)
    assert [modifier.id for modifier in study.arms[1].modifiers] == ["clarithromycin"]
    found = study.run()
    assert found.arms[1].prescription.endswith("with clarithromycin")
    assert (
        found.summary("beside", "area under S-ketamine").value
        > 2 * found.summary("alone", "area under S-ketamine").value
    )


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("claritromycin", 'Did you mean "clarithromycin"'),
        ("electrical", "electrical-pain"),
        ("clonidine", "nothing to"),
    ],
)
def test_a_study_file_refused_with_its_line(word: str, told: str) -> None:
    with pytest.raises(StudyError, match=r"line 18, \[arms.with\]") as caught:
        pkpd.read_study(STUDY.replace('["clarithromycin"]', f'["{word}"]'), "mine.toml")
    assert told in str(caught.value)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "modifier"]) == 0
    listed = capsys.readouterr().out
    assert "clarithromycin" in listed
    assert "kamp2020" not in listed
    assert main(["show", "clarithromycin"]) == 0
    assert "liver_intrinsic_clearance" in capsys.readouterr().out
    assert main(["show", "ashraf2018-s-ketamine", "--with", "clarithromycin"]) == 0
    shown = capsys.readouterr().out
    assert "156.52" in shown
    assert "CLint_gut x 0 (derived)" in shown
    path = tmp_path / "interactions.toml"
    path.write_text(STUDY)
    assert main(["compare", str(path), "--out", str(tmp_path)]) == 0
    assert "with clarithromycin" in capsys.readouterr().out
    assert main(["show", "fast-relief", "--with", "clarithromycin"]) == 2
    assert main(["show", "kamp2020-ketamine", "--with", "clarithromycin"]) == 2
