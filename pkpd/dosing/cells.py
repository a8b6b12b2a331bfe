"""One line of a NONMEM data set, cell by cell: numbers, times and what EVID and CMT say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final

from pkpd.dosing.records import DatasetError, Kind
from pkpd.times import LONGEST, to_ticks

KINDS: Final[dict[int, Kind]] = {
    0: "observation",
    1: "dose",
    2: "other",
    3: "reset",
    4: "reset and dose",
    5: "replace",
    6: "multiply",
    7: "phantom",
    8: "replace",
}
MISSING: Final = ("", ".", "NA", "na", "NaN", "nan")


def number_in(text: str) -> float | None:
    """The finite number a cell holds, or None."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if abs(found) < float("inf") and "_" not in text else None


@lru_cache(maxsize=4096)
def _in_ticks(written: str, ticks: int) -> int:
    """A decimal number of some ticks each, to the nearest."""
    return round(Fraction(written) * ticks)


class Line:
    """The cells of one line by the name of their column; a column that is not there is empty."""

    def __init__(self, places: Mapping[str, int], row: int, line: Sequence[str]) -> None:
        self.places, self.row, self.line = places, row, line

    def error(self, column: str, text: str) -> DatasetError:
        return DatasetError(f"row {self.row}, {column}: {text}")

    def text(self, column: str) -> str:
        """A cell; "" where there is nothing."""
        place = self.places.get(column)
        written = "" if place is None else self.line[place].strip()
        return "" if written in MISSING else written

    def word(self, column: str) -> str | None:
        return self.text(column) or None

    def number(self, column: str) -> float:
        """A number; 0 where there is nothing."""
        written = self.text(column)
        found = number_in(written) if written else 0.0
        if found is None:
            raise self.error(column, f'"{written}" is not a number. Write one, or "." for nothing.')
        return found

    def whole(self, column: str, allowed: Sequence[int] | None = None) -> int:
        found = self.number(column)
        if not found.is_integer():
            raise self.error(column, f"{found:g} is not a whole number.")
        if allowed is not None and int(found) not in allowed:
            raise self.error(column, f"{found:g} is not known. Allowed: {', '.join(map(str, allowed))}.")
        return int(found)

    def time(self, column: str, ticks: int, needed: bool = False) -> int:
        """A time in ticks, from a decimal number or hh:mm; no digit is lost."""
        written = self.text(column)
        if not written and needed:
            raise self.error(column, "no time. Every record needs one.")
        hours, colon, minutes = written.partition(":")
        if colon:
            if not (hours.isdigit() and minutes.isdigit() and int(minutes) < 60):
                raise self.error(column, f'"{written}" is not a time. Write hours, or hh:mm.')
            return to_ticks(1.0) * int(hours) + to_ticks(1.0) // 60 * int(minutes)
        if not written:
            return 0
        self.number(column)
        try:
            found = _in_ticks(written, ticks)
        except ValueError as cause:
            raise self.error(column, f'"{written}" is not a time. Write hours, or hh:mm.') from cause
        if abs(found) > LONGEST // 2:
            raise self.error(column, f"{written} is not within 146 years of 0.")
        return found

    def compartment(self) -> int | str:
        """Number or name; 0 for none."""
        written = self.text("CMT")
        number = number_in(written)
        if number is None:
            return written or 0
        return self.whole("CMT")

    def evid(self) -> int:
        """The kind of record, from EVID or, where there is none, from what the line holds."""
        gives = any(self.number(column) != 0.0 for column in ("AMT", "RATE", "II", "ADDL", "SS"))
        missing = self.whole("MDV", (0, 1)) if self.text("MDV") else None
        if not self.text("EVID"):
            evid = 1 if gives else 2 if missing == 1 else 0
        else:
            evid = self.whole("EVID", tuple(KINDS))
        if evid != 0 and missing == 0:
            raise self.error("MDV", f"0 says that there is a value, EVID {evid} that there is none. Write MDV 1.")
        return evid
