"""How random effects go together: [[covariances]] within a file, [[correlations]] with another file's."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pkpd import units
from pkpd.errors import nearest
from pkpd.model.parts import Between, Correlation, Covariance, Parameter, Source
from pkpd.model.sections import ID, NAME, WHY, read_origin
from pkpd.model.tomltext import Table
from pkpd.statistics.definite import breach


class _Given(NamedTuple):
    """One entry as a file has it: where it stands, and under which key."""

    covariance: Covariance
    table: Table
    key: str
    factor: float  # from the number as written to a correlation
    rho: float


def read_covariances(
    top: Table, parameters: Mapping[str, Parameter], sources: Mapping[str, Source]
) -> tuple[Covariance, ...]:
    """[[covariances]], of pairs or of whole blocks, positive definite together with the variances."""
    given: dict[frozenset[str], _Given] = {}
    for table in top.tables("covariances"):
        table.only(("of", "value", "rho", "source", "mark"))
        names = table.texts("of")
        if len(names) < 2 or len(set(names)) < len(names):
            table.fail('name two different parameters, like of = ["CL", "V1"], or more of them.', "of")
        spreads = [_spread(table, name, parameters, "of") for name in names]
        keys = [key for key in ("value", "rho") if key in table]
        if len(keys) != 1:
            table.fail(
                "give value (a covariance) or rho (a correlation); here: " + (" and ".join(keys) or "none") + ".",
                *keys[:1],
            )
        key = keys[0]
        for name, spread in zip(names, spreads, strict=True):
            if key == "value" and spread.kind == "t":
                table.fail(
                    f"{name} varies by a t distribution, and a covariance of it says nothing of how it goes with "
                    "another. Give rho, the correlation of the normal numbers behind the two.",
                    key,
                )
        origin = read_origin(table, sources)
        for (i, j), number in _entries(table, key, len(names)).items():
            pair = frozenset((names[i], names[j]))
            if pair in given:
                table.fail(f"the covariance of {names[i]} and {names[j]} is given twice.", "of")
            size = math.sqrt(spreads[i].variance * spreads[j].variance)
            factor = 1.0 if key == "rho" else 1.0 / size
            for name, spread in ((names[i], spreads[i]), (names[j], spreads[j])):
                if key == "value" and spread.kind == "normal":
                    factor *= units.analyse(parameters[name].unit)[0]
            made = Covariance(names[i], names[j], number * factor * size, *origin)
            given[pair] = _Given(made, table, key, factor, number * factor)
            if abs(number * factor) >= 1:
                table.fail(
                    f"the covariance of {names[i]} and {names[j]} makes their correlation {number * factor:.3g}, "
                    f"outside -1 to 1{_range(-1.0, 1.0, given[pair])}.",
                    key,
                )
    _check_definite(list(given.values()))
    return tuple(entry.covariance for entry in given.values())


def _entries(table: Table, key: str, size: int) -> dict[tuple[int, int], float]:
    """The numbers of a pair, or of a block by rows of its lower triangle: of the second name, of the third ..."""
    if size == 2 and not isinstance(table.data[key], list):
        return {(0, 1): table.number(key, WHY)}
    rows = table.data[key]
    if not isinstance(rows, list) or [len(row) if isinstance(row, list) else -1 for row in rows] != list(
        range(1, size)
    ):
        table.fail(
            f"of {size} parameters it is {size - 1} rows: the second with the first, the third with the first and the "
            "second, and so on, like [[0.5], [0.3, 0.2]].",
            key,
        )
    return {(j, i): table.finite(number, key) for i, row in enumerate(rows, start=1) for j, number in enumerate(row)}


def _check_definite(given: Sequence[_Given]) -> None:
    """Refuse covariances that cannot hold together, naming the one that would have to change least."""
    names = sorted({name for entry in given for name in (entry.covariance.first, entry.covariance.second)})
    if not names:
        return
    correlations = np.eye(len(names))
    places: dict[tuple[int, int], _Given] = {}
    for entry in given:
        pair = names.index(entry.covariance.first), names.index(entry.covariance.second)
        places[pair] = entry
        correlations[pair] = correlations[pair[::-1]] = entry.rho
    found = breach(correlations, places)
    if found is None:
        return
    entry = places[found.pair]
    first, second = (names[place] for place in found.pair)
    among = [names[place] for place in found.among]
    others = [name for name in among if name not in (first, second)]
    missing = [
        f"{names[i]} and {names[j]}"
        for i, j in itertools.combinations(found.among, 2)
        if (i, j) not in places and (j, i) not in places
    ]
    entry.table.fail(
        f"the random effects of {', '.join(among)} are not positive definite: the smallest eigenvalue of their "
        f"correlations is {found.smallest:.3g}. The correlation of {first} and {second} is "
        f"{correlations[found.pair]:.3g}; with the others of {', '.join(others)} held it may lie between "
        f"{found.low:.3g} and {found.high:.3g}{_range(found.low, found.high, entry)}."
        + (f" Pairs that are not given count as 0: {', '.join(missing)}." if missing else ""),
        entry.key,
    )


def _range(low: float, high: float, entry: _Given) -> str:
    """A range of correlations in the numbers of the file, where it has covariances."""
    if entry.key == "rho":
        return ""
    return f" (a covariance between {low / entry.factor:.3g} and {high / entry.factor:.3g})"


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
    correlations: list[Correlation] = []
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
        if any((one.of, one.other) == (of, other) for one in correlations):
            table.fail(f"the correlation of {of} with {other} is given twice.", "with")
        correlations.append(Correlation(of, other, rho, *read_origin(table, sources), scan))
    return tuple(correlations)
