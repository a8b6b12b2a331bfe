"""The stated Monte-Carlo errors are how much summaries scatter when other patients are drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pkpd
from pkpd import montecarlo
from pkpd.comparison import COLUMNS


@pytest.mark.parametrize("share", [0.05, 0.5, 0.8])
def test_errors_of_percentiles(share: float) -> None:
    rng, shares = np.random.default_rng(8), np.array([share])
    drawn = [montecarlo.percentiles(rng.lognormal(0, 0.5, 400), shares) for _ in range(600)]
    found, told = (np.array(part)[:, 0] for part in zip(*drawn, strict=True))
    assert np.mean(told) == pytest.approx(found.std(), rel=0.12)


def test_errors_that_cannot_be_told() -> None:
    _, errors = montecarlo.percentiles(np.arange(10.0), np.array([0.0, 0.05, 0.5, 0.999, 1.0]))
    assert np.isnan(errors).tolist() == [True, True, False, True, True]
    assert math.isnan(montecarlo.of_mean(np.ones(1))) and math.isnan(montecarlo.of_probability(0.5, 1))
    assert montecarlo.of_mean(np.array([1.0, 3.0])) == pytest.approx(1.0)
    assert montecarlo.of_probability(0.5, 100) == pytest.approx(0.05)


def test_every_summary_of_a_comparison_has_its_errors() -> None:
    model = pkpd.load("kamp2020-ketamine")
    arms = {"push": "ketamine 20 mg iv bolus", "none": "no treatment"}
    made = [pkpd.compare(model, arms, 300, "8 d", seed=seed) for seed in range(60)]
    lines = [one.summary("push", "pain score", "1 week") for one in made]
    for value, error in (("median", "median_error"), ("low", "low_error"), ("high", "high_error"), ("value", "error")):
        scatter = np.std([getattr(line, value) for line in lines])
        assert np.mean([getattr(line, error) for line in lines]) == pytest.approx(scatter, rel=0.3)
    event = made[0].summary("push", "pain relief of at least 30%", "1 week")
    assert math.isnan(event.median_error) and math.isnan(event.low_error) and event.error > 0
    gone = next(d for d in made[0].differences() if (d.quantity, d.when) == ("pain score", "1 week"))
    assert gone.median_error >= 0 and math.isnan(gone.low_error)
    assert COLUMNS[-3:] == ("low_error", "high_error", "median_error")
    assert list(made[0].table().columns)[: len(COLUMNS)] == list(COLUMNS)
    apart = pkpd.compare(model, arms, 50, "8 d", paired=False)
    assert all(math.isnan(d.median_error) for d in apart.differences())
    even = pkpd.compare(model, arms, pkpd.Population(50, draws="low-discrepancy"), "8 d")
    assert montecarlo.EVEN_DRAWS in even.notes and montecarlo.EVEN_DRAWS not in apart.notes
