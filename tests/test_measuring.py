"""Residual error: moments, correlation in time, limits of quantification at a million draws, and its addresses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from spread_files import one_compartment

import pkpd
from pkpd import Residual
from pkpd.errors import ModelFileError, SimulationError, UnitError, UnknownName
from pkpd.population.noise import MINUTE, WEEK, noise

Floats = NDArray[np.float64]

MILLION = 1_000_000
MODEL = one_compartment()
# 100 mg into 20 L: 5,000 ng/mL, and after 2 h a factor exp(-1) less.
EVERYBODY = pkpd.simulate(MODEL, "100 mg iv", pkpd.Population(MILLION, weight="70 kg", varied=False), ["0 h", "2 h"])
TRUE = 5000.0, 5000 / math.e


def measured(residual: Residual) -> Floats:
    return EVERYBODY.observed(residual)["drug"]


@pytest.mark.parametrize(
    ("residual", "sd"),
    [
        (Residual(additive="50 ng/mL"), lambda f: 50.0),
        (Residual(additive="0.05 mg/L"), lambda f: 50.0),
        (Residual(proportional=0.2), lambda f: 0.2 * f),
        (Residual(additive="300 ng/mL", proportional=0.1), lambda f: math.hypot(300, 0.1 * f)),
        (Residual(additive="300 ng/mL", proportional=0.1, combined="sds"), lambda f: 300 + 0.1 * f),
        (Residual(power=("300 ng/mL", "1000 ng/mL", 0.6)), lambda f: 300 * (f / 1000) ** 0.6),
        (Residual(proportional=0.2, df=6), lambda f: 0.2 * f),
    ],
)
def test_moments(residual: Residual, sd) -> None:
    """Mean and standard deviation at a level of 5,000 and of 1,839 ng/mL; symmetric."""
    for values, true in zip(measured(residual), TRUE, strict=True):
        wanted = sd(true)
        kurtosis = 3.0 if residual.tail is None else 3 + 6 / (residual.tail - 4)
        assert values.mean() == pytest.approx(true, abs=4 * wanted / MILLION**0.5)
        assert values.std() == pytest.approx(wanted, rel=4 * ((kurtosis - 1) / 4 / MILLION) ** 0.5)
        assert np.median(values) == pytest.approx(true, abs=4 * 1.2533 * wanted / MILLION**0.5)


def test_log_normal() -> None:
    """Median f, mean f exp(v / 2), cv sqrt(exp(v) - 1), skewness of a log-normal."""
    for values, true in zip(measured(Residual(lognormal=0.3)), TRUE, strict=True):
        assert np.mean(values < true) == pytest.approx(0.5, abs=2 / MILLION**0.5)
        mean, cv = true * math.exp(0.045), math.sqrt(math.expm1(0.09))
        assert values.mean() == pytest.approx(mean, abs=4 * mean * cv / MILLION**0.5)
        assert values.std() / values.mean() == pytest.approx(cv, rel=0.005)
        assert stats.skew(values) == pytest.approx((math.exp(0.09) + 2) * cv, abs=0.02)


def test_t() -> None:
    law = stats.t(5, loc=TRUE[0], scale=0.2 * TRUE[0] * math.sqrt(3 / 5))
    values = measured(Residual(proportional=0.2, df=5))[0]
    for share in (0.001, 0.05, 0.5, 0.95, 0.999):
        found = np.mean(values < law.ppf(share))
        assert found == pytest.approx(share, abs=4 * (share * (1 - share) / MILLION) ** 0.5)


def test_correlation_in_time() -> None:
    """rho^(dt): of 0.5 an hour, 0.25 between 0 and 2 h; stationary; none without one."""
    e = (measured(Residual(proportional=0.2, correlation=(0.5, "1 h"))).T / TRUE - 1).T / 0.2
    assert np.corrcoef(e)[0, 1] == pytest.approx(0.25, abs=4 / MILLION**0.5)
    assert e.std(axis=1) == pytest.approx(np.ones(2), rel=4 / (2 * MILLION) ** 0.5)
    assert abs(np.corrcoef(measured(Residual(proportional=0.2)))[0, 1]) < 4 / MILLION**0.5


def process(ticks: list[int], half_life: float, size: int = 20_000, seed: int = 1) -> Floats:
    drawn = dict(noise(seed, np.arange(size), "x", np.array(sorted(ticks)), math.log(2) / half_life))
    return np.array([drawn[tick] for tick in sorted(ticks)])


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.integers(0, 3 * WEEK), min_size=3, max_size=3, unique=True), st.sampled_from([MINUTE, WEEK // 7, WEEK])
)
def test_any_two_times_have_their_correlation(ticks: list[int], half_life: float) -> None:
    """Wherever the times lie on the tree: exp(-ln 2 x distance / half-life), and a variance of 1."""
    found = np.cov(process(ticks, half_life))
    at = np.array(sorted(ticks), float)
    wanted = 2.0 ** (-np.abs(at[:, None] - at) / half_life)
    assert found == pytest.approx(wanted, abs=5 * math.sqrt(2 / 20_000))


def test_times_close_by_and_across_a_week() -> None:
    """A minute, a nanosecond and the edge of a week, of a process that halves in a minute."""
    ticks = [0, 1, MINUTE - 1, MINUTE, WEEK - MINUTE // 2, WEEK - 1, WEEK, WEEK + MINUTE // 2 + 7]
    at = np.array(ticks, float)
    wanted = 2.0 ** (-np.abs(at[:, None] - at) / MINUTE)
    assert np.corrcoef(process(ticks, MINUTE)) == pytest.approx(wanted, abs=5 / 20_000**0.5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2 * WEEK), min_size=1, max_size=5, unique=True), st.integers(0, 2 * WEEK))
def test_another_time_changes_no_number(ticks: list[int], more: int) -> None:
    few = dict(noise(3, np.arange(4), "x", np.array(sorted(ticks)), 1e-13))
    many = dict(noise(3, np.arange(4), "x", np.array(sorted({*ticks, more})), 1e-13))
    assert all(np.array_equal(few[tick], many[tick]) for tick in ticks)


@pytest.mark.parametrize(
    "residual", [Residual(proportional=0.2), Residual(lognormal=0.2, correlation=(0.7, "1 h"), df=5)]
)
def test_every_measurement_has_an_address(residual: Residual) -> None:
    """Another time, patient, regimen or quantity more, and times of one's own, change none of the numbers."""
    crowd = pkpd.Population(40, seed=9)
    model = pkpd.load("otto2021-s-ketamine")
    dose, hours = "s-ketamine 20 mg iv over 20 min", [0.5, 1.0, 3.0, 7.0]
    whole = pkpd.simulate(model, dose, crowd, (hours, "h"))
    seen = whole.observed(residual)["S-ketamine"]
    fewer = pkpd.simulate(model, dose, crowd.only([31, 4]), (hours[2:], "h"))
    assert np.array_equal(fewer.observed(residual, of=["S-ketamine"])["S-ketamine"], seen[2:, [31, 4]])
    own = np.array([hours if n % 2 else [0.25, *hours[1:]] for n in range(40)])
    apart = pkpd.simulate(model, dose, crowd, (own, "h")).observed(residual)["S-ketamine"]
    assert np.array_equal(apart[1:], seen[1:])
    assert np.array_equal(apart[0, 1::2], seen[0, 1::2])
    double = pkpd.simulate(model, "s-ketamine 40 mg iv over 20 min", crowd, (hours, "h"))
    ratio = double.observed(residual)["S-ketamine"] / double["S-ketamine"]
    assert ratio == pytest.approx(seen / whole["S-ketamine"], rel=1e-12)
    assert np.array_equal(whole.observed(residual, seed=9)["S-ketamine"], seen)
    assert not (whole.observed(residual, seed=10)["S-ketamine"] == seen).any()
    noise_of = {name: whole.observed(residual)[name] / whole[name] for name in ("S-ketamine", "S-norketamine")}
    assert not (noise_of["S-ketamine"] == noise_of["S-norketamine"]).any()


def test_share_below_the_limit() -> None:
    """Additive 300 at 1,839 ng/mL, limit 1,500 ng/mL: Phi((1500 - 1839) / 300) of a million."""
    seen = EVERYBODY.observed(Residual(additive="300 ng/mL"), lloq="1.5 mg/L")
    for below, values, true in zip(seen.below["drug"], seen["drug"], TRUE, strict=True):
        share = float(stats.norm.cdf((1500 - true) / 300))
        assert below.mean() == pytest.approx(share, abs=4 * (share * (1 - share) / MILLION) ** 0.5)
        assert np.array_equal(below, values < 1500)
    half = seen.values("drug", "half")
    assert np.array_equal(half[seen.below["drug"]], np.full(int(seen.below["drug"].sum()), 750.0))
    assert np.array_equal(half[~seen.below["drug"]], seen["drug"][~seen.below["drug"]])
    assert np.isfinite(half).all()


def test_frame_of_measurements() -> None:
    result = pkpd.simulate(MODEL, "100 mg iv", pkpd.Population(30, seed=2), ["1 h", "4 h"])
    seen = result.observed(Residual(proportional=0.3), lloq={"drug": "600 ng/mL"})
    frame = seen.to_frame()
    assert list(frame.columns) == ["subject", "time (h)", "quantity", "value", "unit", "below"]
    assert len(frame) == 60
    assert set(frame["unit"]) == {"ng/mL"}
    assert frame["value"].to_numpy() == pytest.approx(seen["drug"].T.reshape(-1))
    number = int(frame["below"].sum())
    assert 0 < number < 30
    assert len(seen.to_frame(below="drop")) == 60 - number
    assert (seen.to_frame(below="half")["value"][frame["below"]] == 300).all()


def test_a_pain_score_may_be_measured() -> None:
    model = pkpd.load("kamp2020-ketamine").with_effects(*pkpd.default_effects())
    result = pkpd.simulate(model, "0.5 mg/kg iv over 40 min", 300, ["1 h", "7 d"])
    seen = result.observed({"pain": Residual(additive="0.5 point", correlation=(0.9, "1 d"))})["pain"]
    assert (seen - result["pain"]).std() == pytest.approx(0.5, abs=0.1)


def test_errors_of_the_files() -> None:
    """What a file states is what is added: of all shipped files some number, each with source and mark."""
    model = pkpd.load("otto2021-s-ketamine")
    result = pkpd.simulate(model, "s-ketamine 20 mg iv over 20 min", 4000, ["1 h"])
    ratio = result.observed()["S-ketamine"] / result["S-ketamine"] - 1
    assert ratio.std() == pytest.approx(0.2361, rel=4 / (2 * 4000) ** 0.5)
    assert set(result.observed().measured) == {"S-ketamine", "S-norketamine"}
    assert pkpd.load("perezruixo2021-esketamine").residual["S-ketamine"].parts["lognormal"].sd == 0.276


FILE = 'source = "made", mark = "assumed" }\n'


@pytest.mark.parametrize(
    ("text", "residual"),
    [
        (f"proportional = {{ var = 0.04, {FILE}", Residual(proportional=0.2)),
        (f"proportional = {{ cv = 0.2, {FILE}", Residual(proportional=0.2)),
        (f"lognormal = {{ cv = 0.3, {FILE}", Residual(lognormal=math.sqrt(math.log(1.09)))),
        (f'additive = {{ var = 25, unit = "ng/mL", {FILE}', Residual(additive="5 ng/mL")),
        (
            f'additive = {{ sd = 5, unit = "ng/mL", {FILE}proportional = {{ sd = 0.1, {FILE}combined = "sds"\n'
            f'correlation = {{ rho = 0.5, per = 30, unit = "min", {FILE}t = {{ df = 5, {FILE}',
            Residual(additive="5 ng/mL", proportional=0.1, combined="sds", correlation=(0.5, "30 min"), df=5),
        ),
        (
            f'power = {{ sd = 5, at = 100, exponent = 0.7, unit = "ng/mL", {FILE}',
            Residual(power=("5 ng/mL", "100 ng/mL", 0.7)),
        ),
    ],
)
def test_what_a_file_may_say(text: str, residual: Residual) -> None:
    made = one_compartment(more="[residual.drug]\n" + text)
    run = [pkpd.simulate(model, "100 mg iv", 20, ["1 h", "2 h"]) for model in (made, MODEL)]
    assert run[0].observed()["drug"] == pytest.approx(run[1].observed(residual)["drug"], rel=1e-12)
    assert {number.mark for number in made.residual["drug"].numbers} == {"assumed"}
    assert {number.source for number in made.residual["drug"].numbers} == {"made"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"proportional = {{ sd = 0.2, var = 0.04, {FILE}", "one of sd, var, cv; here: sd, var"),
        (f"proportional = {{ {FILE}", "one of sd, var, cv; here: none"),
        (f"proportional = {{ sd = 0.2, {FILE}lognormal = {{ sd = 0.2, {FILE}", "proportional and lognormal do not go"),
        (f'additive = {{ sd = 5, unit = "mg", {FILE}', r'unit\]: unit "mg" is mg \(mass\); "drug" is'),
        (f"additive = {{ sd = -5, unit = 'ng/mL', {FILE}", r"sd\]: -5 is no standard deviation; it is above 0"),
        (f'proportional = {{ sd = 0.2, {FILE}combined = "both"\n', 'combined.: "both" is not known'),
        (f"proportional = {{ sd = 0.2, {FILE}correlation = {{ rho = 1, per = 1, unit = 'h', {FILE}", "1 does not fade"),
        (f"proportional = {{ sd = 0.2, {FILE}t = {{ df = 2, {FILE}", "no variance; df is above 2"),
        ("combined = 'sds'\n", "there is no error"),
    ],
)
def test_files_refused(text: str, what: str) -> None:
    with pytest.raises(ModelFileError, match=what):
        one_compartment(more="[residual.drug]\n" + text)


def test_scripts_refused() -> None:
    for make, error, what in (
        (lambda: Residual(), SimulationError, "there is no error"),
        (lambda: Residual(additive="5 ng/mk"), UnitError, "ng/mk"),
        (lambda: Residual(additive=5), SimulationError, "is not a text with its unit"),  # type: ignore[arg-type]
        (lambda: Residual(proportional=-0.2), SimulationError, "proportional is -0.2; it is a number above 0"),
        (lambda: Residual(proportional=0.2, lognormal=0.2), SimulationError, "do not go together"),
        (lambda: Residual(proportional=0.2, combined="both"), SimulationError, 'combined "both" is not known'),
        (lambda: Residual(proportional=0.2, correlation=(1.0, "1 h")), SimulationError, "does not fade"),
        (lambda: Residual(proportional=0.2, df=2), SimulationError, "there is no variance"),
    ):
        with pytest.raises(error, match=what):
            make()
    result = pkpd.simulate(MODEL, "100 mg iv", 3, ["1 h"])
    error = Residual(proportional=0.2)
    for call, kind, what in (
        (lambda: result.observed(), SimulationError, "the model example-one states no residual error"),
        (lambda: result.observed(error, of=["plasma"]), UnknownName, 'quantity "plasma" is not known'),
        (lambda: result.observed({"drug": error}, of=["central"]), UnknownName, 'quantity "central"'),
        (lambda: result.observed(Residual(additive="5")), SimulationError, "given as .* it needs mg/L"),
        (lambda: result.observed(Residual(additive="5 mg")), SimulationError, r"given as mg \(mass\); it needs"),
        (lambda: result.observed(error, lloq="5 mg"), SimulationError, 'a limit of "5 mg" fits no quantity'),
        (lambda: result.observed(error, lloq={"drug": "0 ng/mL"}), SimulationError, "is no limit above 0"),
        (lambda: result.observed(error, seed=-1), SimulationError, "seed -1 is not a whole number"),
        (lambda: result.observed(error).values("drug", "drop"), SimulationError, 'Use to_frame.below="drop"'),
        (lambda: result.observed(error).values("drug", "zero"), SimulationError, 'below = "zero" is not known'),
        (lambda: result.observed(error)["x"], UnknownName, 'quantity "x"'),
    ):
        with pytest.raises(kind, match=what):
            call()
