"""Every kinetic model's typical curve, against its published equations written out anew and solved by other means.

The equations are those of the sources, with their symbols and units, and no part of the package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pkpd

HOURS = np.array([0.05, 0.3, 0.7, 1.0, 2.0, 6.0, 20.0])
Row = Sequence[float]


class Course(NamedTuple):
    """A regimen in one person, the equations, and what is measured in mg/L of which state's volume."""

    model: str
    regimen: str
    person: dict[str, float]
    slope: Callable[[float, Any], Row]
    start: Row
    breaks: Row  # h at which an input begins or ends
    outputs: dict[str, tuple[int, float]]  # analyte -> state, volume (with molar factors)

    @property
    def name(self) -> str:
        person = " ".join(f"{key}={value:g}" for key, value in self.person.items())
        return f"{self.model} {self.regimen} {person}"


def solved(course: Course) -> Any:
    """(states, HOURS) by an adaptive method of eighth order, begun anew at every break."""
    edges = [0.0, *(b for b in course.breaks if b < HOURS[-1]), HOURS[-1]]
    state, found = np.array(course.start, float), np.zeros((len(course.start), len(HOURS)))
    for begin, end in pairwise(edges):
        middle = (begin + end) / 2

        def slope(t: float, x: Any, middle: float = middle) -> Row:
            return course.slope(t if course.model.startswith("flint") else middle, x)

        inside = (begin <= HOURS) & (end >= HOURS)
        run = solve_ivp(slope, (begin, end), state, "DOP853", dense_output=True, rtol=1e-11, atol=1e-13)
        if inside.any():
            found[:, inside] = run.sol(HOURS[inside])
        state = run.y[:, -1]
    return found


def three(x: Row, V1: float, V2: float, V3: float, CL: float, Q2: float, Q3: float, rate: float) -> list[float]:
    return [
        rate - (CL + Q2 + Q3) / V1 * x[0] + Q2 / V2 * x[1] + Q3 / V3 * x[2],
        Q2 * (x[0] / V1 - x[1] / V2),
        Q3 * (x[0] / V1 - x[2] / V3),
    ]


def two(x: Row, V1: float, V2: float, CL: float, Q: float, rate: float) -> list[float]:
    return [rate - (CL + Q) / V1 * x[0] + Q / V2 * x[1], Q * (x[0] / V1 - x[1] / V2)]


def infusions() -> Iterator[Course]:
    """20 mg over half an hour into sets of volumes and clearances, or of rates, at two weights."""

    def rate(t: float) -> float:
        return 40.0 if t < 0.5 else 0.0

    for kg in (50.0, 95.0):
        s, c = kg / 70, (kg / 70) ** 0.75
        weight = {"weight": kg}
        kamp = (25 * s, 56 * s, 157 * s, 84 * c, 161 * c, 79 * c)
        noppers = (17 * s, 28.3 * s, 147 * s, 93.5 * c, 127 * c, 91.9 * c)
        for model, values, drug, analyte in (
            ("kamp2020-pooled", kamp, "", "ketamine"),
            ("noppers2011-s-ketamine", noppers, "s-ketamine ", "S-ketamine"),
        ):
            text = f"{drug}20 mg iv over 30 min"
            yield Course(
                model,
                text,
                weight,
                lambda t, x, values=values: three(x, *values, rate(t)),
                [0] * 3,
                [0.5],
                {analyte: (0, values[0])},
            )
        for model, V, k10, k12, k21, k13, k31 in (
            ("domino1984-ketamine", 0.063, 0.438, 0.592, 0.247, 0.590, 0.0146),
            ("clements1981-ketamine", 1.7522, 0.0109, 0.0186, 0.0137, 0.0, 1.0),
            ("hijazi2003-ketamine", 1.08, 0.0333, 0.0088, 0.0030, 0.0, 1.0),
        ):

            def by_rates(t: float, x: Row, k: Row = (k10, k12, k21, k13, k31)) -> Row:
                out = (k[0] + k[1] + k[3]) * x[0]
                return [
                    rate(t) - 60 * (out - k[2] * x[1] - k[4] * x[2]),
                    60 * (k[1] * x[0] - k[2] * x[1]),
                    60 * (k[3] * x[0] - k[4] * x[2]),
                ]

            yield Course(model, "20 mg iv over 30 min", weight, by_rates, [0] * 3, [0.5], {"ketamine": (0, V * kg)})

        V1, CL, Vn, CLn = 133 * s, 95.2 * c, 98.638 * s, 57.72 * c  # and no other number of Otto's goes with weight

        def otto(t: float, x: Row, V1: float = V1, CL: float = CL, Vn: float = Vn, CLn: float = CLn) -> Row:
            return [
                *three(x, V1, 187, 98.8, CL, 23.2, 157, rate(t)),
                *two(x[3:], Vn, 160.04, CLn, 42.778, CL / V1 * x[0]),
            ]

        both = {"S-ketamine": (0, V1), "S-norketamine": (3, Vn)}
        yield Course("otto2021-s-ketamine", "s-ketamine 20 mg iv over 30 min", weight, otto, [0] * 5, [0.5], both)

        def surrogate(t: float, x: Row, V1: float = V1, CL: float = CL, Vn: float = Vn, CLn: float = CLn) -> Row:
            return [
                *three(x, V1, 187, 98.8, CL, 23.2, 157, 1.76 * x[5]),
                *two(x[3:], Vn, 160.04, CLn, 42.778, CL / V1 * x[0] + 1.76 * x[6]),
                -1.76 * x[5],
                -1.76 * x[6],
            ]

        swallowed = [0.0] * 5 + [0.08 * 20, 0.72 * 20]
        yield Course("fanta2015-oral-s-ketamine", "s-ketamine 20 mg oral", weight, surrogate, swallowed, [], both)

        def default(t: float, x: Row, v: Row = kamp, Vn: float = Vn, CLn: float = CLn) -> Row:
            V1, V2, V3, CL, Q2, Q3 = v
            return [
                *three(x, V1, V2, V3, CL, Q2, Q3, rate(t) / 2),
                *three(x[3:], V1, V2, V3, 0.86 * CL, Q2, Q3, rate(t) / 2),
                *two(x[6:], Vn, 160.04, CLn, 42.778, CL / V1 * x[0]),
            ]

        parts = {"S-ketamine": (0, kamp[0]), "R-ketamine": (3, kamp[0]), "S-norketamine": (6, Vn)}
        yield Course("kamp2020-ketamine", "20 mg iv over 30 min", weight, default, [0] * 8, [0.5], parts)


def children() -> Iterator[Course]:
    """An injection of 30 mg; and Flint's infusion, with a clearance of norketamine that grows by the hour."""
    for model, (V1, V2, CL, Q), kg in (
        ("herd2007-ketamine", (38.7, 102.0, 90.0, 215.0), 20.0),
        ("elkomy2015-ketamine", (57.3, 152.0, 60.6, 73.2), 14.0),
        ("sherwin2015-ketamine", (20.5, 220.0, 87.9, 87.3), 30.0),
    ):
        s, c = kg / 70, (kg / 70) ** 0.75
        yield Course(
            model,
            "30 mg iv bolus",
            {"weight": kg},
            lambda t, x, v=(V1 * s, V2 * s, CL * c, Q * c): two(x, *v, 0.0),
            [30, 0],
            [],
            {"ketamine": (0, V1 * s)},
        )
    s, c = 7 / 70, (7 / 70) ** 0.75

    def flint(t: float, x: Row) -> Row:
        made = 112 * c * x[0] / (7.73 * s)
        cleared = 53.2 * c * (1 + 0.00870 * t) * x[2] / s
        return [*two(x, 7.73 * s, 545 * s, 112 * c, 196 * c, 7.0 if t < 4 else 0.0), made - cleared]

    levels = {"S-ketamine": (0, 7.73 * s), "S-norketamine": (2, s)}
    yield Course("flint2017-s-ketamine", "s-ketamine 28 mg iv over 4 h", {"weight": 7.0}, flint, [0] * 3, [4], levels)


def film() -> Iterator[Course]:
    """Simons 2022, in minutes: 100 mg of film, and 20 mg into a vein."""
    for kg in (55.0, 90.0):
        for regimen in ("s-ketamine 100 mg sublingual", "s-ketamine 20 mg iv over 20 min"):
            s, c = kg / 70, (kg / 70) ** 0.75
            V1, Vh = 11.6 * s, 4.4 * s

            def slope(hours: float, x: Row, s: float = s, c: float = c, vein: bool = "iv" in regimen) -> Row:
                t, V1, Vh, CL, CLn = hours * 60, 11.6 * s, 4.4 * s, 1.48 * c, 1.00 * c
                drip = 1.0 if vein and t < 20 else 0.0
                mucosa = 0.263 * 100 / 13.1 if not vein and t < 13.1 else 0.0
                swallowed = 1.16 * 100 / 29.9 if not vein and t < 29.9 else 0.0
                kt, kh = 2 / 20.1, 2 / 1.12
                changes = [
                    mucosa - 0.04 * x[0],
                    swallowed - 0.049 * x[1],
                    0.049 * x[1] - x[2] / 10.7,
                    *three(x[3:], V1, 39 * s, 174 * s, CL, 2.43 * c, 1.21 * c, drip + 0.04 * x[0]),
                    CL / V1 * x[3] + x[2] / 10.7 - kt * x[6],
                    kt * (x[6] - x[7]),
                    *two(x[8:], V1, 221 * s, CLn, 2.63 * c, 0.8 * kt * x[7]),
                    CLn / V1 * x[8] - kh * x[10],
                    kh * (x[10] - x[11]),
                    *two(x[12:], Vh, 87.5 * s, 0.933 * c, 1.70 * c, 0.7 * kh * x[11]),
                ]
                return [60 * change for change in changes]

            own = {
                "S-ketamine": (3, V1),
                "S-norketamine": (8, V1 * 237.73 / 223.70),
                "S-hydroxynorketamine": (12, Vh * 237.73 / 239.70),
            }
            ends = [20 / 60] if "iv" in regimen else [13.1 / 60, 29.9 / 60]
            yield Course("simons2022-s-ketamine", regimen, {"weight": kg}, slope, [0] * 14, ends, own)


def spray() -> Iterator[Course]:
    """Perez-Ruixo 2021: by nose, mouth and vein; the slope of age begins at 60 years."""
    for age, asian, japanese in ((30.0, 0, 0), (60.0, 1, 0), (75.0, 1, 1)):
        for route, dose in (("nasal", 28), ("nasal", 84), ("oral", 84), ("iv", 28)):
            Qh = 151 - 2.19 * max(0.0, age - 60)
            kel, CLn = 1.11 * (0.36 if asian else 1), 38.0 * (0.81 if asian else 1)
            devices = dose / 28
            nose = 0.54 * (1.34 if japanese else 1) * (1 + (devices - 1) * 0.62) / devices

            def slope(
                t: float,
                x: Row,
                given: tuple[str, int] = (route, dose),
                v: Row = (Qh, kel, CLn, nose),
            ) -> Row:
                (route, dose), (Qh, kel, CLn, nose) = given, v
                drip = 28 / (40 / 60) if route == "iv" and t < 40 / 60 else 0.0
                spat = (1 - nose) * 0.64 * dose / 0.53 if route == "nasal" and t < 0.53 else 0.0
                drunk = 0.64 * dose / 0.32 if route == "oral" and t < 0.32 else 0.0
                back = Qh * (x[6] / 101 - x[3] / 192)
                return [
                    -2.93 * x[0],
                    spat - 1.45 * x[1],
                    drunk - 0.97 * x[2],
                    *three(x[3:], 192, 143, 417, 0.0, 84.3, 37.6, drip + 2.93 * x[0] + back),
                    1.45 * x[1] + 0.97 * x[2] - back - (kel + 2.77) * x[6],
                    *two(x[7:], 70, 115, CLn, 26.1, 2.77 * x[6]),
                ]

            start = [nose * dose if route == "nasal" else 0.0] + [0.0] * 8
            ends = {"nasal": [0.53], "oral": [0.32], "iv": [40 / 60]}[route]
            regimen = f"s-ketamine {dose} mg {route}" + (" over 40 min" if route == "iv" else "")
            person = {"age": age, "asian": float(asian), "japanese": float(japanese)}
            levels = {"S-ketamine": (3, 192.0), "S-norketamine": (7, 70.0)}
            yield Course("perezruixo2021-esketamine", regimen, person, slope, start, ends, levels)


def syrup() -> Iterator[Course]:
    """Ashraf 2018: weight acts through the blood flow of the liver alone; ticlopidine in nmol/L of the table."""
    for kg, inhibitor in ((50.0, 0.0), (88.0, 0.0), (70.0, 0.05)):
        for route in ("oral", "iv"):
            QH = 3.75 * kg**0.75
            villi = 0.60 * 0.80 * 0.40 * QH
            gut = villi * 4.1 / (villi + 4.1)
            z = 0.63 / (1 + inhibitor / 0.031) * 0.017 / (0.017 + 18 * inhibitor / (0.57 + inhibitor)) + 0.37
            FG, EH = gut / (gut + 1.19), 301 * 1.4 * z / (QH + 301 * 1.4 * z)
            FGn, FHn = villi / (villi + 44.4), QH / (QH + 73.5 * 0.5)

            def slope(t: float, x: Row, vein: bool = route == "iv", v: Row = (QH, FG, EH, FGn, FHn)) -> Row:
                QH, FG, EH, FGn, FHn = v
                leaving = 1.76 * x[0]
                drip = 14 / (2 / 60) if vein and t < 2 / 60 else 0.0
                made = FHn * ((1 - FG) * leaving * FGn + EH * (FG * leaving + QH * x[1] / 14.4))
                return [
                    -leaving,
                    *three(x[1:], 14.4, 102, 180, EH * QH, 287, 22.4, drip + (1 - EH) * FG * leaving),
                    *two(x[4:], 88.4, 88.9, (1 - FHn) * QH, 19.9, made),
                ]

            regimen = "s-ketamine 14 mg oral" if route == "oral" else "s-ketamine 14 mg iv over 2 min"
            person = {"weight": kg, "ticlopidine": 1000 * inhibitor}
            start = [14.0 if route == "oral" else 0.0] + [0.0] * 5
            levels = {"S-ketamine": (1, 14.4), "S-norketamine": (4, 88.4)}
            ends = [2 / 60] if route == "iv" else []
            yield Course("ashraf2018-s-ketamine", regimen, person, slope, start, ends, levels)


COURSES = [*infusions(), *children(), *film(), *spray(), *syrup()]


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
def test_the_typical_curve_is_that_of_the_published_equations(course: Course) -> None:
    states = solved(course)
    person = {name: [value] for name, value in course.person.items()}
    model = pkpd.load(course.model)
    found = pkpd.simulate(model, course.regimen, person, (HOURS, "h"))
    solver = 1e-5 if course.model.startswith("flint") else 1e-7  # Flint's alone is not linear in time
    for analyte, (state, volume) in course.outputs.items():
        expected = 1000 * states[state] / volume
        np.testing.assert_allclose(np.ravel(found[analyte]), expected, rtol=solver, atol=1e-9, err_msg=analyte)


def test_every_kinetic_model_is_among_them() -> None:
    assert {course.model for course in COURSES} == set(pkpd.names("pk"))
