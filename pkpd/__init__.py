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
    "disagree": "disagreement.verb",
    "Disagreement": "disagreement.values",
    "Comparison": "comparison",
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
    from pkpd.flags import Flag as Flag
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
    from pkpd.population.people import Population as Population
    from pkpd.population.people import Share as Share
    from pkpd.population.people import Spread as Spread
    from pkpd.predicting import predict as predict
    from pkpd.preparing import Prepared as Prepared
    from pkpd.preparing import prepare as prepare
    from pkpd.result import Result as Result
    from pkpd.simulation import simulate as simulate
    from pkpd.solving import Tolerance as Tolerance
    from pkpd.study import Study as Study
    from pkpd.study import load_study as load_study
    from pkpd.study import read_study as read_study
    from pkpd.sweeping import Sweep as Sweep
    from pkpd.sweeping import sweep as sweep


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import pkpd` costs next to nothing."""
    if name not in _PLACES:
        raise AttributeError(f"module 'pkpd' has no attribute {name!r}")
    value = getattr(import_module(f"pkpd.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
