"""The command `pkpd uncertainty` as a user meets it: table and files, or one message, status 2 and nothing left."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest

from pkpd.cli import main
from pkpd.replicates.values import COLUMNS
from pkpd.study import load_study

SMALL = ["--replicates", "40", "--subjects", "12"]


def test_it_prints_tables_and_writes_table_and_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["uncertainty", "mercadante2000-cancer", *SMALL, "--models", "none", "--seed", "5", "--out", str(tmp_path)]
    assert main(words) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    for text in (
        "40 draws of the estimates x 12 virtual patients, the same in every draw (seed 5)",
        "Pain relief of at least 30%, 1 week (%)",
        "Not sampled, of which only a range worth trying is known",
        "A dash for the estimates",
        "Not for dosing patients.",
    ):
        assert text in " ".join(printed.out.split())
    name = "mercadante2000-cancer-uncertainty"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.{end}" for end in ("csv", "png", "svg")]
    table = pandas.read_csv(tmp_path / f"{name}.csv")
    assert tuple(table.columns) == COLUMNS
    own = load_study("mercadante2000-cancer").with_patients(12, 5).uncertainty(replicates=40)
    line = own.line("0.50 mg/kg", "pain relief", "1 week")
    told = table[(table.regimen == "0.50 mg/kg") & (table.quantity == "pain relief") & (table.when == "1 week")]
    row = told[told.against.isna()].iloc[0]
    assert row.value == pytest.approx(line.summary.value, rel=1e-5)
    assert [row.estimates_low, row.estimates_high] == pytest.approx(line.interval[:2], rel=1e-5)
    assert [row.new_patient_low, row.new_patient_high] == pytest.approx(line.new[:2], rel=1e-5, abs=1e-9)
    assert row.share_patients + row.share_estimates == pytest.approx(1, abs=1e-5)


def test_models_of_the_library_stand_beside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["uncertainty", "mercadante2000-cancer", *SMALL, "--scans", "uniform", "--out", str(tmp_path)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "Models: kamp2020-ketamine, ashraf2018-s-ketamine" in printed
    assert "Drawn evenly from an assumed range" in printed


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["uncertainty"], "STUDY"),
        (["uncertanty", "crps-infusions"], 'Did you mean "uncertainty"'),
        (["uncertainty", "crps-infusion"], 'Did you mean "crps-infusions"'),
        (["uncertainty", "crps-infusions", "--replicates", "20"], "from 40 on"),
        (["uncertainty", "crps-infusions", "--replicates", "many"], "many"),
        (["uncertainty", "crps-infusions", "--subjects", "0"], "--subjects: 0"),
        (["uncertainty", "crps-infusions", "--subjects", "100000"], "more than 2,000,000"),
        (["uncertainty", "crps-infusions", "--models", "all"], "library, none"),
        (["uncertainty", "crps-infusions", "--scans", "unifrom"], 'Did you mean "uniform"'),
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
