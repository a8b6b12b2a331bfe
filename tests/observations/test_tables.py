"""The tables of observations: read strictly, each fact once, each number traceable."""

from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path

import pytest

from pkpd.errors import ObservationError
from pkpd.model import library
from pkpd.observations import concentrations, parameters, scoreboard
from pkpd.observations.cells import folder
from pkpd.observations.kinetics import read_concentrations, read_parameters
from pkpd.observations.scores import read_scoreboard

ROWS = (*concentrations(), *parameters())


def test_every_id_is_there_once() -> None:
    ids = [row.id for row in ROWS]
    assert len(set(ids)) == len(ids)


def test_no_fact_is_there_twice() -> None:
    facts = [
        (c.doi or c.study, c.analyte, c.metric, c.at, c.until, str(c.regimen), c.modifiers, c.kind, c.population, c.n)
        for c in concentrations()
    ]
    assert len(set(facts)) == len(facts)


def test_every_number_says_where_it_was_read_and_how_well_it_is_known() -> None:
    for row in ROWS:
        assert row.citation and row.seen_at and row.population, row.id
        assert row.mark in ("primary", "secondary"), row.id
        assert row.kind == "data" or row.kind == "model-predicted" or row.note, row.id


def test_models_named_as_made_from_a_row_exist() -> None:
    known = {*library.names("pk"), *library.names("modifier")}
    for row in ROWS:
        assert set(row.used_by) <= known, row.id
        assert set(row.modifiers) <= known, row.id


# What the factors of each modifier were taken from or fitted to: it must not count for the modifier.
TAKEN_FROM = {
    "clarithromycin": {"hagelberg2010-clarithromycin-area"},
    "grapefruit-juice": {"peltoniemi2012-grapefruit-juice-area"},
    "itraconazole": {"peltoniemi2011-itraconazole-area"},
    "renal-impairment": {"renal-k-area", "renal-nk-area"},
    "rifampicin": {
        "noppers2011-rifampicin-k-area",
        "noppers2011-rifampicin-k-clearance",
        "noppers2011-rifampicin-nk-area",
        "noppers2011-rifampicin-nk-clearance",
        "peltoniemi2012-rifampicin-iv-area",
        "peltoniemi2012-rifampicin-oral-area",
    },
    "ticlopidine": {"ashraf2018-oral-ticlopidine-k-area", "peltoniemi2011-ticlopidine-area"},
    "women": {"sigtermans2009-women-men-clearance"},
}


def test_what_a_modifier_was_made_from_names_it() -> None:
    modifiers = set(library.names("modifier"))
    named: dict[str, set[str]] = {}
    for row in ROWS:
        for name in modifiers.intersection(row.used_by):
            named.setdefault(name, set()).add(row.id)
    assert named == TAKEN_FROM


def test_a_weight_that_was_taken_says_so() -> None:
    for row in ROWS:
        assert row.weight_kg != 70 or "70 kg" in row.note, row.id


def test_doubts_are_those_of_the_evidence() -> None:
    doubtful = {row.id for row in concentrations() if row.kind == "doubtful"}
    for arm, analyte, hours in (("s", "sk", "1"), ("rac", "sk", "1"), ("rac", "rk", "1"), ("s", "sk", "3.5")):
        assert f"kamp2020bja-{arm}-{analyte}-{hours}h" in doubtful
    assert "chong2006-iv-k-peak" in doubtful
    assert not any(name.startswith(("otto", "simons", "kamp2020bja-s-snk")) for name in doubtful)


def test_people_of_a_row() -> None:
    """The middle 90 % of a log-normal with the mean and SD of the row; of a geometric SD; none of a standard error."""
    rows = {row.id: row for row in concentrations()}
    oral = rows["chong2006-oral-k-peak"]
    low, high = oral.people or (0, 0)
    middle, width = math.log(low * high) / 2, math.log(high / low) / 2 / 1.6448536269514722
    assert math.exp(middle + width**2 / 2) == pytest.approx(22.8)
    assert math.exp(middle + width**2 / 2) * math.sqrt(math.expm1(width**2)) == pytest.approx(12.8)
    low, high = rows["singh2022-iv-2min"].people or (0, 0)
    assert (low, high) == pytest.approx((296 / 1.71**1.6448536, 296 * 1.71**1.6448536))
    assert rows["nielsen2014-peak"].people is None
    assert rows["simons2022-iv-after-50"].people is None


# Bad cells


def changed(tmp_path: Path, name: str, row: int, column: str, text: str) -> Path:
    with open(folder() / name, newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    lines[row][lines[0].index(column)] = text
    path = tmp_path / name
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    return path


@pytest.mark.parametrize(
    ("column", "text", "told"),
    [
        ("value", "about 56", '"about 56" is not a number'),
        ("value", "-1", "is not above 0"),
        ("value", "1_0", "is not a number"),
        ("n", "17.5", "is not a whole number"),
        ("regimen", "10 mg iv over", "regimen: "),
        ("regimen", "", "a concentration needs what was given"),
        ("regimen", "s-ketamine 10 mg oral", 'route: "iv", but the regimen is given oral'),
        ("analyte", "S-ketamin", 'Did you mean "S-ketamine"'),
        ("group", "adults", "healthy adults"),
        ("kind", "dat", 'Did you mean "data"'),
        ("mark", "recalled", "Allowed"),
        ("unit", "nmol/mL", "a level is in ng/mL"),
        ("at", "1", "has no unit"),
        ("at", "", "a level needs its time"),
        ("at", "0 h", "is not a time above 0"),
        ("spread", "100-50", "neither a number above 0 nor two"),
        ("spread", "5", "stand together"),
        ("used_why", "", "stands beside used_by"),
        ("weight_kg", "", "is not a number"),
        ("citation", "", "needs a text"),
        ("id", "otto2021-k-1h", "is there twice"),
    ],
)
def test_a_bad_cell_names_file_row_and_column(tmp_path: Path, column: str, text: str, told: str) -> None:
    path = changed(tmp_path, "concentrations.csv", 1, column, text)
    with pytest.raises(ObservationError) as raised:
        read_concentrations(path)
    message = str(raised.value)
    assert told in message
    assert message.startswith("concentrations.csv row ")
    assert "column " in message


def test_a_bad_parameter(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=r"parameters.csv row 1 \(hijazi2003-clearance\), column unit"):
        read_parameters(changed(tmp_path, "parameters.csv", 1, "unit", "mL per minute"))


def test_other_columns_and_short_rows(tmp_path: Path) -> None:
    path = tmp_path / "concentrations.csv"
    path.write_text("id,value\na,1\n", encoding="utf-8")
    with pytest.raises(ObservationError, match="the columns are id, value; they must be id, study"):
        read_concentrations(path)
    head = (folder() / "concentrations.csv").read_text(encoding="utf-8").splitlines()[0]
    short = tmp_path / "short.csv"
    short.write_text(f"{head}\na,b\n", encoding="utf-8")
    with pytest.raises(ObservationError, match=r"short.csv row 1: 2 cells for \d+ columns"):
        read_concentrations(short)
    with pytest.raises(ObservationError, match="cannot be read"):
        read_concentrations(tmp_path / "none.csv")


def test_a_scoreboard_that_is_none(tmp_path: Path) -> None:
    assert read_scoreboard(tmp_path / "none.json").scores == ()
    bad = tmp_path / "scoreboard.json"
    shutil.copy(folder() / "scoreboard.json", bad)
    bad.write_text(bad.read_text(encoding="utf-8").replace('"gmfe"', '"gmef"', 1), encoding="utf-8")
    with pytest.raises(ObservationError, match="not a scoreboard"):
        read_scoreboard(bad)
    assert scoreboard().of("kamp2020-ketamine")


def test_a_file_that_was_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "concentrations.csv"
    file.write_text((folder() / "concentrations.csv").read_text(encoding="utf-8"), encoding="utf-8")
    before = len(read_concentrations(file))
    file.write_text("".join(file.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    assert len(read_concentrations(file)) == before - 1
