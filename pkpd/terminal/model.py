"""One model or effect in a terminal: every number with its unit, range, spread, source and mark."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console

from pkpd.model.effect import Effect
from pkpd.model.model import Between, Covariance, Model, Parameter, Reading, Source
from pkpd.model.program import Program, compiled
from pkpd.model.residual import Power, Residual, Tail
from pkpd.terminal.console import console, left_table, print_rows
from pkpd.terminal.standing import print_scores, print_scores_of_effect
from pkpd.units import analyse

LONGEST_FORMULA = 160  # characters
_WAY = ("bioavailability", "lag", "rate", "duration")


def _print_equations(out: Console, model: Model) -> None:
    """Formulas, starting values, and the equations that have no exact solution."""
    program = compiled(model)
    for name, formula in model.formulas.items():
        out.print(f"{name} = {_shortened(formula.text)}")
    stepped = [name for name, linear in zip(program.outputs, program.linear, strict=True) if not linear]
    for name, state in model.states.items():
        if stepped:
            out.print(f"{name}' = {_shortened(state.equation.text)}  ({state.unit} per h)")
        if state.initial is not None:
            out.print(f"{name} starts at {state.initial.text}")
    if stepped:
        out.print(f"Solved in steps: {', '.join(stepped)}; exactly: {', '.join(_others(program, stepped))}.")


def _shortened(text: str) -> str:
    """A formula written out can fill a page; the file has it in parts."""
    return text if len(text) <= LONGEST_FORMULA else f"{text[:LONGEST_FORMULA]} ... (see the file)"


def _others(program: Program, stepped: Sequence[str]) -> list[str]:
    return [name for name in program.outputs if name not in stepped] or ["nothing"]


def print_model(found: Model | Effect) -> None:
    """Every number of a model or effect: value, unit, spread, source and mark; and what modifiers of it change."""
    out = console()
    out.print(f"{found.title}  ({found.id})", style="bold")
    for said in found.modifier_notes if isinstance(found, Model) else ():
        out.print(f"With {said}")
    if isinstance(found, Effect):
        out.print(f"Endpoint: {found.endpoint}. Role: {found.role}.")
        out.print(f"{_followed(found)}; curve: {found.curve.form}.")
    else:
        out.print(
            f"Gives {', '.join(found.outputs)}; sampling site: {found.sampling_site}; routes: "
            f"{', '.join(found.routes)}; forms: {', '.join(found.forms)}."
        )
    out.print(f"Use it for: {found.use_for}\nNot for: {found.not_for}")
    heads = ("name", "value", "unit", "known to", "to try", "spread", "mark", "source", "what it is")
    rows = [_parameter_row(parameter) for parameter in found.parameters.values()]
    shown = [k for k, head in enumerate(heads) if head != "known to" or any(row[k] for row in rows)]
    made = left_table("Parameters", *(heads[k] for k in shown))
    for row in rows:
        made.add_row(*(row[k] for k in shown))
    print_rows(out, made)
    for derived, expression in found.derived.items():
        out.print(f"{derived} = {expression.text}")
    if isinstance(found, Model):
        _print_ways(out, found)
        _print_equations(out, found)
        for covariance in found.covariances:
            out.print(
                f"Covariance of {covariance.first} and {covariance.second}: {covariance.value:g}, correlation "
                f"{_correlation(found, covariance):.3g} ({covariance.mark}, {covariance.source})"
            )
        for name, residual in found.residual.items():
            out.print(f"Residual error of {name}: {_residual_text(residual, found.outputs[name].unit)}")
        for reading in found.readings.values():
            out.print(_reading_text(found, reading))
        print_scores(out, found.id)
    if isinstance(found, Effect):
        print_scores_of_effect(out, found.id)
    for correlation in found.correlations if isinstance(found, Effect) else ():
        out.print(
            f"Correlation of {correlation.of} with {correlation.other}: {correlation.rho:g} "
            f"({correlation.mark}, {correlation.source})"
        )
    for pair in found.estimate_correlations:
        out.print(f"Estimates of {pair.of} and {pair.other}: correlation {pair.rho:.3g} ({pair.mark}, {pair.source})")
    out.print("Sources", style="bold")
    for source in found.sources.values():
        out.print(f"  {source.key}: {_source_text(source)}")
    for note in found.notes:
        out.print(f"- {note}")
    for limit in found.validity:
        out.print(f"Limit: {limit}{'; refused beyond' if limit.hard else ''}")
    out.print(f"{len(found.checks)} checks of this file run with the tests.")


def _correlation(model: Model, covariance: Covariance) -> float:
    """The correlation of two random effects."""
    spreads = (model.parameters[covariance.first].between, model.parameters[covariance.second].between)
    return covariance.value / math.sqrt(math.prod(spread.variance for spread in spreads if spread is not None))


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


def _print_ways(out: Console, model: Model) -> None:
    """What depends on the dose, and where a dose goes by every route."""
    for name, expression in model.of_dose.items():
        out.print(f"{name} = {expression.text}  (of one administration)")
    for route in model.routes.values():
        for way in (route, *route.also):
            into = ", ".join(state if part == "*" else f"{part} into {state}" for part, state in way.into.items())
            given = [f"{what} {name}" for what in _WAY if (name := getattr(way, what)) is not None]
            out.print(f"Route {route.name}: {', '.join([into, *given])}")
        if route.unit_dose is not None:
            out.print(f"Route {route.name}: whole multiples of {route.unit_dose} only")


def _reading_text(model: Model, reading: Reading) -> str:
    """Another reading: what it changes, who reads it so, and what follows."""
    changes = [f"{name} {value:g} {model.parameters[name].unit}".strip() for name, value in reading.values.items()]
    for name, exponent in reading.exponents.items():
        scale = model.parameters[name].scale
        assert scale is not None
        changes.append(f"{name} x ({scale.covariate}/{scale.reference:g})^{exponent:g}")
    return f'Reading "{reading.name}": {", ".join(changes)} ({reading.mark}, {reading.source}). {reading.about}'


def _parameter_row(parameter: Parameter) -> tuple[str, ...]:
    value = "to be given" if parameter.written is None else f"{parameter.written:g}"
    extra = []
    for spread in parameter.spreads:
        when = "between occasions: " if spread is parameter.occasion else ""
        extra.append(f"{when}{spread_text(spread, parameter.unit)} ({spread.mark}, {spread.source})")
    if parameter.scale is not None:
        scale = parameter.scale
        extra.append(f"x ({scale.covariate}/{scale.reference:g})^{scale.exponent:g} ({scale.mark})")
    source = f"{parameter.source}, {parameter.where}" if parameter.where else parameter.source
    scan = ""
    if parameter.scan is not None:
        scale_of = analyse(parameter.unit)[0]
        scan = " to ".join(f"{end / scale_of:.4g}" for end in parameter.scan)
    known = _known_to(parameter)
    own = (parameter.name, value, parameter.unit, known, scan, " ".join(extra))
    return (*own, parameter.mark, source, parameter.about)


def _known_to(parameter: Parameter) -> str:
    """The uncertainty of an estimate: "±4", "±9 %" or "5.1 to 13 (95 %)"; "" where none is stated."""
    factor = analyse(parameter.unit)[0]
    for kind, size in (parameter.uncertainty or {}).items():
        if isinstance(size, tuple):
            return " to ".join(f"{end / factor:.4g}" for end in size) + " (95 %)"
        return f"±{100 * size:.3g} % (SE)" if kind == "rse" else f"±{size / factor:.3g} (SE)"
    return ""


def _residual_text(residual: Residual, unit: str) -> str:
    """A residual error: each part with its size, source and mark, and how parts and times go together."""
    factor, told = analyse(unit)[0], []
    for name, part in residual.parts.items():
        if isinstance(part, Power):
            size = f"{part.sd / factor:.3g} {unit} x (value / {part.at / factor:.4g} {unit})^{part.exponent:g}"
        else:
            size = f"{part.sd / factor:.4g} {unit}" if name == "additive" else f"{part.sd:.4g}"
        told.append(f"{'log-normal' if name == 'lognormal' else name} sd {size} ({part.mark}, {part.source})")
    if len(told) > 1:
        told.append("variances add up" if residual.combined == "variances" else "standard deviations add up")
    if (memory := residual.memory) is not None:
        told.append(f"correlation {memory.rho:g} after {memory.per:g} h ({memory.mark}, {memory.source})")
    if isinstance(residual.df, Tail):
        told.append(f"t with {residual.df.df:g} degrees of freedom ({residual.df.mark}, {residual.df.source})")
    return "; ".join(told)


def spread_text(spread: Between, unit: str) -> str:
    """A spread: its size on the scale of its random effect, and what else shapes it."""
    factor, sd = analyse(unit)[0], math.sqrt(spread.variance)
    if spread.kind == "normal":
        limits = [
            f"{word} {end / factor:g}"
            for word, end in (("from", spread.at_least), ("to", spread.at_most))
            if end is not None
        ]
        return " ".join([f"sd {sd / factor:.3g}", *limits])
    if spread.kind == "logit":
        assert spread.low is not None and spread.high is not None
        return f"logit sd {sd:.3g} between {spread.low / factor:g} and {spread.high / factor:g}"
    shape = {"box-cox": f", Box-Cox shape {spread.shape}", "t": f", t with {spread.df} degrees of freedom"}
    return f"log sd {sd:.3g}{shape.get(spread.kind, '')}"


def _source_text(source: Source) -> str:
    parts = [source.citation]
    if source.doi:
        parts.append(f"doi:{source.doi}")
    if source.population:
        parts.append(source.population)
    return "; ".join(parts)
