"""Every row of the collected evidence stands in the package, or is left out with a reason; the numbers are the same."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkpd.observations import Concentration, Parameter, concentrations, parameters
from pkpd.observations.cells import folder

EVIDENCE = Path(__file__).resolve().parents[3] / "shared" / "evidence"
TABLES = {
    "intravenous": "pk_iv_observations.csv",
    "extravascular": "pk_extravascular_observations.csv",
    "infusions": "tci_checks.csv",
}
MOLAR = {"ketamine": 237.73, "norketamine": 223.70, "hydroxynorketamine": 239.70, "dehydronorketamine": 221.68}
# First words of studies that the package calls otherwise.
OTHERWISE = {"janssen": "esketamine", "effects": "long-term", "intranasal": "singh"}
ANALYTES = {
    "esketamine": "S-ketamine",
    "noresketamine": "S-norketamine",
    "hydroxynorketamine total": "hydroxynorketamine",
}

pytestmark = pytest.mark.skipif(not EVIDENCE.is_dir(), reason="the collected evidence does not lie beside the project")

Row = dict[str, str]


def table(name: str) -> list[Row]:
    with open(EVIDENCE / TABLES[name], newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def left_out() -> list[Row]:
    with open(folder() / "left-out.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def kept() -> Iterator[tuple[str, int, Row]]:
    """The rows of the evidence that are not left out."""
    out = {(row["table"], int(row["row"])) for row in left_out()}
    for name in TABLES:
        for number, row in enumerate(table(name), start=1):
            if (name, number) not in out:
                yield name, number, row


def first_word(text: str) -> str:
    word = re.findall(r"[a-z-]+", text.lower())[0]
    return OTHERWISE.get(word, word)


def numbers(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"\d+\.?\d*(?:e-?\d+)?", text.replace(",", ""))]


def same(row: Row, found: Concentration | Parameter) -> bool:
    """Whether a row of the package states a row of the evidence."""
    if first_word(row.get("study") or row["source"]) != first_word(found.study):
        return False
    if "analyte" in row and row["analyte"] != "pooled":
        stated = ANALYTES.get(row["analyte"], row["analyte"])
        measured = found.analyte.split("/")[0].split(" ")[0]
        if not re.search(rf"(?<![a-z]){re.escape(measured)}", stated):
            return False
    if isinstance(found, Concentration):
        if row.get("time_h") and found.metric == "level" and found.at_h != pytest.approx(float(row["time_h"])):
            return False
        molar = MOLAR[found.analyte.removeprefix("S-").removeprefix("R-")]
        scales = {"nmol/mL": molar, "ng/mL": 1.0, "ng*h/mL": 1.0, "ug/ml": 1000.0, "ug.h/l": 1.0, "ng/ml": 1.0}
        scale = scales.get(row["unit"], molar if row["unit"].startswith("umol") else None)
        return scale is not None and any(
            found.value == pytest.approx(scale * one, rel=1e-5) for one in numbers(row["value"])
        )
    scales = (1.0, 0.01) if "%" in row["unit"] else (1.0,)
    return any(found.value == pytest.approx(scale * one) for scale in scales for one in numbers(row["value"]))


def test_every_row_of_the_evidence_is_accounted_for() -> None:
    here = (*concentrations(), *parameters())
    unmatched = [
        (name, number, row.get("study") or row["source"], row.get("metric") or row["quantity"])
        for name, number, row in kept()
        if not any(same(row, one) for one in here)
    ]
    assert unmatched == []


# Nasal peaks of adults, of which the tables have none: the first stand in the evidence's prose, the others in a table
# of a paper whose other columns stand in the tables.
IN_PROSE = re.compile(r"huge2010-nasal-0\.[24]-n?k-peak")
# Table 6 of Singh 2022, intranasal rows: geometric mean and geometric SD of the peak, ng/mL.
OF_THE_PAPER = {
    "singh2022-nasal-10-k-peak": (22.9, 1.97),
    "singh2022-nasal-10-nk-peak": (17.8, 1.89),
    "singh2022-nasal-30-k-peak": (60.8, 1.90),
    "singh2022-nasal-30-nk-peak": (68.1, 1.80),
    "singh2022-nasal-50-k-peak": (77.6, 2.29),
    "singh2022-nasal-50-nk-peak": (105, 1.63),
}


def test_every_row_of_the_package_is_in_the_evidence() -> None:
    evidence = [row for name in TABLES for row in table(name)]
    prose = (EVIDENCE / "pd_analgesia_models.md").read_text(encoding="utf-8")
    huge = prose[prose.index("## 8. Huge et al. 2010") : prose.index("## 9.")]
    ranges = {"krystal1994-peak": (100, 250), "analgesia-pooled-peak": (70, 160)}
    for one in (*concentrations(), *parameters()):
        if one.id in ranges:
            assert one.spread == ranges[one.id]
            assert one.value == sum(one.spread) / 2
            continue
        if IN_PROSE.fullmatch(one.id):
            assert f"{one.value:g} +/- {one.spread[0]:g}" in huge, one.id
            continue
        if one.id in OF_THE_PAPER:
            assert (one.value, *one.spread) == OF_THE_PAPER[one.id]
            assert one.seen_at == "table 6 of the paper, PMC9118341"
            continue
        assert any(same(row, one) for row in evidence), one.id


def test_marks_are_not_raised() -> None:
    for _, _, row in kept():
        for one in (*concentrations(), *parameters()):
            if same(row, one) and one.mark == "primary":
                others = [r for name in TABLES for r in table(name) if same(r, one)]
                assert any(r["mark"] == "PRIMARY" for r in others), one.id


def test_authors_simulations_are_no_data() -> None:
    for _, _, row in kept():
        if "model-predicted" in row.get("metric", ""):
            found = [one for one in concentrations() if same(row, one) and one.kind == "model-predicted"]
            assert found, row


def test_what_is_left_out_has_a_reason_or_stands_elsewhere() -> None:
    ids = {one.id for one in (*concentrations(), *parameters())}
    rows = {name: len(table(name)) for name in TABLES}
    seen = set()
    for row in left_out():
        assert row["reason"]
        assert 1 <= int(row["row"]) <= rows[row["table"]]
        assert (row["table"], row["row"]) not in seen
        seen.add((row["table"], row["row"]))
        assert set(row["stands_as"].split()) <= ids
        if "same fact" in row["reason"]:
            assert row["stands_as"]


def test_facts_that_stand_in_both_tables_stand_once() -> None:
    """24 of them: 16 Otto, 2 Persson, 1 Fanta, 2 Simons, 2 Noppers, 1 Peltoniemi."""
    twice = [r for r in left_out() if r["table"] != "infusions" and "same fact" in r["reason"]]
    counts: dict[str, int] = {}
    for row in twice:
        counts[first_word(row["study"])] = counts.get(first_word(row["study"]), 0) + 1
    assert counts == {"otto": 16, "persson": 2, "fanta": 1, "simons": 2, "noppers": 2, "peltoniemi": 1}
