"""Modifiers applied: a model whose parameters and effects are changed, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pkpd.errors import ModelFileError, nearest
from pkpd.model.effect import Effect
from pkpd.model.modifier import (
    LOG_ODDS,
    POINTS,
    UNKNOWN,
    VALUE,
    WHOLE_EFFECT,
    EffectChange,
    KineticChange,
    Modifier,
    multiplied,
)
from pkpd.model.parts import Parameter, Source

if TYPE_CHECKING:
    from pkpd.model.model import Model

# Effects whose value is a fraction: a factor above 1 could make it more than one.
_FRACTIONS = ("relief", "placebo", "side effect")


@dataclass(frozen=True, slots=True)
class Acting:
    """A modifier as it acts in a model.

    kinetics : the set of kinetic changes that the model took
    form     : the only drug form it holds for; "" for all
    """

    modifier: Modifier
    kinetics: tuple[KineticChange, ...]
    form: str = ""

    @property
    def effects(self) -> tuple[EffectChange, ...]:
        """Its changes of effects, for its drug form."""
        return tuple(change for change in self.modifier.effects if change.form in ("", self.form))


def modified(model: Model, modifiers: Sequence[Modifier], form: str = "") -> Model:
    """A model on which modifiers act.

    form : drug form that is given; needed for a modifier whose changes hold for one form
    Raises ModelFileError for a modifier that finds nothing to act on, and as Model.with_modifiers says.
    """
    for modifier in modifiers:
        model = _modified(model, modifier, form)
    return model


def _modified(model: Model, modifier: Modifier, form: str) -> Model:
    where = f'modifier "{modifier.id}" on the model "{model.id}"'
    if any(acting.modifier.id == modifier.id for acting in model.modifiers):
        raise ModelFileError(f"{where}: it acts already. Give it once.")
    forms = sorted({change.form for change in modifier.effects if change.form})
    if forms and form not in forms:
        raise ModelFileError(
            f"{where}: what it does depends on the drug form given, and "
            + (f'nothing is known for "{form}". ' if form else "none is named. ")
            + f"Forms: {', '.join(forms)}; say which with with_modifiers(..., form={forms[0]!r})."
        )
    acting = Acting(modifier, modifier.taken(model.roles, model.routes), form if forms else "")
    _refuse_idle(model, acting, where)
    parameters, sources, covariances = dict(model.parameters), dict(model.sources), model.covariances
    for change in acting.kinetics:
        for name in model.roles[change.role]:
            if parameters[name].value is None:
                raise ModelFileError(f"{where}: {name} has no number in the file; a parameter table gives it.")
            origin = _origin(modifier, sources, parameters[name], change.source, f"x {change.factor:g}")
            sources[origin.key] = origin
            if (between := parameters[name].between) is not None and between.kind == "normal":
                covariances = tuple(
                    replace(item, value=item.value * change.factor) if name in (item.first, item.second) else item
                    for item in covariances
                    if change.factor != 0 or name not in (item.first, item.second)
                )
            parameters[name] = multiplied(parameters[name], change.factor, change.mark, origin.key)
    return replace(
        model,
        parameters=parameters,
        sources=sources,
        covariances=covariances,
        effects=tuple(modified_effect(effect, acting) for effect in model.effects),
        modifiers=(*model.modifiers, acting),
    )


def modified_effect(effect: Effect, acting: Acting) -> Effect:
    """An effect with what a modifier does to it; unchanged where that is nothing, or was done before."""
    modifier = acting.modifier
    changes = [change for change in acting.effects if change.of == effect.id and change.changes]
    if not changes or modifier.id in effect.modifiers:
        return effect
    where = f'modifier "{modifier.id}" on the effect "{effect.id}"'
    parameters, sources = dict(effect.parameters), dict(effect.sources)
    log_odds, factor, points = effect.log_odds, effect.factor, effect.points
    for change in changes:
        if change.what == LOG_ODDS:
            if effect.role != "side effect":
                raise ModelFileError(f"{where}: only a probability has log odds, and its role is {effect.role}.")
            log_odds += change.amount
        elif change.what == VALUE:
            if effect.role in _FRACTIONS and change.amount > 1:
                raise ModelFileError(
                    f'{where}: a factor of {change.amount:g} could make a fraction more than 1. Take what = "log odds".'
                )
            factor *= change.amount
        elif change.what == POINTS:
            if effect.role in _FRACTIONS:
                raise ModelFileError(f"{where}: its value is a fraction and has no points to add.")
            points += change.amount
        elif change.what not in parameters:
            allowed = [*parameters, *WHOLE_EFFECT]
            raise ModelFileError(f'{where}: it has no "{change.what}". {nearest(change.what, allowed)}')
        else:
            old = parameters[change.what]
            origin = _origin(modifier, sources, old, change.source, f"x {change.amount:g}")
            sources[origin.key] = origin
            parameters[change.what] = multiplied(old, change.amount, change.mark, origin.key)
    return replace(
        effect,
        parameters=parameters,
        sources=sources,
        log_odds=log_odds,
        factor=factor,
        points=points,
        modifiers=(*effect.modifiers, modifier.id),
        multiplied=effect.multiplied.union(change.what for change in changes).intersection(parameters),
    )


def factors_of(model: Model, further: Iterable[Acting]) -> dict[str, float]:
    """What modifiers multiply the parameters of a model and its effects with, those of effects as "effect.parameter".

    further : that do not act in the model itself
    """
    found: dict[str, float] = {}
    for acting in further:
        names = [(name, change.factor) for change in acting.kinetics for name in model.roles[change.role]]
        names += [
            (f"{effect.id}.{change.what}", change.amount)
            for effect in model.effects
            for change in acting.effects
            if change.of == effect.id and change.what in effect.parameters
            if acting.modifier.id not in effect.modifiers
        ]
        for name, factor in names:
            found[name] = found.get(name, 1.0) * factor
    return found


def _origin(modifier: Modifier, sources: Mapping[str, Source], old: Parameter, source: str, how: str) -> Source:
    """Where a changed parameter comes from: what it was, and the modifier with its own source."""
    before, cited = sources[old.source], modifier.sources[source]
    return Source(
        f"{old.source} {how} {modifier.id}",
        f"{before.citation}; {how} by the modifier {modifier.id}: {cited.citation}",
        before.doi,
        before.population,
        before.sampling_site,
    )


def _refuse_idle(model: Model, acting: Acting, where: str) -> None:
    """Refuse a modifier that finds nothing to act on, or a value set that is not in use."""
    modifier = acting.modifier
    attached = {effect.id for effect in model.effects}
    used = [change for change in acting.effects if change.of in attached]
    if modifier.kinetics and not acting.kinetics:
        sets = " or ".join(
            " and ".join(c.role for c in changes if not c.optional)
            + "".join(f" ({'/'.join(routes)})" for routes in sorted({c.routes for c in changes if c.routes}))
            for changes in modifier.alternatives().values()
        )
        from pkpd.model import library

        fitting = [name for name in library.names("pk") if _takes(library.load(name), modifier)]
        raise ModelFileError(
            f"{where}: it acts on {sets}, and the model has {', '.join(model.roles) or 'none of these roles'}. "
            f"Models it acts on: {', '.join(fitting) or 'none'}."
        )
    if not acting.kinetics and not used:
        of = sorted({change.of for change in acting.effects})
        raise ModelFileError(
            f"{where}: nothing to act on. It changes the effects {', '.join(of)}; attached are "
            f"{', '.join(sorted(attached)) or 'none'}. Attach one: model.with_effects(pkpd.load_effect(...))."
        )
    named = {change.name for change in acting.kinetics} | {change.name for change in used}
    idle = modifier.chosen - named
    if idle:
        names = sorted(named - {""})
        raise ModelFileError(
            f"{where}: the value set for {', '.join(sorted(idle))} is not used there. "
            f"In use: {', '.join(names) or 'nothing that can be set'}."
        )


def _takes(model: Model, modifier: Modifier) -> bool:
    return bool(modifier.taken(model.roles, model.routes))


def refused_dose(model: Model, route: str, form: str) -> str:
    """Why a dose cannot be given together with the modifiers that act, in words; "" where it can.

    route, form : of the dose; "" where a data set does not name it
    """
    for acting in model.modifiers:
        of = acting.modifier.id
        for change in acting.kinetics:
            if change.routes and route not in change.routes:
                known = ", ".join(change.routes)
                return f"what {of} does there is known for {known} only, not {route or 'a dose without a route'}"
        if acting.form and form != acting.form:
            return f"what {of} does was applied for the form {acting.form}, not {form or 'a dose without a form'}"
    return ""


def overridden(model: Model, columns: Iterable[str]) -> list[str]:
    """Columns of a parameter table that give outright what a modifier changes."""
    changed = {name for acting in model.modifiers for change in acting.kinetics for name in model.roles[change.role]}
    changed |= {f"{change.of}.{change.what}" for acting in model.modifiers for change in acting.effects}
    return sorted(changed.intersection(columns))


def sentences(model: Model) -> list[str]:
    """What the modifiers that act in a model do, one sentence each."""
    return [f"{acting.modifier.title}: {'; '.join(_words(model, acting))}." for acting in model.modifiers]


def _words(model: Model, acting: Acting) -> list[str]:
    attached = {effect.id for effect in model.effects}
    words = []
    for change in acting.kinetics:
        names = " and ".join(model.roles[change.role])
        words.append(f"{names} x {change.factor:g}{_range(change)} ({change.mark}){_note(change)}")
    for item in acting.effects:
        if item.of in attached:
            words.append(f"{item.of}: {_how(item)}{_range(item)} ({item.mark}){_note(item)}")
    return words


def _how(change: EffectChange) -> str:
    """What is done to an effect: "log odds -1.4", "C50 x 6", "x 0.7"."""
    if not change.changes:
        return "unknown" if change.what == UNKNOWN else "no effect found"
    if change.what in (LOG_ODDS, POINTS):
        return f"{change.what} {change.amount:+g}"
    return f"{'' if change.what == VALUE else change.what + ' '}x {change.amount:g}"


def change_rows(modifier: Modifier) -> list[tuple[str, ...]]:
    """The changes of a modifier, for a table: acts on, how, range, name to set, condition, mark, source, remark."""
    rows: list[tuple[str, ...]] = []
    for change in modifier.kinetics:
        holds = [*change.routes, *(["where the model has it"] if change.optional else [])]
        how, limits = f"x {change.factor:g}", _range(change).removeprefix(", ")
        rows.append((change.role, how, limits, change.name, ", ".join(holds), change.mark, change.source, change.note))
    for item in modifier.effects:
        how, limits = _how(item), _range(item).removeprefix(", ")
        rows.append((item.of, how, limits, item.name, item.form, item.mark, item.source, item.note))
    return rows


def _range(change: KineticChange | EffectChange) -> str:
    return "" if change.range is None else f", {change.range[0]:g} to {change.range[1]:g}"


def _note(change: KineticChange | EffectChange) -> str:
    return f"; {change.note.rstrip('.')}" if change.note else ""
