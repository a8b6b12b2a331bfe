"""How random effects go together: [[covariances]] within a file, [[correlations]] with another file's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np

from pkpd import units
from pkpd.errors import nearest
from pkpd.model.parts import Between, Correlation, Covariance, Parameter, Source
from pkpd.model.sections import ID, NAME, WHY, read_origin
from pkpd.model.tomltext import Table


def read_covariances(
    top: Table, parameters: Mapping[str, Parameter], sources: Mapping[str, Source]
) -> tuple[Covariance, ...]:
    """[[covariances]], positive definite together with the variances."""
    covariances: dict[frozenset[str], Covariance] = {}
    for table in top.tables("covariances"):
        table.only(("of", "value", "source", "mark"))
        pair = table.texts("of")
        if len(pair) != 2 or pair[0] == pair[1]:
            table.fail('name two different parameters, like of = ["CL", "V1"].', "of")
        factor = 1.0
        for name in pair:
            between = _spread(table, name, parameters, "of")
            if between.kind == "normal":
                factor *= units.analyse(parameters[name].unit)[0]
        if frozenset(pair) in covariances:
            table.fail(f"the covariance of {pair[0]} and {pair[1]} is given twice.", "of")
        covariances[frozenset(pair)] = Covariance(
            *pair, table.number("value", WHY) * factor, *read_origin(table, sources)
        )
        _check_definite(table, pair, covariances.values(), parameters)
    return tuple(covariances.values())


def _check_definite(
    table: Table, pair: tuple[str, ...], covariances: Iterable[Covariance], parameters: Mapping[str, Parameter]
) -> None:
    """Refuse the covariance that makes the matrix of random effects impossible."""
    names = sorted({name for item in covariances for name in (item.first, item.second)})
    spreads = [between.variance**0.5 for name in names if (between := parameters[name].between) is not None]
    correlations = np.eye(len(names))
    for item in covariances:
        row, column = names.index(item.first), names.index(item.second)
        correlations[row, column] = correlations[column, row] = item.value / (spreads[row] * spreads[column])
    if float(np.linalg.eigvalsh(correlations)[0]) > 1e-10:
        return
    rho = correlations[names.index(pair[0]), names.index(pair[1])]
    if abs(rho) >= 1:
        table.fail(
            f"the covariance of {pair[0]} and {pair[1]} makes their correlation {rho:.3g}, outside -1 to 1.",
            "value",
        )
    table.fail(f"with this covariance the random effects of {', '.join(names)} are not positive definite.", "value")


def _spread(table: Table, name: str, parameters: Mapping[str, Parameter], key: str) -> Between:
    if name not in parameters:
        table.fail(f'"{name}" is not a parameter. {nearest(name, parameters)}', key)
    between = parameters[name].between
    if between is None:
        spread = [name for name, parameter in parameters.items() if parameter.between is not None]
        table.fail(f'"{name}" has no spread (`between`) that could go with another. {nearest(name, spread)}', key)
    return between


def read_correlations(
    top: Table, parameters: Mapping[str, Parameter], sources: Mapping[str, Source]
) -> tuple[Correlation, ...]:
    """[[correlations]]"""
    correlations = []
    for table in top.tables("correlations"):
        table.only(("of", "with", "rho", "source", "mark", "scan"))
        of, other = table.text("of"), table.text("with")
        _spread(table, of, parameters, "of")
        if not re.fullmatch(rf"{ID.pattern}\.{NAME.pattern}", other):
            table.fail(f'"{other}" is not a parameter of another file; write it like "other-effect.C50".', "with")
        rho = table.number("rho", WHY)
        scan = table.pair("scan") if "scan" in table else None
        for key, value in [("rho", rho)] + [("scan", end) for end in scan or ()]:
            if abs(value) > 1:
                table.fail(f"{value:g} is no correlation; it must lie between -1 and 1.", key)
        correlations.append(Correlation(of, other, rho, *read_origin(table, sources), scan))
    return tuple(correlations)
