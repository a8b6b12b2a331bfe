"""A modifier as a value: another drug, a genotype, a condition, that changes kinetics or effects of ketamine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pkpd.errors import ModelFileError, unknown
from pkpd.model.parts import MARKS, USER, Between, Parameter, Source

GROUPS = ("interaction", "genotype", "condition", "adjuvant", "pain modality", "care")

# Parts of a model's kinetics that a modifier acts on; a model's [roles] say which parameters are behind each.
KINETIC_ROLES = (
    "clearance",
    "norketamine_clearance",
    "liver_intrinsic_clearance",
    "gut_intrinsic_clearance",
    "liver_flow",
    "norketamine_liver_intrinsic_clearance",
    "norketamine_gut_intrinsic_clearance",
)

# Changes of an effect that are no parameter of it: shift of the log-odds of a probability, factor on the value, points
# added to the value; studied and found to change nothing; not studied.
LOG_ODDS, VALUE, POINTS, NONE, UNKNOWN = "log odds", "value", "points", "none", "unknown"
WHOLE_EFFECT = (LOG_ODDS, VALUE, POINTS, NONE, UNKNOWN)


@dataclass(frozen=True, slots=True)
class KineticChange:
    """A factor on the parameters behind a role of a model.

    factor      : what they are multiplied with
    range       : of the factor, or None
    alternative : the set of changes it belongs to; of several sets a model takes the first it has all roles of
    optional    : a model without the role takes the set all the same
    routes      : the change holds for; empty for all
    name        : under which a script may set the factor; "" where it is not for setting
    """

    role: str
    factor: float
    range: tuple[float, float] | None
    source: str
    mark: str
    alternative: str = ""
    optional: bool = False
    routes: tuple[str, ...] = ()
    name: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class EffectChange:
    """A change of an effect.

    of     : the effect's id
    what   : a parameter of it, multiplied with the amount; or one of WHOLE_EFFECT
    amount : a factor; of "log odds" and "points" what is added; nothing of "none" and "unknown"
    range  : of the amount, or None
    form   : the drug form it was found with and holds for; "" for all
    name   : under which a script may set the amount; "" where it is not for setting
    """

    of: str
    what: str
    amount: float
    range: tuple[float, float] | None
    source: str
    mark: str
    form: str = ""
    name: str = ""
    note: str = ""

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self.what not in (NONE, UNKNOWN)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Modifier:
    """One modifier file; compared and hashed by identity.

    kinetics, effects : its changes
    chosen            : names of those that a script has set
    """

    id: str
    title: str
    group: str
    use_for: str
    not_for: str
    notes: tuple[str, ...]
    sources: Mapping[str, Source]
    kinetics: tuple[KineticChange, ...]
    effects: tuple[EffectChange, ...]
    path: str = ""
    chosen: frozenset[str] = field(default_factory=frozenset)

    def with_values(self, **values: float) -> Modifier:
        """The modifier with factors or amounts of the user's, each then marked "assumed".

        values  : name of a change = number; `pkpd show` lists the names
        Raises UnknownName for a name that no change has, ModelFileError for what is no number or a factor below 0.
        """
        names = self.settable
        for name, value in values.items():
            if name not in names:
                raise unknown(f'modifier "{self.id}"', "value to set", name, names)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < float("inf"):
                raise ModelFileError(f'modifier "{self.id}": {name} is {value!r}, not a number.')
            kinds = {change.what for change in self.effects if change.name == name}
            if value < 0 and kinds.isdisjoint((LOG_ODDS, POINTS)):
                raise ModelFileError(f'modifier "{self.id}": {name} is {value:g}; a factor is 0 or more.')
            if value == 0 and not kinds <= set(WHOLE_EFFECT):
                raise ModelFileError(f'modifier "{self.id}": {name} multiplies a parameter of an effect; above 0.')
        own: dict[str, Any] = {"range": None, "source": USER, "mark": "assumed"}
        kinetics = tuple(
            replace(change, factor=float(values[change.name]), **own) if change.name in values else change
            for change in self.kinetics
        )
        effects = tuple(
            replace(change, amount=float(values[change.name]), **own) if change.name in values else change
            for change in self.effects
        )
        user = Source(USER, "Set in the script, in place of the modifier file's number.")
        return replace(
            self,
            kinetics=kinetics,
            effects=effects,
            sources={**self.sources, USER: user},
            chosen=self.chosen | frozenset(values),
        )

    @property
    def settable(self) -> tuple[str, ...]:
        """Names of the values that a script may set."""
        names = [change.name for change in self.kinetics] + [change.name for change in self.effects]
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def acts_on(self) -> tuple[str, ...]:
        """Roles and effects it has something to say of."""
        return tuple(dict.fromkeys([change.role for change in self.kinetics] + [change.of for change in self.effects]))

    def alternatives(self) -> Mapping[str, tuple[KineticChange, ...]]:
        """The sets of kinetic changes by name, in the order of the file."""
        names = dict.fromkeys(change.alternative for change in self.kinetics)
        return {name: tuple(c for c in self.kinetics if c.alternative == name) for name in names}

    def taken(self, roles: Mapping[str, tuple[str, ...]], routes: Mapping[str, object]) -> tuple[KineticChange, ...]:
        """The set of kinetic changes for a model: the first whose roles it has, and one of whose routes; or nothing.

        roles, routes : of the model
        """
        for changes in self.alternatives().values():
            fitting = tuple(c for c in changes if c.role in roles)
            if not fitting or any(c.role not in roles and not c.optional for c in changes):
                continue
            if all(not c.routes or any(route in routes for route in c.routes) for c in fitting):
                return fitting
        return ()


def weaker(first: str, second: str) -> str:
    """The weaker of two marks."""
    return max(first, second, key=MARKS.index)


def multiplied(old: Parameter, factor: float, mark: str, source: str) -> Parameter:
    """A parameter that is a factor times what it was, in every person.

    mark   : of the factor; the parameter keeps the weaker one
    source : key of the source that names both
    """
    uncertainty = None
    if old.uncertainty is not None:
        uncertainty = {kind: size if kind == "rse" else _times(size, factor) for kind, size in old.uncertainty.items()}
    return replace(
        old,
        value=None if old.value is None else old.value * factor,
        written=None if old.written is None else old.written * factor,
        source=source,
        mark=weaker(old.mark, mark),
        between=None if old.between is None else _spread(old.between, factor),
        occasion=None if old.occasion is None else _spread(old.occasion, factor),
        uncertainty=uncertainty,
        scan=None if old.scan is None or factor == 0 else (old.scan[0] * factor, old.scan[1] * factor),
    )


def _times(size: float | tuple[float, float], factor: float) -> float | tuple[float, float]:
    return (size[0] * factor, size[1] * factor) if isinstance(size, tuple) else size * factor


def _spread(between: Between, factor: float) -> Between | None:
    """The spread of a parameter that is multiplied; one that is relative, such as a log-normal one, stays."""
    if between.kind not in ("normal", "logit") or factor == 1:
        return between
    if factor == 0:
        return None
    return replace(
        between,
        variance=between.variance * (factor**2 if between.kind == "normal" else 1.0),
        at_least=None if between.at_least is None else between.at_least * factor,
        at_most=None if between.at_most is None else between.at_most * factor,
        low=None if between.low is None else between.low * factor,
        high=None if between.high is None else between.high * factor,
    )
