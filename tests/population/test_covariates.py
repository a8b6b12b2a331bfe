"""What a covariate can be: values that nobody has, and names that are slips of others, are refused."""

from __future__ import annotations

from typing import Any

import pytest

from pkpd.errors import SimulationError
from pkpd.population.covariates import Spread, almost
from pkpd.population.people import Population


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("age is 600 year", {"covariates": {"age": "600 year"}}),
        ("height is 1.7 cm", {"covariates": {"height": Spread(1.7, 0.1)}}),
        ("weight is 70000 kg", {"weight": "70000 kg"}),
        ("weight is 0.07 kg", {"weight": Spread(0.07, 0.01)}),
    ],
)
def test_what_nobody_measures_is_refused(given: str, options: dict[str, Any]) -> None:
    with pytest.raises(SimulationError, match=rf"{given}; it is from .* Look at its unit"):
        Population(5, **options)


def test_slips_of_names_are_told_from_other_names() -> None:
    known = ("age", "weight", "height", "pain duration")
    for slip, meant in (("aeg", "age"), ("waight", "weight"), ("pain_duraton", "pain duration"), ("Hieght", "height")):
        assert almost(slip, known) == meant
    for other in ("age", "Pain_Duration", "genotype", "egfr", "length"):
        assert almost(other, known) == ""
