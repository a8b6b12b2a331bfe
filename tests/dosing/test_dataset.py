"""NONMEM data sets: nothing is lost on the way in and out, columns mean what they should, mistakes say where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd
from pkpd.dosing.dataset import COLUMNS, Dataset, read_dataset, write_dataset
from pkpd.dosing.records import DatasetError, Record
from pkpd.times import TICKS_PER_HOUR as HOUR

TEXT = """ID,TIME,DV,AMT,RATE,CMT,EVID,MDV,II,ADDL,SS,WT,SITE
1,0,.,100,-2,1,1,1,12,3,1,70.50,north
1,1.5,12.30,.,.,2,0,0,.,.,.,70.50,north
1,24,,0,0,2,2,1,0,0,0,71,north
2,0.0,.,50,12.5,central,4,1,.,.,.,60,"east, new"
"""


# In and out


def test_written_as_read(tmp_path: Path) -> None:
    data = read_dataset(TEXT)
    assert write_dataset(data) == TEXT
    path = tmp_path / "data.csv"
    assert write_dataset(data, path) == TEXT
    assert read_dataset(path) == data == read_dataset(str(path))
    assert read_dataset(path).rows == (2, 3, 4, 5)


@pytest.mark.parametrize("separator", ["\t", " "])
def test_other_separators(separator: str) -> None:
    text = TEXT.replace('"east, new"', "east").replace(",,", ",.,").replace(",", separator)
    data = read_dataset(text)
    assert write_dataset(data) == text
    assert data.columns == read_dataset(TEXT).columns
    assert data.records[1] == read_dataset(TEXT).records[1]


CELL = {
    "ID": st.integers(1, 3).map(str),
    "TIME": st.integers(0, 5).map(str) | st.sampled_from(["0.10", "2e0", "12:30", "1.000000001"]),
    "DV": st.sampled_from([".", "", "1.50", "0"]),
    "AMT": st.sampled_from(["1", "2.50", "1e3"]),
    "RATE": st.sampled_from(["0", ".", "-1", "-2", "3.0", ""]),
    "CMT": st.sampled_from(["1", "2.0", "depot", ".", "0"]),
    "EVID": st.sampled_from(["1", "4"]),
    "II": st.sampled_from(["12", "8.0"]),
    "ADDL": st.sampled_from(["0", "3", "."]),
    "SS": st.sampled_from(["0", "1", "2", "."]),
    "WT": st.floats(1, 200).map(repr) | st.just("."),
    "note": st.text(st.characters(blacklist_categories=("Cs", "Cc", "Z")), max_size=5),
}


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    columns = tuple(draw(st.permutations(list(CELL))))
    lines = [tuple(draw(CELL[name]) for name in columns) for _ in range(draw(st.integers(1, 6)))]
    lines = [line for line in lines if not line[0].startswith("#")] or [tuple("1" for _ in columns)]

    def when(line: tuple[str, ...]) -> tuple[str, float]:
        time = line[columns.index("TIME")]
        return line[columns.index("ID")], 12.5 if ":" in time else float(time)

    cased = tuple(name.lower() for name in columns) if draw(st.booleans()) else columns
    mode: Any = draw(st.sampled_from(["default", "nonmem"]))
    return Dataset(cased, tuple(sorted(lines, key=when)), tuple(range(2, len(lines) + 2)), mode)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(datasets())
def test_read_as_written(data: Dataset) -> None:
    again = read_dataset(write_dataset(data), data.mode)
    assert again == data
    assert again.records == data.records
    assert write_dataset(again) == write_dataset(data)


def test_from_a_frame() -> None:
    frame = pandas.DataFrame(
        {"ID": [1, 1], "TIME": [0.0, 1.25], "AMT": [100, np.nan], "EVID": np.array([1, 0], np.int8), "sex": ["F", None]}
    )
    data = read_dataset(frame)
    assert data.cells == (("1", "0", "100", "1", "F"), ("1", "1.25", ".", "0", "."))
    assert data.rows == (1, 2)
    assert read_dataset(write_dataset(data)) == data


def test_comments_and_lines_to_ignore() -> None:
    text = "# made by hand\n\nID TIME AMT\n#1 0 5\n1 0 7\n@1 0 8\nID TIME AMT\n1 2 9\n"
    assert read_dataset(text, ignore="@").cells == (("1", "0", "7"), ("1", "2", "9"))
    marked = "C,ID,TIME,AMT\n.,1,0,7\nC,1,0,8\n.,1,2,9\n"
    assert read_dataset(marked, ignore="C").rows == (2, 4)


def test_dropped_columns() -> None:
    data = read_dataset("ID,TIME,AMT,DATE\n1,0,5,2020-01-01\n", drop=["date"])
    assert data.columns == ("ID", "TIME", "AMT")


# What the columns mean


def record(text: str, **options: Any) -> Record:
    """The last line's record."""
    return read_dataset(text, **options).records[-1]


def test_a_dose() -> None:
    first, read, other, last = read_dataset(TEXT).records
    assert first == Record(
        kind="dose", time=0, amount=100.0, compartment=1, modelled="duration", interval=12 * HOUR, additional=3,
        steady="reset", covariates={"WT": 70.5}, row=2,
    )  # fmt: skip
    assert (read.kind, read.time, read.compartment) == ("observation", 3 * HOUR // 2, 2)
    assert other.kind == "on"
    assert (last.kind, last.compartment, last.rate) == ("reset and dose", "central", 12.5)


KINDS = {
    "0": "observation", "1": "dose", "2": "other", "3": "reset", "4": "reset and dose", "5": "replace", "6": "multiply",
    "7": "phantom", "8": "replace",
}  # fmt: skip


@pytest.mark.parametrize("evid", KINDS)
def test_kinds_by_number(evid: str) -> None:
    amount = "5" if evid in "145678" else "0"
    assert record(f"ID,TIME,EVID,AMT\n1,0,{evid},{amount}\n").kind == KINDS[evid]


@pytest.mark.parametrize(("compartment", "kind"), [("-2", "off"), ("2", "on"), ("-depot", "off"), ("depot", "on")])
def test_compartments_off_and_on(compartment: str, kind: str) -> None:
    found = record(f"ID,TIME,EVID,CMT\n1,0,2,{compartment}\n")
    assert (found.kind, found.compartment) == (kind, "depot" if "depot" in compartment else 2)


def test_kinds_without_evid() -> None:
    text = "ID,TIME,AMT,MDV\n1,0,5,1\n1,1,.,0\n1,2,.,1\n"
    assert [one.kind for one in read_dataset(text).records] == ["dose", "observation", "other"]


@pytest.mark.parametrize(("written", "ticks"), [("0.1", HOUR // 10), ("09:30", 19 * HOUR // 2), ("1e-3", HOUR // 1000)])
def test_times_lose_no_digit(written: str, ticks: int) -> None:
    assert record(f"ID,TIME\n1,{written}\n").time == ticks


def test_units() -> None:
    found = record("ID,TIME,AMT,DUR,II,ADDL\n1,30,500,10,60,1\n", time="min", amount="mcg")
    assert (found.time, found.amount, found.duration, found.interval) == (HOUR // 2, 0.5, HOUR // 6, HOUR)
    assert record("ID,TIME,AMT,RATE\n1,0,500,10\n", time="min", amount="mcg").rate == pytest.approx(0.6, rel=1e-15)
    assert record("ID,TIME,EVID,AMT\n1,0,6,0.25\n", amount="mcg").amount == 0.25  # a factor has no unit


def test_subjects_and_occasions() -> None:
    text = "ID,TIME,EVID,OCC\n1.0,0,0,1\n1,5,0,1\n1,6,3,1\n1,6,0,1\n2,0,0,1\n2,3,0,2\n2,1,0,2\n"
    with pytest.raises(DatasetError, match="row 8, TIME: 1 comes after 3 of ID 2"):
        read_dataset(text, occasion="OCC")
    data = read_dataset(text.replace("2,3,0,2", "2,0,0,2"), occasion="occ")
    assert data.ids == ("1", "1", "1", "1", "2", "2", "2")
    assert data.occasions == (("1", 0, 2), ("1", 2, 4), ("2", 4, 5), ("2", 5, 7))
    assert len(read_dataset(text.replace("2,3,0,2", "2,0,0,2")).occasions) == 3


# Mistakes

HEAD = "ID,TIME,EVID,AMT,CMT,RATE,DUR,II,ADDL,SS,MDV\n"

MISTAKES = {
    "1,0,1,.,1,0,0,0,0,0,1": "row 2, AMT: a dose without an amount. Give AMT above 0",
    "1,0,1,-5,1,0,0,0,0,0,1": "row 2, AMT: -5 is below 0",
    "1,0,1,abc,1,0,0,0,0,0,1": 'row 2, AMT: "abc" is not a number',
    "1,0,1,inf,1,0,0,0,0,0,1": 'row 2, AMT: "inf" is not a number',
    "1,0,0,5,1,0,0,0,0,0,0": r"row 2, AMT: an amount, but the record is no dose \(observation\)",
    "1,0,0,0,1,10,0,0,0,0,0": "row 2, RATE: a rate or duration on a record that gives no dose",
    "1,0,3,0,1,-2,0,0,0,0,1": "row 2, RATE: a rate or duration on a record that gives no dose",
    "1,0,1,5,1,-3,0,0,0,0,1": r"row 2, RATE: -3. Below 0 only -1",
    "1,0,1,5,1,10,2,0,0,0,1": "row 2, DUR: the infusion has a duration and a rate",
    "1,0,1,5,1,0,-2,0,0,0,1": "row 2, DUR: an infusion lasts some time",
    "1,0,1,5,1,0,0,0,0,1,1": "row 2, SS: steady state without an interval. Give II above 0",
    "1,0,1,0,1,10,0,8,0,1,1": "row 2, AMT: a dose without an amount",
    "1,0,1,0,1,10,0,0,0,0,1": "row 2, AMT: a dose without an amount",
    "1,0,1,5,1,0,0,8,0,3,1": "row 2, SS: 3 is not known. Allowed: 0, 1, 2",
    "1,0,1,5,1,0,0,0,4,0,1": "row 2, ADDL: 4 additional doses without an interval. Give II",
    "1,0,1,5,1,0,0,8,-4,0,1": "row 2, ADDL: -4 additional doses",
    "1,0,1,5,1,0,0,8,1.5,0,1": "row 2, ADDL: 1.5 is not a whole number",
    "1,0,1,5,1,0,0,-8,1,0,1": "row 2, II: the interval is below 0",
    "1,0,0,0,1,0,0,8,1,0,0": "row 2, ADDL: only a dose can be repeated",
    "1,0,9,0,1,0,0,0,0,0,1": "row 2, EVID: 9 is not known. Allowed: 0, 1, 2",
    "1,0,1,5,-1,0,0,0,0,0,1": "row 2, CMT: -1: only EVID 2 takes a negative compartment",
    "1,0,1,5,1.5,0,0,0,0,0,1": "row 2, CMT: 1.5 is not a whole number",
    "1,0,1,5,1,0,0,0,0,0,0": "row 2, MDV: 0 says that there is a value, EVID 1 that there is none",
    "1,.,1,5,1,0,0,0,0,0,1": "row 2, TIME: no time",
    "1,noon,1,5,1,0,0,0,0,0,1": 'row 2, TIME: "noon" is not a number',
    "1,9:75,1,5,1,0,0,0,0,0,1": r'row 2, TIME: "9:75" is not a time. Write hours, or hh:mm',
    "1,1e9,1,5,1,0,0,0,0,0,1": "row 2, TIME: 1e9 is not within 146 years of 0",
    ".,0,1,5,1,0,0,0,0,0,1": "row 2, ID: nobody's record",
    "1,0,1,5,1,0,0,0,0": "row 2: 9 cells for 11 columns",
    "1,0,5,-1,1,0,0,0,0,0,1": "row 2, AMT: -1 is below 0; an amount is 0 or more",
    "1,5,0,0,1,0,0,0,0,0,0\n1,4,0,0,1,0,0,0,0,0,0": "row 3, TIME: 4 comes after 5 of ID 1. Sort the records; or",
    "1,0,0,0,1,0,0,0,0,0,0\n2,0,0,0,1,0,0,0,0,0,0\n1,1,0,0,1,0,0,0,0,0,0": "row 4, ID: 1 was there before",
}


@pytest.mark.parametrize("lines", MISTAKES)
def test_a_mistake_says_where_and_what_would_do(lines: str) -> None:
    with pytest.raises(DatasetError, match=f"^{MISTAKES[lines]}"):
        read_dataset(HEAD + lines + "\n")


TEXTS = {
    "TIME,AMT\n0,5\n": "data set: no column ID",
    "ID,AMT\n1,5\n": "data set: no column TIME",
    "ID,TIME,time\n1,0,0\n": 'data set: column "time" is there twice',
    "ID,TIME,DATE\n1,0,0\n": "data set: column DATE: dates are not read",
    "ID,TIME\n": "data set: no records below",
    "\n\n": "data set: no line with column names",
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_is_no_data_set(text: str) -> None:
    with pytest.raises(DatasetError, match=f"^{TEXTS[text]}"):
        read_dataset(text)


def test_other_arguments_that_cannot_be(tmp_path: Path) -> None:
    good = "ID,TIME\n1,0\n"
    for arguments, says in (
        ({"mode": "monolix"}, 'mode "monolix" is not known'),
        ({"occasion": "VISIT"}, 'no column "VISIT"'),
        ({"drop": ["DV"]}, 'no column "DV" to drop'),
    ):
        with pytest.raises(DatasetError, match=says):
            read_dataset(good, **arguments)
    with pytest.raises(pkpd.PkpdError, match=r'unit "h" is not one of mass'):
        read_dataset(good, amount="h")
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        read_dataset(tmp_path / "absent.csv")
    with pytest.raises(DatasetError, match="Give a path, its text or a pandas frame"):
        read_dataset(5)
    with pytest.raises(DatasetError, match='"#1" would be read as a comment'):
        read_dataset(pandas.DataFrame({"ID": ["#1"], "TIME": [0]}))
    (tmp_path / "latin").write_bytes(b"ID,TIME\n\xe4,0\n")
    with pytest.raises(DatasetError, match="no text in UTF-8"):
        read_dataset(tmp_path / "latin")


def test_known_columns_are_no_covariates() -> None:
    head = [*COLUMNS, "WT"]
    data = read_dataset(",".join(head) + "\n" + ",".join("1" if name in ("ID", "TIME") else "" for name in head) + "\n")
    assert data.covariates == ("WT",)
    with pytest.raises(DatasetError, match="row 2, WT: is empty, and the model needs it"):
        data.number("WT", 0)


def test_an_empty_text_is_no_path() -> None:
    with pytest.raises(DatasetError, match="the text is empty"):
        pkpd.read_dataset("")
