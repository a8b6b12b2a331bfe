"""Entry criteria as plain comparisons, and the patients who meet them; the others are counted, by criterion."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError, UnitError, UnknownName, nearest, unknown
from pkpd.population.covariates import Share, plain, unit_of
from pkpd.population.people import Population
from pkpd.units import analyse

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Columns = Mapping[str, Any]

FORMS = (
    '"age 18 to 75 year", "weight at most 120 kg" (or at least, above, below), "sex is female", '
    '"diagnosis is not crps or cancer", "no pregnancy", "pregnancy"'
)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BETWEEN = re.compile(rf"(.+?)\s+({_NUMBER})\s+to\s+({_NUMBER})\s*(.*)")
_BOUND = re.compile(rf"(.+?)\s+(at least|at most|above|below)\s+({_NUMBER})\s*(.*)")
_WORD = re.compile(r"(.+?)\s+is\s+(not\s+)?(.+)")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One entry criterion.

    text        : as given
    name        : of the covariate or column it looks at
    least, most : in `unit`; None for no bound
    open        : whether the bounds themselves are outside
    unit        : as given; "" for none
    words       : of which the covariate is one, or none of them where it is `forbidden`; empty for a number or trait
    forbidden   : whether the words, or the trait, keep a patient out
    """

    text: str
    name: str
    least: float | None = None
    most: float | None = None
    open: bool = False
    unit: str = ""
    words: tuple[str, ...] = ()
    forbidden: bool = False

    @property
    def of_number(self) -> bool:
        """Whether it compares a number."""
        return self.least is not None or self.most is not None


@dataclass(frozen=True, slots=True)
class Screened:
    """How many were looked at, and how many each criterion removed.

    size     : how many were looked at
    eligible : how many meet every criterion
    criteria : as given, in order
    first    : per criterion, those it removed who had met all before it; they sum to the rest
    failed   : per criterion, all who fail it, whatever else they fail
    """

    size: int
    eligible: int
    criteria: tuple[str, ...]
    first: tuple[int, ...]
    failed: tuple[int, ...]

    def __add__(self, other: Screened) -> Screened:
        """Two rounds of screening by the same criteria as one."""
        if self.criteria != other.criteria:
            raise SimulationError("entry criteria: two rounds of screening by different criteria cannot be added.")
        return Screened(
            self.size + other.size,
            self.eligible + other.eligible,
            self.criteria,
            tuple(a + b for a, b in zip(self.first, other.first, strict=True)),
            tuple(a + b for a, b in zip(self.failed, other.failed, strict=True)),
        )

    def __str__(self) -> str:
        lines = [f"{self.size:,} screened, {self.eligible:,} eligible ({self.eligible / self.size:.1%})"]
        for text, first, failed in zip(self.criteria, self.first, self.failed, strict=True):
            lines.append(f"  {text}: removes {first:,} in order; {failed:,} ({failed / self.size:.1%}) fail it")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who meets the criteria.

    population : those patients, with their own numbers
    screened   : how many were removed, and by what
    """

    population: Population
    screened: Screened

    def __repr__(self) -> str:
        return f"Enrolled({self.screened.eligible:,} of {self.screened.size:,}: {'; '.join(self.screened.criteria)})"


def read_criterion(given: str | Criterion) -> Criterion:
    """A criterion out of its text.

    Raises SimulationError for a text that is none, with the forms there are.
    """
    if isinstance(given, Criterion):
        return given
    if not isinstance(given, str) or not given.strip():
        raise SimulationError(f"entry criterion: {given!r} is none. Write {FORMS}.")
    text = " ".join(given.split())
    if found := _BETWEEN.fullmatch(text):
        low, high = float(found[2]), float(found[3])
        if low > high:
            raise SimulationError(f'entry criterion "{text}": {low:g} is above {high:g}; nobody can meet it.')
        return Criterion(text, found[1], low, high, unit=found[4])
    if found := _BOUND.fullmatch(text):
        number, below = float(found[3]), found[2] in ("at most", "below")
        opened = found[2] in ("above", "below")
        return Criterion(text, found[1], None if below else number, number if below else None, opened, found[4])
    if found := _WORD.fullmatch(text):
        words = tuple(word.strip() for word in re.split(r"\s+or\s+|\s*,\s*", found[3]))
        return Criterion(text, found[1], words=words, forbidden=bool(found[2]))
    if re.search(r"\d", text):
        raise SimulationError(f'entry criterion "{text}" cannot be read. Write {FORMS}.')
    if found := re.fullmatch(r"(?:no|not|without)\s+(.+)", text):
        return Criterion(text, found[1], forbidden=True)
    return Criterion(text, text)


def trait(population: Population, name: str) -> Mask | None:
    """Who has a trait, (size); None where the population does not say.

    name : of a trait ("pregnancy"), or a word of a covariate before its name ("severe hepatic disease")
    """
    wanted = plain(name)
    for known in population.known:
        words = population.words(known)
        if plain(known) == wanted and not words and _is_trait(population, known):
            return np.asarray(population.covariate(known, 0.0) > 0)
        for position, word in enumerate(words):
            if wanted == f"{plain(word)} {plain(known)}":
                return np.asarray(population.covariate(known, 0.0) == position)
    return None


def _is_trait(population: Population, name: str) -> bool:
    """Whether a covariate is one that people have or have not."""
    if population.table is not None and name in population.table:
        return set(np.unique(population.table.columns[name])) <= {0.0, 1.0}
    given = population.covariates.get(name)
    return isinstance(given, Share) or given in (0, 1)


def traits(population: Population) -> tuple[str, ...]:
    """Every name that `trait` knows of a population."""
    found = []
    for name in population.known:
        if words := population.words(name):
            found += [f"{word} {name}" for word in words]
        elif _is_trait(population, name):
            found.append(name)
    return tuple(found)


def meets(population: Population, given: str | Criterion, columns: Columns | None = None) -> Mask:
    """Who meets a criterion, (size).

    columns : further things known of every patient, name -> (size) numbers, such as a measured score; canonical units
    Raises UnknownName for what is known of nobody, UnitError for a unit that is missing or does not fit.
    """
    criterion = read_criterion(given)
    if criterion.of_number:
        values, low, high = _compared(population, criterion, columns or {})
        if criterion.open:
            inside: Mask = (values > low) & (values < high)
        else:
            inside = (values >= low) & (values <= high)
        return inside
    if criterion.words:
        return _among(population, criterion)
    column = _column(population, criterion, columns or {})
    has = trait(population, criterion.name) if column is None else column > 0
    if has is None:
        raise _not_known(population, criterion, columns or {}, traits(population), "trait")
    return ~has if criterion.forbidden else has


def check(population: Population, given: str | Criterion) -> None:
    """Refuse a criterion that no patient can be held against, without drawing anybody.

    Raises as `meets`.
    """
    criterion = read_criterion(given)
    if criterion.of_number:
        _bounds(population, criterion, _numbered(population, criterion, ()))
    elif criterion.words:
        _positions(population, criterion)
    elif plain(criterion.name) not in map(plain, known := traits(population)):
        raise _not_known(population, criterion, {}, known, "trait")


def eligible(
    population: Population, criteria: Sequence[str | Criterion], columns: Columns | None = None
) -> tuple[Mask, Screened]:
    """Who meets every criterion, (size), and how many each removes.

    criteria : such as ["age 18 to 75 year", "baseline pain at least 4", "no pregnancy"]
    columns  : further things known of every patient, name -> (size) numbers in canonical units
    Raises UnknownName, UnitError, SimulationError as `meets` and `read_criterion` do.
    """
    if isinstance(criteria, (str, Criterion)):
        raise SimulationError(f'entry criteria: give a list, such as ["{criteria}"].')
    if not isinstance(criteria, Sequence):
        raise SimulationError(f'entry criteria: {criteria!r} is none. Give a list, such as ["age 18 to 75 year"].')
    read = [read_criterion(one) for one in criteria]
    left = np.ones(population.size, bool)
    first, failed = [], []
    for criterion in read:
        met = meets(population, criterion, columns)
        failed.append(int(population.size - np.count_nonzero(met)))
        before = int(np.count_nonzero(left))
        left &= met
        first.append(before - int(np.count_nonzero(left)))
    counted = int(np.count_nonzero(left))
    return left, Screened(population.size, counted, tuple(one.text for one in read), tuple(first), tuple(failed))


def enrol(population: Population, criteria: Sequence[str | Criterion], columns: Columns | None = None) -> Enrolled:
    """The patients of a population who meet entry criteria, and how many each criterion removed.

    criteria, columns : as for `eligible`
    Raises SimulationError where nobody meets them: which criterion removes everybody, and how near the nearest is.
    """
    mask, screened = eligible(population, criteria, columns)
    if not mask.any():
        raise SimulationError(nobody(population, criteria, columns, screened))
    return Enrolled(population.only(population.numbers[mask].tolist()), screened)


def nobody(
    population: Population, criteria: Iterable[str | Criterion], columns: Columns | None, screened: Screened
) -> str:
    """Why nobody meets the criteria, in words."""
    read = [read_criterion(one) for one in criteria]
    size = f"{screened.size:,} patients"
    alone = [one for one, failed in zip(read, screened.failed, strict=True) if failed == screened.size]
    if alone:
        told = "; ".join(f'"{one.text}" removes everybody{_how_far(population, one, columns or {})}' for one in alone)
        return f"entry criteria: none of {size} meets them: {told}. Widen it, or change the population."
    told = "; ".join(f'"{one.text}" removes {n:,}' for one, n in zip(read, screened.failed, strict=True))
    return (
        f"entry criteria: none of {size} meets them all, though each is met by some: {told}. "
        "Widen one of them, change the population, or screen more patients."
    )


def _how_far(population: Population, criterion: Criterion, columns: Columns) -> str:
    """How far the nearest patient is from meeting a criterion of a number, or what the others are."""
    if criterion.of_number:
        values, low, high = _compared(population, criterion, columns)
        unit = criterion.unit or unit_of(criterion.name) or ""
        scale = analyse(unit)[0]
        near = int(np.argmin(np.maximum(low - values, values - high)))
        away = max(low - values[near], values[near] - high) / scale
        return f" (the nearest has {values[near] / scale:.4g} {unit}".rstrip() + f", {away:.3g} away)"
    if criterion.words:
        there = population.words(_known(population, criterion.name))
        return f" (they are {', '.join(there)})"
    return " (all have it)" if criterion.forbidden else " (nobody has it)"


def _known(population: Population, name: str) -> str:
    """The population's own writing of a name; the name itself where it has none."""
    return next((known for known in population.known if plain(known) == plain(name)), name)


def _compared(population: Population, criterion: Criterion, columns: Columns) -> tuple[Floats, float, float]:
    """The numbers a criterion looks at, and its bounds, all canonical."""
    column, name = _column(population, criterion, columns), _known(population, criterion.name)
    if column is None:
        column = population.covariate(_numbered(population, criterion, columns), 0.0)
    return column, *_bounds(population, criterion, name)


def _numbered(population: Population, criterion: Criterion, columns: Iterable[str]) -> str:
    """The covariate that a criterion compares, which is to be a number.

    columns : names of what else is known of the patients
    """
    name = _known(population, criterion.name)
    if name not in population.known:
        raise _not_known(population, criterion, {}, [*population.known, *columns], "covariate")
    if words := population.words(name):
        raise SimulationError(
            f'entry criterion "{criterion.text}": {name} is a word ({", ".join(words)}). Write {name} is {words[0]}.'
        )
    return name


def _bounds(population: Population, criterion: Criterion, name: str) -> tuple[float, float]:
    """The bounds of a criterion, canonical.

    name : of the covariate
    """
    where, usual = f'entry criterion "{criterion.text}"', unit_of(name)
    scale, dimension = analyse(criterion.unit, where)
    known = analyse(usual)[1] if usual is not None else population.dimension(name)
    if known and criterion.unit == "":
        raise UnitError(f"{where}: the number has no unit. {name} is in {usual or 'the unit it was given in'}.")
    if known is not None and dimension != known:
        raise UnitError(f'{where}: unit "{criterion.unit}" does not fit; {name} is in {usual or "another"}.')
    low = -np.inf if criterion.least is None else criterion.least * scale
    high = np.inf if criterion.most is None else criterion.most * scale
    return low, high


def _among(population: Population, criterion: Criterion) -> Mask:
    """Who is one of the words, or none of them."""
    name, chosen = _positions(population, criterion)
    found: Mask = np.isin(population.covariate(name, 0.0), chosen)
    return ~found if criterion.forbidden else found


def _positions(population: Population, criterion: Criterion) -> tuple[str, list[float]]:
    """The covariate of words a criterion looks at, and where its words stand among them."""
    where = f'entry criterion "{criterion.text}"'
    name = _known(population, criterion.name)
    words = population.words(name)
    if not words:
        worded = [known for known in population.known if population.words(known)]
        if name in population.known:
            raise SimulationError(
                f"{where}: {name} is a number and not a word. Write {name} at least, below, 1 to 2 ..."
            )
        raise _not_known(population, criterion, {}, worded, "covariate of words")
    positions = {plain(word): position for position, word in enumerate(words)}
    for word in criterion.words:
        if plain(word) not in positions:
            raise unknown(where, f"word of {name}", word, words)
    return name, [float(positions[plain(word)]) for word in criterion.words]


def _column(population: Population, criterion: Criterion, columns: Columns) -> Floats | None:
    """The column a criterion names, checked; None where it is none."""
    for name, given in columns.items():
        if plain(name) != plain(criterion.name):
            continue
        where = f"entry criteria: column {name}"
        column = np.asarray(given, float)
        if column.shape != (population.size,):
            raise SimulationError(f"{where} has the shape {column.shape} for {population.size} patients.")
        if np.isnan(column).any():
            at = int(np.flatnonzero(np.isnan(column))[0])
            raise SimulationError(f"{where}: of patient {population.numbers[at]} there is no number.")
        return column
    return None


def _not_known(
    population: Population, criterion: Criterion, columns: Columns, allowed: Iterable[str], kind: str
) -> UnknownName:
    where = f'entry criterion "{criterion.text}"'
    if plain(criterion.name) == "baseline pain":
        return UnknownName(
            f"{where}: the population does not say what pain its patients have; an effect does. Give it, "
            'effect=pkpd.load_effect("baseline-pain"), or measured scores, columns={"baseline pain": scores}.'
        )
    return UnknownName(f'{where}: {kind} "{criterion.name}" is not known. {nearest(criterion.name, allowed)}')
