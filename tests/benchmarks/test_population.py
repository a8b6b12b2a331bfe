"""The benchmark of a million patients runs, on a few, and holds its errors against what is stated."""

from __future__ import annotations

import pytest

from benchmarks import population


def test_a_short_run(monkeypatch: pytest.MonkeyPatch) -> None:
    run = population.once(1500, 1)
    assert run["patients"] == 1500 and run["seconds"] > 0 and 0.05 < run["gigabytes"] < 8
    monkeypatch.setattr(population, "SUBSET", 1500)
    for found in population.errors(1).values():
        assert found["within"] and 0 < found["median"] < found["largest"] <= found["stated"]
