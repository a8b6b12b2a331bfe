"""Side effects and trials: every row of what was collected is there, unchanged, and cells are read strictly."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from typing import Any

import pytest

from pkpd.errors import ObservationError
from pkpd.model.library import names
from pkpd.observations import incidences, measures, trials
from pkpd.observations.cells import folder
from pkpd.observations.incidences import read_side_effects, side_effects

COLLECTED = Path(__file__).resolve().parents[3] / "shared" / "evidence"
MARKS = {"PRIMARY": "primary", "PRIMARY-abstract": "primary", "SECONDARY": "secondary", "RECALLED": "assumed"}
BY_ID = {row.id: row for row in side_effects()}
TRIALS = {row.id: row for row in trials.trials()}


def collected(name: str) -> list[dict[str, str]]:
    path = COLLECTED / name
    if not path.exists():
        pytest.skip(f"{path} is not there: the collected evidence does not lie beside the project")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_collected_side_effect_is_accounted_for() -> None:
    """Each row at least once, with its numbers, its mark and its place; nothing that is not there."""
    rows = collected("cns_observations.csv")
    assert {row.row for row in side_effects()} == set(range(1, len(rows) + 1))
    for ours in side_effects():
        theirs = rows[ours.row - 1]
        assert (ours.study, ours.population, ours.definition) == (
            theirs["study"],
            theirs["population"],
            theirs["endpoint"],
        )
        assert str(ours.n or "") == theirs["n"]
        expected = "derived" if ours.kind == "reading" else MARKS[theirs["mark"]]
        assert ours.mark == expected, ours.id
        if theirs["doi"].startswith("10."):
            assert ours.doi == theirs["doi"]
        for printed in (theirs["value"], theirs["spread"]):
            assert printed in ours.printed, ours.id


def test_incidences_are_those_collected() -> None:
    """A percentage stands as printed; a count as printed, or recovered where the evidence recovers it."""
    recovered = {"motov2017-push": (22, 24), "motov2017-infusion": (13, 24)}
    other = {
        "ahern2015-reported": 18 / 530,  # printed as 3.5 %
        "label-unconscious": 0.003,  # stands beside the value of its row
        "esketamine-pooled-double-blind": 221 / 587,
    }
    rows = collected("cns_observations.csv")
    for ours in side_effects():
        theirs = rows[ours.row - 1]
        if ours.kind == "no incidence":
            continue
        count = re.match(r"(\d+)/(\d+)", theirs["value"])
        if ours.id in recovered:
            assert (ours.events, ours.total) == recovered[ours.id]
        elif ours.events is not None and count and ours.id not in other:
            assert (ours.events, ours.total) == (int(count[1]), int(count[2]))
        elif ours.events is not None:
            assert str(ours.events) in theirs["value"] + theirs["spread"] or theirs["value"] == "none evident"
        if ours.id in other:
            assert ours.observed == pytest.approx(other[ours.id])
        elif theirs["incidence_pct"] and ours.observed is not None:
            digits = len(theirs["incidence_pct"].partition(".")[2])
            assert 100 * ours.observed == pytest.approx(float(theirs["incidence_pct"]), abs=0.51 * 10**-digits), ours.id
        elif ours.kind == "reading":
            low, high = (float(end) / 100 for end in re.findall(r"\d+", theirs["value"])[:2])
            assert ours.observed is not None and low <= ours.observed <= high


def test_effects_named_are_those_of_the_library() -> None:
    """What predicts a row is an effect; what was made from it is something the library has."""
    assert {row.endpoint for row in side_effects() if row.endpoint} <= set(names("effect"))
    made = {name for row in (*side_effects(), *TRIALS.values()) for name in row.used_by}
    assert made <= set(names())


def test_what_is_from_memory_is_never_scored() -> None:
    rows = collected("cns_observations.csv")
    memory = [row for row in side_effects() if rows[row.row - 1]["mark"] == "RECALLED"]
    assert len(memory) == 3
    assert {row.scored for row in memory} == {"no"}


def test_every_collected_trial_is_accounted_for() -> None:
    rows = {int(row["row"]): row for row in collected("chronic_pain_trials.csv")}
    assert {row.row for row in TRIALS.values()} == set(rows)
    for ours in TRIALS.values():
        theirs = rows[ours.row]
        assert (ours.study, str(ours.year), ours.indication) == (theirs["study"], theirs["year"], theirs["indication"])
        assert str(ours.n or "") == (theirs["n_ket"] if theirs["n_ket"].isdigit() and theirs["n_ket"] != "0" else "")
        assert theirs["ref"].split()[0] in (ours.doi, *ours.citation.split()), ours.id


@pytest.mark.parametrize(
    ("name", "field", "column", "factor"),
    [
        ("sigtermans2009-week1", "value", "ket_value", 1.0),
        ("sigtermans2009-week1", "spread", "ket_spread", 1.0),
        ("sigtermans2009-week1", "comparator_value", "comp_value", 1.0),
        ("sigtermans2009-week1", "difference", "effect", 1.0),
        ("pickering2020-course", "value", "ket_value", 1 / 35),  # point-days over 35 d
        ("pickering2020-course", "spread", "ket_spread", 1 / 35),
        ("pickering2020-course", "comparator_value", "comp_value", 1 / 35),
        ("pickering2020-course", "comparator_spread", "comp_spread", 1 / 35),
        ("huge2010-0.2", "value", "ket_value", 1 / 100),
        ("huge2010-0.4", "spread", "ket_spread", 1 / 100),
        ("kvarnstrom2003-relief", "comparator_value", "comp_value", 1 / 100),
        ("cochrane2025-immediate", "difference", "effect", 1 / 10),  # 0 to 100
        ("cochrane2025-immediate", "low", "effect_lo", 1 / 10),
        ("collins2010", "difference", "effect", 1.0),  # Hedges g, kept as it is
        ("michelet2018-12", "high", "effect_hi", 1.0),
    ],
)
def test_numbers_of_trials_after_their_conversion(name: str, field: str, column: str, factor: float) -> None:
    rows = {int(row["row"]): row for row in collected("chronic_pain_trials.csv")}
    ours = TRIALS[name]
    assert getattr(ours, field) == pytest.approx(float(rows[ours.row][column]) * factor, abs=0.005)


def test_responders_are_those_collected() -> None:
    rows = {int(row["row"]): row for row in collected("chronic_pain_trials.csv")}
    second = {"cohen2006-half": (18, 34)}  # stands in the note of its row
    for ours in TRIALS.values():
        if ours.outcome != "responders" or ours.events is None:
            continue
        theirs = rows[ours.row]
        if ours.id in second:
            assert (ours.events, ours.total) == second[ours.id]
            continue
        assert (str(ours.events), str(ours.total)) == (theirs["resp_ket_x"], theirs["resp_ket_n"])
        if ours.comparator_events is not None:
            given = (str(ours.comparator_events), str(ours.comparator_total))
            assert given == (theirs["resp_comp_x"], theirs["resp_comp_n"])


def test_intervals_of_means() -> None:
    """From a standard error, from a standard deviation of n patients, and of a difference of independent arms."""
    week, course = TRIALS["sigtermans2009-week1"], TRIALS["pickering2020-course"]
    assert week.mean == (2.68, pytest.approx((2.68 - 1.96 * 0.51, 2.68 + 1.96 * 0.51), abs=1e-4))
    assert week.mean_difference == (-2.77, pytest.approx((-2.77 - 1.96 * 0.7003, -2.77 + 1.96 * 0.7003), abs=1e-3))
    assert course.mean is not None
    assert course.mean[1][1] - 5.29 == pytest.approx(1.96 * 2.86 / math.sqrt(20), abs=1e-4)
    assert TRIALS["orhurhu2019"].mean_difference == (-1.83, (-2.35, -1.31))


def test_doubts_are_said() -> None:
    for name in ("schwartzman2009", "amr2010-late", "amr2011-epidural", "persson2012-responders", "ishizuka2007"):
        assert TRIALS[name].doubtful
    assert TRIALS["schwartzman2009"].n is None
    assert all(row.scored == "no" for row in TRIALS.values() if row.study.startswith("Amr"))


def test_sizes_are_those_collected() -> None:
    """Value and interval as the row of the collection has them; that row says that it stands as a size."""
    rows = collected("cns_observations.csv")
    told = {row.row for row in side_effects() if "measures.csv" in row.why_not}
    assert told == {row.row for row in measures.measures()}
    for ours in measures.measures():
        theirs = rows[ours.row - 1]
        assert (ours.study, ours.definition, ours.mark) == (theirs["study"], theirs["endpoint"], MARKS[theirs["mark"]])
        assert str(ours.n or "") == theirs["n"]
        low, high = (float(end) for end in re.findall(r"[\d.]+", theirs["spread"].partition("CI")[2]))
        assert (ours.value, ours.low, ours.high) == (float(theirs["value"]), low, high)
        assert ours.effect in names("effect")
        assert set(ours.used_by) <= set(names())


@pytest.mark.parametrize(
    ("row", "cells", "words"),
    [
        ("hui1995-command", {"at": ""}, "dose for half"),
        ("vankawala2021-heart-rate", {"at": "2 min"}, "dose for half"),
        ("hui1995-command", {"low": "0.5"}, "outside its own interval"),
        ("hui1995-command", {"regimen": ""}, "must be given"),
        ("hui1995-command", {"row": ""}, "column row: nothing stands there"),
        ("hui1995-command", {"at": "2 mg"}, "column at"),
        ("vankawala2021-heart-rate", {"factor_why": ""}, "column factor_why"),
        ("vankawala2021-systolic", {"used_by": "", "used_why": ""}, "column used_by"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(tmp_path: Path, row: str, cells: dict[str, str], words: str) -> None:
    with pytest.raises(ObservationError, match=words):
        measures.read_measures(broken(tmp_path, "measures.csv", row, **cells))


def broken(tmp_path: Path, name: str, row: str, /, **cells: str) -> Path:
    """A copy of a table with some cells of one row changed."""
    with (folder() / name).open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        if line["id"] == row:
            assert set(cells) <= set(line)
            line.update(cells)
    made = tmp_path / name
    with made.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    return made


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"row": ""}, "column row: nothing stands there; it needs a whole number above 0"),
        ({"row": "7.5"}, 'column row: "7.5" is not a whole number'),
        ({"scored": "yes", "events": "", "total": ""}, 'column scored: "yes" needs the number of people'),
        ({"events": "about 22"}, r"column events: .*not a whole number"),
        ({"events": "25"}, "25 of 24"),
        ({"incidence": "0.54"}, r"column incidence: 0\.54, but 22 of 24 is 0\.9167"),
        ({"incidence": "92%"}, "column incidence: .*decimal fraction"),
        ({"regimen": "0.3 mg/kg iv ovr 4 min"}, r'column regimen: .*"ovr" is not understood.*Did you mean "over"'),
        ({"regimen": ""}, "needs an endpoint, a regimen"),
        ({"scored": "no"}, 'column why_not: a reason stands beside "no"'),
        ({"used_by": "", "used_why": ""}, "column used_by: nothing stands there"),
        ({"used_why": ""}, "column used_why: it stands beside used_by"),
        ({"form": "racemic"}, 'column form: "racemic" is not known.*racemate'),
        ({"weight_kg": "seventy"}, "column weight_kg: .*not a number"),
        ({"mark": "PRIMARY"}, 'column mark: .*Did you mean "primary"'),
    ],
)
def test_cells_of_side_effects_that_do_not_fit(tmp_path: Path, cells: dict[str, str], said: str) -> None:
    path = broken(tmp_path, "side-effects.csv", "motov2017-push", **cells)
    with pytest.raises(ObservationError, match=rf"side-effects\.csv row \d+ \(motov2017-push\).*{said}"):
        read_side_effects(path)


@pytest.mark.parametrize(
    ("row", "cells", "said"),
    [
        ("sigtermans2009-week1", {"value": "2.68 (0.51)"}, "column value: .*not a number"),
        ("sigtermans2009-week1", {"spread": ""}, "column spread: a mean needs its spread"),
        ("sigtermans2009-week1", {"after_end": "a week"}, "column after_end: .*not a quantity"),
        ("sigtermans2009-week1", {"until": "14 d"}, "column until"),
        ("cohen2006-half", {"until": ""}, "column until"),
        ("kim2015-half", {"row": ""}, "column row: nothing stands there"),
        ("kim2015-half", {"year": ""}, "column year: nothing stands there"),
        ("kim2015-half", {"events": "", "total": "", "incidence": ""}, "column total: responders need how many"),
        ("kim2015-half", {"reading": ""}, "needs a regimen, a reading, a time and an outcome"),
        ("kim2015-half", {"threshold": ""}, "column threshold: responders need"),
        ("kim2015-half", {"total": "9"}, "10 of 9"),
        ("kim2015-half", {"n": "9 (RECALLED)"}, "column n: .*not a whole number"),
        ("orhurhu2019", {"scale": "0-100"}, 'column scale: "0-100" is not known'),
    ],
)
def test_cells_of_trials_that_do_not_fit(tmp_path: Path, row: str, cells: dict[str, str], said: str) -> None:
    path = broken(tmp_path, "trials.csv", row, **cells)
    with pytest.raises(ObservationError, match=rf"trials\.csv row \d+ \({row}\).*{said}"):
        trials.read_trials(path)


@pytest.mark.parametrize("columns", [incidences.COLUMNS, trials.COLUMNS])
def test_names_of_columns_are_those_of_the_values(columns: Any) -> None:
    assert columns[:4] == ("id", "row", "study", "citation")
