"""Tables for a terminal: the comparison, the library, one model."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from pkpd.comparison import COLUMNS, JOINT_STATES, Comparison, Summary
from pkpd.console import console as _console
from pkpd.console import left as _left
from pkpd.console import table as _table
from pkpd.errors import ModelFileError
from pkpd.model import library
from pkpd.model.effect import Effect
from pkpd.model.model import Model, Parameter, Reading, Source
from pkpd.model.modifier import Modifier
from pkpd.model.modifying import change_rows
from pkpd.model.program import Program, compiled
from pkpd.units import analyse

if TYPE_CHECKING:
    from pkpd.study import Study

LONGEST_FORMULA = 160  # characters
KINDS = ("pk", "effect", "modifier", "study", "generic", "guidance")
_WAY = ("bioavailability", "lag", "rate", "duration")


def number_text(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, without an exponent where it is readable."""
    if math.isnan(value):
        return "-"
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def fixed(value: float, places: int) -> str:
    """A number with so many decimals, and no minus before a zero."""
    text = f"{value:.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _cell(summary: Summary | None) -> str:
    """Value, interval and Monte-Carlo error of one line; fractions in percent, points to two places."""
    if summary is None:
        return "-"
    if not summary.unit:
        return _joined(summary, lambda x: fixed(100 * x, 0), f"{100 * summary.error:.1f}")
    if summary.unit == "points":
        return _joined(summary, lambda x: fixed(x, 2), f"{summary.error:.2f}")
    return _joined(summary, number_text, number_text(summary.error, 2))


def _joined(summary: Summary, text: Callable[[float], str], error: str) -> str:
    value, low, high = (text(x) for x in (summary.value, summary.low, summary.high))
    if summary.against and summary.value > 0:
        value = f"+{value}"
    if math.isnan(summary.error) or summary.low == summary.high == summary.value:
        return value
    return f"{value} [{low}, {high}] ±{error}"


OF_PATIENTS = "mean [5th to 95th percentile of patients] ±Monte-Carlo error"
OF_ESTIMATE = "estimate [95 % interval of it] ±Monte-Carlo error"


def print_comparison(comparison: Comparison, study: Study | None = None) -> None:
    """The comparison as tables, a line for each arm: levels, relief, side effects, joint states, differences."""
    console = _console()
    if comparison.title:
        console.print(comparison.title, style="bold")
    same = ", the same in every arm" if comparison.paired else " in each arm"
    console.print(
        f"{comparison.subjects:,} virtual patients{same}. Times of relief count from the end of each arm's treatment."
    )
    prescriptions = _left(_table("Regimens", "arm", "prescription"))
    for arm in comparison.arms:
        prescriptions.add_row(arm.name, arm.prescription)
    console.print(prescriptions)

    _print_blocks(console, comparison)
    for note in comparison.notes:
        console.print(f"Note: {note}")
    model = comparison.arms[0].individuals.model
    marks = model.marks()
    counted = ", ".join(f"{count} {mark}" for mark, count in marks.items() if count)
    console.print(
        f"Model {model.id}: of {sum(marks.values())} numbers, effects included, {counted}. "
        f"Every source: pkpd show {model.id}"
    )
    if study is not None:
        for described in study.arms:
            if described.note:
                console.print(f"{described.name}: {described.note}")
        for value in study.values:
            note = f": {value.note}" if value.note else ""
            console.print(f"In this study {value.of} is {value.value:g} {value.unit} ({value.mark}){note}")
        for fact in study.facts:
            console.print(f"Beside the simulation: {fact.text} ({fact.mark}, {study.sources[fact.source].citation})")
    console.print("For research and teaching. Not for dosing patients.")


def _print_blocks(console: Console, comparison: Comparison) -> None:
    found = {(s.regimen, s.quantity, s.when): s for s in comparison.summaries()}
    against = {(s.regimen, s.quantity, s.when): s for s in comparison.differences()}
    lines = list(dict.fromkeys((s.quantity, s.when) for s in found.values()))
    events = {outcome.name for arm in comparison.arms for outcome in arm.outcomes if outcome.event}
    effects = comparison.arms[0].individuals.model.effects
    names = {effect.id for effect in effects if effect.role == "measure"}
    measures = [line for line in lines if line[0].removeprefix("peak ") in names]
    lines = [line for line in lines if line not in measures]
    arms = [arm.name for arm in comparison.arms]
    levels = [line for line in lines if not line[1] and line[0] not in events]
    sides = [line for line in lines if not line[1] and line[0] in events]
    over_time = list(dict.fromkeys(q for q, when in lines if when and q not in JOINT_STATES))
    at = {quantity: [line for line in lines if line[0] == quantity] for quantity in over_time}

    _block(console, f"Dose and plasma: {OF_PATIENTS}", levels, arms, found, units=True)
    for quantity in over_time:
        name, how = _named(quantity), OF_ESTIMATE if quantity in events else OF_PATIENTS
        _block(console, f"{name}: {how}", at[quantity], arms, found, times=True)
    _block(console, f"Side effects ever, % of patients: {OF_ESTIMATE}", sides, arms, found)
    _block(console, f"Measures, at the peak of the level and later: {OF_PATIENTS}", measures, arms, found, units=True)
    if comparison.joint is not None:
        share, when, side_effect = comparison.joint
        states = [(name, when) for name in JOINT_STATES if (name, when) in lines]
        title = f"Relief of at least {share:.0%} at {when}, and {side_effect} ever, % of patients: {OF_ESTIMATE}"
        _block(console, title, states, arms, found)
    others = [arm for arm in arms if arm != comparison.reference]
    if others:
        how = "paired mean difference" if comparison.paired else "difference of means"
        head = f"Against {comparison.reference}, {how} [95 % interval] ±Monte-Carlo error"
        for quantity in over_time:
            _block(console, f"{head}: {_named(quantity)}", at[quantity], others, against, times=True)
        _block(console, f"{head}: side effects ever, % of patients", sides, others, against)
        _block(console, f"{head}: measures", measures, others, against, units=True)


def _named(quantity: str) -> str:
    """The title of a quantity that is followed over time, with its unit."""
    if quantity == "pain relief":
        return "Pain relief, % of baseline"
    if quantity == "pain score":
        return "Pain score, points of 10"
    return f"{quantity[0].upper()}{quantity[1:]}, % of patients"


def _block(
    console: Console,
    title: str,
    lines: Sequence[tuple[str, str]],
    arms: Sequence[str],
    found: Mapping[tuple[str, str, str], Summary],
    *,
    units: bool = False,
    times: bool = False,
) -> None:
    """One table: a line for each arm, a column for each quantity or time."""
    if not lines or not arms:
        return
    heads = []
    for quantity, when in lines:
        unit = next((s.unit for s in found.values() if (s.quantity, s.when) == (quantity, when)), "")
        name = f"{quantity}, {when}" if when else quantity
        heads.append(when if times else f"{name} ({unit})" if units and unit not in ("", "1") else name)
    heads_and_name = ["", *heads]
    table = _table(title, *heads_and_name)
    rows = [[arm, *(_cell(found.get((arm, quantity, when))) for quantity, when in lines)] for arm in arms]
    for number, column in enumerate(table.columns):  # a number is never broken, whatever the width
        words = [word for row in [heads_and_name, *rows] for word in row[number].split()]
        column.min_width = max(len(word) for word in [*words, " "])
    for row in rows:
        table.add_row(*row)
    console.print(table)


def csv_text(comparison: Comparison) -> str:
    """The whole table as CSV, numbers to six significant digits, empty where there is none."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in comparison.rows():
        writer.writerow(
            [
                ""
                if isinstance(cell, float) and math.isnan(cell)
                else f"{cell:.6g}"
                if isinstance(cell, float)
                else cell
                for cell in row
            ]
        )
    return made.getvalue()


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
            follows = ", ".join(effect.analytes) or (f"share of {effect.curve.of}" if effect.curve.of else "-")
            table.add_row(
                f"{name}{' *' if effect.default else ''}", effect.endpoint, follows, effect.use_for, effect.not_for
            )
        console.print(table)
    if kind in (None, "modifier"):
        table = _left(_table("Modifiers", "modifier", "group", "acts on", "use it for", "not for"))
        for name in library.names("modifier"):
            modifier = library.load_modifier(name)
            table.add_row(name, modifier.group, ", ".join(modifier.acts_on), modifier.use_for, modifier.not_for)
        console.print(table)
    if kind in (None, "study"):
        from pkpd.study import load_study

        table = _left(_table("Studies", "study", "indication", "title", "arms"))
        for name in library.study_names():
            study = load_study(name)
            table.add_row(name, study.indication or "-", study.title, "; ".join(arm.name for arm in study.arms))
        console.print(table)
    if kind in (None, "generic"):
        table = _left(_table("Bare structures without numbers", "model", "parameters to give"))
        for name in library.names("generic"):
            model = library.load(name)
            table.add_row(name, ", ".join(model.parameters))
        console.print(table)


def _print_equations(console: Console, model: Model) -> None:
    """Formulas, starting values, and the equations that have no exact solution."""
    program = compiled(model)
    for name, formula in model.formulas.items():
        console.print(f"{name} = {_shortened(formula.text)}")
    stepped = [name for name, linear in zip(program.outputs, program.linear, strict=True) if not linear]
    for name, state in model.states.items():
        if stepped:
            console.print(f"{name}' = {_shortened(state.equation.text)}  ({state.unit} per h)")
        if state.initial is not None:
            console.print(f"{name} starts at {state.initial.text}")
    if stepped:
        console.print(f"Solved in steps: {', '.join(stepped)}; exactly: {', '.join(_others(program, stepped))}.")


def _shortened(text: str) -> str:
    """A formula written out can fill a page; the file has it in parts."""
    return text if len(text) <= LONGEST_FORMULA else f"{text[:LONGEST_FORMULA]} ... (see the file)"


def _others(program: Program, stepped: Sequence[str]) -> list[str]:
    return [name for name in program.outputs if name not in stepped] or ["nothing"]


def print_model(name: str, modifiers: Sequence[str] = ()) -> None:
    """Every number of a model, effect or modifier: value, unit, spread, source and mark.

    modifiers : names of those that act on the model
    """
    console = _console()
    found = library.load_any(name)
    if isinstance(found, Modifier):
        return _print_modifier(console, found)
    if isinstance(found, Model):
        found = found.with_modifiers(*modifiers)
    elif modifiers:
        raise ModelFileError(f'"{name}" is an effect; modifiers are shown on a kinetic model.')
    console.print(f"{found.title}  ({found.id})", style="bold")
    for said in found.modifier_notes if isinstance(found, Model) else ():
        console.print(f"With {said}")
    if isinstance(found, Effect):
        console.print(f"Endpoint: {found.endpoint}. Role: {found.role}.")
        console.print(f"{_followed(found)}; curve: {found.curve.form}.")
    else:
        console.print(
            f"Gives {', '.join(found.outputs)}; sampling site: {found.sampling_site}; routes: "
            f"{', '.join(found.routes)}; forms: {', '.join(found.forms)}."
        )
    console.print(f"Use it for: {found.use_for}\nNot for: {found.not_for}")
    table = _left(
        _table("Parameters", "name", "value", "unit", "to try", "between people", "mark", "source", "what it is")
    )
    for parameter in found.parameters.values():
        table.add_row(*_parameter_row(parameter))
    console.print(table)
    for derived, expression in found.derived.items():
        console.print(f"{derived} = {expression.text}")
    if isinstance(found, Model):
        _print_ways(console, found)
        _print_equations(console, found)
        for covariance in found.covariances:
            console.print(
                f"Covariance of {covariance.first} and {covariance.second}: {covariance.value:g} "
                f"({covariance.mark}, {covariance.source})"
            )
        for reading in found.readings.values():
            console.print(_reading_text(found, reading))
    for correlation in found.correlations if isinstance(found, Effect) else ():
        console.print(
            f"Correlation of {correlation.of} with {correlation.other}: {correlation.rho:g} "
            f"({correlation.mark}, {correlation.source})"
        )
    console.print("Sources", style="bold")
    for source in found.sources.values():
        console.print(f"  {source.key}: {_source_text(source)}")
    for note in found.notes:
        console.print(f"- {note}")
    for limit in found.validity.values():
        bounds = [
            f"{word} {bound / analyse(limit.unit)[0]:g}"
            for word, bound in (("from", limit.minimum), ("to", limit.maximum))
            if bound is not None
        ]
        of = f" of {limit.of}" if limit.of else ""
        console.print(f"Limit: {limit.name}{of} {' '.join(bounds)} {limit.unit}")
    console.print(f"{len(found.checks)} checks of this file run with the tests.")


def _print_ways(console: Console, model: Model) -> None:
    """What depends on the dose, and where a dose goes by every route."""
    for name, expression in model.of_dose.items():
        console.print(f"{name} = {expression.text}  (of one administration)")
    for route in model.routes.values():
        for way in (route, *route.also):
            into = ", ".join(state if part == "*" else f"{part} into {state}" for part, state in way.into.items())
            given = [f"{what} {name}" for what in _WAY if (name := getattr(way, what)) is not None]
            console.print(f"Route {route.name}: {', '.join([into, *given])}")
        if route.unit_dose is not None:
            console.print(f"Route {route.name}: whole multiples of {route.unit_dose} only")


def _reading_text(model: Model, reading: Reading) -> str:
    """Another reading: what it changes, who reads it so, and what follows."""
    changes = [f"{name} {value:g} {model.parameters[name].unit}".strip() for name, value in reading.values.items()]
    for name, exponent in reading.exponents.items():
        scale = model.parameters[name].scale
        assert scale is not None
        changes.append(f"{name} x ({scale.covariate}/{scale.reference:g})^{exponent:g}")
    return f'Reading "{reading.name}": {", ".join(changes)} ({reading.mark}, {reading.source}). {reading.about}'


def _print_modifier(console: Console, found: Modifier) -> None:
    console.print(f"{found.title}  ({found.id})", style="bold")
    console.print(f"Group: {found.group}.\nUse it for: {found.use_for}\nNot for: {found.not_for}")
    heads = ("acts on", "how", "range", "set as", "holds for", "mark", "source", "remark")
    table = _left(_table("Changes", *heads))
    for row in change_rows(found):
        table.add_row(*row)
    console.print(table)
    console.print("Sources", style="bold")
    for source in found.sources.values():
        console.print(f"  {source.key}: {_source_text(source)}")
    for note in found.notes:
        console.print(f"- {note}")


def _followed(effect: Effect) -> str:
    """What drives an effect, with what delay, and which further analytes may be switched on."""
    if effect.curve.of is not None:
        return f"A share of {effect.curve.of}"
    if effect.driver is None:
        return "Follows no concentration"
    site = f"at an effect site ({effect.half_life})" if effect.half_life is not None else "in plasma"
    parts = [f"Follows {effect.driver.analyte} {site}"]
    for one in effect.driver.also:
        off = effect.is_off(one.potency)
        parts.append(f"{one.analyte} times {one.potency}{', which is 0: switched off' if off else ''}")
    return "; and ".join(parts)


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
    scan = ""
    if parameter.scan is not None:
        scale_of = analyse(parameter.unit)[0]
        scan = " to ".join(f"{end / scale_of:.4g}" for end in parameter.scan)
    return (parameter.name, value, parameter.unit, scan, " ".join(extra), parameter.mark, source, parameter.about)


def _source_text(source: Source) -> str:
    parts = [source.citation]
    if source.doi:
        parts.append(f"doi:{source.doi}")
    if source.population:
        parts.append(source.population)
    return "; ".join(parts)
