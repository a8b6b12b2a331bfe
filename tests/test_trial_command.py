"""The command `pkpd trial` as a user meets it: answers and files, or one message, status 2 and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas
import pytest
from figures import clashes, panels, words
from trial_designs import designed

import pkpd
from pkpd.cli import main
from pkpd.published import trial_of

STUDY = "kvarnstrom2004-spinal-cord-injury"


def test_it_answers_the_questions_and_writes_table_and_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["trial", STUDY, "--trials", "300", "--seed", "3", "--out", str(tmp_path)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for answer in (
        *(
            "It found 5 of 10",
            "Read from Kvarnstrom",
            "pain before treatment",
            "from the start to the end of treatment",
            "0 of 10 (0 %) on saline: +50 percentage points (McNemar's P = 0.062)",
            "The model expects",
            "A trial of 10 is significant",
            "Significant trials",
        ),
        *("To be significant in 80 %", "assumed", "Candidates for a trial", "Not for dosing patients"),
    ):
        assert answer in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"trial-{STUDY}.{end}" for end in ("csv", "png", "svg")]
    table = pandas.read_csv(tmp_path / f"trial-{STUDY}.csv")
    own = pkpd.run_trials(trial_of(pkpd.load_study(STUDY)), 300, seed=3).table()
    assert table.power[0] == pytest.approx(own.power[0], rel=1e-5) and table.type_m[0] == pytest.approx(
        own.type_m[0], rel=1e-5
    )
    assert table.observed_difference[0] == 0.5


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["trial"], "STUDY"),
        (["trials", STUDY], 'Did you mean "trial"'),
        (["trial", "kvarnstrom2004"], f'Did you mean "{STUDY}"'),
        (["trial", "crps-infusions"], "is no trial"),
        (["trial", STUDY, "--trials", "0"], "whole number from 1"),
        (["trial", STUDY, "--threads", "0"], "whole number from 1"),
        (["trial", STUDY, "--replicates", "0"], "whole number from 1"),
        (["trial", STUDY, "--unblinding", "-1"], "unblinding is -1"),
        (["trial", STUDY, "--noise", "loud"], "--noise"),
        (["trial", STUDY, "--arm", "0.4 mg"], "0.4 mg/kg over 40 min"),
        (["trial", STUDY, "--seed", "-1"], "seed"),
        (["trial", "absent.toml"], "cannot be read"),
    ],
)
def test_mistakes_end_with_one_message_and_status_2(given, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(given) == 2
    printed = capsys.readouterr()
    assert told in printed.err and "Traceback" not in printed.err and printed.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "asked",
    [
        {"endpoints": [("pain score", "7 d"), ("relief", "7 d", 0.5), ("fall", "84 d", 2.0)]},
        {"design": "crossover", "patients": (8,), "endpoints": [("pain relief", "1 d")]},
        {"control": None, "patients": (12,), "endpoints": [("relief", "0 h", 0.5)]},
        {"patients": (400, 100), "names": ("a name that is rather long for the room it has", "placebo")},
    ],
)
def test_figures_can_be_read_and_say_what_the_numbers_are(asked):
    made = pkpd.run_trials(designed(title="A trial", **asked), 200)
    figure = made.plot()
    assert clashes(figure) == []
    said = words(figure)
    assert "Not for dosing patients." in said and "200 simulated trials" in said
    result = made.endpoints[0]
    if result.design != "single arm":
        axes = next(axes for name, axes in panels(figure).items() if name.startswith("estimates"))
        heights = sum(bar.get_height() for bar in axes.patches)
        assert heights == pytest.approx(1.0)
        scale = 1 if result.endpoint.unit == "points" else 100
        assert any(line.get_xdata()[0] == pytest.approx(scale * result.true_difference) for line in axes.lines)


def test_a_figure_that_cannot_be_written_leaves_no_table_behind(tmp_path, monkeypatch, capsys):
    def fails(figure, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pkpd.plot.comparison.save", fails)
    assert main(["trial", STUDY, "--trials", "5", "--out", str(tmp_path)]) == 2
    assert "No space left on device" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_study_without_its_suffix_is_pointed_to_its_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text("")
    assert main(["trial", "mine"]) == 2
    assert 'The file beside you is "mine.toml": give that name.' in capsys.readouterr().err


def test_what_a_study_prints_of_its_trial(capsys):
    assert main(["show", "noppers2011-fibromyalgia"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for told in (
        "Trial, parallel, 12 + 12 patients: S-ketamine 0.5 mg/kg against midazolam as placebo",
        "8 of 12 (67 %) on S-ketamine 0.5 mg/kg",
        "Conducted otherwise than usual unblinding",
        "many times: pkpd trial noppers2011-fibromyalgia",
    ):
        assert told in printed


def test_a_literature_of_another_endpoint_than_the_first(tmp_path, capsys):
    asked = ["literature", "kvarnstrom2003-nerve-injury", "--sizes", "8", "10", "12", "--count", "20"]
    asked += ["--out", str(tmp_path)]
    assert main([*asked, "--endpoint", "pain relief"]) == 0
    assert "20 literatures of 3 trials: pain relief" in capsys.readouterr().out
    assert main([*asked, "--endpoint", "pain relif"]) == 2
    assert 'Did you mean "pain relief"?' in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_what_cannot_be_printed_ends_without_a_traceback(tmp_path):
    with open("/dev/full", "w") as full:
        asked = [sys.executable, "-m", "pkpd.cli", "show", "crps"]
        ended = subprocess.run(asked, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 2 and "No space left on device" in ended.stderr and "Traceback" not in ended.stderr
