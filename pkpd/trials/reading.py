"""The [trial] table of a study file, and how trials are conducted where a study does not say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from pkpd.dosing.prescription import parse
from pkpd.model import library
from pkpd.model.model import Model
from pkpd.model.parts import Source
from pkpd.model.sections import read_origin, read_sources, read_unit
from pkpd.model.tomltext import Document, Table
from pkpd.observations.trials import Trial as Row
from pkpd.observations.trials import trials as rows
from pkpd.population.people import Population
from pkpd.populationfile import placed
from pkpd.practice.practice import Practice
from pkpd.statistics.normal import Z95
from pkpd.times import ticks
from pkpd.trials.conduct import DROP_OUTS, Assumption, Conduct
from pkpd.trials.values import DESIGNS, ENDPOINTS, Counts, Endpoint, Enrichment, Mean, Published, Treatment, Trial
from pkpd.units import analyse

_KEYS = (
    *("design", "drug", "control", "patients", "criteria", "missing", "note", "source", "mark"),
    *("endpoints", "conduct", "enrichment", "follow_up"),
)
_ENDPOINT_KEYS = (
    *("kind", "of", "when", "until", "threshold", "analysis", "words", "significant", "row", "drug", "control", "used"),
    *("source", "mark"),
)
_NUMBERS = tuple(f.name for f in fields(Conduct) if f.name not in ("missing", "origins"))
_UNITS = {"entry": "point", "noise": "point", "unblinding": "point", "washout": "h"}


def read_trials(
    top: Table,
    name: str,
    model: Model,
    arms: Mapping[str, Treatment],
    population: Population,
    practice: Practice | None,
    sources: Mapping[str, Source],
) -> tuple[Trial, ...]:
    """The trials that a study file describes: [trial], and further contrasts of the same trial, [[further_trials]].

    top     : of the file
    name    : its id
    model   : with its effects
    arms    : name -> treatment
    returns : the first is that of [trial]; empty where there is none
    """
    further = top.tables("further_trials")
    if "trial" not in top:
        if further:
            top.fail("further trials stand beside a [trial], which is missing.", "further_trials")
        return ()
    first = _trial(top, top.table("trial"), name, model, arms, population, practice, sources, usual_conduct()[0])
    made = [first]
    for table in further:
        own = _trial(top, table, name, model, arms, population, practice, sources, first.conduct)
        longest = max(first.followed, own.horizon)
        made.append(own if own.follow_up is not None else replace(own, follow_up=longest))
        if made[-1].drug.name in {trial.drug.name for trial in made[:-1]}:
            table.fail(f'the arm "{made[-1].drug.name}" is held against a control already.', "drug")
    return tuple(made)


def _trial(
    top: Table,
    table: Table,
    name: str,
    model: Model,
    arms: Mapping[str, Treatment],
    population: Population,
    practice: Practice | None,
    sources: Mapping[str, Source],
    usual: Conduct,
) -> Trial:
    """One trial.

    usual : how it is conducted where it does not say
    """
    table.only(_KEYS)
    read_origin(table, sources)
    design = table.choice("design", DESIGNS)
    drug = arms[table.choice("drug", arms)]
    control = arms[table.choice("control", arms)] if "control" in table else None
    if control == drug:
        table.fail(f'the arm "{drug.name}" is held against itself. Name another arm.', "control")
    endpoints = tuple(_endpoint(one, sources) for one in table.tables("endpoints"))
    conduct, patients, criteria = _conduct(table, sources, usual), _patients(table), table.texts("criteria")
    dose = table.table("enrichment")
    enrichment = _enrichment(dose, sources) if dose.data else None
    follow_up = placed(table, "follow_up", lambda: ticks(table.text("follow_up"))) if "follow_up" in table else None
    made = placed(
        table,
        None,
        lambda: Trial(
            model,
            drug,
            control,
            design,
            patients,
            endpoints,
            population,
            conduct,
            enrichment,
            criteria,
            name,
            top.text("title"),
            {**usual_conduct()[1], **sources},
            table.text("note", ""),
            practice,
            follow_up,
        ),
    )
    sizes = made.patients if design == "parallel" else made.patients * 2
    for endpoint, one in zip(endpoints, table.tables("endpoints"), strict=True):
        _refuse_more_than(one, endpoint, sizes)
    return made


def _refuse_more_than(table: Table, endpoint: Endpoint, sizes: tuple[int, ...]) -> None:
    """Refuse what was found in more patients than the trial has; fewer may have come to a visit."""
    seen = endpoint.observed
    for arm, size in zip((seen.drug, seen.control) if seen is not None else (), sizes, strict=False):
        total = arm.total if isinstance(arm, Counts) else arm.patients if arm is not None else None
        if total is not None and total > size:
            table.fail(
                f"{endpoint.name} was found in {total} patients, and {size} are said to be analysed. Give as "
                "`patients` of the trial how many were."
            )


def _patients(table: Table) -> tuple[int, ...]:
    given = table.data.get("patients")
    if not isinstance(given, list) or not all(isinstance(one, int) and not isinstance(one, bool) for one in given):
        table.fail("give how many were analysed as a list of whole numbers: [drug, control], or [all].", "patients")
    return tuple(given)


def _endpoint(table: Table, sources: Mapping[str, Source]) -> Endpoint:
    table.only(_ENDPOINT_KEYS)
    kind = table.choice("kind", ENDPOINTS)
    ever = "0 h" if kind == "side effect" else None  # under treatment, not at a visit
    when = placed(table, "when", lambda: ticks(table.text("when", ever)))
    until = placed(table, "until", lambda: ticks(table.text("until"))) if "until" in table else None
    return placed(
        table,
        None,
        lambda: Endpoint(
            kind,
            when,
            until,
            table.maybe("threshold"),
            table.text("analysis", ""),
            _observed(table, kind, sources),
            table.text("words", ""),
            table.flag("significant") if "significant" in table else None,
            table.text("of", ""),
            table.flag("used"),
            *(read_origin(table, sources) if "source" in table else ("", "")),
        ),
    )


def _observed(table: Table, kind: str, sources: Mapping[str, Source]) -> Published | None:
    if "words" in table or "significant" in table or "source" in table or "mark" in table:
        read_origin(table, sources)
    if "row" in table:
        table_rows = {row.id: row for row in rows()}
        return _of_row(table, kind, table_rows[table.choice("row", table_rows)])
    if "drug" not in table:
        if "control" in table:
            table.fail(
                "what was found on the control says nothing without that on the drug; tell it in words.", "control"
            )
        return None
    source, mark = read_origin(table, sources)
    read = _counts if ENDPOINTS[kind] else _mean
    control = read(table, "control") if "control" in table else None
    return Published(read(table, "drug"), control, source, mark, table.flag("used"))


def _counts(table: Table, key: str) -> Counts:
    given: Any = table.data[key]
    if not isinstance(given, list) or len(given) != 2 or not all(type(one) is int for one in given):
        table.fail("a counted endpoint has [events, patients], two whole numbers.", key)
    return placed(table, key, lambda: Counts(given[0], given[1]))


def _mean(table: Table, key: str) -> Mean:
    given = table.table(key)
    given.only(("mean", "se", "sd", "patients"))
    patients = given.maybe("patients")
    error = given.maybe("se")
    if "sd" in given:
        if patients is None or error is not None:
            given.fail("a mean has its se, or its sd and the number of patients.", "sd")
        error = given.number("sd") / math.sqrt(patients)
    return Mean(given.number("mean"), math.nan if error is None else error, None if patients is None else int(patients))


def _of_row(table: Table, kind: str, row: Row) -> Published:
    """What a row of the collected trial outcomes found."""
    fits = {
        "relief": row.outcome == "responders",
        "fall": False,
        "pain score": row.outcome == "mean pain" and row.scale == "0-10",
        "pain relief": row.outcome in ("mean relief", "mean remaining") and row.scale == "fraction",
    }
    if not fits[kind]:
        table.fail(f'the row "{row.id}" has {row.outcome} on the scale "{row.scale}", which is no {kind}.', "row")
    used = bool(row.used_by)
    if kind == "relief" and table.maybe("threshold") != row.threshold:
        table.fail(f'the row "{row.id}" counts a relief of at least {row.threshold}.', "threshold")
    if kind == "relief":
        if row.events is None or row.total is None:
            table.fail(f'the row "{row.id}" has no count of patients; give drug = [events, patients] instead.', "row")
        control = None
        if row.comparator_events is not None and row.comparator_total is not None:
            control = Counts(row.comparator_events, row.comparator_total)
        return Published(Counts(row.events, row.total), control, row.citation, row.mark, used)
    drug = _mean_of(row.value, row.mean, row.n, row.outcome)
    if drug is None:
        table.fail(f'the row "{row.id}" has no number.', "row")
    other = _mean_of(row.comparator_value, row.comparator_mean, row.n_comparator, row.outcome)
    return Published(drug, other, row.citation, row.mark, used)


def _mean_of(value: float | None, estimate: Any, patients: int | None, outcome: str) -> Mean | None:
    if value is None:
        return None
    error = math.nan if estimate is None else (estimate[1][1] - estimate[0]) / Z95
    return Mean(1.0 - value if outcome == "mean remaining" else value, error, patients)


def _enrichment(table: Table, sources: Mapping[str, Source]) -> Enrichment:
    table.only(("regimen", "when", "relief", "source", "mark"))
    read_origin(table, sources)
    regimen = placed(table, "regimen", lambda: parse(table.text("regimen")))
    when = placed(table, "when", lambda: ticks(table.text("when")))
    return placed(table, "relief", lambda: Enrichment(regimen, when, table.number("relief")))


def _conduct(table: Table, sources: Mapping[str, Source], usual: Conduct) -> Conduct:
    """How the trial is conducted: as usual, where it does not say."""
    table.table("conduct").only(_NUMBERS)
    own = {name: _assumption(name, one, sources) for name, one in table.each("conduct").items()}
    origins = {**usual.origins, **own}
    missing = table.choice("missing", DROP_OUTS, usual.missing)
    return placed(table, "conduct", lambda: _made(origins, missing))


def _made(origins: Mapping[str, Assumption], missing: str) -> Conduct:
    entry, noise, unblinding, drop_out, drop_out_control, washout = (origins[name].value for name in _NUMBERS)
    return Conduct(entry, noise, unblinding, drop_out, drop_out_control, washout, missing, origins)


def _assumption(name: str, table: Table, sources: Mapping[str, Source]) -> Assumption:
    table.only(("value", "unit", "source", "mark", "note"))
    wanted = _UNITS.get(name, "1")
    unit, factor, dimension = read_unit(table)
    if dimension != analyse(wanted)[1]:
        table.fail(f'unit "{unit}" does not fit; {name} is in {wanted}.', "unit")
    return Assumption(table.number("value") * factor, wanted, *read_origin(table, sources), table.text("note", ""))


@lru_cache(maxsize=1)
def usual_conduct() -> tuple[Conduct, dict[str, Source]]:
    """How a trial is conducted where nobody says otherwise, and its sources by "usual conduct, KEY"."""
    top = Document.open(library.folder() / "ketamine" / "trial-conduct.toml").top
    top.only(("kind", "sources", "conduct"))
    top.choice("kind", ("trial conduct",))
    sources = read_sources(top)
    table = top.table("conduct")
    table.only(_NUMBERS)
    origins = {}
    for name, one in top.each("conduct").items():
        found = _assumption(name, one, sources)
        key = f"usual conduct, {found.source}"
        origins[name] = Assumption(found.value, found.unit, key, found.mark, found.note)
    missing = [name for name in _NUMBERS if name not in origins]
    if missing:
        table.fail(f"there is no {', '.join(missing)}.")
    named = {f"usual conduct, {key}": source for key, source in sources.items()}
    return _made(origins, DROP_OUTS[0]), named
