"""What was measured in people: concentrations and kinetic parameters with their sources; how far models were off."""

from __future__ import annotations

from pkpd.observations.effect_scores import EffectScore, effect_scores
from pkpd.observations.kinetics import Concentration, Parameter, concentrations, parameters
from pkpd.observations.scores import Score, Scoreboard, scoreboard

__all__ = [
    "Concentration",
    "EffectScore",
    "Parameter",
    "Score",
    "Scoreboard",
    "concentrations",
    "effect_scores",
    "parameters",
    "scoreboard",
]
