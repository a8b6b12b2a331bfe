"""Placebo responses by indication and comparator: their numbers, marks, and what they do in a trial."""

from __future__ import annotations

import pytest
from trial_designs import designed

import pkpd
from pkpd.errors import PkpdError
from pkpd.trials.placebo import placebo_response, placebo_responses


@pytest.mark.parametrize(
    ("given", "share", "mark", "minutes"),
    [
        ({"indication": "crps"}, 0.23, "primary", 3 * 1440),
        ({"indication": "spinal cord injury"}, 0.14, "primary", 3 * 1440),
        ({"indication": "postherpetic neuralgia"}, 0.19, "primary", 3 * 1440),
        ({"indication": "fibromyalgia"}, 0.2, "assumed", 3 * 1440),
        ({"comparator": "saline"}, 0.11, "derived", 10),
        ({"comparator": "midazolam"}, 0.25, "derived", 10),
    ],
)
def test_the_share_comes_with_its_mark_and_source(given, share, mark, minutes):
    effect = placebo_response(**given)
    own = effect.parameters["P_placebo"]
    assert (own.value, own.mark) == (share, mark) and own.source in effect.sources
    assert effect.parameters["half_time"].value == pytest.approx(minutes / 60)


def test_counts_behind_the_shares():
    shares = {one.of: one.share for one in placebo_responses()}
    assert shares["saline"] == pytest.approx((0 + 2 + 2 + 3) / (10 + 12 + 30 + 12), abs=0.005)
    assert shares["midazolam"] == pytest.approx((3 + 24) / (12 + 94), abs=0.006)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "neither"),
        ({"indication": "crps", "comparator": "saline"}, "both"),
        ({"indication": "crpss"}, 'Did you mean "crps"'),
        ({"comparator": "midazolan"}, 'Did you mean "midazolam"'),
    ],
)
def test_what_is_not_known_is_refused(given, told):
    with pytest.raises(PkpdError, match=told):
        placebo_response(**given)


def test_a_trial_against_midazolam_has_more_responders_than_one_against_saline():
    asked = {"drug": "ketamine 0.3 mg/kg iv over 30 min", "endpoints": [("relief", "0 h", 0.5)], "drop_out": 0.0}
    made = [
        pkpd.run_trials(designed(comparator=comparator, **asked), 200).endpoints[0].found.true_control.mean()
        for comparator in ("saline", "midazolam")
    ]
    reached = 0.6 * (1 - 2.0**-3) >= 0.5  # within the infusion
    assert reached and made == pytest.approx([0.11, 0.25], abs=0.02)
