"""One model, regimen and set of times made ready once, for many parameter values at the least cost a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.prescription import as_regimen
from pkpd.dosing.regimen import Regimen
from pkpd.errors import SimulationError, unknown
from pkpd.individuals import Individuals
from pkpd.model.model import Model
from pkpd.model.program import compiled
from pkpd.result import Result
from pkpd.simulation import check_regimen, concentrations, individuals, solved, written
from pkpd.solving import Tolerance
from pkpd.times import TICKS_PER_HOUR, read_times

Floats = NDArray[np.float64]


def prepare(
    model: Model,
    regimen: Regimen | str,
    times: Any,
    *,
    outputs: Sequence[str] | None = None,
    tolerance: Tolerance | None = None,
    before_dose: bool = False,
) -> Prepared:
    """Make a simulation ready for parameter values that come later.

    model       : from `pkpd.load` or `pkpd.read_model`
    regimen     : Regimen or prescription text; doses by weight follow the weight given with the parameters
    times       : as for `pkpd.simulate`
    outputs     : the quantities wanted, in this order; all unless given
    tolerance   : how exactly equations are solved that have no exact solution
    before_dose : at the time of a dose, give the value before it instead of after it
    returns     : Prepared; its numbers are those of `pkpd.simulate`, to the bit where all outputs are wanted and to
                  rounding where only some are
    Raises a PkpdError that says what does not fit: a route or drug form the model has not, an unknown output ...
    """
    if not isinstance(model, Model):
        raise SimulationError(f"model: {model!r} is not one. Load it first, with pkpd.load or pkpd.read_model.")
    plan = as_regimen(regimen)
    check_regimen(model, plan)
    program = compiled(model)
    if isinstance(outputs, str):
        raise SimulationError(f'outputs: give a list of names, such as ["{outputs}"].')
    for name in outputs or ():
        if name not in program.outputs:
            raise unknown("prepare", "output", name, program.outputs)
    wanted = program.outputs if outputs is None else tuple(outputs)
    return Prepared(model, plan, read_times(times), wanted, tolerance, before_dose)


@dataclass(frozen=True)
class Prepared:
    """A simulation that waits for its parameters.

    model, regimen : what is simulated
    ticks          : (times) or (subjects, times), ns
    outputs        : names of the quantities that a call gives
    tolerance      : of equations that have no exact solution
    before_dose    : at the time of a dose, the value before it instead of after it
    """

    model: Model
    regimen: Regimen
    ticks: NDArray[np.int64]
    outputs: tuple[str, ...]
    tolerance: Tolerance | None
    before_dose: bool

    def __repr__(self) -> str:
        return f"Prepared({self.model.id}: {self.regimen}; {', '.join(self.outputs)} at {self.ticks.shape[-1]:,} times)"

    @property
    def hours(self) -> Floats:
        """The times, h."""
        return self.ticks / TICKS_PER_HOUR

    def __call__(self, parameters: Mapping[str, Any] | None = None, *, threads: int | None = None) -> Floats:
        """The outputs of subjects of these parameters.

        parameters : name -> one number, or one for each subject, in h, mg, L, kg; what is not named is typical
        threads    : how many; all cores unless given
        returns    : (outputs, times, subjects), canonical units: concentrations in mg/L
        Raises a PkpdError for an unknown, missing or impossible parameter, as `pkpd.simulate` does, and for a subject
        who cannot be integrated.
        """
        return concentrations(
            self._subjects(parameters),
            self.regimen,
            self.ticks,
            outputs=self.outputs,
            tolerance=self.tolerance,
            threads=threads,
            before_dose=self.before_dose,
        )

    def run(self, parameters: Mapping[str, Any] | None = None, *, threads: int | None = None) -> Result:
        """The same as a Result, with every quantity of the model."""
        subjects = self._subjects(parameters)
        found = solved(
            subjects,
            self.regimen,
            self.ticks,
            tolerance=self.tolerance,
            threads=threads,
            before_dose=self.before_dose,
        )
        text, names = written(self.regimen) + subjects.model.company, subjects.program.outputs
        return Result(subjects, text, self.hours, names, found.values, found.failures)

    def _subjects(self, parameters: Mapping[str, Any] | None) -> Individuals:
        return individuals(self.model, _table(parameters) if parameters else None)


def _table(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as columns, one number a subject: a single number stands for every subject."""
    if not hasattr(parameters, "items"):
        raise SimulationError(f"parameters: {parameters!r} are not given by name. Write them like {{'CL': 80.0}}.")
    single = {name for name, given in parameters.items() if isinstance(given, (int, float)) or np.ndim(given) == 0}
    size = max((len(given) for name, given in parameters.items() if name not in single), default=1)
    return {name: [given] * size if name in single else given for name, given in parameters.items()}
