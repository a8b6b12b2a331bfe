"""Optimal designs: closed forms, the printed tables of Dette 2008, the equivalence theorem, and linear programming."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from pkpd.errors import StatisticsError, UnknownName
from pkpd.statistics import AssumedCurve, Shape, apportion, design_value, optimal_design

STANDARD = np.array([0.0, 10.0, 25.0, 50.0, 100.0, 150.0])


def through(kind: str, theta: tuple[float, ...], constant: float = 0.0) -> AssumedCurve:
    """Largest effect 0.4 up to dose 150."""
    return AssumedCurve.through(Shape(kind, theta, constant), 0.0, 0.4, 150.0)


def test_emax_takes_thirds() -> None:
    """At 0, D ED50 / (D + 2 ED50) and D."""
    found = optimal_design([AssumedCurve(Shape("emax", (25.0,)), 0.0, 0.5)], np.linspace(0, 150, 1201))
    taken = found.weights > 1e-3
    assert list(found.doses[taken]) == pytest.approx([0.0, 150 * 25 / 200, 150.0])
    assert found.weights[taken] == pytest.approx([1 / 3] * 3, abs=1e-4)


def test_logistic_regression_takes_halves() -> None:
    """Where p is 0.176 and 0.824, whatever intercept and slope."""
    for intercept, slope in ((-3.0, 1.0), (-4.0, 1.3)):
        found = optimal_design(
            [AssumedCurve(Shape("linear"), intercept, slope)], np.linspace(0, 6, 2001), outcome="logit"
        )
        p = 1 / (1 + np.exp(-(intercept + slope * found.doses)))
        low = found.weights[p < 0.5]
        assert low.sum() == pytest.approx(0.5, abs=1e-3)
        assert (low @ p[p < 0.5]) / low.sum() == pytest.approx(0.176, abs=1e-3)
        assert found.weights[p > 0.5] @ p[p > 0.5] / (1 - low.sum()) == pytest.approx(0.824, abs=1e-3)


# Dette, Bretz, Pepelyshev and Pinheiro, J Am Stat Assoc 2008;103:1225, tables 2 to 5, as held in the tests of
# DoseFinding (test-optDesign.R): curve, doses, effect, best shares, efficiency of equal shares at the standard doses.
DETTE = [
    (AssumedCurve(Shape("emax", (25.0,)), 0.0, 0.6666667), (0, 18.75, 150), 0.2, (0.442, 0.5, 0.058), 0.5099),
    (through("emax", (25.0,)), (0, 18.75, 150), 0.2, (0.5, 0.5, 0), None),
    (through("exponential", (85.0,)), (0, 50, 104.52, 150), 0.2, (0.5, 0, 0.5, 0), 0.4286),
    (AssumedCurve(Shape("exponential", (65.0,)), 0.0, 0.08264711), (0, 101.57, 150), 0.2, (0.440, 0.5, 0.060), None),
    (through("logistic", (50.0, 10.881)), (0, 37.29, 64.44, 150), 0.05, (0.401, 0.453, 0.099, 0.047), 0.1853),
    (through("beta", (0.33, 2.31), 200.0), (0, 0.49, 25.2, 108.07, 150), 0.1, (0.45, 0.48, 0.05, 0.02, 0), 0.130),
    (through("beta", (1.39, 1.39), 200.0), (0, 27, 94.89, 150), 0.1, (0.45, 0.48, 0.05, 0.02), 0.501),
]


@pytest.mark.parametrize(("curve", "doses", "effect", "shares", "efficiency"), DETTE)
def test_target_dose_designs_as_printed(
    curve: AssumedCurve, doses: tuple[float, ...], effect: float, shares: tuple[float, ...], efficiency: float | None
) -> None:
    best = optimal_design([curve], doses, criterion="TD", effect=effect)
    assert best.weights == pytest.approx(np.array(shares), abs=6e-3 if curve.shape.kind == "beta" else 6e-4)
    if efficiency is not None:
        plain = design_value(np.full(6, 1 / 6), [curve], STANDARD, criterion="TD", effect=effect)
        assert np.exp(plain - best.criterion) == pytest.approx(efficiency, abs=6e-4)


def test_design_averaged_over_curves_as_printed() -> None:
    """DoseFinding's overview: linear, Emax, exponential and logistic, effect 0.2."""
    curves = [
        through("linear", ()),
        through("emax", (25.0,)),
        through("exponential", (85.0,)),
        through("logistic", (50.0, 10.8811)),
    ]
    best = optimal_design(curves, STANDARD, criterion="TD", effect=0.2)
    assert best.weights == pytest.approx([0.34960, 0.09252, 0.00366, 0.26760, 0.13342, 0.15319], abs=2e-5)


def test_beta_design_of_a_grid_as_printed() -> None:
    curve = AssumedCurve.through(Shape("beta", (1.5, 0.8), 1.2), 0.0, 1.0, 1.0)
    best = optimal_design([curve], np.linspace(0, 1, 5), criterion="TD", effect=0.5)
    assert best.weights == pytest.approx([0.4895, 0.3552, 0.1448, 0, 0.0105], abs=1e-4)


CURVES = [through("emax", (30.0,)), through("quadratic", (-0.004,)), through("sigmoid-emax", (60.0, 2.0))]


@pytest.mark.parametrize(("criterion", "effect"), [("D", None), ("TD", 0.2), ("D and TD", 0.2)])
def test_nothing_is_better(criterion: str, effect: float | None) -> None:
    """The equivalence theorem, and 60 other designs, near and far."""
    doses = np.linspace(0, 150, 16)
    best = optimal_design(CURVES, doses, criterion=criterion, effect=effect, prior=[2, 1, 1])
    assert best.weights.sum() == pytest.approx(1.0)
    assert best.sensitivity.max() <= 1 + 1e-6
    assert best.sensitivity[best.weights > 1e-3] == pytest.approx(1.0, abs=1e-4)
    rng = np.random.default_rng(1)
    for step in (1.0, 0.1, 0.01):
        for other in rng.dirichlet(np.full(16, 0.4), 20):
            w = (1 - step) * best.weights + step * other
            value = design_value(w / w.sum(), CURVES, doses, criterion=criterion, effect=effect, prior=[2, 1, 1])
            assert value <= best.criterion + 1e-9


@pytest.mark.parametrize("curve", CURVES, ids=lambda c: c.shape.kind)
def test_one_target_dose_is_a_linear_programme(curve: AssumedCurve) -> None:
    """Elfving's theorem: the least standard error is the least sum of |x| with sum x g = b."""
    doses = np.linspace(0, 150, 11)
    best = optimal_design([curve], doses, criterion="TD", effect=0.2)
    g, b = curve.gradient(doses), curve.aim(0.2, 150.0)
    found = optimize.linprog(np.ones(22), A_eq=np.concatenate([g, -g]).T, b_eq=b, bounds=(0, None))
    assert best.criterion == pytest.approx(-2 * np.log(found.fun), abs=1e-5)


def test_the_aim_is_the_gradient_of_the_target_dose() -> None:
    from pkpd.statistics import target_dose

    curve = CURVES[2]

    def dose(e1: float, ed50: float, hill: float) -> float:
        moved = AssumedCurve(Shape("sigmoid-emax", (ed50, hill)), 0.0, e1)
        return float(target_dose(moved.mean, 150.0, 0.2))

    point = np.array([curve.e1, *curve.shape.theta])
    slope = [(dose(*(point + h)) - dose(*(point - h))) / (2 * h.sum()) for h in 1e-5 * np.diag(point)]
    aim = curve.aim(0.2, 150.0)
    assert aim[0] == 0.0
    assert aim[1:] / aim[1] == pytest.approx(np.array(slope) / slope[0], rel=1e-4)


def test_units_of_dose_and_effect_do_not_matter() -> None:
    doses = np.linspace(0, 150, 11)
    one = optimal_design([AssumedCurve(Shape("emax", (25.0,)), 0.0, 0.5)], doses, criterion="TD", effect=0.2)
    other = optimal_design(
        [AssumedCurve(Shape("emax", (0.025,)), 9.0, -50.0)], doses / 1000, criterion="TD", effect=-20.0
    )
    assert other.weights == pytest.approx(one.weights, abs=1e-4)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=8), st.integers(8, 300))
def test_apportionment(raw: list[float], total: int) -> None:
    """Adds up, gives every dose one, keeps the order of shares, and cannot be bettered by moving a patient."""
    w = np.array(raw) / np.sum(raw)
    n = apportion(w, total)
    assert n.sum() == total and n.min() >= 1
    for i in range(len(w)):
        for j in range(len(w)):
            assert n[i] / w[i] >= (n[j] - 1) / w[j] - 1e-9  # nobody has one too many while another has one too few
            if w[i] > w[j]:
                assert n[i] >= n[j]


def test_apportionment_by_hand() -> None:
    assert list(apportion([1 / 3, 1 / 3, 1 / 3], 10)) in ([4, 3, 3], [3, 4, 3], [3, 3, 4])
    assert list(apportion([0.5, 0.0, 0.3, 0.2], 20)) == [10, 0, 6, 4]
    found = optimal_design([AssumedCurve(Shape("emax", (25.0,)), 0.0, 0.5)], [0.0, 18.75, 150.0])
    assert list(found.patients(60)) == [20, 20, 20]


def test_refusals() -> None:
    curve = CURVES[0]
    with pytest.raises(StatisticsError, match="3 parameters; 2 doses cannot tell them"):
        optimal_design([curve], [0.0, 150.0])
    with pytest.raises(StatisticsError, match='criterion "TD" needs the effect'):
        optimal_design([curve], STANDARD, criterion="TD")
    with pytest.raises(StatisticsError, match="has no effect of 0.9 up to dose 150"):
        optimal_design([curve], STANDARD, criterion="TD", effect=0.9)
    with pytest.raises(UnknownName, match='criterion "A" is not known'):
        optimal_design([curve], STANDARD, criterion="A")
    with pytest.raises(StatisticsError, match="ascending order"):
        optimal_design([curve], [0.0, 50.0, 20.0])
    with pytest.raises(StatisticsError, match="prior is"):
        optimal_design([curve], STANDARD, prior=[1.0, 2.0])
    with pytest.raises(StatisticsError, match="there is no assumed curve"):
        optimal_design([], STANDARD)
    with pytest.raises(StatisticsError, match="it is flat"):
        optimal_design([AssumedCurve(Shape("linear"), 1.0, 0.0)], STANDARD)
    with pytest.raises(StatisticsError, match="adding up to 1"):
        design_value([0.5, 0.4], [AssumedCurve(Shape("linear"), 0.0, 1.0)], [0.0, 1.0])
    with pytest.raises(StatisticsError, match="patients has 2; it must be a whole number, at least 3"):
        apportion([0.3, 0.3, 0.4], 2)
    assert design_value([1.0, 0.0], [AssumedCurve(Shape("linear"), 0.0, 1.0)], [0.0, 1.0]) == -np.inf
