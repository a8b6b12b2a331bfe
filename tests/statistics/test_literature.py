"""Simulated literatures: what is known of them without simulating, and how publication bends them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pkpd.errors import StatisticsError, UnknownName
from pkpd.population import streams
from pkpd.statistics import Publication, egger, parallel, prospect, simulate_literatures
from pkpd.statistics.literature import Draw

SIZES = [10, 15, 20, 30, 30, 45, 60]
ONLY_SIGNIFICANT = Publication(favourable=(1.0, 0.0))


def numbers(literatures: int, seed: int = 1, first: int = 0) -> Draw:
    who = np.arange(first, first + literatures)
    return lambda variable, trial: streams.uniform(seed, who, variable, trial)


def test_where_all_is_published_pooling_finds_the_truth() -> None:
    many = simulate_literatures(1.0, 2.0, SIZES, numbers(3000), published=12, tau=0.4)
    verdict = many.verdict()
    assert abs(verdict.bias) < 4 * verdict.estimate_error
    assert abs(verdict.coverage - 0.95) < 0.012
    assert verdict.published == 1.0 and np.all(many.done == many.published)
    assert np.std(many.truths) == pytest.approx(0.4, rel=0.02)
    assert 0.16 < verdict.tau2 < 0.2  # never below 0, so above the truth on average


def test_only_significant_trials_exaggerate_by_type_m() -> None:
    """One size and one truth: what is published is what the closed forms of the t test say."""
    many = simulate_literatures(1.0, 2.0, [15], numbers(3000), published=8, publication=ONLY_SIGNIFICANT)
    known, out = prospect(1.0, parallel(2.0, 15)), many.published
    drawn = np.abs(many.effects[out])
    assert abs(drawn.mean() - known.significant) < 4 * drawn.std() / np.sqrt(len(drawn))
    wrong = (many.effects[out] < 0).mean()
    assert abs(wrong - known.type_s) < 4 * np.sqrt(known.type_s / len(drawn))
    assert many.published.sum() / many.done.sum() == pytest.approx(float(known.power), abs=0.01)
    assert np.all(many.p[out] <= 0.05) and np.all(many.published.sum(axis=1) == 8)


def test_publication_bias_is_seen_in_all_its_signs() -> None:
    """Half the failures in the drawer: the pooled effect is too large, its interval misses, the funnel leans."""
    rule = Publication(favourable=(1.0, 0.5), otherwise=(1.0, 0.2))
    bent = simulate_literatures(0.5, 2.0, SIZES, numbers(1500), published=15, publication=rule)
    straight = simulate_literatures(0.5, 2.0, SIZES, numbers(1500), published=15)
    assert bent.verdict().bias > 0.1 and bent.verdict().coverage < 0.9
    everything = bent.verdict(everything=True)
    assert abs(everything.bias) < 0.03 and everything.coverage == pytest.approx(0.95, abs=0.02)
    found = [(egger(x.effects, x.se, x.published).p < 0.1).mean() for x in (bent, straight)]
    assert found[0] > 1.4 * found[1] and found[1] == pytest.approx(0.1, abs=0.035)


def test_favoured_side() -> None:
    """The mirror image: an outcome that is better low, with the rule the other way round."""
    up = Publication(favourable=(1.0, 0.3), otherwise=(0.0, 0.1))
    down = Publication(favourable=(1.0, 0.3), otherwise=(0.0, 0.1), favoured="lower")

    def mirrored(variable: str, trial: int) -> np.ndarray:
        u = numbers(200)(variable, trial)
        return 1.0 - u if variable in ("literature-estimate", "literature-truth") else u

    one = simulate_literatures(0.7, 2.0, SIZES, numbers(200), published=5, tau=0.3, publication=up)
    other = simulate_literatures(-0.7, 2.0, SIZES, mirrored, published=5, tau=0.3, publication=down)
    assert np.all(one.published == other.published)
    assert one.effects == pytest.approx(-other.effects, abs=1e-9)


def test_a_trial_is_a_t_test_of_patients() -> None:
    many = simulate_literatures(1.0, 2.0, [(10, 20)], numbers(50), published=3)
    n, m = many.patients[7, 2]
    assert (n, m) == (10, 20)
    sd = many.se[7, 2] / np.sqrt(1 / 10 + 1 / 20)
    other = stats.ttest_ind_from_stats(many.effects[7, 2], sd, 10, 0.0, sd, 20)
    assert many.p[7, 2] == pytest.approx(other.pvalue, rel=1e-9)


def test_a_literature_alone_is_the_same_in_a_crowd() -> None:
    rule = Publication(favourable=(1.0, 0.2))
    crowd = simulate_literatures(0.8, 2.0, SIZES, numbers(40), published=4, tau=0.2, publication=rule)
    alone = simulate_literatures(0.8, 2.0, SIZES, numbers(1, first=17), published=4, tau=0.2, publication=rule)
    trials = alone.done.shape[1]
    assert np.array_equal(crowd.effects[17, :trials], alone.effects[0])
    assert np.array_equal(crowd.published[17, :trials], alone.published[0])
    assert not crowd.done[17, trials:].any()


def test_classes_of_p_values() -> None:
    rule = Publication(cuts=(0.01, 0.05), favourable=(0.9, 0.6, 0.1), otherwise=(0.5, 0.4, 0.0))
    chance = rule.chance(np.array([1.0, 1.0, 1.0, -1.0, -1.0, -1.0]), np.array([0.001, 0.03, 0.5] * 2))
    assert list(chance) == [0.9, 0.6, 0.1, 0.5, 0.4, 0.0]


def test_refusals() -> None:
    with pytest.raises(StatisticsError, match="patients are .1, 20.; give whole numbers of at least 2"):
        simulate_literatures(1.0, 2.0, [1, 20], numbers(3), published=3)
    with pytest.raises(StatisticsError, match="published trials has 1"):
        simulate_literatures(1.0, 2.0, [20], numbers(3), published=1)
    with pytest.raises(StatisticsError, match="tau is -1"):
        simulate_literatures(1.0, 2.0, [20], numbers(3), published=3, tau=-1.0)
    with pytest.raises(StatisticsError, match="after 300 trials a literature has 0 published of 3"):
        simulate_literatures(1.0, 2.0, [20], numbers(1), published=3, publication=Publication(favourable=(0.0, 0.0)))
    with pytest.raises(StatisticsError, match=r"favourable is \(1.0,\); 1 cuts make 2 classes"):
        Publication(favourable=(1.0,))
    with pytest.raises(StatisticsError, match="cuts are"):
        Publication(cuts=(0.05, 0.01), favourable=(1.0, 1.0, 1.0))
    with pytest.raises(UnknownName, match='favoured side "less" is not known'):
        Publication(favoured="less")
