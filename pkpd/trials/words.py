"""What simulated trials say in words, for tables and figures alike."""

from __future__ import annotations

import math

from pkpd.dosing.prescription import time_text
from pkpd.trials.results import EndpointResult
from pkpd.trials.values import Counts, Endpoint, Mean, Trial


def value_text(endpoint: Endpoint, value: float, signed: bool = False) -> str:
    """A value of an endpoint, shares and fractions in percent."""
    if math.isnan(value):
        return "-"
    text = _fixed(value, 2) if endpoint.unit == "points" else _fixed(100 * value, 0)
    return f"+{text}" if signed and float(text) > 0 else text


def unit_text(endpoint: Endpoint, difference: bool = False) -> str:
    """The unit behind such a value; of a difference of shares percentage points."""
    if endpoint.unit == "points":
        return "points"
    return "percentage points" if difference else "%"


def title_of(endpoint: Endpoint) -> str:
    """What is measured and when, as a title."""
    words = endpoint.name[0].upper() + endpoint.name[1:]
    if endpoint.of:
        return f"{words.replace('-', ', ')}, ever under treatment"
    if endpoint.until is not None:
        return f"{words}, mean from {time_text(endpoint.when)} to {time_text(endpoint.until)} after treatment"
    return f"{words}, {time_text(endpoint.when)} after treatment" if endpoint.when else f"{words}, end of treatment"


def headline(result: EndpointResult) -> str:
    """The answer in one line: how often a trial of this size is significant, and how far it then exaggerates."""
    title = title_of(result.endpoint)
    if result.design == "single arm":
        return f"{title}: no comparison"
    share = f"{100 * result.power:.0f} % of such trials are significant"
    if not len(result.published) or not result.is_clear:
        return f"{title}: {share}"
    return f"{title}: {share}, showing {times_text(result.type_m)} the truth"


def observed_text(endpoint: Endpoint, arm: Counts | Mean) -> str:
    """What was observed in one arm."""
    if isinstance(arm, Counts):
        return f"{arm.events} of {arm.total}"
    error = "" if math.isnan(arm.error) else f" (SE {value_text(endpoint, arm.error)})"
    return f"{value_text(endpoint, arm.value)}{error}"


def found_text(trial: Trial, result: EndpointResult) -> str:
    """What the published trial found, in a sentence."""
    endpoint, seen = result.endpoint, result.endpoint.observed
    if seen is None:
        return endpoint.words or "no number was published"
    text = f"{observed_text(endpoint, seen.drug)} on {trial.drug.name}"
    if seen.control is not None and trial.control is not None:
        text += f", {observed_text(endpoint, seen.control)} on {trial.control.name}"
    if (found := result.observed) is not None and not math.isnan(found.low):
        shown = [value_text(endpoint, x, signed=True) for x in (found.estimate, found.low, found.high)]
        text += f": {shown[0]} {unit_text(endpoint, True)} ({shown[1]} to {shown[2]}; {p_text(found.p)})"
    return text + (f"; {endpoint.words}" if endpoint.words else "")


def p_text(p: float) -> str:
    """A p-value as it is printed."""
    return "P < 0.001" if p < 0.001 else f"P = {p:.3f}" if p < 0.0995 else f"P = {p:.2f}"


def times_text(factor: float) -> str:
    """A factor, in words."""
    return f"{factor:.1f}-fold" if factor < 9.95 else f"{factor:.0f}-fold"


def answers(trial: Trial, result: EndpointResult) -> list[tuple[str, str]]:
    """The questions a reader of the literature has, each with its answer."""
    endpoint, found = result.endpoint, result.found
    unit, apart = unit_text(endpoint), unit_text(endpoint, True)
    lines = [("It found", found_text(trial, result))]
    drug = value_text(endpoint, float(found.true_drug.mean()))
    if trial.control is None:
        measured = value_text(endpoint, float(found.drug.mean()))
        lines.append(("The model expects", f"{drug} {unit}; as the trial measures it {measured}"))
        lines.append(("What that can tell", "nothing of drug against placebo: it has no control"))
    else:
        control = value_text(endpoint, float(found.true_control.mean()))
        apart_by = value_text(endpoint, result.true_difference, signed=True)
        expected = value_text(endpoint, result.expected, signed=True)
        if trial.conduct.unblinding > 0 and not endpoint.of:
            expected += f" ({value_text(endpoint, result.expected_blinded, signed=True)} if nobody noticed what he had)"
        lines.append(
            (
                "The model expects",
                f"{drug} and {control} {unit}, a difference of {apart_by} {apart}; as trials estimate it {expected}",
            )
        )
        size = " + ".join(map(str, trial.patients))
        lines.append(
            (
                f"A trial of {size} is significant",
                f"in {100 * result.power:.0f} % (±{100 * result.power_error:.1f}), P < 0.05, {result.analysis}",
            )
        )
        lines.append(("Significant ones", exaggeration_text(result)))
        needed = result.settling()
        if needed is not None:
            each = "in each arm" if trial.design == "parallel" else "in all"
            lines.append(("To find that in 80 %", f"{needed:,} patients {each}"))
    if not math.isnan(result.as_extreme):
        lines.append(
            ("As unlikely as the published one (both sides)", f"{100 * result.as_extreme:.0f} % of simulated trials")
        )
    if endpoint.made_from:
        lines.append(("Note", "the models were made from this result, so that agreement is no test"))
    return lines


def exaggeration_text(result: EndpointResult) -> str:
    """By how much significant trials exaggerate."""
    endpoint = result.endpoint
    if not len(result.published):
        return "there are none"
    mean = value_text(endpoint, result.mean_significant)
    shown = f"show {mean} {unit_text(endpoint, True)} on average, sign left out"
    if not result.is_clear:
        return f"{shown}, where the true difference cannot be told from none"
    wrong = f", with the wrong sign in {100 * result.type_s:.0f} %" if result.type_s >= 0.005 else ""
    return f"{shown}: {times_text(result.type_m)} the true difference{wrong}"


def _fixed(value: float, places: int) -> str:
    """A number with so many decimals, and no minus before a zero."""
    text = f"{value:.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text
