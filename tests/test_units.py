"""Units at the edge: conversion, and what is refused."""

import math

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.errors import UnitError
from pkpd.units import HYDROCHLORIDE_TO_BASE, NAMED, analyse, factor, parse


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("40 min", "time", 2 / 3),
        ("10.9 d", "time", 261.6),
        ("0.5 mg/kg", "dose per weight", 0.5),
        ("500 ug/kg", "dose per weight", 0.5),
        ("5 mg/h/70kg", "dose rate per weight", 5 / 70),
        ("5 mg/70kg/h", "dose rate per weight", 5 / 70),
        ("27.6 mL/min/kg", "clearance", None),
        ("1.48 L/min", "clearance", 88.8),
        ("50 ng/mL", "concentration", 0.05),
        ("1 ug/mL", "concentration", 1.0),
        ("0.238 1/min", "rate constant", 14.28),
        ("1e2 ng/mL", "concentration", 0.1),
        ("23 %", "fraction", 0.23),
        ((3, "mcg"), "mass", 0.003),
        (0.4, "fraction", 0.4),
    ],
)
def test_text_becomes_h_mg_L_kg(text, dimension, value):
    if value is None:
        with pytest.raises(UnitError, match="not one of clearance"):
            parse(text, dimension)
    else:
        assert parse(text, dimension) == pytest.approx(value, rel=1e-14)


def test_pint_quantities_are_taken():
    registry = pint.UnitRegistry()
    assert parse(registry.Quantity(40, "min"), "time") == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("given_", "dimension", "words"),
    [
        ("40", "time", "has no unit"),
        (40, "time", "has no unit"),
        ("40 mim", "time", 'Did you mean "min"'),
        ("40 mg", "time", "not one of time"),
        ("1 mg/kg", "mass", "not one of mass"),
        ("forty min", "time", "not a quantity"),
        ("1 mg//kg", "dose per weight", "cannot be read"),
        (None, "time", "has no unit"),
    ],
)
def test_mistakes_say_which_units_fit(given_, dimension, words):
    with pytest.raises(UnitError) as caught:
        parse(given_, dimension, "dose 2")
    assert str(caught.value).startswith("dose 2: ")
    assert words in str(caught.value)


@given(st.floats(1e-9, 1e9), st.sampled_from(sorted(NAMED)))
def test_canonical_units_are_their_own(number, dimension):
    unit = NAMED[dimension]
    assert parse((number, unit), dimension) == pytest.approx(number * factor(unit, dimension), rel=1e-14)


def test_drug_mass_is_not_body_weight():
    assert analyse("mg/kg")[1] == (("drug", 1.0), ("weight", -1.0))


def test_hydrochloride_factor_agrees_with_its_sources():
    """57.7 mg hold 50 mg of base; molar masses 237.7 and 274.2 g/mol say the same."""
    assert pytest.approx(50 / 57.7, abs=5e-4) == HYDROCHLORIDE_TO_BASE
    assert math.isclose(237.7 / 274.2, HYDROCHLORIDE_TO_BASE, abs_tol=5e-4)


def test_an_unknown_unit_lists_those_of_its_dimension_alone():
    with pytest.raises(UnitError) as told:
        parse("90 minuts", "time")
    listed = str(told.value).partition("Allowed: ")[2].partition(".")[0].split(", ")
    assert {"min", "h", "day", "week"} <= set(listed) and not {"mg", "Hz", "year", "mmHg"} & set(listed)
    with pytest.raises(UnitError, match="Allowed: kg, kilogram"):
        parse("70 kgg", "weight")
    with pytest.raises(UnitError, match="Allowed: .*mg.*Did you mean"):
        parse("1 mgg/kg", "dose per weight")
