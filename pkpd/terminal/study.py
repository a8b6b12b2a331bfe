"""A study in a terminal: its question, patients, arms and own values, each with source and mark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from pkpd.comparing import equipped
from pkpd.guidance.reading import cite
from pkpd.model.modifier import Modifier
from pkpd.population.covariates import Choice, Given, Share, Spread, unit_of
from pkpd.population.people import Population
from pkpd.study import Study
from pkpd.terminal.console import console, left_table, print_rows
from pkpd.trials.reading import usual_conduct
from pkpd.trials.values import Trial
from pkpd.trials.words import arms_text, read_from, title_of
from pkpd.units import analyse


def print_study(study: Study, named: str = "") -> None:
    """Everything a study file says, and where the rest of its numbers stands.

    named : the study as the user called it, a name or a path
    """
    out = console()
    out.print(f"{study.title}  ({study.id})", style="bold")
    if study.about:
        out.print(study.about)
    if study.indication:
        out.print(f"Treats: {study.indication}.")
    effects = [effect.id for effect in equipped(study.model, study.effects)[0].effects]
    out.print(f"Model: {study.model.id}. Effects: {', '.join(effects) or 'none'}.")
    _print_patients(out, study)
    if study.practice is not None:
        practice = left_table("In practice, alike in every arm", "what", "value", "mark", "source")
        for name, part in study.practice.parts.items():
            practice.add_row(name.replace("_", " "), str(part), part.mark, part.source)
        print_rows(out, practice)
    arms = left_table("Arms", "arm", "prescription", "mark", "source", "remark")
    for arm in study.arms:
        beside = f" with {', '.join(one.id for one in arm.modifiers)}" if arm.modifiers else ""
        arms.add_row(arm.name, f"{arm.regimen}{beside}", arm.mark, arm.source, arm.note or "-")
    print_rows(out, arms)
    for trial in (*([study.trial] if study.trial else []), *study.further):
        _print_trial(out, trial)
    values = left_table("Other values than in the files of model and effects", *_VALUE_HEADS)
    for value in study.values:
        unit = "" if value.unit == "1" else value.unit
        values.add_row(value.label, f"{value.value:g}", unit, value.mark, value.source, value.note or "-")
    facts = left_table("What the sources say", "what", "mark", "source")
    for fact in study.facts:
        facts.add_row(fact.text, fact.mark, fact.source)
    _print_filled(out, (values, facts))
    out.print("Sources", style="bold")
    for key, source in study.sources.items():
        out.print(f"  {key}: {cite(source)}{f'; {source.population}' if source.population else ''}")
    out.print("Every other number: pkpd show NAME, of the model and of each effect above.")
    out.print(f"To simulate its arms: pkpd compare {named or study.id}")
    if study.trial is not None:
        out.print(f"To conduct it as a trial, many times: pkpd trial {named or study.id}")
    out.print("For research and teaching. Not for dosing patients.")


def _print_trial(out: Console, trial: Trial) -> None:
    """A trial: its design, what was found at every endpoint, and how it is conducted where that is its own."""
    against = f" against {trial.control.name}" if trial.control else ""
    size = " + ".join(map(str, trial.patients))
    endpoints = left_table(
        f"Trial, {trial.design}, {size} patients: {trial.drug.name}{against}", "endpoint", "found", "read from"
    )
    for endpoint in trial.endpoints:
        told = "; ".join(part for part in (arms_text(trial, endpoint), endpoint.words) if part)
        endpoints.add_row(title_of(endpoint), told or "-", read_from(trial, endpoint) or "-")
    print_rows(out, endpoints)
    usual = usual_conduct()[0].origins
    own = left_table("Conducted otherwise than usual", "what", "value", "mark", "source", "remark")
    for name, origin in trial.conduct.origins.items():
        if origin != usual[name]:
            source = trial.sources[origin.source].citation if origin.source in trial.sources else origin.source
            own.add_row(
                name.replace("_", " "), f"{origin.value:g} {origin.unit}", origin.mark, source, origin.note or "-"
            )
    for text in trial.criteria:
        own.add_row("criterion", text, "-", "-", "-")
    _print_filled(out, (own,))
    if trial.note:
        out.print(trial.note)


_VALUE_HEADS = ("parameter", "value", "unit", "mark", "source", "remark")


def _print_filled(out: Console, tables: Sequence[Table]) -> None:
    for table in tables:
        if table.row_count:
            print_rows(out, table)


def _print_patients(out: Console, study: Study) -> None:
    """How many, and what varies between them or is the same in all."""
    people = study.population
    table = left_table(f"Patients: {people.size:,}, seed {people.seed}", "what", "value", "mark", "source")
    for row in rows_of(people):
        table.add_row(*row)
    print_rows(out, table)


def rows_of(people: Population) -> list[tuple[str, str, str, str]]:
    """What varies between patients or is the same in all, and who has which modifier: name, value, mark, source."""
    rows = [(name, *_given(name, given)) for name, given in {"weight": people.weight, **people.covariates}.items()]
    for (first, second), rho in people.correlations.items():
        rows.append((f"{first} with {second}", f"rank correlation {rho:g}", "", ""))
    for key, who in people.modifiers.items():
        named = key if isinstance(key, str) else key.id
        value, mark, source = _given(named, who) if isinstance(who, Share) else (f"in those of whom {who}", "", "")
        rows.append((f"modifier {named}", f"{value}{'' if isinstance(key, str) else _chosen(key)}", mark, source))
    return rows


def _chosen(modifier: Modifier) -> str:
    """The values of a modifier that are not those of the library, in words."""
    changes = {change.name: change.factor for change in modifier.kinetics}
    changes |= {change.name: change.amount for change in modifier.effects}
    return "".join(f"; {name} {changes[name]:g}" for name in sorted(modifier.chosen))


def _given(name: str, given: Given) -> tuple[str, str, str]:
    if isinstance(given, Share):
        among = f" of those of whom {given.among}" if given.among else ""
        return (f"in {100 * given.share:g} %{among}", given.mark, given.source)
    if isinstance(given, Choice):
        told = ", ".join(f"{word} in {100 * share:g} %" for word, share in given.shares.items())
        return (told, given.mark, given.source)
    if isinstance(given, Spread):
        unit = {"age": "years"}.get(name, unit_of(name) or "")
        given = _as_written(given, unit_of(name))
        ends = [f"least {given.least:g}"] if math.isfinite(given.least) else []
        ends += [f"most {given.most:g}"] if math.isfinite(given.most) else []
        text = ", ".join([f"mean {given.mean:g} {unit}".strip(), f"sd {given.sd:g}", *ends])
        return (f"{given.kind}: {text}", given.mark, given.source)
    return (f"{given} in all", "in the file", "in the file")


def _as_written(given: Spread, unit: str | None) -> Spread:
    """A spread in the unit a reader knows."""
    if unit is None:
        return given
    factor = analyse(unit)[0]
    mean, sd, least, most = (number / factor for number in (given.mean, given.sd, given.least, given.most))
    return replace(given, mean=mean, sd=sd, least=least, most=most)
