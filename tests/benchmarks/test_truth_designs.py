"""Published trials conducted again: the lines, what they come to, and that the page shows them."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from figures import clashes, words

from benchmarks.truth import designs, designs_figure
from pkpd.study import load_study

PAGE = Path(__file__).resolve().parents[2] / "docs" / "trials.md"
SOME = ["kvarnstrom2004-spinal-cord-injury", "persson1998-ischaemic", "kiefer2008-crps"]


def page_lines() -> list[list[str]]:
    table = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    start = next(k for k, line in enumerate(table) if line.startswith("| study | endpoint"))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[start:]]
    return [row for row in cells if len(row) == len(designs.HEAD)]


@pytest.fixture(scope="module")
def lines() -> list[designs.Line]:
    return designs.conduct(studies=SOME)


def test_the_page_shows_what_the_command_prints(lines):
    printed = [[cell.strip() for cell in line.strip("|").split("|")] for line in designs.table(lines).splitlines()]
    assert printed[0] == page_lines()[0] == list(designs.HEAD)
    of_page = [row for row in page_lines() if row[0] in SOME]
    assert sorted(of_page) == sorted(printed[2:])
    assert len(printed) == 2 + 2 + 3 + 1


def test_the_page_has_every_published_endpoint_and_no_question():
    shown = [row[0] for row in page_lines()[2:]]
    assert list(dict.fromkeys(shown)) == designs.published()
    for name in designs.published():
        study = load_study(name)
        assert shown.count(name) == sum(len(trial.endpoints) for trial in (study.trial, *study.further))


def test_the_sentences_of_the_page_follow_from_its_table():
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    first = {}
    for row in page_lines()[2:]:
        if "single arm" not in row[2]:
            first.setdefault(row[0], row)
    column = {name: number for number, name in enumerate(designs.HEAD)}
    # 0.80 on the page may be a power just below it
    powers = {name: float(row[column["power"]]) for name, row in first.items()}
    assert sum(power >= 0.805 for power in powers.values()) <= 8 <= sum(power >= 0.795 for power in powers.values())
    assert f"first endpoint: 7 of {len(first)} trials with two arms" in text
    weak = sorted(
        float(row[column["exaggerates"]])
        for name, row in first.items()
        if powers[name] < 0.5 and row[column["exaggerates"]] != "-"
    )
    assert f"({len(weak)} trials), a significant difference is {weak[len(weak) // 2]:.1f} times" in text
    outside = {row[0] for row in page_lines() if "outside" in row[column["as extreme"]]}
    assert outside == {"cohen2006-fibromyalgia", "kiefer2008-crps", "persson1998-ischaemic"}


def test_the_page_is_made_anew_and_keeps_its_words(lines):
    page = PAGE.read_text(encoding="utf-8")
    made = designs.on_page(page, lines)
    assert designs.on_page(made, lines) == made != page
    assert [line for line in made.splitlines() if line.startswith("| kvarnstrom2003")] == []
    assert "0 of 2 values on the drug alone" in made
    assert made.split("## What was decided")[1] == page.split("## What was decided")[1]
    with pytest.raises(ValueError, match="fits 0 places"):
        designs.on_page("nothing", lines)


def test_lines_tell_used_found_and_inside(lines):
    kvarnstrom, in_words, persson, complete, middle, kiefer = lines
    assert (kvarnstrom.used, kvarnstrom.found, kvarnstrom.inside, kvarnstrom.first) == (True, False, True, True)
    assert (in_words.used, in_words.found, in_words.inside) == (True, True, None)
    assert (persson.used, persson.found, persson.inside) == (False, None, None)
    assert (complete.inside, complete.has_difference, middle.first) == (False, False, False)
    assert (kiefer.inside, kiefer.found) == (False, None)
    assert kvarnstrom.result.as_extreme > 0.5 and kiefer.result.as_extreme < 0.01


def test_totals_count_one_line_a_trial(lines):
    found = designs.totals(lines)
    assert (found.differences, found.used, found.used_inside) == (0, 1, 1)
    assert (found.alone, found.alone_inside) == (2, 0)
    assert (found.called, found.trials, found.powered) == (0, 2, 0)
    assert found.weak == 2 and found.exaggeration == pytest.approx(
        sum(line.result.type_m for line in (lines[0], lines[2])) / 2
    )
    assert "0 of 2 values on the drug alone" in designs.summary(found)


def test_words_of_a_trial_that_a_model_was_made_from_are_used():
    _, late, course, _ = designs.conduct(20, studies=["sigtermans2009-crps"])
    assert late.result.endpoint.observed is None and late.used and late.found is False
    assert course.result.endpoint.observed is None and course.used and course.found is True


@pytest.mark.parametrize("chances", [[], [0.3], [0.2, 0.9, 0.5], [0.0, 1.0, 0.25, 0.6]])
def test_at_least_is_the_sum_over_all_ways(chances):
    for least in range(len(chances) + 1):
        ways = (way for way in product([0, 1], repeat=len(chances)) if sum(way) >= least)
        exact = sum(math.prod(p if hit else 1 - p for p, hit in zip(chances, way, strict=True)) for way in ways)
        assert designs.at_least(least, chances) == pytest.approx(exact, abs=1e-15)


def test_the_command_prints_and_writes(tmp_path, monkeypatch, capsys):
    asked = ["designs", "--count", "40", "--study", SOME[0], "--json", str(tmp_path / "lines.json")]
    asked += ["--figure", str(tmp_path / "trials.svg")]
    monkeypatch.setattr(sys, "argv", asked)
    assert designs.main() == 0
    assert capsys.readouterr().out.startswith("| study | endpoint")
    one, other = json.loads((tmp_path / "lines.json").read_text())
    assert (other["observed_difference"], other["made_from"], other["significant"]) == (None, True, True)
    assert (one["study"], one["observed_difference"], one["made_from"]) == (SOME[0], 0.5, True)
    assert one["patients"] == [10] and 0 < one["power"] < 1
    assert (tmp_path / "trials.svg").stat().st_size > 10_000


def test_the_figure(lines, tmp_path):
    made = designs_figure.page([*lines, *designs.conduct(20, studies=["persson2012-whiplash", "sigtermans2009-crps"])])
    assert clashes(made) == []
    shown = words(made)
    for word in ("Persson 1998, 0.30 mg/kg, pain relief, 6 min", "Sigtermans 2009, pain score, 7 d", "Not for dosing"):
        assert word in shown
    assert "Kiefer" not in shown
    left = [axes for axes in made.axes if axes.get_yticklabels()]
    assert [len(axes.get_yticklabels()) for axes in left] == [7, 3]
    with pytest.raises(ValueError, match="two arms"):
        designs_figure.draw(lines[-1:], tmp_path / "none.png")


def test_where_no_trial_is_weak_the_sums_say_so_in_words(lines):
    totals = replace(designs.totals(lines), weak=0, exaggeration=math.nan)
    assert "nan" not in designs.summary(totals) and "no exaggeration can be given" in designs.summary(totals)
    assert "1.5 times the true one, median." in designs.summary(replace(totals, weak=2, exaggeration=1.5))
