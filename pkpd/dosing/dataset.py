"""NONMEM data sets, in and out: the only place that knows EVID, CMT, RATE -1 and -2, SS 1 and 2.

Every cell is kept as it was written, so that nothing is lost on the way; the records are what the cells mean.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from pkpd import units
from pkpd.dosing.cells import KINDS, MISSING, Line, number_in
from pkpd.dosing.records import MODES, DatasetError, Kind, Mode, Modelled, Record, Steady
from pkpd.errors import nearest
from pkpd.times import to_ticks

# Columns with a meaning of their own; every other one is a covariate.
COLUMNS: Final = (
    "ID", "TIME", "DV", "AMT", "RATE", "DUR", "CMT", "EVID", "MDV", "II", "ADDL", "SS", "ROUTE", "FORM"
)  # fmt: skip
DATES: Final = ("DATE", "DAT1", "DAT2", "DAT3")


@dataclass(frozen=True)
class Dataset:
    """A NONMEM data set.

    columns   : as written
    cells     : every line as written, a text a cell
    rows      : line of the file, or of the frame from 1 on, of each of them; nothing that equality asks about
    mode      : the rules its records follow: "default" or "nonmem" (`docs/events.md`)
    time      : unit of TIME, II and DUR
    amount    : unit of AMT, and with that of time of RATE
    occasion  : column whose change starts a new occasion, as a reset does; "" for none
    separator : between cells

    Raises DatasetError for what cannot be read or given; it names row and column.
    """

    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    rows: tuple[int, ...] = field(compare=False)
    mode: Mode = "default"
    time: str = "h"
    amount: str = "mg"
    occasion: str = ""
    separator: str = ","

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise DatasetError(f'data set: mode "{self.mode}" is not known. {nearest(str(self.mode), MODES)}')
        names = [column.upper() for column in self.columns]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise DatasetError(f'data set: column "{self.columns[number]}" is there twice.')
        for name in ("ID", "TIME"):
            if name not in names:
                raise DatasetError(f"data set: no column {name}. {nearest(name, self.columns)}")
        for name in DATES:
            if name in names:
                raise DatasetError(f"data set: column {name}: dates are not read. Give TIME since the first record.")
        if self.occasion and self.occasion.upper() not in names:
            raise DatasetError(f'data set: no column "{self.occasion}". {nearest(self.occasion, self.columns)}')
        if not self.cells:
            raise DatasetError("data set: no records below the line of column names.")
        for row, line in zip(self.rows, self.cells, strict=True):
            if len(line) != len(names):
                raise DatasetError(f"row {row}: {len(line)} cells for {len(names)} columns.")
            if line[0].startswith("#"):
                raise DatasetError(f'row {row}, {self.columns[0]}: "{line[0]}" would be read as a comment.')
        _ = self.occasions

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Column name in capitals -> its number."""
        return {column.upper(): number for number, column in enumerate(self.columns)}

    @cached_property
    def covariates(self) -> tuple[str, ...]:
        """The columns without a meaning of their own, as written."""
        return tuple(column for column in self.columns if column.upper() not in COLUMNS)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Whose each record is; numbers are written one way, so that 1.0 is 1."""
        place = self.places["ID"]
        return tuple(self._id(row, line[place]) for row, line in zip(self.rows, self.cells, strict=True))

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """What each line means."""
        reader = _Reader(self)
        return tuple(reader.record(row, line) for row, line in zip(self.rows, self.cells, strict=True))

    @cached_property
    def occasions(self) -> tuple[tuple[str, int, int], ...]:
        """Subject, first record and the one after the last of each occasion; resets begin new ones.

        Raises DatasetError where time goes back within an occasion or a subject's records do not stand together.
        """
        starts = [0]
        own = self.places.get(self.occasion.upper(), -1)
        for number, (before, after) in enumerate(pairwise(self.records), start=1):
            changed = own >= 0 and self.cells[number][own] != self.cells[number - 1][own]
            if after.resets or changed or self.ids[number] != self.ids[number - 1]:
                starts.append(number)
            elif after.time < before.time:
                times = [self.cells[n][self.places["TIME"]] for n in (number, number - 1)]
                raise after.error(
                    "TIME",
                    f"{times[0]} comes after {times[1]} of ID {self.ids[number]}. Sort the records; or, where "
                    "the clock starts anew, begin with EVID 3 or 4, or name the column that counts occasions: "
                    'occasion="OCC".',
                )
        seen: set[str] = set()
        for number in starts:
            if number and self.ids[number] != self.ids[number - 1]:
                seen.add(self.ids[number - 1])
            if self.ids[number] in seen:
                raise self.records[number].error(
                    "ID", f"{self.ids[number]} was there before, with others in between. Put its records together."
                )
        return tuple((self.ids[a], a, b) for a, b in pairwise([*starts, len(self.cells)]))

    def number(self, column: str, position: int) -> float:
        """A cell as a number.

        column   : name of a column
        position : of the record, from 0 on
        Raises DatasetError for a cell that is empty or no number.
        """
        text = self.cells[position][self.places[column.upper()]]
        found = number_in(text)
        if found is None:
            what = "is empty" if text.strip() in MISSING else f'"{text}" is not a number'
            raise DatasetError(f"row {self.rows[position]}, {column}: {what}, and the model needs it. Fill it in.")
        return found

    def _id(self, row: int, text: str) -> str:
        number = number_in(text)
        if number is None and text.strip() in MISSING:
            raise DatasetError(f"row {row}, ID: nobody's record. Give a number or a name.")
        return text.strip() if number is None else f"{number:.15g}"


def read_dataset(
    source: Any,
    mode: Mode = "default",
    *,
    time: str = "h",
    amount: str = "mg",
    occasion: str = "",
    ignore: str = "#",
    drop: Sequence[str] = (),
) -> Dataset:
    """Read a NONMEM data set.

    source   : path of a file; its text, of more than one line; or a pandas frame
    mode     : "nonmem" for NONMEM's rules, "default" for ours (`docs/events.md`)
    time     : unit of TIME, II and DUR; TIME may also be written hh:mm
    amount   : unit of AMT; RATE is in this unit per unit of time
    occasion : column whose change starts a new occasion, as EVID 3 does; none unless given
    ignore   : lines that begin with this character are left out, those with # always; "@" stands for any letter
    drop     : columns to leave out
    returns  : Dataset. Columns ID TIME DV AMT RATE DUR CMT EVID MDV II ADDL SS ROUTE FORM are known, in capitals or
               not; all others are covariates. "." and an empty cell mean that there is nothing.
    Raises DatasetError that names row and column, and says what would do.
    """
    if hasattr(source, "columns") and hasattr(source, "itertuples"):
        from pandas import isna

        columns = tuple(str(column) for column in source.columns)
        lines = source.itertuples(index=False, name=None)
        cells = [tuple("." if isna(value) else _written(value) for value in line) for line in lines]
        rows, separator = list(range(1, len(cells) + 1)), ","
    elif isinstance(source, (str, os.PathLike)):
        if not os.fspath(source):
            raise DatasetError("data set: the text is empty. Give a path, the text of a data set or a pandas frame.")
        text = source if isinstance(source, str) and "\n" in source else _content(source)
        columns, cells, rows, separator = _split(text, ignore)
    else:
        raise DatasetError(f"data set: {str(source)[:60]!r} is none. Give a path, its text or a pandas frame.")
    gone = {name.upper() for name in drop}
    for name in gone - {column.upper() for column in columns}:
        raise DatasetError(f'data set: no column "{name}" to drop. {nearest(name, columns)}')
    if gone:
        kept = [number for number, column in enumerate(columns) if column.upper() not in gone]
        for row, line in zip(rows, cells, strict=True):
            if len(line) != len(columns):
                raise DatasetError(f"row {row}: {len(line)} cells for {len(columns)} columns.")
        columns = tuple(columns[number] for number in kept)
        cells = [tuple(line[number] for number in kept) for line in cells]
    return Dataset(columns, tuple(cells), tuple(rows), mode, time, amount, occasion, separator)


def write_dataset(dataset: Dataset, path: str | os.PathLike[str] | None = None) -> str:
    """Write a data set as it was read, one line a record.

    dataset : what to write
    path    : file to write to; none unless given
    returns : the text
    """
    lines = [dataset.columns, *dataset.cells]
    if dataset.separator == ",":
        made = io.StringIO()
        csv.writer(made, lineterminator="\n").writerows(lines)
        text = made.getvalue()
    else:
        text = "".join(dataset.separator.join(line) + "\n" for line in lines)
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def _content(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as cause:
        raise DatasetError(f'data set: the file "{os.fspath(path)}" cannot be read: {cause.strerror}.') from cause
    except UnicodeDecodeError as cause:
        raise DatasetError(f'data set: the file "{os.fspath(path)}" is no text in UTF-8. Save it as such.') from cause


def _split(text: str, ignore: str) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[int], str]:
    """Column names, cells, numbers of their lines, and the separator of a text."""

    def skipped(line: str) -> bool:
        first = line.lstrip()[:1]
        return first in ("", "#") or (first.isalpha() or first == "@" if ignore == "@" else first == ignore)

    lines = [(number, line) for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1)]
    lines = [(number, line) for number, line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise DatasetError("data set: no line with column names. The first one names them: ID,TIME,AMT,...")
    separator = "," if "," in lines[0][1] else "\t" if "\t" in lines[0][1] else " "
    kept = [lines[0], *((number, line) for number, line in lines[1:] if not skipped(line))]
    cells = list(_cells((line for _, line in kept), separator))
    return tuple(cells[0]), [tuple(line) for line in cells[1:]], [number for number, _ in kept[1:]], separator


def _cells(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    if separator == ",":
        return ([cell.strip() for cell in line] for line in csv.reader(lines))
    return (line.split(separator if separator == "\t" else None) for line in lines)


def _written(value: Any) -> str:
    """A value of a frame as a cell."""
    if isinstance(value, float) or hasattr(value, "dtype"):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
    return str(value)


class _Reader:
    """The meaning of lines."""

    def __init__(self, dataset: Dataset) -> None:
        self.places = dataset.places
        self.covariates = [(column, dataset.places[column.upper()]) for column in dataset.covariates]
        self.ticks = to_ticks(units.factor(dataset.time, "time", "data set: time"))
        self.mass = units.factor(dataset.amount, "mass", "data set: amount")
        self.rate = units.factor(f"{dataset.amount}/{dataset.time}", "dose rate", "data set: amount and time")

    def record(self, row: int, line: Sequence[str]) -> Record:
        """One line as a record."""
        cell = Line(self.places, row, line)
        compartment = cell.compartment()
        evid = cell.evid()
        kind: Kind = KINDS[evid]
        leaving = compartment.startswith("-") if isinstance(compartment, str) else compartment < 0
        if leaving and evid != 2:
            raise cell.error("CMT", f"{compartment}: only EVID 2 takes a negative compartment, to switch it off.")
        if evid == 2 and compartment:
            kind = "off" if leaving else "on"
            compartment = compartment.removeprefix("-") if isinstance(compartment, str) else abs(compartment)
        rate, modelled = self._rate(cell)
        steady = cell.whole("SS", (0, 1, 2))
        return Record(
            kind=kind,
            time=cell.time("TIME", self.ticks, needed=True),
            amount=cell.number("AMT") * (1.0 if kind == "multiply" else self.mass),
            compartment=compartment or None,
            rate=rate,
            duration=cell.time("DUR", self.ticks) or None,
            modelled=modelled,
            interval=cell.time("II", self.ticks),
            additional=cell.whole("ADDL"),
            steady=_STEADY[steady],
            route=cell.word("ROUTE"),
            form=cell.word("FORM"),
            covariates={
                name: number for name, place in self.covariates if (number := number_in(line[place])) is not None
            },
            row=row,
        )

    def _rate(self, cell: Line) -> tuple[float | None, Modelled | None]:
        rate = cell.number("RATE")
        if rate < 0 and rate not in (-1, -2):
            raise cell.error("RATE", f"{rate:g}. Below 0 only -1 (rate by the model) and -2 (duration by the model).")
        if rate < 0:
            return None, "rate" if rate == -1 else "duration"
        return rate * self.rate or None, None


_STEADY: Final[dict[int, Steady | None]] = {0: None, 1: "reset", 2: "superposed"}
