"""A table of observations read strictly: a cell that does not fit is an error with file, row and column."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pkpd.dosing.prescription import parse
from pkpd.dosing.regimen import Regimen
from pkpd.errors import ObservationError, PkpdError, nearest
from pkpd.model.library import folder as library_folder
from pkpd.times import read_time

T = TypeVar("T")


def folder() -> Path:
    """Where the tables of observations lie."""
    return library_folder() / "ketamine" / "observations"


@dataclass(frozen=True, slots=True)
class Cells:
    """One row of a table; `row` counts from 1 below the line of column names."""

    file: str
    row: int
    columns: Sequence[str]
    texts: Sequence[str]

    def error(self, column: str, text: str) -> ObservationError:
        """What is wrong with a cell."""
        return ObservationError(f"{self.file} row {self.row} ({self.texts[0]}), column {column}: {text}")

    def text(self, column: str) -> str:
        """A text; "" where the cell is empty."""
        return self.texts[self.columns.index(column)]

    def needed(self, column: str) -> str:
        """A text that must be there."""
        found = self.text(column)
        if not found:
            raise self.error(column, "nothing stands there; it needs a text.")
        return found

    def word(self, column: str, allowed: Collection[str]) -> str:
        """One of some words ("" where that is one of them)."""
        found = self.text(column)
        if found not in allowed:
            raise self.error(column, f'"{found}" is not known. {nearest(found, [word for word in allowed if word])}')
        return found

    def words(self, column: str) -> tuple[str, ...]:
        """Words between blanks."""
        return tuple(self.text(column).split())

    def number(self, column: str) -> float:
        """A finite number."""
        found = _number(self.text(column))
        if found is None:
            raise self.error(column, f'"{self.text(column)}" is not a number.')
        return found

    def positive(self, column: str) -> float:
        """A finite number above 0."""
        found = self.number(column)
        if found <= 0:
            raise self.error(column, f"{found:g} is not above 0.")
        return found

    def perhaps(self, column: str) -> float | None:
        """A number above 0, or None where the cell is empty."""
        return self.positive(column) if self.text(column) else None

    def whole(self, column: str) -> int | None:
        """A whole number above 0, or None where the cell is empty."""
        found = self.perhaps(column)
        if found is not None and not found.is_integer():
            raise self.error(column, f'"{self.text(column)}" is not a whole number.')
        return None if found is None else int(found)

    def needed_whole(self, column: str) -> int:
        """A whole number above 0 that must be there."""
        found = self.whole(column)
        if found is None:
            raise self.error(column, "nothing stands there; it needs a whole number above 0.")
        return found

    def span(self, column: str) -> tuple[float, ...]:
        """A number above 0, or two of them, rising, joined by "-"; nothing where the cell is empty."""
        text = self.text(column)
        if not text:
            return ()
        found = [_number(part) for part in text.split("-")]
        numbers = tuple(number for number in found if number is not None and number > 0)
        if len(numbers) != len(found) or len(numbers) > 2 or sorted(numbers) != list(numbers):
            raise self.error(column, f'"{text}" is neither a number above 0 nor two like 100-250.')
        return numbers

    def ticks(self, column: str) -> int | None:
        """A time with its unit, ticks; None where the cell is empty."""
        text = self.text(column)
        return self.read(column, lambda: read_time(text)) if text else None

    def regimen(self, column: str) -> Regimen | None:
        """A prescription; None where the cell is empty."""
        text = self.text(column)
        return self.read(column, lambda: parse(text)) if text else None

    def used(self) -> tuple[tuple[str, ...], str]:
        """What was made from the row, and how: both stand there, or neither."""
        by, why = self.words("used_by"), self.text("used_why")
        if bool(by) != bool(why):
            raise self.error("used_why", "it stands beside used_by, and says how the row was used.")
        return by, why

    def read(self, column: str, reader: Callable[[], T]) -> T:
        """What a reader of the cell's text gives; what it refuses is said with file, row and column."""
        try:
            return reader()
        except PkpdError as cause:
            raise self.error(column, str(cause)) from cause


def _number(text: str) -> float | None:
    """The finite number a text is, or None; what Python alone would take, such as 1_0 or inf, is none."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and "_" not in text and text == text.strip() else None


def rows(path: Path, columns: Sequence[str]) -> Iterator[Cells]:
    """The rows of a table.

    path    : a CSV file with a line of column names
    columns : the names that must stand there, in this order
    Raises ObservationError for a file that is not there, other columns, a row of another length, or an id that is
    missing or there twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as cause:
        raise ObservationError(f"{path}: cannot be read ({cause.strerror}).") from cause
    lines = list(csv.reader(text.splitlines(), strict=True))
    if not lines or lines[0] != list(columns):
        given = ", ".join(lines[0]) if lines else "nothing"
        raise ObservationError(f"{path.name}: the columns are {given}; they must be {', '.join(columns)}.")
    seen: set[str] = set()
    for number, texts in enumerate(lines[1:], start=1):
        if len(texts) != len(columns):
            raise ObservationError(f"{path.name} row {number}: {len(texts)} cells for {len(columns)} columns.")
        made = Cells(path.name, number, columns, texts)
        if not texts[0] or texts[0] in seen:
            raise made.error(columns[0], f'"{texts[0]}" is {"there twice" if texts[0] else "missing"}.')
        seen.add(texts[0])
        yield made
