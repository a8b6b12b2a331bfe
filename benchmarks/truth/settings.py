"""Under what a prediction is made: the default configuration, and others that the evidence leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pkpd
from benchmarks.truth.meeting import made_for
from pkpd.dosing.regimen import Regimen
from pkpd.errors import PkpdError, SimulationError, UnknownName
from pkpd.model.effect import Effect
from pkpd.model.library import DEFAULT_MODEL
from pkpd.model.model import Model

DEFAULT = "default"
BACKGROUND = "background of the study"
# Kinetics where nothing else is said: the default, and for routes it lacks the model that has them.
BY_ROUTE = {"iv": DEFAULT_MODEL, "nasal": "perezruixo2021-esketamine", "oral": "perezruixo2021-esketamine"}
BY_ROUTE |= dict.fromkeys(("buccal", "sublingual"), "simons2022-s-ketamine")
TOTAL, S = "ketamine", "S-ketamine"  # analytes
SEED = 1  # of virtual patients
WEIGHT = 70.0  # kg, where the study does not say


@dataclass(frozen=True)
class Setting:
    """One configuration.

    model      : kinetics for every route; "" for the default ones
    values     : effect -> parameter -> value in place of the file's
    background : whether what happens without drug is that of the study's own control arm
    limits     : False to look past the limits of the kinetic model, to show what it would say
    """

    name: str
    about: str = ""
    model: str = ""
    values: Mapping[str, Mapping[str, str | float]] = field(default_factory=dict)
    background: bool = False
    limits: bool = True


ASKED, REPORTED = "psychotomimetic-asked", "psychotomimetic-reported"
FAST, SLOW, PLACEBO = "fast-relief", "slow-relief", "placebo-response"

# Both readings of what the evidence leaves open. 0.51 nmol/mL of S-ketamine is 121 ng/mL, 242 in racemic equivalents;
# 0.3 nmol/mL is 71, 143 in racemic equivalents; 345 ng/mL is the middle of 285 to 404.
OPEN = (
    Setting(
        "half-life 0.5 min",
        "of the site of psychotomimetic effects; 2 min by default",
        values={ASKED: {"equilibration": "0.5 min"}},
    ),
    Setting(
        "half-life 8.3 min",
        "of the site of psychotomimetic effects, as Olofsen 2022 has it",
        values={ASKED: {"equilibration": "8.3 min"}},
    ),
    Setting(
        "shared potency",
        "one for relief and perception, with 8.3 min (Olofsen 2022)",
        values={ASKED: {"C50": "242 ng/mL", "equilibration": "8.3 min"}, FAST: {"C50": "121 ng/mL"}},
    ),
    Setting(
        "separate potencies",
        "perception four to six times as sensitive as relief (Simons 2022)",
        values={ASKED: {"C50": "143 ng/mL"}, FAST: {"C50": "345 ng/mL"}},
    ),
    Setting("reported share 0.06", "as in a review of charts", values={REPORTED: {"share": 0.06}}),
    Setting("reported share 0.65", "as over eight sessions", values={REPORTED: {"share": 0.65}}),
    Setting("slow responders 0.3", "outside complex regional pain syndrome", values={SLOW: {"P_responder": 0.3}}),
    Setting(
        "placebo at once",
        "within minutes, in 0.15 of patients, as infusion trials and crossovers suggest",
        values={PLACEBO: {"half_time": "5 min", "P_placebo": 0.15}},
    ),
    Setting(BACKGROUND, "the control arm's share in place of the effect's own", background=True),
)


def settings() -> tuple[Setting, ...]:
    """The default, what is open, and every kinetic model of adults."""
    return (Setting(DEFAULT), *OPEN, *kinetics(children=False))


def kinetics(children: bool) -> tuple[Setting, ...]:
    """The kinetic models of the library but the default one, by their own reading of their evidence.

    children : whether those made for children are among them, past whose limits one then looks
    """
    grown = {name: made_for(pkpd.load(name)) != "children" for name in pkpd.names("pk") if name != DEFAULT_MODEL}
    return tuple(
        Setting(f"kinetics {name}", model=name, limits=of_adults)
        for name, of_adults in grown.items()
        if children or of_adults
    )


def people_of(weight: float | None, age: float | None, subjects: int, seed: int) -> pkpd.Population:
    """Virtual patients of one weight (kg), and of one age (years) where it is known."""
    covariates = {} if age is None else {"age": f"{age!r} year"}
    return pkpd.Population(subjects, seed, f"{WEIGHT if weight is None else weight:g} kg", covariates)


def chain(endpoint: str) -> tuple[Effect, ...]:
    """An effect after those it takes a share of.

    Raises UnknownName for an endpoint that the library has no effect of.
    """
    effect = pkpd.load_effect(endpoint)
    return (*(() if effect.curve.of is None else chain(effect.curve.of)), effect)


def changed(effects: Sequence[Effect], setting: Setting, background: float | None = None) -> tuple[Effect, ...]:
    """The effects under a setting.

    background : share of people without drug who had it, for the last effect; None where not known
    """
    made = [
        effect.with_values(**setting.values[effect.id]) if effect.id in setting.values else effect for effect in effects
    ]
    if setting.background and background is not None:
        made[-1] = made[-1].with_values(**{made[-1].curve.parameters["floor"]: background})
    return tuple(made)


def touches(setting: Setting, effects: Sequence[Effect], background: float | None = None) -> bool:
    """Whether a setting says anything else of some effects than the default does."""
    if setting.background:
        return background is not None and "floor" in effects[-1].curve.parameters
    return bool(setting.model) or any(effect.id in setting.values for effect in effects)


def is_default(setting: Setting, route: str) -> bool:
    """Whether a setting names the kinetics that the default has for a route anyhow."""
    return bool(setting.model) and setting.model == BY_ROUTE.get(route)


def equipped(
    setting: Setting, regimen: Regimen, effects: Sequence[Effect], route: str
) -> tuple[Model, Regimen, tuple[Effect, ...], str]:
    """The kinetics of a setting with effects that it can drive, the regimen as it can take it, and what was converted.

    route   : of the regimen, by which the default kinetics are chosen
    returns : model, regimen, effects, and the conversion in words ("" for none)
    Raises a PkpdError where they do not go together.
    """
    name = setting.model or BY_ROUTE.get(route, "")
    if not name:
        raise UnknownName(f"no kinetic model of the {route} route in adults.")
    model = pkpd.load(name)
    if not setting.limits:
        model = replace(model, validity=())
    conversions = []
    given = {form.enantiomer for form in regimen.forms}
    if given == {"racemate"} and "racemate" not in model.forms and "S" in model.forms:
        regimen = regimen.s_half()
        conversions.append("half of the racemate given as S-ketamine")
        given = {"S"}
    if S not in model.outputs and TOTAL in model.outputs:
        effects = tuple(on_total(effect, given) for effect in effects)
        conversions.append("total ketamine for S-ketamine")
    return model, regimen, tuple(effects), "; ".join(conversions)


def on_total(effect: Effect, given: set[str]) -> Effect:
    """An effect of S-ketamine in racemic equivalents, driven by total ketamine, of which the racemate is one.

    given : enantiomers of the regimen
    Raises SimulationError for an effect that is not in racemic equivalents, or forms given together.
    """
    if effect.driver is None or effect.driver.analyte != S:
        return effect
    if effect.driver.multiply is None or len(given) > 1:
        raise SimulationError(f"{effect.id} follows S-ketamine, which this model does not tell from R-ketamine.")
    factor = 1.0 if given == {"racemate"} else 2.0
    driven = replace(effect, driver=replace(effect.driver, analyte=TOTAL))
    return driven.with_values(**{effect.driver.multiply: factor})


def refusal(cause: PkpdError) -> str:
    """What is wrong, for a table, without the list of what would be right."""
    return " ".join(str(cause).split()).split(" Allowed: ")[0]
