"""PK/PD dose-response simulation of ketamine: concentrations, pain relief and CNS side effects of dosing regimens.

For research and teaching. Not for dosing patients.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PLACES = {
    "PkpdError": "errors",
    "Dose": "dosing.regimen",
    "Regimen": "dosing.regimen",
    "parse": "dosing.prescription",
    "Model": "model.model",
    "Effect": "model.effect",
    "read_model": "model.modelfile",
    "read_effect": "model.modelfile",
    "load": "model.library",
    "load_effect": "model.library",
    "load_modifier": "model.library",
    "read_modifier": "model.modelfile",
    "Modifier": "model.modifier",
    "default_effects": "model.library",
    "names": "model.library",
    "Population": "population.people",
    "Spread": "population.people",
    "Share": "population.people",
    "Practice": "practice.practice",
    "Missed": "practice.adherence",
    "Late": "practice.adherence",
    "DropOut": "practice.adherence",
    "WeightBands": "practice.rounding",
    "Vial": "practice.rounding",
    "Pump": "practice.rounding",
    "Choice": "population.covariates",
    "load_population": "populations",
    "enrol": "recruiting",
    "Flag": "flags",
    "simulate": "simulation",
    "Tolerance": "solving",
    "Result": "result",
    "Residual": "model.residual",
    "Observed": "measuring",
    "prepare": "preparing",
    "Prepared": "preparing",
    "sweep": "sweeping",
    "Sweep": "sweeping",
    "predict": "predicting",
    "read_dataset": "dosing.dataset",
    "write_dataset": "dosing.dataset",
    "Dataset": "dosing.dataset",
    "compare": "comparing",
    "Conduct": "trials.conduct",
    "Endpoint": "trials.values",
    "Trial": "trials.values",
    "Trials": "trials.results",
    "design_trial": "trials.designing",
    "run_trials": "trials.running",
    "placebo_response": "trials.placebo",
    "find_dose": "trials.dosefinding",
    "DoseFinding": "trials.dosefinding",
    "Literature": "trials.literature",
    "run_literature": "trials.literature",
    "forecast": "forecasting",
    "Forecast": "forecasting",
    "percentiles": "streaming.verb",
    "Percentiles": "streaming.values",
    "disagree": "disagreement.verb",
    "Disagreement": "disagreement.values",
    "Comparison": "comparison",
    "draw_estimates": "estimates.drawing",
    "Estimates": "estimates.drawing",
    "uncertainty": "replicates.verb",
    "Uncertainty": "replicates.values",
    "Study": "study",
    "load_study": "study",
    "read_study": "study",
}

__all__ = sorted([*_PLACES, "__version__"])

if TYPE_CHECKING:
    from pkpd.comparing import compare as compare
    from pkpd.comparison import Comparison as Comparison
    from pkpd.disagreement.values import Disagreement as Disagreement
    from pkpd.disagreement.verb import disagree as disagree
    from pkpd.dosing.dataset import Dataset as Dataset
    from pkpd.dosing.dataset import read_dataset as read_dataset
    from pkpd.dosing.dataset import write_dataset as write_dataset
    from pkpd.dosing.prescription import parse as parse
    from pkpd.dosing.regimen import Dose as Dose
    from pkpd.dosing.regimen import Regimen as Regimen
    from pkpd.errors import PkpdError as PkpdError
    from pkpd.estimates.drawing import Estimates as Estimates
    from pkpd.estimates.drawing import draw_estimates as draw_estimates
    from pkpd.flags import Flag as Flag
    from pkpd.forecasting import Forecast as Forecast
    from pkpd.forecasting import forecast as forecast
    from pkpd.measuring import Observed as Observed
    from pkpd.model.effect import Effect as Effect
    from pkpd.model.library import default_effects as default_effects
    from pkpd.model.library import load as load
    from pkpd.model.library import load_effect as load_effect
    from pkpd.model.library import load_modifier as load_modifier
    from pkpd.model.library import names as names
    from pkpd.model.model import Model as Model
    from pkpd.model.modelfile import read_effect as read_effect
    from pkpd.model.modelfile import read_model as read_model
    from pkpd.model.modelfile import read_modifier as read_modifier
    from pkpd.model.modifier import Modifier as Modifier
    from pkpd.model.residual import Residual as Residual
    from pkpd.population.covariates import Choice as Choice
    from pkpd.population.people import Population as Population
    from pkpd.population.people import Share as Share
    from pkpd.population.people import Spread as Spread
    from pkpd.populations import load_population as load_population
    from pkpd.practice.adherence import DropOut as DropOut
    from pkpd.practice.adherence import Late as Late
    from pkpd.practice.adherence import Missed as Missed
    from pkpd.practice.practice import Practice as Practice
    from pkpd.practice.rounding import Pump as Pump
    from pkpd.practice.rounding import Vial as Vial
    from pkpd.practice.rounding import WeightBands as WeightBands
    from pkpd.predicting import predict as predict
    from pkpd.preparing import Prepared as Prepared
    from pkpd.preparing import prepare as prepare
    from pkpd.recruiting import enrol as enrol
    from pkpd.replicates.values import Uncertainty as Uncertainty
    from pkpd.replicates.verb import uncertainty as uncertainty
    from pkpd.result import Result as Result
    from pkpd.simulation import simulate as simulate
    from pkpd.solving import Tolerance as Tolerance
    from pkpd.streaming.values import Percentiles as Percentiles
    from pkpd.streaming.verb import percentiles as percentiles
    from pkpd.study import Study as Study
    from pkpd.study import load_study as load_study
    from pkpd.study import read_study as read_study
    from pkpd.sweeping import Sweep as Sweep
    from pkpd.sweeping import sweep as sweep
    from pkpd.trials.conduct import Conduct as Conduct
    from pkpd.trials.designing import design_trial as design_trial
    from pkpd.trials.dosefinding import DoseFinding as DoseFinding
    from pkpd.trials.dosefinding import find_dose as find_dose
    from pkpd.trials.literature import Literature as Literature
    from pkpd.trials.literature import run_literature as run_literature
    from pkpd.trials.placebo import placebo_response as placebo_response
    from pkpd.trials.results import Trials as Trials
    from pkpd.trials.running import run_trials as run_trials
    from pkpd.trials.values import Endpoint as Endpoint
    from pkpd.trials.values import Trial as Trial


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import pkpd` costs next to nothing."""
    if name not in _PLACES:
        raise AttributeError(f"module 'pkpd' has no attribute {name!r}")
    value = getattr(import_module(f"pkpd.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
