"""Memory and time are forecast from a few patients, and what does not fit is refused before it is begun."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pkpd
from pkpd import capacity
from pkpd.capacity import Need
from pkpd.errors import SimulationError

KAMP = pkpd.load("kamp2020-ketamine")
ARMS = {"push": "ketamine 20 mg iv bolus", "none": "no treatment"}
TIMES = "0 to 12 h by 1 h"


def test_what_a_patient_costs_is_measured() -> None:
    def run(size: int) -> Any:
        return np.ones(50_000 + 3 * size)

    need = capacity.memory_of(run, 10**6)
    assert need.bytes_each == pytest.approx(24, rel=0.05) and need.fixed_bytes == pytest.approx(400_000, rel=0.05)
    assert need.bytes_for(1000) == pytest.approx(424_000, rel=0.05)
    taken = capacity.time_of(lambda size: time.sleep(0.002 + 1e-5 * size), 10**6, (100, 2000))
    assert taken.seconds_for(10_000) == pytest.approx(0.102, rel=0.3)
    few = capacity.memory_of(run, 500)
    assert few.bytes_each == 0 and few.bytes_for(500) == pytest.approx(412_000, rel=0.05)


def test_a_trace_of_ones_own_goes_on() -> None:
    tracemalloc.start()
    capacity.memory_of(lambda size: np.ones(size), 5000)
    assert tracemalloc.is_tracing()
    tracemalloc.stop()


def test_the_forecast_of_a_comparison_is_what_it_takes() -> None:
    told = pkpd.forecast(KAMP, ARMS, 8_000)
    tracemalloc.start()
    kept = pkpd.compare(KAMP, ARMS, 8_000)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kept.subjects == told.patients == 8_000 and told.of == "compare" and told.regimens == 2
    assert told.bytes == pytest.approx(taken, rel=0.3)
    assert told.fits and told.most is not None and told.most > 8_000 and told.seconds > 0
    assert "8,000 patients under 2 regimens take about" in str(told) and "would fit" in str(told)


def test_counted_percentiles_take_the_same_for_any_number() -> None:
    some = pkpd.forecast(KAMP, ARMS, 300_000, TIMES, exact=False)
    more = pkpd.forecast(KAMP, ARMS, 10**9, TIMES, exact=False)
    assert some.bytes == more.bytes < 300e6 and more.most is None and more.seconds > 100 * some.seconds
    assert "does not grow" in str(more)
    kept = pkpd.forecast(KAMP, ARMS, 300_000, TIMES, exact=True)
    assert kept.bytes > 8 * 2 * 2 * 13 * 300_000


def test_what_does_not_fit_is_refused_before_it_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "available", lambda: 50_000_000)
    with pytest.raises(SimulationError, match=r"200,000 patients .* 50 MB are free\. About .* would fit\. pkpd\.perc"):
        pkpd.compare(KAMP, ARMS, 200_000)
    with pytest.raises(SimulationError, match="Leave exact out"):
        pkpd.percentiles(KAMP, ARMS, 100_000, TIMES, exact=True)
    with pytest.raises(SimulationError, match="fewer times"):
        pkpd.percentiles(KAMP, ARMS, 100_000, "0 to 500 h by 1 h")
    told = pkpd.forecast(KAMP, ARMS, 200_000)
    assert not told.fits and "It does not fit" in str(told)
    monkeypatch.setattr(capacity, "available", lambda: None)
    assert pkpd.percentiles(KAMP, ARMS, 500, "1 h", exact=True).exact


def test_the_number_said_to_fit_does(monkeypatch: pytest.MonkeyPatch) -> None:
    need = Need(1e6, 1000.0, 0.0, 0.0)
    assert need.most_in(10_000_000) == 7000 and need.bytes_for(7000) == 8_000_000
    assert Need(1e6, 0.0, 0.0, 0.0).most_in(5) is None and Need(1e9, 1.0, 0.0, 0.0).most_in(5) == 0
    monkeypatch.setattr(capacity, "available", lambda: 10_000_000)
    capacity.refuse("x", need, 7000, 1, "")
    with pytest.raises(SimulationError, match="About 7,000 patients"):
        capacity.refuse("x", need, 7001, 1, "")
    assert capacity.rounded(123_456) == 120_000 and capacity.rounded(99) == 99 and capacity.rounded(0) == 0


def test_free_memory_is_the_least_of_machine_and_group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    meminfo, limit, used = (tmp_path / name for name in ("meminfo", "max", "current"))
    meminfo.write_text("MemTotal: 900 kB\nMemAvailable:    500 kB\n")
    limit.write_text("300000\n")
    used.write_text("100000\n")
    monkeypatch.setattr(capacity, "MEMINFO", meminfo)
    monkeypatch.setattr(capacity, "CONTROL_GROUPS", ((limit, used),))
    assert capacity.available() == 200_000
    limit.write_text("max\n")
    assert capacity.available() == 512_000
    monkeypatch.setattr(capacity, "MEMINFO", tmp_path / "none")
    found = capacity.available()
    assert found is not None and found > 10**7


def test_tables_and_populations_are_cut() -> None:
    table = {"CL": np.arange(5.0), "V1": 3.0}
    cut = capacity.first_of(table, 2)
    assert cut["CL"].tolist() == [0.0, 1.0] and cut["V1"] == 3.0 and capacity.count_of(table) == 5
    people = pkpd.Population(4, subjects=(5, 6, 7, 8))
    assert capacity.first_of(people, 3).subjects == (5, 6, 7) and capacity.count_of(people) == 4
    assert capacity.first_of(10, 3) == 3 and capacity.first_of(2, 3) == 2


def test_sizes_and_times_as_text() -> None:
    from pkpd.forecasting import time_text

    assert [capacity.amount_text(x) for x in (3, 2.5e6, 1.234e9, 2.5e11)] == [
        "less than 1 MB", "2.5 MB", "1.2 GB", "250 GB",
    ]  # fmt: skip
    assert [time_text(x) for x in (0.2, 3.14, 100, 600, 9000)] == ["less than 1 s", "3.1 s", "100 s", "10 min", "2.5 h"]


def test_what_is_no_population() -> None:
    with pytest.raises(SimulationError, match="is no population"):
        pkpd.forecast(KAMP, ARMS, "auto")
