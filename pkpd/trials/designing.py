"""A trial from a script: arms and endpoints as text, what is usual where nothing is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from pkpd.arms import Given, planned
from pkpd.comparing import equipped
from pkpd.errors import StudyError, unknown
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.population.people import Population
from pkpd.practice.practice import Practice
from pkpd.times import ticks
from pkpd.trials.asking import check_arms, check_endpoints, check_enrichment, check_people
from pkpd.trials.conduct import Conduct
from pkpd.trials.placebo import placebo_response
from pkpd.trials.reading import usual_conduct
from pkpd.trials.values import Endpoint, Enrichment, Treatment, Trial

SCRIPT = "given"  # the source of numbers that a script or the command line gives


def design_trial(
    model: Model,
    drug: Given,
    control: Given | None,
    patients: tuple[int, ...],
    endpoints: Sequence[Endpoint | tuple[Any, ...]],
    *,
    design: str | None = None,
    population: Population | None = None,
    effects: Sequence[Effect] | None = None,
    indication: str = "",
    comparator: str = "",
    enrichment: tuple[Any, Any, float] | None = None,
    criteria: Sequence[str] = (),
    practice: Practice | None = None,
    follow_up: Any = None,
    names: tuple[str, str] = ("drug", "control"),
    title: str = "",
    **conduct: Any,
) -> Trial:
    """A trial to be simulated with `pkpd.run_trials`.

    model      : kinetic model
    drug       : regimen or prescription text, or a tuple of it, modifiers, and effects with values of their own
    control    : the same, "no treatment" for placebo; None for a single arm
    patients   : analysed per arm, (drug, control); of a cross-over or a single arm (all,)
    endpoints  : the primary first, each an Endpoint or a tuple: ("pain score", "7 d"), ("relief", "7 d", 0.5) for
                 relief of at least half, ("fall", "7 d", 2) for a fall by at least 2 points; times count from the end
                 of treatment; or ("side effect", "psychotomimetic-asked"), ever under treatment
    design     : "parallel", "crossover" or "single arm"; by the number of arms unless given
    population : who the patients are; those of the default configuration unless given
    effects    : effects to compute; those of the model, else the default configuration's, unless given
    indication : whose placebo response over days the patients have, one of pkpd.guidance.INDICATIONS; or
    comparator : "saline" or "midazolam", whose response within the hour they have. That of the effects unless given
    enrichment : (test dose, time after its end, least relief) where only responders to a test dose enter
    criteria   : entry criteria beside the pain score, such as ["age 18 to 75 year", "no pregnancy"]
    practice   : what patients get of what is prescribed; all of it unless given
    follow_up  : time after the end of treatment until which those leave who do, "84 d"; the last visit unless given
    names      : of the arms
    conduct    : entry, noise, unblinding (points), drop_out, drop_out_control (shares), washout (text), missing; what
                 is usual (`pkpd trial` lists it) unless given
    returns    : Trial
    Raises a PkpdError that says what does not fit.
    """
    sizes, called = check_arms(patients, names)
    check_people(population, criteria, practice)
    check_endpoints(endpoints)
    test = None if enrichment is None else _enrichment(*check_enrichment(enrichment))
    given = planned(drug, "trial, drug")
    held = None if control is None else planned(control, "trial, control")
    usual, sources = usual_conduct()
    chosen = design or ("single arm" if held is None else "parallel")
    equipment = equipped(model, effects)[0]
    if indication or comparator:
        own = placebo_response(indication, comparator)
        others = tuple(effect for effect in equipment.effects if effect.id != own.id)
        equipment = replace(equipment, effects=()).with_effects(*others, own)
    return Trial(
        equipment,
        Treatment(called[0], given.regimen, given.modifiers, given.effects),
        None if held is None else Treatment(called[1], held.regimen, held.modifiers, held.effects),
        chosen,
        sizes,
        tuple(_endpoint(one) for one in endpoints),
        population or Population(),
        _conduct(usual, conduct),
        test,
        tuple(criteria),
        title=title,
        sources=sources,
        practice=practice,
        follow_up=None if follow_up is None else ticks(follow_up, "follow_up"),
    )


def with_conduct(trial: Trial, **given: Any) -> Trial:
    """The same trial conducted otherwise.

    given : as `conduct` of `design_trial`; what is None stays
    """
    return replace(
        trial, conduct=_conduct(trial.conduct, {k: value for k, value in given.items() if value is not None})
    )


def _endpoint(given: Endpoint | tuple[Any, ...]) -> Endpoint:
    if isinstance(given, Endpoint):
        return given
    if not isinstance(given, tuple) or len(given) not in (2, 3):
        raise StudyError(f'trial: an endpoint is a tuple such as ("pain score", "7 d"), not {given!r}.')
    kind, when, *threshold = given
    if not isinstance(kind, str):
        raise StudyError(f'trial: an endpoint begins with its kind, such as "pain score", and not with {kind!r}.')
    if threshold and (isinstance(threshold[0], bool) or not isinstance(threshold[0], (int, float))):
        raise StudyError(
            f'endpoint "{kind}": a threshold of {threshold[0]!r} is no number. Write ("relief", "7 d", 0.5).'
        )
    if kind == "side effect":
        return Endpoint(kind, 0, of=str(when))
    return Endpoint(kind, ticks(when, f'endpoint "{kind}"'), threshold=threshold[0] if threshold else None)


def _enrichment(dose: Given, when: Any, relief: float) -> Enrichment:
    return Enrichment(planned(dose, "trial, enrichment").regimen, ticks(when, "enrichment"), relief)


def _conduct(usual: Conduct, given: Mapping[str, Any]) -> Conduct:
    known = [field.name for field in fields(Conduct) if field.name != "origins"]
    for name in given:
        if name not in known:
            raise unknown("trial conduct", "number", name, known)
    changed = dict(given)
    if "washout" in changed:
        changed["washout"] = ticks(changed["washout"], "washout") / ticks("1 h")
    origins = {
        name: origin
        if name not in changed
        else replace(origin, value=changed[name], source=SCRIPT, mark="assumed", note="Given for this run.")
        for name, origin in usual.origins.items()
    }
    return replace(usual, **changed, origins=origins)
