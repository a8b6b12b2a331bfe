"""Bioavailability that depends on the dose, modifiers, readings, added routes, combined drives, traits and covariates
of effects: a patient's numbers depend on the patient alone, and every verb gives the same."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import pkpd
from pkpd.kernels import adaptive, batch

Floats = NDArray[np.float64]
laws = settings(derandomize=True, deadline=None, max_examples=10)

TIMES = (np.array([0.0, 0.2, 0.7, 1.5, 4.0, 9.0, 26.0]), "h")
SIZE = 60
AGES = pkpd.Spread(45.0, 10.0, least=20.0)


class Case(NamedTuple):
    """A model with the feature, what is given, whose covariates there are, and how it is solved."""

    model: pkpd.Model
    regimen: str
    covariates: dict[str, Any] = {}
    tolerance: pkpd.Tolerance | None = None


def driven() -> pkpd.Model:
    both = pkpd.load_effect("fast-relief").with_values(norketamine_potency=-0.8, R_potency=0.25)
    return pkpd.load("kamp2020-ketamine").with_effects(both, pkpd.load_effect("hypertension"))


@cache
def case(name: str) -> Case:
    if name == "devices":
        model = pkpd.load("perezruixo2021-esketamine")
        return Case(model, "3 devices of 28 mg s-ketamine nasal every 12 h for 2 doses", {"asian": pkpd.Share(0.4)})
    if name == "modifier":
        return Case(pkpd.load("ashraf2018-s-ketamine").with_modifiers("clarithromycin"), "s-ketamine 14 mg oral")
    if name == "reading":
        model = pkpd.load("perezruixo2021-esketamine")
        return Case(model.reading(next(iter(model.readings))), "s-ketamine 84 mg nasal")
    if name == "added route":
        return Case(pkpd.load("kamp2020-ketamine").with_route("im", ka="1.8 1/h"), "0.5 mg/kg im")
    tolerance = pkpd.Tolerance(method="explicit") if name == "drives in steps" else None
    return Case(driven(), "0.3 mg/kg iv over 4 min and 10 mg/h iv over 3 h", {"age": AGES}, tolerance)


NAMES = ("devices", "modifier", "reading", "added route", "drives", "drives in steps")


def people(one: Case) -> pkpd.Population:
    return pkpd.Population(SIZE, seed=8, covariates=one.covariates)


def run(one: Case, who: pkpd.Population, threads: int | None = None) -> dict[str, Floats]:
    result = pkpd.simulate(one.model, one.regimen, who, TIMES, tolerance=one.tolerance, threads=threads)
    assert not result.failures
    return {name: result[name].copy() for name in result.names}


@cache
def together(name: str) -> dict[str, Floats]:
    return run(case(name), people(case(name)), threads=1)


def same(found: dict[str, Floats], expected: dict[str, Floats], who: Any = slice(None)) -> None:
    assert found.keys() == expected.keys()
    for quantity, values in found.items():
        assert np.array_equal(values, expected[quantity][:, who]), quantity


def test_the_cases_have_what_they_are_for() -> None:
    for name in NAMES:
        spread = together(name)[next(iter(case(name).model.outputs))][2]
        assert len(np.unique(spread)) > SIZE / 2
    traits = pkpd.simulate(case("devices").model, case("devices").regimen, people(case("devices")), TIMES)
    assert 0 < traits.individuals.covariates["asian"].mean() < 1
    with_age, without = (run(case("drives")._replace(covariates=c), people(case("drives")._replace(covariates=c)))
                         for c in ({"age": "75 year"}, {}))  # fmt: skip
    assert not np.array_equal(with_age["hypertension"], without["hypertension"])


@pytest.mark.parametrize("name", NAMES)
@laws
@given(who=st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=20, unique=True))
def test_any_part_of_a_population_in_any_order(name: str, who: list[int]) -> None:
    same(run(case(name), people(case(name)).only(who)), together(name), who)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("portion", [1, 7, 10_000])
def test_threads_and_portions(name: str, portion: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive, "SMALLEST", portion)
    monkeypatch.setattr(batch, "CHUNK_NUMBERS", 50 * portion)
    for threads in (2, 3):
        same(run(case(name), people(case(name)), threads), together(name))


@pytest.mark.parametrize("name", NAMES)
def test_company_that_gets_something_else(name: str) -> None:
    one = case(name)
    other = {"devices": "56 mg nasal", "reading": "28 mg nasal"}.get(name, "5 mg iv over 1 h")
    form = "" if "racemate" in one.model.forms else "s-ketamine "
    given_ = [one.regimen if n % 2 else form + other for n in range(SIZE)]
    result = pkpd.simulate(one.model, given_, people(one), TIMES, tolerance=one.tolerance)
    same({q: result[q][:, 1::2] for q in result.names}, together(name), slice(1, None, 2))


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_gives_the_same(name: str) -> None:
    """A table of these patients' covariates, made ready or not, as percentiles, and as a data set."""
    one = case(name)
    table = {n: people(one).covariate(n, 70.0)[:5] for n in ("weight", *one.covariates)}
    plain = pkpd.simulate(one.model, one.regimen, table, TIMES, tolerance=one.tolerance)
    ready = pkpd.prepare(one.model, one.regimen, TIMES, tolerance=one.tolerance)
    assert np.array_equal(ready(table), plain.array)
    again = ready.run(table)
    assert (again.regimen, again.flags) == (plain.regimen, plain.flags)
    near = {"rel": 1e-5 if one.tolerance else 1e-9, "abs": 1e-9}
    for quantity in plain.names:
        swept = pkpd.sweep(
            one.model, {"a": one.regimen}, table, TIMES, of=quantity, quantiles=(0, 1), tolerance=one.tolerance
        )
        ends = np.stack([plain[quantity].min(axis=1), plain[quantity].max(axis=1)])
        assert swept["a"] == pytest.approx(ends, **near)
        assert {flag.text for flag in swept.flags} == {flag.text for flag in plain.flags}
    if name not in ("drives in steps", "drives"):  # of which the second infusion would be a record of its own
        analyte = next(iter(one.model.outputs))
        lines = []
        for number, weight in enumerate(table["weight"]):
            for dose in pkpd.parse(one.regimen).doses:
                amount = float(dose.base_amount(weight))
                form = dose.form.enantiomer
                lines += [f"{number},{start / 3.6e12:.15g},1,{amount!r},{dose.route},{form}" for start in dose.starts]
            lines += [f"{number},{hour:.15g},0,0,," for hour in TIMES[0]]
        lines.sort(key=lambda line: (int(line.split(",")[0]), float(line.split(",")[1])))
        data = pkpd.read_dataset("\n".join(["ID,TIME,EVID,AMT,ROUTE,FORM", *lines, ""]))
        frame = pkpd.predict(one.model, data, table)
        read = [record.kind == "observation" for record in data.records]
        found = frame[f"{analyte} (ng/mL)"].to_numpy()[read].reshape(5, -1).T
        assert found == pytest.approx(plain[analyte], **near)
