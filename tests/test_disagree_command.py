"""The command `pkpd disagree` as a user meets it: table and files, or one message, status 2 and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest

import pkpd
from pkpd.cli import main
from pkpd.terminal.disagreement import csv_text, file_name
from pkpd.terminal.output import LONGEST_NAME


def test_it_prints_the_table_and_writes_table_and_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["disagree", "s-ketamine 20 mg iv over 20 min", "--weight", "60 kg", "--age", "30 year"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    for word in ("60 kg, 30 years", "simons2022-s-ketamine", "arterial", "fast-relief", "Left out", "Not for dosing"):
        assert word in printed.out
    assert printed.err == ""
    name = "disagree-s-ketamine-20-mg-iv-over-20-min-s-ketamine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.{end}" for end in ("csv", "png", "svg")]
    table = pandas.read_csv(tmp_path / f"{name}.csv")
    own = pkpd.disagree("s-ketamine 20 mg iv over 20 min", weight="60 kg", age="30 year")
    peaks = table[table.what == "model"].peak_ng_per_mL.to_list()
    assert peaks == pytest.approx([curve.peak for curve in own.curves], rel=1e-5)
    assert set(table[table.what == "left out"].model) == set(own.left_out)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["disagree"], "REGIMEN"),
        (["disagre", "20 mg iv bolus"], 'Did you mean "disagree"'),
        (["disagree", "20 mg iv ovr 20 min"], 'Did you mean "over"'),
        (["disagree", "20 mg rectally"], "no route rectal"),
        (["disagree", "20 mg by magic"], "magic"),
        (["disagree", "20 mg iv bolus", "--analyte", "S-ketamin"], 'Did you mean "S-ketamine"'),
        (["disagree", "20 mg iv bolus", "--weight", "70"], "unit"),
        (["disagree", "20 mg iv bolus", "--age", "70 kg"], "age"),
        (["disagree", "no treatment"], "nothing to compare"),
    ],
)
def test_mistakes_end_with_one_message_and_status_2(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_failed_figure_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a-file").write_text("kept")
    assert main(["disagree", "20 mg iv bolus", "--out", str(tmp_path / "a-file")]) == 2
    assert "it is a file" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["kept"]


def test_names_of_files_are_safe_and_different() -> None:
    models = ["kamp2020-ketamine"]
    one = pkpd.disagree("0.5 mg/kg iv over 40 min", models=models, observed=())
    assert file_name(one) == "disagree-ketamine-0.5-mg-kg-iv-over-40-min-ketamine"
    long = [
        pkpd.disagree(" then ".join(f"{rate} mg/h iv over 1 h" for rate in rates), models=models, observed=())
        for rates in ((1, 2, 3, 4, 5, 6), (1, 2, 3, 4, 5, 7))
    ]
    names = [file_name(found) for found in long]
    assert names[0] != names[1]
    for name in names:
        assert len(name) <= LONGEST_NAME
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")


def test_numbers_that_are_none_are_empty_in_the_table() -> None:
    text = csv_text(pkpd.disagree("20 mg iv bolus", models=["kamp2020-pooled", "otto2021-s-ketamine"]))
    assert "nan" not in text
    assert ",,," in text


def test_an_analyte_that_stays_at_0_leaves_a_model_out(tmp_path, capsys):
    assert main(["disagree", "s-ketamine 20 mg iv", "--analyte", "R-ketamine", "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "kamp2020-ketamine: R-ketamine stays at 0 under this regimen." in told
    assert not list(tmp_path.iterdir())


def test_a_route_no_model_has_is_answered_with_what_is_known_of_it(tmp_path, capsys):
    assert main(["disagree", "50 mg im", "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    for words in ("im: Complete by this route: no model of the library.", "93 % in adults", "Absorption rate: no"):
        assert words in told
    assert main(["disagree", "s-ketamine 50 mg nasal", "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert told.index("The nearest: 28 and 56 mg") < told.index("it has no route nasal")
    assert "Complete by this route" not in told


def test_one_model_is_not_held_against_itself(tmp_path, capsys):
    assert main(["disagree", "s-ketamine 28 mg nasal", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "Only one model takes this regimen" in printed
    assert "How far models" not in printed


def test_a_limit_is_told_with_the_models_that_have_it(tmp_path, capsys):
    assert main(["disagree", "s-ketamine 20 mg/h iv over 100 h", "--out", str(tmp_path)]) == 0
    assert "Note: simons2022-s-ketamine: Outside the limit duration" in " ".join(capsys.readouterr().out.split())
