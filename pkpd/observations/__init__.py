"""What was measured in people: concentrations and kinetic parameters with their sources; how far models were off."""

from __future__ import annotations

from pkpd.observations.kinetics import Concentration, Parameter, concentrations, parameters
from pkpd.observations.scores import Score, Scoreboard, scoreboard

__all__ = [
    "Concentration",
    "Parameter",
    "Score",
    "Scoreboard",
    "concentrations",
    "parameters",
    "scoreboard",
]
