"""The command line as a user meets it: tables and files, or one message, status 2 and nothing left behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

from pkpd.cli import main
from pkpd.model.library import names, study_path

ROOT = Path(__file__).resolve().parent.parent


def test_compare_prints_the_table_and_writes_table_and_figures(tmp_path, capsys):
    assert main(["compare", "crps-infusions", "--out", str(tmp_path), "--subjects", "40"]) == 0
    printed = capsys.readouterr()
    for word in ("Sigtermans 2009", "psychotomimetic-asked", "Against placebo", "Not for dosing", "40 virtual"):
        assert word in printed.out
    assert printed.err == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"crps-infusions.{end}" for end in ("csv", "png", "svg")]
    table = pandas.read_csv(tmp_path / "crps-infusions.csv")
    assert set(table.regimen) == {
        "Sigtermans 2009",
        "Schwartzman 2009",
        "Goldberg 2010, upper range",
        "single infusion",
        "placebo",
    }
    assert {"low", "high", "interval", "monte_carlo_error", "unit"} <= set(table.columns)
    assert (tmp_path / "crps-infusions.png").read_bytes().startswith(b"\x89PNG")


def test_as_many_patients_as_an_error_needs(tmp_path, capsys):
    assert main(["compare", "crps-infusions", "--subjects", "auto", "--error", "0.02", "--out", str(tmp_path)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    size = int(re.search(r"([\d,]+) patients: as many as a Monte-Carlo error of 0.02 needed", told)[1].replace(",", ""))
    assert f"{size:,} virtual patients" in told
    table = pandas.read_csv(tmp_path / "crps-infusions.csv", keep_default_na=False)
    errors = pandas.to_numeric(table["monte_carlo_error"][(table["unit"] == "")])
    assert size > 1000 and errors.max() <= 0.02


def test_same_command_same_bytes(tmp_path, capsys):
    files = []
    for name, threads in (("a", "1"), ("b", "2")):
        words = ["--out", str(tmp_path / name), "--subjects", "30", "--threads", threads]
        assert main(["compare", "crps-infusions", *words]) == 0
        files.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["compar", "crps-infusions"], 'Did you mean "compare"'),
        (["compare", "crps-infusion"], 'Did you mean "crps-infusions"'),
        (["compare"], "STUDY"),
        (["compare", "crps-infusions", "--subjects", "0"], "whole number from 1"),
        (["compare", "crps-infusions", "--subjects", "many"], "neither a whole number nor"),
        (["compare", "crps-infusions", "--error", "0.1"], "with --subjects auto"),
        (["compare", "crps-infusions", "--subjects", "auto", "--error", "0"], "between 0 and 1"),
        (["compare", "crps-infusions", "--seed", "-1"], "whole number from 0"),
        (["compare", "crps-infusions", "--sede", "1"], "--sede"),
        (["compare", "nowhere.toml"], "cannot be read"),
        (["show", "kamp2020"], 'Did you mean "kamp2020'),
        (["show", "crps-infusion"], 'Did you mean "crps-infusions"'),
        (["show", "crps-infusions", "--with", "rifampicin"], "study"),
        (["show", "nowhere.toml"], "cannot be read"),
        (["models", "pkk"], 'Did you mean "pk"'),
    ],
)
def test_mistakes_end_with_one_message_and_status_2(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_mistake_in_a_study_file_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = Path(study_path("crps-infusions")).read_text(encoding="utf-8")
    (tmp_path / "crps-infusions.toml").write_text(text.replace("iv over 40 min", "iv ovr 40 min"), encoding="utf-8")
    assert main(["compare", "crps-infusions.toml"]) == 2
    assert 'Did you mean "over"' in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["crps-infusions.toml"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written_is_refused_first(tmp_path, capsys):
    tmp_path.chmod(0o500)
    assert main(["compare", "crps-infusions", "--out", str(tmp_path)]) == 2
    assert "nothing can be written" in capsys.readouterr().err


def test_output_folder_that_is_a_file_is_refused_first(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert main(["compare", "crps-infusions", "--out", str(tmp_path / "taken")]) == 2
    assert "it is a file" in capsys.readouterr().err


def test_models_lists_all_and_show_gives_every_number(capsys):
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    for name in ("kamp2020-ketamine", "hijazi2003-ketamine", "slow-relief", "crps-infusions", "two-compartment-oral"):
        assert name in listed
    assert main(["show", "slow-relief"]) == 0
    shown = capsys.readouterr().out
    for word in ("10.5", "ng/mL", "primary", "assumed", "10.9", "doi:"):
        assert word in shown
    assert main(["show", "three-compartment"]) == 0
    assert "to be given" in capsys.readouterr().out


def test_show_says_of_an_effect_what_is_worth_trying_and_what_is_switched_off(capsys):
    assert main(["show", "fast-relief"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in ("to try", "3 to 13", "70 to 400", "-0.8 to 0.3", "norketamine_potency, which is 0: switched off"):
        assert words in shown
    assert main(["show", "olofsen2012-pain"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "S-norketamine times norketamine_potency",
        "concentration of S-ketamine to 150 ng/mL",
        "point/(ng/mL)",
    ):
        assert words in shown
    assert main(["models", "effect"]) == 0
    assert "share of unresponsive" in " ".join(capsys.readouterr().out.split())


def test_show_prints_readings_and_where_doses_go(capsys):
    assert main(["show", "kamp2020-ketamine"]) == 0
    shown = capsys.readouterr().out
    assert 'Reading "linear weight scaling": CL x (weight/70)^1, Q2 x (weight/70)^1' in shown
    assert "(secondary, opentiva). Clearances in proportion to weight" in shown
    assert main(["show", "perezruixo2021-esketamine"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        'Reading "printed norketamine area": norketamine_scale 0.68',
        "F_nose = FR * (1 + (devices - 1) * later_device) / devices (of one administration)",
        "Route nasal: nasal_depot, bioavailability F_nose",
        "Route nasal: swallowed_depot, bioavailability F_swallowed, duration D_swallowed",
        "Route nasal: whole multiples of device_content only",
    ):
        assert words in shown


def test_guidance_is_listed_and_shown_with_sources_marks_and_exact_intervals(capsys):
    assert main(["models", "guidance"]) == 0
    listed = capsys.readouterr().out
    for name in ("asra2018-chronic-pain", "patient-screening", "liver-injury", "dependence"):
        assert name in listed
    assert "kamp2020-ketamine" not in listed
    for name, words in {
        "liver-injury": ("3 of 6", "12 to 88 %", "assumed", "10.1016/j.pain.2011.03.026"),
        "asra2018-chronic-pain": ("0.5 to 2 mg/kg/h", "secondary", "lies above", "10.1097/AAP.0000000000000808"),
        "patient-screening": ("pregnancy", "excluded", "caution"),
        "monitoring": ("Liver function", "primary"),
        "urinary-symptoms": ("1.016", "60 d"),
    }.items():
        assert main(["show", name]) == 0
        shown = capsys.readouterr().out
        for word in words:
            assert word in shown, (name, word)


def test_studies_are_listed_by_indication_with_those_that_cannot_be(capsys):
    assert main(["models", "study"]) == 0
    listed = capsys.readouterr().out
    for words in (
        "noppers2011-fibromyalgia",
        "spinal cord injury",
        "Trials not simulated",
        "Eide 1995",
        "subcutaneous",
    ):
        assert words in listed


def test_a_study_tells_values_and_findings_of_its_own(tmp_path, capsys):
    assert main(["compare", "noppers2011-fibromyalgia", "--out", str(tmp_path), "--subjects", "20"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "In this study slow-relief.P_responder is 0.3" in told
    assert "Beside the simulation: relief of more than 50 %" in told


def test_show_tells_the_equations_that_take_steps(capsys):
    assert main(["show", "two-compartment-indirect-response"]) == 0
    shown = capsys.readouterr().out
    for words in (
        "response starts at kin / kout",
        "response' = kin",
        "(point per h)",
        "in steps: response; exactly: drug.",
    ):
        assert words in shown
    assert main(["show", "kamp2020-ketamine"]) == 0
    assert "in steps" not in capsys.readouterr().out


def test_runs_as_a_module_without_a_traceback():
    made = subprocess.run(
        [sys.executable, "-m", "pkpd.cli", "show", "kamp"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert made.returncode == 2
    assert made.stderr.startswith("UnknownName")
    assert "Traceback" not in made.stderr


def test_models_that_could_not_be_completed_are_listed(capsys):
    assert main(["models", "incomplete"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for words in ("Hornik 2018", "Zhao 2012", "Simons 2022, part 2", "missing", "10.1002/jcph.1116"):
        assert words in printed
    assert main(["models"]) == 0
    assert "pkpd models incomplete" in capsys.readouterr().out


def test_a_child_under_an_adult_model_ends_with_a_message(tmp_path, capsys):
    text = study_path("crps-infusions").read_text(encoding="utf-8")
    age = '[population.age]\nvalue = 9\nunit = "year"\nsource = "otto2021"\nmark = "assumed"\n\n[[arms]]'
    file = tmp_path / "crps-infusions.toml"
    file.write_text(text.replace("[[arms]]", age, 1), encoding="utf-8")
    assert main(["compare", str(file), "--out", str(tmp_path / "out"), "--subjects", "5"]) == 2
    told = capsys.readouterr().err
    assert "age is 9 years in 5 of 5 patients; its limit is age from 18 years" in told
    assert "flint2017-s-ketamine (weight to 35 kg)" in told
    assert not list((tmp_path / "out").iterdir())


def test_show_prints_a_study_with_the_source_of_every_dose(capsys):
    assert main(["show", "ishizuka2007-cancer"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "Treats: cancer.",
        "Model: perezruixo2021-esketamine. Effects: fast-relief",
        "log-normal: mean 79 kg, sd 19, least 40, most 150 secondary Otto 2021",
        "s-ketamine 10 mg oral every 8 h for 84",
        "slow-relief.P_responder 0.3 assumed composite",
        "ishizuka2007: Ishizuka et al. Rev Bras Anestesiol 2007",
        "pkpd compare ishizuka2007-cancer",
    ):
        assert words in shown


def test_compare_says_where_every_number_is_from(tmp_path, capsys):
    assert main(["compare", "crps-infusions", "--subjects", "20", "--out", str(tmp_path)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Every source: pkpd show NAME, of kamp2020-ketamine, fast-relief, " in printed
    assert "Source of every dose and of the patients: pkpd show crps-infusions" in printed


@pytest.mark.parametrize("kind", ["study", "modifier", "effect", "guideline", "harm"])
def test_show_prints_a_file_of_one_s_own(kind, tmp_path, capsys):
    guide = (ROOT / "models/README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    text = next(block for block in blocks if re.search(rf'^kind +?= "{kind}"', block, re.MULTILINE))
    name = re.findall(r'^id +?= "(.*?)"', text, re.MULTILINE)[0]
    path = tmp_path / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    assert main(["show", str(path)]) == 0
    assert "Sources" in capsys.readouterr().out
    path.write_text(text.replace("[sources.", "[source."), encoding="utf-8")
    assert main(["show", str(path)]) == 2
    assert 'Did you mean "sources"?' in capsys.readouterr().err


@pytest.mark.parametrize("columns", ["80", "100", "150"])
def test_tables_keep_to_the_width_and_break_no_name(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    for kind in ("pk", "effect", "modifier", "study", "guidance", "incomplete", "generic"):
        assert main(["models", kind]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= int(columns)
        words = {word for line in lines for word in line.split()}
        assert kind in ("guidance", "incomplete") or set(names(kind)) <= words, kind
    for name in ("ashraf2018-s-ketamine", "liver-injury", "crps-infusions", "rifampicin"):
        assert main(["show", name]) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= int(columns)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trial", "noppers2011-fibromyalgia", "--trails", "10"], 'pkpd trial: option "--trails".*"--trials"'),
        (["compare", "crps-infusions", "--sed=3"], 'pkpd compare: option "--sed" is.*"--seed"'),
        (["trial", "kamp2020-ketamine"], "is a kinetic model"),
        (["trial", "noppers2011-fibromyalgia", "--trials", "999999999999"], "trials: 999,999,999,999 are too many"),
    ],
)
def test_the_nearest_option_and_what_is_too_many_are_told(words, told, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path)]) == 2
    assert re.search(told, capsys.readouterr().err) and not list(tmp_path.iterdir())
