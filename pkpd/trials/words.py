"""What simulated trials say in words, for tables and figures alike."""

from __future__ import annotations

import math

import numpy as np

from pkpd.dosing.prescription import time_text
from pkpd.trials.results import EndpointResult
from pkpd.trials.values import Counts, Endpoint, Mean, Trial

TESTS = {
    "Fisher": "Fisher's exact test",
    "McNemar": "McNemar's test",
    "Welch": "Welch's t test",
    "periods": "t test of periods",
}


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
    if np.isnan(result.found.drug).all():
        return f"{title}: nobody was left to analyse"
    if result.design == "single arm":
        return f"{title}: no comparison"
    share = f"{share_text(result.power)} of such trials are significant"
    if not len(result.published) or not result.is_clear:
        return f"{title}: {share}"
    if result.type_m < 1.05:
        return f"{title}: {share}, showing about the truth"
    beside = result.selected
    measured = f" ({times_text(beside)} what trials measure)" if 0 < 1.5 * beside < result.type_m else ""
    return f"{title}: {share}, showing {times_text(result.type_m)} the truth{measured}"


def observed_text(endpoint: Endpoint, arm: Counts | Mean) -> str:
    """What was observed in one arm."""
    if isinstance(arm, Counts):
        return f"{arm.events} of {arm.total} ({100 * arm.events / arm.total:.0f} %)"
    unit = "" if endpoint.unit == "points" else " %"
    error = "" if math.isnan(arm.error) else f" (SE {value_text(endpoint, arm.error)})"
    return f"{value_text(endpoint, arm.value)}{unit}{error}"


def found_text(trial: Trial, result: EndpointResult) -> str:
    """What the published trial found, in a sentence."""
    endpoint = result.endpoint
    text = arms_text(trial, endpoint)
    if (found := result.observed) is not None:
        shown = [value_text(endpoint, x, signed=True) for x in (found.estimate, found.low, found.high)]
        text += f": {shown[0]} {unit_text(endpoint, True)}"
        if not math.isnan(found.low):
            ways = ("Newcombe's interval ", ", Fisher's ") if endpoint.counted else ("95 % interval ", ", ")
            text += f" ({ways[0]}{shown[1]} to {shown[2]}{ways[1]}{p_text(found.p)})"
        elif not math.isnan(found.p):
            text += f" (McNemar's {p_text(found.p)})"
    return "; ".join(part for part in (text, endpoint.words) if part) or "no number was published"


def arms_text(trial: Trial, endpoint: Endpoint) -> str:
    """What was found in each arm; "" where no number was published."""
    seen = endpoint.observed
    if seen is None:
        return ""
    text = f"{observed_text(endpoint, seen.drug)} on {trial.drug.name}"
    if seen.control is not None and trial.control is not None:
        text += f", {observed_text(endpoint, seen.control)} on {trial.control.name}"
    return text


def read_from(trial: Trial, endpoint: Endpoint) -> str:
    """Where what was found is from, with its mark; "" where nothing was."""
    source, mark = endpoint.read_from
    return f"{trial.sources[source].citation if source in trial.sources else source} ({mark})" if source else ""


def levels_text(trial: Trial, result: EndpointResult) -> str:
    """Whether the published arms lie where simulated ones do; "" where none has a number."""
    if outside := outside_text(trial, result):
        return f"outside the middle 90 % of simulated trials: {outside}"
    return "inside the middle 90 % of simulated trials" if any(result.levels) else ""


def outside_text(trial: Trial, result: EndpointResult) -> str:
    """Which published arms lie outside the middle 90 % of simulated ones; "" where none does."""
    told = []
    for name, level in zip((trial.drug.name, trial.control.name if trial.control else ""), result.levels, strict=False):
        if level is not None and not level.inside:
            shown = [value_text(result.endpoint, x) for x in level]
            told.append(f"{shown[0]} on {name} (simulated {shown[1]} to {shown[2]})")
    return f"{', '.join(told)} {unit_text(result.endpoint)}" if told else ""


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
    lines = [("It found", found_text(trial, result))] if trial.is_published else []
    if source := read_from(trial, endpoint):
        lines.append(("Read from", source))
    drug = value_text(endpoint, float(found.true_drug.mean()))
    if np.isnan(found.drug).all():
        lines.append(("What that can tell", "nothing: nobody was left to analyse in any simulated trial"))
        return lines
    if trial.control is None:
        measured = value_text(endpoint, float(np.nanmean(found.drug)))
        lines.append(("The model expects", f"{drug} {unit}; as a trial measures it {measured} {unit}"))
        lines.append(("What that can tell", "nothing of drug against placebo: it has no control"))
    else:
        control = value_text(endpoint, float(found.true_control.mean()))
        apart_by = value_text(endpoint, result.true_difference, signed=True)
        expected = value_text(endpoint, result.expected, signed=True)
        if trial.conduct.unblinding > 0 and not endpoint.of:
            blinded = value_text(endpoint, result.expected_blinded, signed=True)
            expected += f" ({blinded} if nobody noticed what was given)"
        lines.append(("The model expects", f"{drug} and {control} {unit}, a difference of {apart_by} {apart}"))
        lines.append(("Trials measure", f"{expected} on average, with {noise_text(trial, endpoint)}"))
        size = " + ".join(map(str, trial.patients))
        test = TESTS.get(result.analysis, result.analysis)
        lines.append(
            (
                f"A trial of {size} is significant",
                f"in {share_text(result.power)} ({_power_error(result)}; P < 0.05, {test})",
            )
        )
        if result.analysed < 1.0:
            share = f"{100 * (1.0 - result.analysed):.0f} %"
            too_few = f"{share} of the trials: too few patients were left. They count as not significant"
            lines.append(("Could not be analysed", too_few))
        lines.append(("Significant trials", exaggeration_text(result)))
        needed = result.settling()
        if needed is not None:
            each = "in each arm" if trial.design == "parallel" else "in all"
            beside = ", unblinding included" if result.noticing != 0 else ""
            lines.append(("To be significant in 80 %", f"about {size_text(needed)} patients {each}{beside}"))
        elif why := unsettled_text(result):
            lines.append(("To be significant in 80 %", f"no number of patients tells: {why}"))
    if levels := levels_text(trial, result):
        lines.append(("The published levels lie", levels))
    if not math.isnan(result.as_extreme):
        share = share_text(result.as_extreme) if result.as_extreme > 0 else "less than 1 %"
        what = "difference" if endpoint.observed is not None and endpoint.observed.control is not None else "level"
        lines.append((f"A {what} as unlikely as the published one", f"{share} of simulated trials, both sides counted"))
    if trial.is_made_from(endpoint):
        lines.append(("Note", "the models were made from these patients' results, so that agreement is no test"))
    return lines


def size_text(patients: int) -> str:
    """A number of patients to two digits or, of small ones, as it is: more are not known of it."""
    return f"{round(patients, 2 - len(str(patients))):,}" if patients >= 100 else str(patients)


def unsettled_text(result: EndpointResult) -> str:
    """Why no number of patients finds a true difference; "" where there is none to be found, or a number does."""
    if result.design == "single arm" or not result.is_clear or not result.analysed:
        return ""
    if not result.is_estimated:
        return "trials so conducted measure no such difference"
    return "the difference that trials measure comes of noticing the drug" if result.is_noticing else ""


def share_text(share: float) -> str:
    """A share of trials in whole percent, "all" and "none" kept for those."""
    if 0.0 < share < 0.005:
        return "less than 1 %"
    return "more than 99 %" if 0.995 <= share < 1.0 else f"{100 * share:.0f} %"


def _power_error(result: EndpointResult) -> str:
    """The Monte-Carlo error of a power; where all trials agree it is not known, and their number is told."""
    if result.power in (0.0, 1.0):
        return f"{'none' if result.power == 0 else 'all'} of {len(result.significant):,} simulated"
    return f"±{100 * result.power_error:.1f} Monte-Carlo error"


def exaggeration_text(result: EndpointResult) -> str:
    """By how much significant trials exaggerate."""
    endpoint = result.endpoint
    if not len(result.published):
        return "there are none"
    mean = value_text(endpoint, result.mean_significant)
    shown = f"show {mean} {unit_text(endpoint, True)} on average, whatever the sign"
    if not result.is_clear:
        return f"{shown}, where there is no true difference, or none that can be told"
    times = f"{times_text(result.type_m)} the true difference" if result.type_m >= 1.05 else "about the true difference"
    wrong = f", with the wrong sign in {100 * result.type_s:.0f} %" if result.type_s >= 0.005 else ""
    measured = f" ({times_text(beside)} what trials measure on average)" if (beside := result.selected) else ""
    return f"{shown}: {times}{measured if result.type_m >= 1.05 else ''}{wrong}"


def leaving_text(trial: Trial) -> str:
    """Until when those leave who do."""
    if trial.followed == 0:
        return "from the start to the end of treatment"
    end = "the last visit" if trial.follow_up is None else "the end of follow-up"
    return f"from the start to {end}, {time_text(trial.followed)} after treatment"


def noise_text(trial: Trial, endpoint: Endpoint) -> str:
    """What stands between the truth and what trials measure."""
    conduct = trial.conduct
    leave = conduct.drop_out > 0 or (conduct.drop_out_control > 0 and trial.design == "parallel")
    parts = (
        []
        if endpoint.of
        else [("noise", conduct.noise > 0), ("drop-out", leave), ("unblinding", conduct.unblinding > 0)]
    )
    named = [name for name, is_there in parts if is_there]
    if not named:
        return "nothing but chance between"
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _fixed(value: float, places: int) -> str:
    """A number with so many decimals, and no minus before a zero."""
    text = f"{value:.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text
