"""Tables for a terminal: the comparison, the library, one model."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pkpd.comparison import JOINT_STATES, Comparison, Summary
from pkpd.model import library
from pkpd.model.effect import Effect
from pkpd.model.model import Model, Parameter, Source
from pkpd.units import analyse

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pkpd.study import Study

KINDS = ("pk", "effect", "study", "generic")
SHOWN_TIMES = ("end of treatment", "1 week", "4 weeks", "12 weeks")


def _console() -> Console:
    from rich.console import Console

    wide = None if sys.stdout.isatty() else 150
    return Console(width=wide, highlight=False, soft_wrap=False)


def _table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    return table


def number_text(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, without an exponent where it is readable."""
    if math.isnan(value):
        return "-"
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def _cell(summary: Summary) -> str:
    """Value, interval and Monte-Carlo error of one line, each in the digits it deserves."""
    if summary.kind.startswith("95") and not summary.unit:
        sign = "+" if summary.against else ""
        return (
            f"{100 * summary.value:{sign}.0f} % [{100 * summary.low:{sign}.0f}, {100 * summary.high:{sign}.0f}] "
            f"±{100 * summary.error:.1f}"
        )
    scale, unit = (100.0, " %") if not summary.unit else (1.0, "")
    if summary.low == summary.high == summary.value:
        return f"{number_text(scale * summary.value)}{unit}"
    low, high = number_text(scale * summary.low), number_text(scale * summary.high)
    return f"{number_text(scale * summary.value)}{unit} [{low}, {high}] ±{number_text(scale * summary.error, 2)}"


def print_comparison(comparison: Comparison, study: Study | None = None) -> None:
    """The comparison as tables: levels, relief, side effects, joint states, differences."""
    console = _console()
    arms = [arm.name for arm in comparison.arms]
    console.print(f"[bold]{comparison.title}[/bold]" if comparison.title else "")
    console.print(
        f"{comparison.subjects:,} virtual patients, the same in every arm"
        if comparison.paired
        else f"{comparison.subjects:,} virtual patients in each arm"
    )
    prescriptions = _table("Regimens", "arm", "prescription")
    prescriptions.columns[1].justify = "left"
    for arm in comparison.arms:
        prescriptions.add_row(arm.name, str(arm.regimen))
    console.print(prescriptions)

    found = {(s.regimen, s.quantity, s.when): s for s in comparison.summaries()}
    against = {(s.regimen, s.quantity, s.when): s for s in comparison.differences()}
    lines = list(dict.fromkeys((s.quantity, s.when) for s in found.values()))
    events = {(q, w) for (_, q, w), s in found.items() if s.kind.startswith("95")}
    quantities = [line for line in lines if line not in events and (not line[1] or line[1] in SHOWN_TIMES)]
    happenings = [
        line
        for line in lines
        if line in events and (not line[1] or line[1] in SHOWN_TIMES) and line[0] not in JOINT_STATES
    ]
    states = [line for line in lines if line[0] in JOINT_STATES]
    _block(console, "Patients: mean [5th to 95th percentile of patients] ±Monte-Carlo error", quantities, arms, found)
    _block(
        console,
        "Probabilities: estimate [95 % interval] ±Monte-Carlo error; side effects ever",
        happenings,
        arms,
        found,
    )
    if comparison.joint is not None and states:
        share, when, side_effect = comparison.joint
        _block(
            console,
            f"Four states of a patient: relief of at least {share:.0%} at {when} x {side_effect} ever",
            [(name, when) for name in JOINT_STATES],
            arms,
            found,
            bare=True,
        )
    others = [arm for arm in arms if arm != comparison.reference]
    shown = [
        line
        for line in (*quantities, *happenings)
        if line[0].startswith(("pain relief", "pain score")) or (not line[1] and line in events)
    ]
    if others:
        how = "paired mean difference" if comparison.paired else "difference of means"
        _block(
            console, f"Against {comparison.reference}: {how} [95 % interval] ±Monte-Carlo error", shown, others, against
        )
    for note in comparison.notes:
        console.print(f"[bold]Note:[/bold] {note}")
    model = comparison.arms[0].individuals.model
    marks = model.marks()
    console.print(
        f"Model {model.id}: of {sum(marks.values())} numbers, effects included, "
        + ", ".join(f"{count} {mark}" for mark, count in marks.items() if count)
        + f". Every source: pkpd show {model.id}"
    )
    if study is not None:
        for described in study.arms:
            if described.note:
                console.print(f"{described.name}: {described.note}")
    console.print("For research and teaching. Not for dosing patients.")


def _block(
    console: Console,
    title: str,
    lines: Sequence[tuple[str, str]],
    arms: Sequence[str],
    found: Mapping[tuple[str, str, str], Summary],
    bare: bool = False,
) -> None:
    """One table: a line for each quantity and time, a column for each arm."""
    if not lines:
        return
    table = _table(title, "", *arms)
    for quantity, when in lines:
        summaries = [found.get((arm, quantity, when)) for arm in arms]
        unit = next((s.unit for s in summaries if s is not None), "")
        label = quantity if bare or not when else f"{quantity}, {when}"
        table.add_row(f"{label} ({unit})" if unit else label, *("-" if s is None else _cell(s) for s in summaries))
    console.print(table)


def print_models(kind: str | None = None) -> None:
    """What the library holds, from where, usable for what."""
    console = _console()
    if kind in (None, "pk"):
        table = _left(_table("Kinetic models", "model", "gives", "site", "routes", "use it for", "not for"))
        for name in library.names("pk"):
            model = library.load(name)
            table.add_row(
                name,
                ", ".join(model.outputs),
                model.sampling_site,
                ", ".join(model.routes),
                model.use_for,
                model.not_for,
            )
        console.print(table)
    if kind in (None, "effect"):
        table = _left(
            _table("Effects (* of the default configuration)", "effect", "endpoint", "follows", "use it for", "not for")
        )
        for name in library.names("effect"):
            effect = library.load_effect(name)
            follows = effect.driver.analyte if effect.driver is not None else "-"
            table.add_row(
                f"{name}{' *' if effect.default else ''}", effect.endpoint, follows, effect.use_for, effect.not_for
            )
        console.print(table)
    if kind in (None, "study"):
        from pkpd.study import load_study

        table = _left(_table("Studies", "study", "title", "arms"))
        for name in library.study_names():
            study = load_study(name)
            table.add_row(name, study.title, "; ".join(arm.name for arm in study.arms))
        console.print(table)
    if kind in (None, "generic"):
        table = _left(_table("Bare structures without numbers", "model", "parameters to give"))
        for name in library.names("generic"):
            model = library.load(name)
            table.add_row(name, ", ".join(model.parameters))
        console.print(table)


def _left(table: Table) -> Table:
    for column in table.columns:
        column.justify = "left"
    return table


def print_model(name: str) -> None:
    """Every number of a model or effect: value, unit, spread, source and mark."""
    from rich.markup import escape

    console = _console()
    found: Model | Effect = library.load_any(name)
    console.print(f"[bold]{escape(found.title)}[/bold]  ({found.id})")
    if isinstance(found, Effect):
        console.print(f"Endpoint: {found.endpoint}. Role: {found.role}.")
        if found.driver is not None:
            console.print(
                f"Follows {found.driver.analyte} {'at an effect site' if found.driver.half_life else 'in plasma'}; "
                f"curve: {found.curve.form}."
            )
    else:
        console.print(
            f"Gives {', '.join(found.outputs)}; sampling site: {found.sampling_site}; routes: "
            f"{', '.join(found.routes)}; forms: {', '.join(found.forms)}."
        )
    console.print(f"Use it for: {escape(found.use_for)}\nNot for: {escape(found.not_for)}")
    table = _left(_table("Parameters", "name", "value", "unit", "between people", "mark", "source", "what it is"))
    for parameter in found.parameters.values():
        table.add_row(*(escape(text) for text in _parameter_row(parameter)))
    console.print(table)
    for derived, expression in found.derived.items():
        console.print(f"{derived} = {escape(expression.text)}")
    if isinstance(found, Model):
        for covariance in found.covariances:
            console.print(
                f"Covariance of {covariance.first} and {covariance.second}: {covariance.value:g} "
                f"({covariance.mark}, {covariance.source})"
            )
    for correlation in found.correlations if isinstance(found, Effect) else ():
        console.print(
            f"Correlation of {correlation.of} with {correlation.other}: {correlation.rho:g} "
            f"({correlation.mark}, {correlation.source})"
        )
    console.print("[bold]Sources[/bold]")
    for source in found.sources.values():
        console.print(f"  {source.key}: {escape(_source_text(source))}")
    for note in found.notes:
        console.print(f"- {escape(note)}")
    for limit in found.validity.values():
        bounds = [
            f"{word} {bound / analyse(limit.unit)[0]:g}"
            for word, bound in (("from", limit.minimum), ("to", limit.maximum))
            if bound is not None
        ]
        console.print(f"Limit: {limit.name} {' '.join(bounds)} {limit.unit}")
    console.print(f"{len(found.checks)} checks of this file run with the tests.")


def _parameter_row(parameter: Parameter) -> tuple[str, ...]:
    value = "to be given" if parameter.written is None else f"{parameter.written:g}"
    extra = []
    if parameter.between is not None:
        between = parameter.between
        if between.kind == "lognormal":
            extra.append(f"log sd {math.sqrt(between.variance):.3g}")
        else:
            extra.append(f"sd {math.sqrt(between.variance) / analyse(parameter.unit)[0]:.3g}")
        extra.append(f"({between.mark}, {between.source})")
    if parameter.scale is not None:
        scale = parameter.scale
        extra.append(f"x ({scale.covariate}/{scale.reference:g})^{scale.exponent:g} ({scale.mark})")
    source = f"{parameter.source}, {parameter.where}" if parameter.where else parameter.source
    return (parameter.name, value, parameter.unit, " ".join(extra), parameter.mark, source, parameter.about)


def _source_text(source: Source) -> str:
    parts = [source.citation]
    if source.doi:
        parts.append(f"doi:{source.doi}")
    if source.population:
        parts.append(source.population)
    return "; ".join(parts)
