"""The verb: a model and a data set -> what the model says at every record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd import validity
from pkpd.actions import ADD, REPLACE
from pkpd.dosing.dataset import Dataset
from pkpd.dosing.records import Record
from pkpd.dosing.regimen import Regimen
from pkpd.dosing.timeline import Timeline, timeline
from pkpd.errors import SimulationError, nearest
from pkpd.individuals import Individuals
from pkpd.model.model import Model
from pkpd.parametertable import of_table
from pkpd.repeating import steady_state, values_of
from pkpd.result import CONCENTRATION_UNIT
from pkpd.simulation import thread_count
from pkpd.solving import Solved, Tolerance, solve
from pkpd.times import to_ticks
from pkpd.units import analyse, factor
from pkpd.ways import Ways

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

# A data set often says it in this way.
_USUAL = {"WT": "weight", "BW": "weight"}


class _Occasion(NamedTuple):
    """One occasion of one subject: its records, and its sets of parameters among all that were evaluated."""

    first: int
    last: int
    regimes: tuple[int, ...]  # per record, from 0 on
    evaluated: tuple[int, ...]  # per regime, its column


def predict(
    model: Model,
    dataset: Dataset,
    parameters: Mapping[str, Any] | None = None,
    *,
    covariates: Mapping[str, str] | None = None,
    tolerance: Tolerance | None = None,
    threads: int | None = None,
    with_failures: bool = False,
) -> pandas.DataFrame:
    """What a model says at every record of a data set.

    model      : from `pkpd.load` or `pkpd.read_model`; compartment n of the data set is its n-th state
    dataset    : from `pkpd.read_dataset`, with its rules. A column named as a covariate or parameter of the model
                 gives its value, in the unit of the model file, and may change from record to record
    parameters : name -> one number, one for each subject in the order of the data set, or ID -> number; h, mg, L, kg.
                 Where "ID" is one of the names (a pandas frame will do) the others belong to those subjects
    covariates : covariate or parameter of the model -> column, where the names differ; WT and BW are weight
    tolerance  : how exactly equations are solved that have no exact solution; linear models have one
    threads    : how many; all cores unless given
    with_failures : give an occasion that cannot be computed as not-a-number instead of raising
    returns    : pandas frame, one row a record in the order of the file: ID, TIME (as in the data set), row, and every
                 output in its unit, read as the data set's mode says. Hard limits of weight, age and other covariates
                 are refused at every record; the other limits, of level, duration or one route, are not looked at
    Raises a PkpdError that names row and column: a compartment or route the model has not, a missing covariate, a rate
    left to a model that has none, a steady state that does not exist ...
    """
    if not isinstance(model, Model):
        raise SimulationError(f"model: {model!r} is not one. Load it first, with pkpd.load or pkpd.read_model.")
    if not isinstance(dataset, Dataset):
        raise SimulationError(f"data set: {str(dataset)[:60]!r} is not one. Read it first, with pkpd.read_dataset.")
    subjects = tuple(dict.fromkeys(dataset.ids))
    given = _by_subject(parameters or {}, subjects)
    columns = _columns(model, dataset, covariates or {}, given)
    occasions, table = _evaluated(model, dataset, subjects, given, columns)
    people = of_table(model, table)
    validity.refuse(people, Regimen())
    ways = Ways(people, dataset.mode)
    timelines = [_timeline(dataset, one, ways) for one in occasions]
    found = np.empty((len(people.program.outputs), len(dataset.records)))
    failures: dict[int, str] = {}
    for group in _groups(timelines):
        own = [occasions[n].evaluated for n in group]
        solved = _solve(people, own, [timelines[n] for n in group], tolerance, thread_count(threads))
        failures |= {group[position]: why for position, why in solved.failures.items()}
        for n, value in zip(group, np.moveaxis(solved.values, 2, 0), strict=True):
            found[:, occasions[n].first : occasions[n].last] = value
    if failures and not with_failures:
        _refuse(dataset, {occasions[n].first: why for n, why in failures.items()})
    return _frame(people, dataset, found)


def _refuse_second_doses(records: Sequence[Record], occasion: _Occasion, ways: Ways) -> None:
    """Refuse a second dose of an occasion into a state whose equation counts the time from the first."""
    names = ways.people.program.states
    states = ways.people.model.states
    given: dict[str, int] = {}
    if not any(state.once for state in states.values()):
        return
    for record in records:
        for way in ways(record, occasion.evaluated[0]) if record.gives else ():
            name = names[way.state]
            given[name] = given.get(name, 0) + 1 + record.additional
            if given[name] > 1 and states[name].once:
                raise SimulationError(
                    f"row {record.row}: {given[name]} doses go into {name}, which takes one in an occasion, because "
                    "its equation counts the time from that dose. Begin another occasion, or take a transit chain."
                )


def _refuse_units_given_apart(records: Sequence[Record], ways: Ways) -> None:
    """Refuse two doses at one time by a route whose bioavailability depends on how much is given at a time."""
    of_dose = ways.model.of_dose
    seen: set[tuple[str, int]] = set()
    for record in records if of_dose else ():
        if record.gives and record.route and any(b.bioavailability in of_dose for b in ways.branches[record.route]):
            at = {(record.route, record.time + n * record.interval) for n in range(record.additional + 1)}
            if at & seen:
                raise record.error(
                    "AMT",
                    f"a second dose {record.route} at one time, of which the model absorbs less together than apart. "
                    "Write them as one.",
                )
            seen |= at


def _by_subject(parameters: Mapping[str, Any], subjects: Sequence[str]) -> dict[str, Floats]:
    """Every parameter given, (subjects)."""
    names = {str(name): name for name in parameters}
    key = next((name for name in names if name.upper() == "ID"), None)
    order: list[int] | None = None
    if key is not None:
        listed = [_id(one) for one in parameters[names[key]]]
        if len(set(listed)) != len(listed) or not set(subjects) <= set(listed):
            missing = [one for one in subjects if one not in listed]
            raise SimulationError(
                f"parameters: ID {missing[0]} of the data set is missing." if missing else "parameters: an ID is twice."
            )
        order = [listed.index(one) for one in subjects]
    found = {}
    for name, own in names.items():
        if name == key:
            continue
        value = parameters[own]
        if isinstance(value, Mapping):
            by_id = {_id(one): number for one, number in value.items()}
            for one in subjects:
                if one not in by_id:
                    raise SimulationError(f"parameters: {name} has no value for ID {one}. {nearest(one, by_id)}")
            value = [by_id[one] for one in subjects]
        try:
            column = np.asarray(value, float)
        except (TypeError, ValueError) as cause:
            raise SimulationError(f"parameters: {name} holds what is not a number: {str(value)[:40]}.") from cause
        if order is not None and column.ndim == 1:
            column = column[order]
        if column.ndim > 1 or (column.ndim == 1 and len(column) != len(subjects)):
            raise SimulationError(
                f"parameters: {name} has the shape {column.shape} for {len(subjects)} subjects. Give one number, one "
                "for each subject, or ID -> number."
            )
        if not np.isfinite(column).all():
            raise SimulationError(f"parameters: {name} is not a finite number for every subject.")
        found[name] = np.broadcast_to(column, len(subjects))
    return found


def _id(value: Any) -> str:
    """A subject as `Dataset.ids` writes it."""
    try:
        return f"{float(value):.15g}"
    except (TypeError, ValueError):
        return str(value).strip()


def _columns(
    model: Model, dataset: Dataset, named: Mapping[str, str], given: Mapping[str, Floats]
) -> dict[str, tuple[str, float]]:
    """Covariate or parameter of the model -> the column of the data set that gives it, and the factor of its unit."""
    takes = {**dict.fromkeys(model.derived, ""), **{name: own.unit for name, own in model.parameters.items()}}
    takes |= {"weight": "kg", **{name: own.unit for name, own in model.covariates.items()}}
    found = {}
    for name, column in named.items():
        if name not in takes:
            raise SimulationError(f'covariates: the model {model.id} has no "{name}". {nearest(name, takes)}')
        if column.upper() not in dataset.places:
            raise SimulationError(f'covariates: no column "{column}". {nearest(column, dataset.columns)}')
        found[name] = column
    covariates = {name.upper(): name for name in ("weight", *model.covariates)}
    for column in dataset.covariates:
        name = column if column in takes else covariates.get(column.upper(), _USUAL.get(column.upper(), ""))
        if name and name not in named and column not in named.values():
            if name in found:
                raise SimulationError(
                    f"data set: columns {found[name]} and {column} both give {name}. Say which: "
                    f'covariates={{"{name}": "{column}"}}.'
                )
            found[name] = column
    for name, column in found.items():
        if name in given:
            raise SimulationError(f"{name} is given twice: in parameters and by the column {column}. Leave one out.")
    return {name: (column, analyse(takes[name])[0]) for name, column in found.items()}


def _evaluated(
    model: Model,
    dataset: Dataset,
    subjects: Sequence[str],
    given: Mapping[str, Floats],
    columns: Mapping[str, tuple[str, float]],
) -> tuple[list[_Occasion], dict[str, Floats]]:
    """The occasions, and the table of every set of parameters: one a subject, one more where a covariate changes."""
    number = {one: place for place, one in enumerate(subjects)}
    occasions: list[_Occasion] = []
    who: list[int] = []
    sets: list[tuple[float, ...]] = []
    for one, first, last in dataset.occasions:
        regimes: list[int] = []
        evaluated: list[int] = []
        known: dict[tuple[float, ...], int] = {}
        for position in range(first, last):
            values = tuple(_value(dataset, column, position) * scale for column, scale in columns.values())
            if values not in known:
                known[values] = len(evaluated)
                evaluated.append(len(sets))
                who.append(number[one])
                sets.append(values)
            regimes.append(known[values])
            if dataset.mode == "default" and position > first and regimes[-1] != regimes[-2]:
                _refuse_two_values(dataset, [column for column, _ in columns.values()], position)
        occasions.append(_Occasion(first, last, tuple(regimes), tuple(evaluated)))
    table = {name: column[who] for name, column in given.items()}
    table |= dict(zip(columns, np.array(sets, float).reshape(len(sets), len(columns)).T, strict=True))
    typical = model.covariates["weight"].typical if "weight" in model.covariates else 70.0
    return occasions, table or {"weight": np.full(len(sets), typical)}


def _value(dataset: Dataset, column: str, position: int) -> float:
    own = dataset.records[position].covariates
    return own[column] if column in own else dataset.number(column, position)


def _refuse_two_values(dataset: Dataset, columns: Sequence[str], position: int) -> None:
    """A covariate that is a function of time has one value at one time."""
    before, after = dataset.records[position - 1 : position + 1]
    if before.time == after.time:
        changed = next(c for c in columns if _value(dataset, c, position) != _value(dataset, c, position - 1))
        raise after.error(
            changed,
            f"another value than row {before.row} has at the same time. Give one; or read the data set with "
            'mode="nonmem", where a value holds until its record.',
        )


def _timeline(dataset: Dataset, occasion: _Occasion, ways: Ways) -> Timeline:
    records = dataset.records[occasion.first : occasion.last]
    _refuse_second_doses(records, occasion, ways)
    _refuse_units_given_apart(records, ways)
    states = len(ways.people.program.states)
    return timeline(
        records,
        occasion.regimes,
        states,
        lambda record, regime: ways(record, occasion.evaluated[regime]),
        dataset.mode,
    )


def _groups(timelines: Sequence[Timeline]) -> list[list[int]]:
    """Numbers of the timelines that differ in nothing but amounts."""
    groups: dict[Timeline, list[int]] = {}
    for number, one in enumerate(timelines):
        groups.setdefault(one._replace(amounts=()), []).append(number)
    return list(groups.values())


def _solve(
    people: Individuals,
    evaluated: Sequence[tuple[int, ...]],
    timelines: Sequence[Timeline],
    tolerance: Tolerance | None,
    threads: int,
) -> Solved:
    """Outputs of occasions that share their events, (outputs, records, occasions), and why some have none."""
    from pkpd.kernels.events import Events

    one, program = timelines[0], people.program
    amounts = np.array([timeline.amounts for timeline in timelines]).T
    rate, actions = np.array(one.rate, np.int64), np.array(one.actions, np.int64).reshape(-1, 4)
    failures: dict[int, str] = {}
    for wanted in one.steady:
        columns = np.array([own[wanted.regime] for own in evaluated])
        rows = slice(wanted.into, wanted.into + len(program.states))
        amounts[rows], reasons = steady_state(people, columns, wanted, amounts, threads)
        failures = reasons | failures
        if not program.is_linear:  # a reset leaves starting values, and the steady state takes their place
            actions[(actions[:, 1] == ADD) & (actions[:, 3] >= rows.start) & (actions[:, 3] < rows.stop), 1] = REPLACE
    inputs = sorted({*np.flatnonzero((rate >= 0).any(axis=0)).tolist(), *actions[:, 2].tolist()}) or [0]
    actions[:, 2] = np.searchsorted(inputs, actions[:, 2])
    several = len(set(one.regime)) > 1
    regimes = np.array([own[: 1 + max(one.regime)] for own in evaluated]).T if several else None
    events = Events(
        breaks=np.array(one.breaks, np.int64),
        rate=np.ascontiguousarray(rate[:, inputs]),
        actions=actions,
        amounts=amounts,
        times=np.array(one.times, np.int64),
        before=False,
        subjects=np.arange(len(timelines)),
        segments=np.array(one.segments, np.int64),
        regime=np.array(one.regime, np.int64) if several else None,
    )
    columns = np.array([own[one.regime[0]] for own in evaluated]) if regimes is None else regimes
    values = values_of(people, columns)
    solved = solve(
        program, tuple(inputs), values, [events], len(one.times), len(timelines), tolerance=tolerance, threads=threads
    )
    failures = {**solved.failures, **failures}
    found = solved.values
    if failures:
        found = found.copy()
        found[:, :, list(failures)] = np.nan
    return Solved(found, failures)


def _refuse(dataset: Dataset, failures: Mapping[int, str]) -> None:
    """Raise for occasions that could not be computed, by their first records."""
    first = min(failures)
    others = f" So with {len(failures) - 1} more." if len(failures) > 1 else ""
    raise SimulationError(
        f"ID {dataset.ids[first]}, from row {dataset.rows[first]}: {failures[first]}{others} With with_failures=True "
        "such records are given as not-a-number."
    )


def _frame(people: Individuals, dataset: Dataset, found: Floats) -> pandas.DataFrame:
    """One row a record, units in the names of the columns."""
    import pandas

    tick = to_ticks(factor(dataset.time, "time"))
    try:
        who: list[Any] = [int(one) for one in dataset.ids]
    except ValueError:
        who = list(dataset.ids)
    hours = [record.time / tick for record in dataset.records]
    columns: dict[str, Any] = {"ID": who, "TIME": hours, "row": dataset.rows}
    for name, values in zip(people.program.outputs, found, strict=True):
        output = people.model.outputs.get(name)
        other = output is not None and output.dimension != analyse(CONCENTRATION_UNIT)[1]
        unit = output.unit if other and output is not None else CONCENTRATION_UNIT
        columns[f"{name} ({unit})" if unit not in ("", "1") else name] = values / analyse(unit)[0]
    return pandas.DataFrame(columns)
