"""What a model and its effects may be used for, held against patients and regimens: flagged, or refused where hard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.regimen import Regimen
from pkpd.errors import SimulationError
from pkpd.flags import Flag
from pkpd.individuals import Individuals
from pkpd.model import library
from pkpd.model.adding import remark
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.model.parts import ADULT, Limit
from pkpd.times import TICKS_PER_HOUR
from pkpd.units import analyse

Floats = NDArray[np.float64]
Plans = Regimen | Sequence[Regimen]
Peaks = Mapping[str, Floats]

CHILD = 30.0  # kg: below, somebody of unknown age is taken for a child


@dataclass(frozen=True)
class Seen:
    """One limit, and how many are beyond it.

    size      : of how many patients
    low, high : least and largest value of those beyond, canonical; the weight where that speaks for an age nobody gave
    why       : for the reader, where it is not the value itself
    doubtful  : whether it is only possible
    """

    owner: Model | Effect
    limit: Limit
    count: int
    size: int
    low: float
    high: float
    why: str = ""
    doubtful: bool = False

    @property
    def hard(self) -> bool:
        """Whether it is refused."""
        return self.limit.hard and not self.doubtful

    def and_more(self, other: Seen) -> Seen:
        """The same limit in these and in other patients."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        return replace(self, count=self.count + other.count, size=self.size + other.size, low=low, high=high)

    @property
    def text(self) -> str:
        """How many, and with what."""
        many = "" if self.size == 1 else f"{self.count:,} of {self.size:,} patients"
        if self.why:
            return f"{self.why}: {many}" if many else self.why
        factor = analyse(self.limit.unit)[0]
        unit = "years" if self.limit.unit == "year" else self.limit.unit
        low, high = f"{self.low / factor:.3g}", f"{self.high / factor:.3g}"
        span = f"{low if low == high else f'{low} to {high}'} {unit}".rstrip()
        return f"{span} in {many}" if many else span

    @property
    def told(self) -> str:
        """What was given, and the limit."""
        of = f" of {self.limit.of}" if self.limit.of else ""
        given = self.text if self.why else f"{self.limit.name}{of} is {self.text}"
        return f"{given}; its limit is {self.limit}"


@dataclass(frozen=True)
class _Passed:
    """Who is beyond one limit.

    who    : (subjects)
    values : (subjects) of what is limited, canonical; others as of `Seen`
    """

    owner: Model | Effect
    limit: Limit
    who: NDArray[np.bool_]
    values: Floats
    why: str = ""
    doubtful: bool = False

    @property
    def hard(self) -> bool:
        """Whether it is refused."""
        return self.limit.hard and not self.doubtful

    @property
    def seen(self) -> Seen:
        """The same counted."""
        found = np.asarray(self.values[self.who], float)
        low, high = float(found.min(initial=np.inf)), float(found.max(initial=-np.inf))
        return Seen(self.owner, self.limit, int(self.who.sum()), len(self.who), low, high, self.why, self.doubtful)


def refuse(subjects: Individuals, plans: Plans, where: str = "") -> None:
    """Refuse patients or a regimen beyond a hard limit, before anything runs.

    plans : one regimen for all, or one for each subject
    where : the place, for the error
    Raises SimulationError: what was given, the limit, the models of the library that fit, and the way out.
    """
    passed = _beyond(subjects, plans)
    if passed is not None:
        _refuse(passed, subjects, plans, where)


def reason(subjects: Individuals, plans: Plans) -> str:
    """Why `refuse` would refuse, in short; "" where it would not."""
    passed = _beyond(subjects, plans)
    return "" if passed is None else passed.seen.told


def _beyond(subjects: Individuals, plans: Plans) -> _Passed | None:
    """The first hard limit that is passed before anything runs."""
    for owner, limit in _hard(subjects.model):
        passed = _of_limit(owner, limit, subjects, plans, {})
        if passed is not None and passed.hard and passed.who.any():
            return passed
    return None


@lru_cache(maxsize=64)
def _hard(model: Model) -> tuple[tuple[Model | Effect, Limit], ...]:
    """The hard limits of a model and its effects; few or none, and all that a run made ready has to look at."""
    return tuple((owner, limit) for owner in model.files for limit in owner.validity if limit.hard)


def flags(subjects: Individuals, plans: Plans, of: str = "", peaks: Peaks | None = None) -> tuple[Flag, ...]:
    """A flag for every limit that is passed, and for every route that a script added.

    of    : whom it is said of, such as an arm's name
    peaks : outputs of `followed` -> (subjects) highest level, mg/L
    Raises SimulationError where a level is beyond a hard limit.
    """
    return flags_of(counted(subjects, plans, of, peaks), subjects.model, plans, of)


def counted(subjects: Individuals, plans: Plans, of: str = "", peaks: Peaks | None = None) -> list[Seen]:
    """Every limit, in a fixed order, and how many of some patients are beyond it; arguments as for `flags`.

    Raises SimulationError where a level is beyond a hard limit.
    """
    found = []
    for owner in subjects.model.files:
        for limit in owner.validity:
            passed = _of_limit(owner, limit, subjects, plans, peaks or {})
            if passed is None:
                continue
            if passed.hard and passed.who.any():
                _refuse(passed, subjects, plans, of)
            found.append(passed.seen)
    return found


def flags_of(seen: Sequence[Seen], model: Model, plans: Plans, of: str = "") -> tuple[Flag, ...]:
    """The flags of limits that somebody is beyond, and of routes that a script added."""
    found = []
    for one in seen:
        if one.count:
            outside = "Perhaps outside" if one.doubtful else "Outside"
            found.append(Flag("limit", of, f"{outside} the limit {one.limit}: {one.text}.", one.owner.id))
    added = [route.name for route in model.routes.values() if route.added]
    if added:
        used = _routes(plans)
        found += [Flag("limit", of, *remark(model, route)) for route in added if route in used]
    return tuple(found)


def followed(model: Model, plans: Plans) -> tuple[str, ...]:
    """The outputs whose highest level `flags` must know."""
    limits = [limit for owner in model.files for limit in owner.validity if limit.name == "concentration"]
    if not limits or all(plan.is_empty for plan in _listed(plans)):
        return ()
    used = _routes(plans)
    return tuple(dict.fromkeys(limit.of for limit in limits if limit.route in ("", *used)))


def _of_limit(owner: Model | Effect, limit: Limit, subjects: Individuals, plans: Plans, peaks: Peaks) -> _Passed | None:
    """Who is beyond a limit; None where nothing is known of it."""
    if limit.name == "age" and "age" not in subjects.known:
        return _by_weight(owner, limit, subjects, plans)
    if limit.name == "duration":
        values = _each([plan.end / TICKS_PER_HOUR for plan in _listed(plans)], subjects.size)
    elif limit.name == "concentration":
        if limit.of not in peaks:
            return None
        values = peaks[limit.of]
    elif limit.name in subjects.known or limit.name == "weight":
        values = subjects.covariates[limit.name]
    else:
        return None
    low = -np.inf if limit.minimum is None else limit.minimum
    high = np.inf if limit.maximum is None else limit.maximum
    beyond = (values < low) | (values > high)
    return _Passed(owner, limit, beyond & _concerned(owner, limit, plans), values)


def _by_weight(owner: Model | Effect, limit: Limit, subjects: Individuals, plans: Plans) -> _Passed | None:
    """Who is a child by weight under a limit that keeps children out, or perhaps none under one of children."""
    light, concerned = subjects.weight < CHILD, _concerned(owner, limit, plans)
    if limit.minimum is not None and limit.minimum >= ADULT:
        why = f"age is not given, and below {CHILD:g} kg a person is taken for a child"
        return _Passed(owner, limit, concerned & light, subjects.weight, why)
    if limit.for_children:
        return _Passed(owner, limit, concerned & ~light, subjects.weight, "age is not given", doubtful=True)
    return None


def _concerned(owner: Model | Effect, limit: Limit, plans: Plans) -> NDArray[np.bool_] | bool:
    """Whom a limit concerns, (subjects) or all alike: those given drug by its route; of a model's limit of duration or
    level those given any."""
    of_treatment = isinstance(owner, Model) and limit.name in ("duration", "concentration")
    if not (limit.route or of_treatment):
        return True
    found = [
        not (of_treatment and plan.is_empty) and (not limit.route or limit.route in plan.routes)
        for plan in _listed(plans)
    ]
    return found[0] if isinstance(plans, Regimen) else np.array(found)


def _each(found: Sequence[float], size: int) -> Floats:
    """One number a subject, from one for all or one for each."""
    return np.broadcast_to(np.asarray(found, float), (size,))


def _listed(plans: Plans) -> Sequence[Regimen]:
    return [plans] if isinstance(plans, Regimen) else plans


def _routes(plans: Plans) -> tuple[str, ...]:
    different = [plans] if isinstance(plans, Regimen) else dict.fromkeys(plans)
    return tuple(sorted({route for plan in different for route in plan.routes}))


def _refuse(passed: _Passed, subjects: Individuals, plans: Plans, where: str) -> None:
    owner, limit = passed.owner, passed.limit
    kind = "model" if isinstance(owner, Model) else "effect"
    at = f"{where}: " if where else ""
    advice = [f"{at}{kind} {owner.id}: {passed.seen.told}."]
    if limit.name in ("age", "weight"):
        who = np.flatnonzero(passed.who)
        own = plans if isinstance(plans, Regimen) else [plans[int(number)] for number in who]
        if passed.why:
            advice.append('Of adults, say so: covariates={"age": "40 year"} in the Population, or a column age.')
        advice.append(_fitting(owner, limit.name, subjects.only(who), own))
        typical = owner.covariates.get("weight")
        if limit.name == "weight" and typical is not None and isinstance(owner, Model):
            advice.append(f'Its own typical patient: Population.typical("{typical.typical:g} kg").')
    advice.append(f'To go beyond the limit, with a flag on the result: {kind}.beyond("{limit.name}").')
    raise SimulationError(" ".join(advice))


def _fitting(owner: Model | Effect, name: str, subjects: Individuals, plans: Plans) -> str:
    """The models of the library that have limits of a name and hold these subjects within, and what else is outside."""
    forms = {form.enantiomer for plan in _listed(plans) for form in plan.forms}
    found = []
    for other in library.names("pk"):
        model = library.load(other)
        if model.id == owner.id or not set(_routes(plans)) <= set(model.routes):
            continue
        remarks = []
        if not forms <= set(model.forms):
            if not (forms <= {"racemate", "S"} and "S" in model.forms):
                continue
            remarks.append("takes S-ketamine: regimen.s_half()")
        own = [limit for limit in model.validity if limit.name == name]
        passed = [_of_limit(model, limit, subjects, plans, {}) for limit in model.validity]
        outside = [str(one.limit) for one in passed if one is not None and one.who.any()]
        if not own or any(text in outside for text in map(str, own)):
            continue
        found.append(f"{other} ({'; '.join([*remarks, *outside])})" if remarks or outside else other)
    return f"Models of the library with a fitting limit of {name}: {', '.join(found) or 'none'}."
