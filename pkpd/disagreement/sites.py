"""Peaks at effect sites: the same course of plasma behind different half-lives of equilibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.regimen import Regimen
from pkpd.model.effect import Curve, Driver, Effect
from pkpd.model.library import load_effect, names
from pkpd.model.model import Model
from pkpd.model.parts import USER, USER_SOURCE, Parameter
from pkpd.population.people import Population
from pkpd.simulation import extremes, individuals
from pkpd.units import analyse

Floats = NDArray[np.float64]

PARENT = ("S-ketamine", "R-ketamine", "ketamine")

HalfLife = tuple[float, tuple[str, ...], str]  # h, whose, "" or the end of its range


def site_peaks(
    model: Model, regimen: Regimen, analyte: str, half_lives: Sequence[float], person: Population, until: int
) -> Floats:
    """The highest level at effect sites of one typical person.

    model      : kinetic model
    analyte    : of its outputs, the one that reaches the sites
    half_lives : of equilibration, h
    person     : one person
    until      : end of the course, ticks
    returns    : (2, half-lives): mg/L, and h from the start

    Ce' = ln 2 / half-life (C - Ce).
    """
    followers = [_follower(f"site-{number}", analyte, hours) for number, hours in enumerate(half_lives)]
    subjects = individuals(replace(model, effects=()).with_effects(*followers), person)
    sites = [subjects.program.site_of(effect) for effect in followers]
    found = extremes(subjects, regimen, until, dict.fromkeys(sites, np.inf))
    return np.array([found[site][:2, 0] for site in sites]).reshape(-1, 2).T


def library_half_lives(analyte: str) -> list[HalfLife]:
    """Half-lives of equilibration of the library's effects, ascending, with the ends of their ranges.

    analyte : a half-life counts where its effect follows this, or where both are forms of the parent drug
    returns : half-life (h), ids of the effects that have it, and "low" or "high" for an end of a range worth trying
    """
    found: list[tuple[float, str, str]] = []
    for name in names("effect"):
        effect = load_effect(name)
        driver = effect.driver
        if driver is None or driver.half_life is None or driver.half_life not in effect.parameters:
            continue
        if driver.analyte != analyte and not (driver.analyte in PARENT and analyte in PARENT):
            continue
        own = effect.parameters[driver.half_life]
        if own.value:
            found.append((own.value, name, ""))
        if own.scan:
            found += [(hours, name, end) for hours, end in zip(own.scan, ("low", "high"), strict=True) if hours > 0]
    return [
        (hours, tuple(name for _, name, _ in alike), end)
        for (hours, end), alike in groupby(sorted(found, key=_order), key=lambda one: (one[0], one[2]))
    ]


def given_half_lives(given: Mapping[str, float]) -> list[HalfLife]:
    """Half-lives (h) that somebody names, in the shape of the library's."""
    return [(hours, (name,), "") for name, hours in sorted(given.items(), key=lambda item: item[1])]


def _order(one: tuple[float, str, str]) -> tuple[float, str, str]:
    hours, name, end = one
    return hours, end, name


def _follower(name: str, analyte: str, hours: float) -> Effect:
    """An effect that is nothing but an effect site."""
    dimension = analyse("h")[1]
    half_life = Parameter("half_life", hours, hours, "h", dimension, USER, "", "assumed", "")
    slope = Parameter("slope", 1.0, 1.0, "1", analyse("1")[1], USER, "", "assumed", "")
    return Effect(
        id=name,
        title=name,
        endpoint="level at an effect site",
        role="measure",
        default=False,
        use_for="",
        not_for="",
        notes=(),
        sources={USER: USER_SOURCE},
        driver=Driver(analyte, "half_life"),
        curve=Curve("linear", {"slope": "slope"}),
        responder=None,
        correlations=(),
        parameters={"half_life": half_life, "slope": slope},
    )
