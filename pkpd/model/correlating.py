"""Random effects that are correlated across files, as weighted sums of everybody's own normal numbers.

A partner that is correlated itself counts as what it comes to, not as its own number; so chains, several partners of
one parameter and partners within a covariance block have the correlations that the files state. What is drawn for a
file does not depend on which others are attached: a partner that is not is looked up in the library.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from pkpd.errors import ModelFileError, UnknownName, nearest
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.statistics.definite import LEAST, allowed

Weights = Mapping[str, float]  # address of a standard normal number -> its weight; the squares add up to 1


@lru_cache(maxsize=64)
def mixing(model: Model) -> Mapping[str, Mapping[str, Weights]]:
    """The weights of every correlated parameter of a model's effects: effect id -> parameter -> weights.

    Raises ModelFileError where correlations go in a circle, are stated twice or cannot hold together; UnknownName for a
    parameter that is not there or has no spread.
    """
    files = {owner.id: owner for owner in model.files}
    known: dict[str, Weights] = {}
    return {
        effect.id: {one.of: _weights(f"{effect.id}.{one.of}", files, known, ()) for one in effect.correlations}
        for effect in model.effects
        if effect.correlations
    }


def _weights(
    name: str, files: Mapping[str, Model | Effect], known: dict[str, Weights], way: tuple[str, ...]
) -> Weights:
    """What a random effect is made of.

    name : "file.parameter"
    way  : the names that led here
    """
    if name in known:
        return known[name]
    if name in way:
        circle = " -> ".join([*way[way.index(name) :], name])
        raise ModelFileError(f"correlations go in a circle: {circle}. State each pair in one file only.")
    owner_id, _, parameter = name.partition(".")
    owner = files.get(owner_id) or _of_library(owner_id)
    if owner is None:
        return {name: 1.0}
    own = owner.parameters.get(parameter)
    if own is None or own.between is None:
        varied = [other for other, found in owner.parameters.items() if found.between is not None]
        raise UnknownName(
            f'"{owner.id}" has no parameter "{parameter}" with a spread between people, with which {way[-1]} could be '
            f"correlated. {nearest(parameter, varied)}"
        )
    if isinstance(owner, Model):
        known[name] = _of_block(owner, parameter)
    else:
        partners = [(one.other, one.rho) for one in owner.correlations if one.of == parameter]
        parts = [_weights(other, files, known, (*way, name)) for other, _ in partners]
        known[name] = _mixed(name, partners, parts)
    return known[name]


def _mixed(name: str, partners: list[tuple[str, float]], parts: list[Weights]) -> Weights:
    """The weighted sum with the stated correlations with its partners, and for the rest of a variance of 1 its own."""
    if not partners:
        return {name: 1.0}
    if len(partners) == 1:
        factors = [partners[0][1]]
        left = 1 - partners[0][1] ** 2
    else:
        addresses = sorted({address for part in parts for address in part})
        rows = np.array([[part.get(address, 0.0) for address in addresses] for part in parts])
        matrix = np.eye(len(parts) + 1)
        matrix[1:, 1:] = rows @ rows.T
        matrix[0, 1:] = matrix[1:, 0] = [rho for _, rho in partners]
        _refuse_impossible(name, partners, matrix)
        factors = np.linalg.solve(matrix[1:, 1:], matrix[0, 1:]).tolist()
        left = 1 - float(np.dot(factors, matrix[0, 1:]))
    made: dict[str, float] = {}
    for factor, part in zip(factors, parts, strict=True):
        for address, weight in part.items():
            made[address] = made.get(address, 0.0) + factor * weight
    made[name] = math.sqrt(max(0.0, left))
    return made


def _refuse_impossible(name: str, partners: list[tuple[str, float]], matrix: np.ndarray) -> None:
    """Refuse correlations with several partners, who have correlations of their own, that cannot hold together."""
    if np.linalg.eigvalsh(matrix[1:, 1:])[0] <= LEAST:
        raise ModelFileError(
            f"the correlations of {name}: {', '.join(other for other, _ in partners)} are no different persons' "
            "numbers, for two of them follow one another wholly. Leave one of them out."
        )
    if np.linalg.eigvalsh(matrix)[0] >= -LEAST:
        return
    told = []
    for k, (other, rho) in enumerate(partners, start=1):
        low, high = allowed(matrix, 0, k, [n for n in range(1, len(matrix)) if n != k])
        told.append(f"{rho:g} with {other} (with the others held: {low:.3g} to {high:.3g})")
    raise ModelFileError(f"the correlations of {name} cannot hold together: {'; '.join(told)}.")


def _of_block(model: Model, parameter: str) -> Weights:
    """What a random effect of a kinetic model is made of: its row of the Cholesky factor of all of them."""
    names = sorted(name for name, own in model.parameters.items() if own.between is not None)
    matrix = np.eye(len(names))
    for item in model.covariances:
        spreads = (model.parameters[item.first].between, model.parameters[item.second].between)
        variance = math.prod(spread.variance for spread in spreads if spread is not None)
        i, j = names.index(item.first), names.index(item.second)
        matrix[i, j] = matrix[j, i] = item.value / math.sqrt(variance)
    row = np.linalg.cholesky(matrix)[names.index(parameter)]
    return {f"{model.id}.{name}": float(weight) for name, weight in zip(names, row, strict=True) if weight}


def _of_library(name: str) -> Effect | None:
    """An effect of the library; None where it has none of that name."""
    from pkpd.model.library import load_effect, names

    return load_effect(name) if name in names("effect") else None
