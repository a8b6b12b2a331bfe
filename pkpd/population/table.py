"""A table of real people: whole rows are drawn from it, so that what goes together in them stays together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError, UnitError, unknown
from pkpd.population.covariates import canonical, dimension_of, impossible, plain, unit_of
from pkpd.units import Dimension, analyse

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """People of the user's own, a row each.

    columns    : covariate -> (rows), canonical units; the position of the word where it is a word
    words      : covariate -> its words, of those that are words
    dimensions : covariate -> dimension, of those whose unit was given
    """

    columns: Mapping[str, Floats]
    words: Mapping[str, tuple[str, ...]]
    dimensions: Mapping[str, Dimension]

    @classmethod
    def of(cls, frame: Mapping[str, Any], units: Mapping[str, str] | None = None) -> Table:
        """A table out of columns.

        frame : covariate -> (rows) numbers, words, or true and false; a pandas frame will do
        units : covariate -> unit of its numbers ("lb" is none; "kg" is one); canonical where it is not given
        Raises SimulationError naming row and column for what is missing or no number, UnitError for a unit that does
        not fit, UnknownName for a unit of a column that is not there.
        """
        if not hasattr(frame, "keys") or not len(list(frame.keys())):
            raise SimulationError("table: give columns, name -> a value a person, such as a pandas frame.")
        units = {canonical(name): unit for name, unit in (units or {}).items()}
        names = [canonical(str(name)) for name in frame]
        for name in units:
            if name not in names:
                raise unknown("table: units", "column", name, names)
        seen: dict[str, str] = {}
        for name in names:
            if plain(name) in seen:
                raise SimulationError(f"table: the columns {seen[plain(name)]} and {name} have the same name.")
            seen[plain(name)] = name
        columns: dict[str, Floats] = {}
        words: dict[str, tuple[str, ...]] = {}
        dimensions: dict[str, Dimension] = {}
        rows: tuple[str, int] | None = None
        for given in frame:
            name, cells = canonical(str(given)), np.asarray(frame[given], object)
            if cells.ndim != 1 or not len(cells):
                raise SimulationError(f"table: column {name} is not one value a person.")
            if rows is not None and len(cells) != rows[1]:
                raise SimulationError(f"table: column {name} has {len(cells)} rows, column {rows[0]} has {rows[1]}.")
            rows = rows or (name, len(cells))
            _refuse_missing(name, cells)
            if any(isinstance(cell, str) for cell in cells):
                columns[name], words[name] = _words(name, cells)
                if name in units:
                    raise UnitError(f'table: column {name} holds words, and its unit is given as "{units[name]}".')
                continue
            columns[name] = _numbers(name, cells)
            if name in units:
                factor, dimensions[name] = _unit(name, units[name])
                columns[name] = columns[name] * factor
            _refuse_impossible(name, columns[name])
        return cls(columns, words, dimensions)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    @property
    def rows(self) -> int:
        """How many people."""
        return len(next(iter(self.columns.values())))


def _refuse_missing(name: str, cells: NDArray[Any]) -> None:
    for row, cell in enumerate(cells.tolist()):
        if _missing(cell):
            raise SimulationError(
                f"table: column {name}, row {row}: nothing is there. Fill it in, or leave that person out."
            )


def _missing(cell: Any) -> bool:
    """Whether nothing is in a cell: None, NaN, pandas' NA, or blanks."""
    try:
        return cell is None or bool(cell != cell) or (isinstance(cell, str) and not cell.strip())
    except TypeError:  # NA is neither equal to itself nor different
        return True


def _words(name: str, cells: NDArray[Any]) -> tuple[Floats, tuple[str, ...]]:
    """Positions of words, and the words in the order of the alphabet."""
    for row, cell in enumerate(cells.tolist()):
        if not isinstance(cell, str):
            raise SimulationError(f"table: column {name}, row {row}: {cell!r} is no word, as others in it are.")
    if unit_of(name) is not None:
        raise SimulationError(f"table: column {name}, row 0: {cells[0]!r} is no number. Write numbers, and units=...")
    found, positions = np.unique(cells.astype(str), return_inverse=True)
    return positions.astype(float), tuple(str(word) for word in found)


def _numbers(name: str, cells: NDArray[Any]) -> Floats:
    column = np.empty(len(cells))
    for row, cell in enumerate(cells.tolist()):
        try:
            column[row] = float(cell)
        except (TypeError, ValueError) as cause:
            raise SimulationError(f"table: column {name}, row {row}: {cell!r} is not a number.") from cause
        if not np.isfinite(column[row]):
            raise SimulationError(f"table: column {name}, row {row}: {cell!r} is not a finite number.")
    return column


def _unit(name: str, unit: str) -> tuple[float, Dimension]:
    factor, dimension = analyse(unit, f"table: column {name}")
    usual = dimension_of(name)
    if usual is not None and dimension != usual:
        raise UnitError(f'table: column {name}: unit "{unit}" does not fit; {name} is in {unit_of(name)}.')
    return factor, dimension


def _refuse_impossible(name: str, column: Floats) -> None:
    """Refuse a weight, height or age that no person has, a duration below 0."""
    if unit_of(name) is None:
        return
    for row in (int(column.argmin()), int(column.argmax())):
        why = impossible(name, float(column[row]))
        if why:
            why += ". Give the unit of the column where it is another: units={...}."
        elif column[row] < 0:
            why = f"{column[row]:g} {unit_of(name)}; it is 0 or more."
        if why:
            raise SimulationError(f"table: column {name}, row {row}: {why}")
