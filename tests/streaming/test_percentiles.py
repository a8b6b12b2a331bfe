"""Percentiles of patients who stream by are those of patients who are all kept, within the stated error of binning."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import pkpd
from pkpd.errors import PkpdError, SimulationError, UnknownName
from pkpd.streaming import verb
from pkpd.streaming.reading import Chunk

KAMP = pkpd.load("kamp2020-ketamine")
STEPPED = pkpd.load("one-compartment-michaelis-menten")
TYPICAL = {"Vmax": 40.0, "Km": 0.5, "V1": 30.0, "ka": 1.0}
REGIMENS = {"daily": "ketamine 0.35 mg/kg/h iv over 4 h every 24 h for 2 doses", "push": "ketamine 20 mg iv bolus"}
TIMES = "0 to 60 h by 4 h"
QUANTITIES = ("S-ketamine", "relief", "pain", "psychotomimetic-asked", "site of slow-relief")
SHARES = (0.0, 0.05, 0.5, 0.95, 1.0)


def run(subjects: Any = 1300, quantities: Any = QUANTITIES, **options: Any) -> pkpd.Percentiles:
    """The usual curves."""
    return pkpd.percentiles(KAMP, REGIMENS, subjects, TIMES, quantities=quantities, at=SHARES, **options)


def test_kept_values_give_what_a_simulation_gives() -> None:
    curves = run(pkpd.Population(1300, seed=3), exact=True)
    assert curves.exact and curves.subjects == 1300 and curves.seed == 3 and not curves.binning.any()
    model = KAMP.with_effects(*pkpd.default_effects())
    for regimen, text in REGIMENS.items():
        result = pkpd.simulate(model, text, pkpd.Population(1300, seed=3), TIMES)
        for quantity in QUANTITIES:
            expected, values = result.quantiles(quantity, SHARES), result[quantity]
            scale = np.abs(expected).max()
            assert curves[regimen, quantity] == pytest.approx(expected, rel=1e-10, abs=1e-12 * scale)
            assert curves.unit(quantity) == result.unit(quantity)
            place = list(REGIMENS).index(regimen), QUANTITIES.index(quantity)
            assert curves.mean[place] == pytest.approx(values.mean(axis=1), abs=1e-12 * scale)
            error = values.std(axis=1, ddof=1) / np.sqrt(1300)
            assert curves.mean_error[place] == pytest.approx(error, abs=1e-12 * scale)


def test_counted_values_lie_within_the_stated_error_of_kept_ones() -> None:
    kept, counted = run(exact=True), run(exact=False)
    assert not counted.exact
    off = np.abs(counted.values - kept.values)
    assert (off <= counted.binning + 1e-9 * np.abs(kept.values) + 1e-13).all()
    positive = counted.binning[:, 0] / np.maximum(kept.values[:, 0], 1e-9)
    assert positive.max() <= 1 / 512 * 1.01 and counted.binning[:, 1].max() <= 1 / 4096
    assert off.max() > 0  # it is not the same way twice
    assert counted.mean == pytest.approx(kept.mean, rel=1e-11, abs=1e-13)
    assert counted.mean_error == pytest.approx(kept.mean_error, rel=1e-9, abs=1e-12)
    assert counted.error == pytest.approx(kept.error, rel=0.1, abs=0.02 * np.nanmax(kept.error), nan_ok=True)


@pytest.mark.parametrize("sort", [False, True])
def test_no_bit_depends_on_threads_or_chunks(sort: bool) -> None:
    task = verb._task(KAMP, REGIMENS, 2700, TIMES, QUANTITIES, SHARES, None, 2, None)
    first = verb._run(task, sort, 1, None, 512)
    for threads, chunk in ((2, 512), (1, 1536), (2, 8192)):
        other = verb._run(task, sort, threads, None, chunk)
        for one, again in zip(values_of(first), values_of(other), strict=True):
            np.testing.assert_array_equal(one, again)


def values_of(curves: pkpd.Percentiles) -> tuple[Any, ...]:
    """Every number of a result."""
    return curves.values, curves.error, curves.binning, curves.mean, curves.mean_error


def test_memory_does_not_grow_with_the_patients() -> None:
    task = [verb._task(KAMP, REGIMENS, n, TIMES, QUANTITIES, SHARES, None, 2, None) for n in (8192, 65536)]
    verb._run(task[0], False, 1, None, 2048)
    peaks = []
    for one in task:
        tracemalloc.start()
        verb._run(one, False, 1, None, 2048)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.05


def test_few_patients_are_kept_and_many_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(700).exact
    monkeypatch.setattr(verb, "SORTED", 8 * 2 * 5 * 16 * 700 - 1)
    assert not run(700).exact


def test_the_error_of_a_percentile_is_how_much_it_scatters_between_seeds() -> None:
    drawn = [
        pkpd.percentiles(KAMP, {"push": "ketamine 20 mg iv bolus"}, 400, ["2 h", "24 h"], at=(0.05, 0.5, 0.9), seed=s)
        for s in range(200)
    ]
    scatter = np.std([curves.values for curves in drawn], axis=0)
    told = np.mean([curves.error for curves in drawn], axis=0)
    assert told[:, 0] == pytest.approx(scatter[:, 0], rel=0.2)
    assert np.isnan(run(exact=True).error[:, :, [0, 4]]).all()


def test_a_table_gives_its_own_subjects() -> None:
    rng = np.random.default_rng(1)
    table = {"CL": 80 * np.exp(rng.normal(0, 0.3, 1500)), "V1": 25 * np.exp(rng.normal(0, 0.3, 1500))}
    for sort in (True, False):
        curves = run(table, ("S-ketamine",), exact=sort)
        expected = pkpd.simulate(KAMP, REGIMENS["daily"], table, TIMES).quantiles("S-ketamine", SHARES)
        off = np.abs(curves["daily", "S-ketamine"] - expected)
        assert (off <= curves.binning[0, 0] + 1e-9 * expected + 1e-13).all()


def test_numbered_patients_and_modified_arms() -> None:
    some = pkpd.Population(600, subjects=range(100, 700))
    again = pkpd.Population(600, subjects=tuple(range(100, 700)))
    np.testing.assert_array_equal(some.numbers, again.numbers)
    plan = ("s-ketamine 20 mg iv over 1 h", "rifampicin")
    model = pkpd.load("noppers2011-s-ketamine")
    for people in (some, again):
        curves = pkpd.percentiles(model, {"with": plan, "without": plan[0]}, people, "2 h", quantities=["S-ketamine"])
        own = pkpd.simulate(model.with_modifiers("rifampicin", form="S"), plan[0], some, "2 h")
        assert curves["with", "S-ketamine"] == pytest.approx(own.quantiles("S-ketamine"), rel=1e-12)
        assert (curves["with", "S-ketamine"] < curves["without", "S-ketamine"]).all()


def test_stepped_equations_go_through_too() -> None:
    plan, name, at = {"one": "100 mg iv bolus"}, next(iter(STEPPED.outputs)), "0 to 24 h by 6 h"
    rng = np.random.default_rng(3)
    table = {column: typical * rng.lognormal(0, 0.3, 700) for column, typical in TYPICAL.items()}
    kept = pkpd.percentiles(STEPPED, plan, table, at, quantities=[name], exact=True)
    expected = pkpd.simulate(STEPPED, plan["one"], table, at).quantiles(name)
    assert kept["one", name] == pytest.approx(expected, rel=1e-12)
    counted = pkpd.percentiles(STEPPED, plan, table, at, quantities=[name], exact=False)
    assert (np.abs(counted.values - kept.values) <= counted.binning + 1e-12).all()


def test_flags_count_everybody() -> None:
    people = pkpd.Population(3000, weight=pkpd.Spread(79.0, 40.0, "log-normal", 30.0, 250.0))
    task = verb._task(KAMP, REGIMENS, people, TIMES, ("relief",), SHARES, None, None, None)
    flags = verb._run(task, False, 2, None, 512).flags
    model = KAMP.with_effects(*pkpd.default_effects())
    expected = pkpd.simulate(model, REGIMENS["daily"], people, TIMES).flags
    assert expected and [f.text for f in flags if f.of == "daily"] == [f.text for f in expected]


def test_progress_reaches_the_end_and_never_falls() -> None:
    told: list[float] = []
    run(2000, exact=False, progress=told.append, threads=2)
    assert told == sorted(told) and told[-1] == 1.0


def test_tables() -> None:
    curves = run(600, ("S-ketamine", "relief"))
    frame = curves.table()
    assert len(frame) == 2 * 2 * 16 * 6
    row = frame[(frame.regimen == "push") & (frame.quantity == "relief") & (frame.time_h == 4.0)]
    assert row[row.percentile == 0.5].value.item() == curves["push", "relief"][2, 1]
    assert row[row.percentile == "mean"].monte_carlo_error.item() == curves.mean_error[1, 1, 1]
    assert set(frame[frame.quantity == "S-ketamine"].unit) == {"ng/mL"}
    held = curves.to_xarray()
    assert held["relief"].sel(regimen="push", percentile=0.5, time=4.0).item() == curves["push", "relief"][2, 1]
    assert held["S-ketamine mean"].attrs["units"] == "ng/mL"
    assert "600 patients at 16 times, sorted" in repr(curves)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"quantities": ["releif"]}, UnknownName, 'Did you mean "relief"'),
        ({"quantities": "relief"}, SimulationError, "a list of names"),
        ({"at": (5, 50)}, SimulationError, "numbers from 0 to 1"),
        ({"at": "median"}, SimulationError, "numbers from 0 to 1"),
        ({"times": None}, SimulationError, "no output times"),
        ({"times": (np.zeros((3, 2)), "h")}, SimulationError, "same for all patients"),
        ({"regimens": {}}, SimulationError, "name -> prescription"),
        ({"subjects": True}, SimulationError, "Give a number"),
        ({"subjects": 0}, SimulationError, "from 1 on"),
        ({"model": "kamp"}, SimulationError, "Load it first"),
        ({"subjects": pkpd.Population(10, covariates={"age": "8 year"})}, SimulationError, "limit"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], error: type[PkpdError], said: str) -> None:
    given = {"model": KAMP, "regimens": REGIMENS, "subjects": 10, "times": TIMES, **change}
    with pytest.raises(error, match=said):
        pkpd.percentiles(**given)


def test_a_failure_in_one_chunk_ends_the_run() -> None:
    people = pkpd.Population(4000, weight=pkpd.Spread(25.0, 6.0, "normal", 8.0, 60.0), covariates={"age": "9 year"})
    with pytest.raises(SimulationError, match="limit"):
        run(people, exact=False)


@pytest.mark.parametrize("exact", [True, False])
def test_a_patient_without_a_value_is_refused(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    values = Chunk.values

    def lacking(self: Chunk, name: str) -> Any:
        made = values(self, name)
        if self.size > verb.PILOT:
            made = made.copy()
            made[1, 1200] = np.nan
        return made

    monkeypatch.setattr(Chunk, "values", lacking)
    with pytest.raises(SimulationError, match='"daily" leaves some patients without a value of psychotomimetic-asked'):
        run(1300, ["psychotomimetic-asked"], exact=exact)


@pytest.mark.parametrize("exact", [True, False])
def test_the_notes_tell_what_the_patients_have_as_a_comparison_does(exact: bool) -> None:
    model, drugs = pkpd.load("ashraf2018-s-ketamine"), {"clarithromycin": 0.4, "ticlopidine": 0.3}
    arms = {"plain": "s-ketamine 14 mg oral", "on it": ("s-ketamine 14 mg oral", "clarithromycin")}
    people = pkpd.Population(1100, modifiers=drugs)
    made = pkpd.percentiles(model, arms, people, "1 h", quantities=["S-ketamine"], effects=[], exact=exact)
    compared = pkpd.compare(model, arms, people, until="1 d", effects=[])
    own = [note for note in compared.notes if "patients:" in note]
    assert len(own) >= 2 and own == [note for note in made.notes if "patients:" in note]
    chunked = verb._run(
        verb._task(model, arms, people, "1 h", ["S-ketamine"], (0.5,), [], None, None), exact, 2, None, 512
    )
    assert chunked.notes == made.notes


def test_names_that_are_not_there() -> None:
    curves = run(100, ["relief"])
    with pytest.raises(UnknownName, match="push"):
        curves["pushh", "relief"]
    with pytest.raises(UnknownName, match="relief"):
        curves["push", "pain"]


def test_a_frame_has_a_row_for_each_regimen_and_time_and_units_in_its_columns() -> None:
    curves = run(200, ("S-ketamine", "pain", "relief"))
    frame = curves.to_frame()
    assert list(frame.columns[:4]) == ["regimen", "time (h)", "S-ketamine 0 % (ng/mL)", "S-ketamine 5 % (ng/mL)"]
    assert {"S-ketamine mean (ng/mL)", "pain 50 % (points)", "relief 95 %", "relief mean"} <= set(frame.columns)
    assert len(frame) == 2 * len(curves.hours) and frame.shape[1] == 2 + 3 * (len(SHARES) + 1)
    push = frame[frame["regimen"] == "push"]
    assert np.array_equal(push["relief 95 %"], curves["push", "relief"][3])
    assert np.array_equal(push["relief mean"], curves.mean[1, 2]) and np.array_equal(push["time (h)"], curves.hours)


PRACTISED = pkpd.Practice(missed=0.3, late=pkpd.Late("30 min", "3 h", "exponential"), vial="10 mg")


def test_under_a_practice_they_are_those_of_a_simulation_with_it() -> None:
    people = pkpd.Population(300, seed=3)
    curves = run(people, exact=True, practice=PRACTISED)
    model = KAMP.with_effects(*pkpd.default_effects())
    for regimen, text in REGIMENS.items():
        result = pkpd.simulate(model, text, people, TIMES, practice=PRACTISED)
        for quantity in QUANTITIES:
            expected = result.quantiles(quantity, SHARES)
            scale = np.abs(expected).max()
            assert curves[regimen, quantity] == pytest.approx(expected, rel=1e-10, abs=1e-12 * scale)
    assert any(str(PRACTISED) in note for note in curves.notes)
    assert curves["daily", "relief"][2, -1] < run(people, exact=True)["daily", "relief"][2, -1]


@pytest.mark.parametrize("sort", [False, True])
def test_under_a_practice_no_number_depends_on_chunk_or_threads(sort: bool) -> None:
    asked = (KAMP, REGIMENS, pkpd.Population(1300, seed=3), TIMES, ("S-ketamine", "relief"), SHARES, None, None, None)
    task = verb._task(*asked, PRACTISED)
    made = [verb._run(task, sort, *way) for way in ((1, None), (2, None, 512), (1, None, 1024))]
    for other in made[1:]:
        assert np.array_equal(made[0].values, other.values) and np.array_equal(made[0].mean, other.mean)


def test_under_a_practice_as_many_patients_as_needed_and_a_practice_that_is_none() -> None:
    asked = (KAMP, {"daily": REGIMENS["daily"]}, "auto", "0 to 24 h by 12 h")
    made = pkpd.percentiles(*asked, quantities=("relief",), error=0.05, practice=PRACTISED)
    again = pkpd.percentiles(*asked[:2], made.subjects, asked[3], quantities=("relief",), practice=PRACTISED)
    assert np.array_equal(made.values, again.values)
    with pytest.raises(SimulationError, match="Practice"):
        run(100, practice=0.1)
