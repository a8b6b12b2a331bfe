"""How the errors of estimates go together: [[estimate_covariances]] of a model or effect file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from pkpd import units
from pkpd.errors import nearest
from pkpd.model.effect import Effect
from pkpd.model.estimatekinds import kind_of
from pkpd.model.estimatescales import of_interval, refuse_error
from pkpd.model.model import Model
from pkpd.model.parts import Correlation, Parameter, Source
from pkpd.model.sections import WHY, read_origin
from pkpd.model.tomltext import Table


def standard_error(parameter: Parameter) -> float | None:
    """The standard error of an estimate, canonical; None where the file gives none, or an interval."""
    given = parameter.uncertainty or {}
    if parameter.value is None:
        return None
    for kind, size in given.items():
        if not isinstance(size, tuple):
            return size * abs(parameter.value) if kind == "rse" else size
    return None


def refuse_estimates(top: Table, owner: Model | Effect) -> None:
    """Refuse an uncertainty that its estimate does not allow, with file, line and cause."""
    for name, parameter in owner.parameters.items():
        if not parameter.uncertainty or not parameter.value:  # one that is 0 is switched off
            continue
        ((given, size),) = parameter.uncertainty.items()
        kind = kind_of(owner, parameter)
        try:
            if isinstance(size, tuple):
                of_interval(kind, parameter.value, *size)
            else:
                refuse_error(kind, parameter.value, size * abs(parameter.value) if given == "rse" else size)
        except ValueError as cause:
            table = top.table("parameters").table(name)
            table.fail(f"{parameter.written:g} {parameter.unit}: {cause}.", "uncertainty")


def read_estimate_covariances(
    top: Table, parameters: Mapping[str, Parameter], sources: Mapping[str, Source]
) -> tuple[Correlation, ...]:
    """[[estimate_covariances]], in the product of the parameters' units, positive definite with their standard errors.

    returns : as correlations, which stay what they are when a modifier multiplies a parameter
    """
    found: dict[frozenset[str], Correlation] = {}
    for table in top.tables("estimate_covariances"):
        table.only(("of", "value", "source", "mark"))
        pair = table.texts("of")
        if len(pair) != 2 or pair[0] == pair[1]:
            table.fail('name two different parameters, like of = ["CL", "V1"].', "of")
        variance = 1.0
        for name in pair:
            if name not in parameters:
                table.fail(f'"{name}" is not a parameter. {nearest(name, parameters)}', "of")
            error = standard_error(parameters[name])
            if not error:
                known = [other for other, parameter in parameters.items() if standard_error(parameter)]
                table.fail(f'"{name}" has no standard error (`uncertainty`, se or rse). {nearest(name, known)}', "of")
            variance *= error / units.analyse(parameters[name].unit)[0]
        if frozenset(pair) in found:
            table.fail(f"the covariance of {pair[0]} and {pair[1]} is given twice.", "of")
        rho = table.number("value", WHY) / variance
        if abs(rho) >= 1:
            table.fail(f"it makes the correlation of {pair[0]} and {pair[1]} {rho:.3g}, outside -1 to 1.", "value")
        found[frozenset(pair)] = Correlation(*pair, rho, *read_origin(table, sources))
        names, matrix = estimate_matrix(found.values(), parameters)
        sds = np.sqrt(np.diag(matrix))
        if float(np.linalg.eigvalsh(matrix / np.outer(sds, sds))[0]) < 1e-10:
            table.fail(f"with this covariance the estimates of {', '.join(names)} are not positive definite.", "value")
    return tuple(found.values())


def estimate_matrix(
    correlations: Iterable[Correlation], parameters: Mapping[str, Parameter]
) -> tuple[list[str], NDArray[np.float64]]:
    """Names in the order of the file, and the covariance matrix of their estimates, canonical.

    correlations : between estimates of one file. A pair of which one has no standard error any more, such as one with
                   another value put in, is left out
    """
    errors = {name: standard_error(parameter) for name, parameter in parameters.items()}
    kept = [item for item in correlations if errors[item.of] and errors[item.other]]
    involved = {name for item in kept for name in (item.of, item.other)}
    names = [name for name in parameters if name in involved]
    sds = np.array([float(errors[name] or 0.0) for name in names])
    matrix = np.eye(len(names))
    for item in kept:
        i, j = names.index(item.of), names.index(item.other)
        matrix[i, j] = matrix[j, i] = item.rho
    return names, np.asarray(matrix * np.outer(sds, sds))
