"""A subject's numbers depend on the subject and on what it is given: not on company, order, portions or threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import pkpd
from pkpd import simulation
from pkpd.kernels import adaptive, batch
from pkpd.times import TICKS_PER_HOUR

Floats = NDArray[np.float64]
laws = settings(derandomize=True, deadline=None, max_examples=12)

LINEAR = pkpd.load("two-compartment-oral")
BINDING = pkpd.load("target-mediated-disposition")
RESPONDING = pkpd.load("two-compartment-indirect-response")
# Model, and how its linear part is solved.
WAYS: dict[str, tuple[pkpd.Model, pkpd.Tolerance | None]] = {
    "exact": (LINEAR, None),
    "explicit": (LINEAR, pkpd.Tolerance(method="explicit")),
    "stiff": (LINEAR, pkpd.Tolerance(method="stiff")),
    "both": (RESPONDING, None),
    "binding": (BINDING, None),
    "binding, coarse": (BINDING, pkpd.Tolerance(relative=1e-3)),
}
BOUNDS = {
    "CL": (0.5, 20), "V1": (2, 50), "Q2": (0.5, 60), "V2": (2, 100), "ka": (0.2, 5), "kin": (1, 10), "kout": (0.1, 2),
    "Imax": (0.2, 1), "IC50": (0.05, 2), "Hill": (0.7, 3), "ksyn": (0.01, 1), "kdeg": (0.05, 1), "kint": (0.05, 2),
    "kon": (0.1, 2000), "koff": (0.01, 20),
}  # fmt: skip
ROUTE = {"two-compartment-oral": "oral", "two-compartment-indirect-response": "oral"}
TIMES = (np.array([0.0, 0.3, 1.0, 2.5, 6.0, 11.0, 24.0]), "h")


def table_of(model: pkpd.Model, subjects: int, seed: int) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    bounds = {name: np.log(BOUNDS[name]) for name in model.parameters}
    return {name: np.exp(rng.uniform(low, high, subjects)) for name, (low, high) in bounds.items()}


def picked(table: dict[str, Floats], who: Any) -> dict[str, Floats]:
    return {name: column[who] for name, column in table.items()}


def regimen_of(model: pkpd.Model) -> str:
    return f"20 mg iv over 1 h and 30 mg {ROUTE.get(model.id, 'sc')} bolus every 6 h for 3 doses starting at 2 h"


def levels(way: str, table: dict[str, Floats], regimen: Any = None, **options: Any) -> Floats:
    model, tolerance = WAYS[way]
    result = pkpd.simulate(model, regimen or regimen_of(model), table, TIMES, tolerance=tolerance, **options)
    assert not result.failures
    return result.array.copy()


@pytest.fixture(scope="module", params=WAYS)
def crowd(request: pytest.FixtureRequest) -> tuple[str, dict[str, Floats], Floats]:
    table = table_of(WAYS[request.param][0], 100, 5)
    return request.param, table, levels(request.param, table, threads=1)


Crowd = tuple[str, dict[str, Floats], Floats]


@laws
@given(who=st.lists(st.integers(0, 99), min_size=1, max_size=40))
def test_any_part_of_a_crowd_in_any_order(crowd: Crowd, who: list[int]) -> None:
    """Alone, some of them, in another order, the same one twice."""
    way, table, together = crowd
    assert np.array_equal(levels(way, picked(table, who)), together[:, :, who])


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("portion", [1, 16, 37, 10_000])
def test_threads_and_portions(crowd: Crowd, threads: int, portion: int, monkeypatch: pytest.MonkeyPatch) -> None:
    way, table, together = crowd
    monkeypatch.setattr(adaptive, "SMALLEST", portion)
    monkeypatch.setattr(batch, "CHUNK_NUMBERS", 50 * portion)
    assert np.array_equal(levels(way, table, threads=threads), together)


def test_beside_others_who_get_something_else(crowd: Crowd) -> None:
    way, table, together = crowd
    common = regimen_of(WAYS[way][0])
    given_ = [common if n % 3 else f"{5 + n} mg iv over {1 + n % 4} h every 7 h for 3 doses" for n in range(100)]
    mixed = levels(way, table, given_)
    who = np.flatnonzero(np.arange(100) % 3)
    assert np.array_equal(mixed[:, :, who], together[:, :, who])
    alone = levels(way, picked(table, [3]), given_[3])
    assert np.array_equal(mixed[:, :, [3]], alone)


def test_beside_others_with_other_times(crowd: Crowd) -> None:
    way, table, together = crowd
    model, tolerance = WAYS[way]
    hours = np.tile(TIMES[0], (100, 1))
    hours[::2] = np.linspace(0, 40, 7)
    found = pkpd.simulate(model, regimen_of(model), table, (hours, "h"), tolerance=tolerance).array
    assert np.array_equal(found[:, :, 1::2], together[:, :, 1::2])


@pytest.mark.parametrize("model", [LINEAR, RESPONDING, BINDING], ids=lambda model: model.id)
def test_peaks_and_areas_of_any_part(model: pkpd.Model) -> None:
    table = table_of(model, 100, 5)
    limits = dict.fromkeys(list(model.outputs), 0.5)

    def extremes(who: Any, threads: int) -> Floats:
        subjects = simulation.individuals(model, picked(table, who))
        found = simulation.extremes(
            subjects, pkpd.parse(regimen_of(model)), 20 * TICKS_PER_HOUR, limits, threads=threads
        )
        return np.stack(list(found.values()))

    together = extremes(np.arange(100), 1)
    assert np.array_equal(extremes(np.arange(100), 2), together)
    for who in ([0], [99, 3, 50], list(range(99, -1, -1)), list(range(5, 25))):
        assert np.array_equal(extremes(who, 1), together[:, :, who])
