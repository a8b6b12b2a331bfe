"""The figure of simulated trials: the arms, what trials of this size estimate, the truth, and the published trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.plot import style
from pkpd.plot.sheet import Sheet, Symbol, key_rows
from pkpd.plot.style import GREY, INK, LABEL, NAME, SMALL, TITLE, text_height, wrap
from pkpd.statistics.normal import Z95
from pkpd.trials.results import EndpointResult, Trials
from pkpd.trials.values import Counts, Mean
from pkpd.trials.words import answers, headline, title_of, unit_text, value_text

Floats = NDArray[np.float64]

WIDTH, EDGE = 7.1, 0.14  # inches
LEFT = 1.15  # inches, to the axes of the arms
ARMS, GAP, ESTIMATES = 1.6, 0.45, 3.6  # widths of the panels and between them, inches
ABOVE = 0.2  # inches over the estimates, for the names of their lines
HIGH = 1.25  # of the panels, inches
BELOW = 0.42  # ticks and title of an x axis
MOST_ROWS = 6  # endpoints on one page

RIGHT_SIGN, WRONG_SIGN, NOT = "#0072B2", "#D55E00", "#C9C9C9"
PUBLISHED = "#222222"


def draw(made: Trials) -> Any:
    """The figure: a row for each endpoint, arms on the left, estimates of all trials in the middle, words on the right.

    returns : a matplotlib figure that needs no display and no pyplot
    """
    results = made.endpoints[:MOST_ROWS]
    single = made.trial.control is None
    title = wrap(made.trial.title, WIDTH - 2 * EDGE, TITLE, bold=True)
    size = " + ".join(map(str, made.trial.patients))
    drug, control = made.trial.drug.name, made.trial.control.name if made.trial.control else ""
    head = wrap(
        f"{made.count:,} simulated trials of {size} patients ({made.trial.design}): {drug}"
        + (f" against {control}" if control else ""),
        WIDTH - 2 * EDGE,
        NAME,
    )
    key = key_rows(_symbols(single), WIDTH - 2 * EDGE)
    small = wrap(_small_print(made), WIDTH - 2 * EDGE, SMALL)
    words = [_words(made, result) for result in results]
    tall = [text_height(1, NAME) + text_height(len(lines), SMALL) + ABOVE + HIGH + BELOW + 0.14 for lines in words]
    top = 0.06 + text_height(len(title), TITLE) + text_height(len(head), NAME) + 0.06
    begin = top + len(key) * (text_height(1, SMALL) + 0.02) + 0.1
    foot = text_height(1, SMALL) + text_height(len(small), SMALL) + 0.12
    sheet = Sheet(WIDTH, begin + sum(tall) + foot)
    at = sheet.text(EDGE, 0.06, title, TITLE, colour=INK, bold=True)
    sheet.text(EDGE, at, head, NAME, colour=GREY)
    sheet.key(EDGE, top, key)
    at = begin
    for result, lines, height in zip(results, words, tall, strict=True):
        under = sheet.text(EDGE, at, headline(result), NAME, colour=INK, bold=True)
        under = sheet.text(EDGE, under, lines, SMALL, colour=INK) + ABOVE
        _arms(sheet, made, result, under)
        if not single:
            _estimates(sheet, result, under)
        at += height
    at = sheet.text(EDGE, at + 0.02, "Not for dosing patients.", SMALL, colour=INK, bold=True)
    sheet.text(EDGE, at, small, SMALL)
    return sheet.figure


def _symbols(single: bool) -> list[Symbol]:
    bar = Symbol("line", {"color": RIGHT_SIGN, "linewidth": 4, "alpha": 0.45}, "arm in 90 % of simulated trials")
    seen = Symbol(
        "line",
        {"color": PUBLISHED, "linewidth": 1, "marker": "D", "markersize": 3.5, "markevery": (0, 2)},
        "published, 95 % interval",
    )
    if single:
        return [bar, seen]
    return [
        bar,
        seen,
        Symbol("patch", {"facecolor": NOT, "edgecolor": "none"}, "trials with P ≥ 0.05"),
        Symbol("patch", {"facecolor": RIGHT_SIGN, "edgecolor": "none"}, "significant"),
        Symbol(
            "patch", {"facecolor": "white", "edgecolor": WRONG_SIGN, "hatch": "/////", "linewidth": 0.6}, "wrong sign"
        ),
        Symbol("line", {"color": INK, "linewidth": 1.4}, "true difference"),
        Symbol("line", {"color": RIGHT_SIGN, "linewidth": 1.4, "linestyle": (0, (3, 1.5))}, "mean of significant"),
    ]


def _scaled(result: EndpointResult, values: Any) -> Any:
    """Values as they are drawn: points, or percent."""
    return np.asarray(values, float) * (1.0 if result.endpoint.unit == "points" else 100.0)


def _arms(sheet: Sheet, made: Trials, result: EndpointResult, top: float) -> None:
    """Each arm: the middle 90 % of simulated trials, their mean, and what was published."""
    axes = sheet.axes(LEFT, top, ARMS, HIGH, f"arms {title_of(result.endpoint)}")
    trial, seen = made.trial, result.endpoint.observed
    rows = [(trial.drug.name, result.found.drug, seen.drug if seen else None, RIGHT_SIGN)]
    if trial.control is not None:
        rows.append((trial.control.name, result.found.control, seen.control if seen else None, "#777777"))
    ends = []
    for place, (_, simulated, published, colour) in enumerate(rows):
        low, high = _scaled(result, np.nanquantile(simulated, (0.05, 0.95)))
        axes.plot([low, high], [place, place], color=colour, linewidth=6, alpha=0.45, solid_capstyle="butt")
        axes.plot(_scaled(result, np.nanmean(simulated)), place, marker="o", markersize=3.5, color=style.dark(colour))
        ends += [low, high]
        if published is not None:
            value, below, above = (float(_scaled(result, x)) for x in _published(published))
            if not math.isnan(below):
                axes.plot([below, above], [place + 0.28] * 2, color=PUBLISHED, linewidth=1)
            axes.plot(value, place + 0.28, marker="D", markersize=3.5, color=PUBLISHED, linestyle="none", clip_on=False)
            ends += [x for x in (value, below, above) if not math.isnan(x)]
    low, high = _limits(result, ends)
    axes.set(xlim=(low, high), ylim=(len(rows) - 0.4, -0.6))
    style.ticks(axes.xaxis, style.round_places(low, high, 4))
    style.ticks(axes.yaxis, ())
    axes.spines["left"].set_visible(False)
    unit = unit_text(result.endpoint)
    what = "Patients" if result.endpoint.counted else result.endpoint.name.capitalize()
    axes.set_xlabel(f"{what} ({unit})", fontsize=LABEL, color=INK, labelpad=2)
    step = HIGH / (len(rows) + 0.2)
    for place, (name, *_) in enumerate(rows):
        lines = wrap(name, LEFT - EDGE - 0.08, SMALL, most=4)
        middle = top + step * (place + 0.6)
        sheet.text(EDGE, middle - text_height(len(lines), SMALL) / 2, lines, SMALL, colour=INK)


def _published(arm: Counts | Mean) -> tuple[float, float, float]:
    """Value and 95 % interval of one arm."""
    if isinstance(arm, Mean):
        half = Z95 * arm.error
        return arm.value, arm.value - half, arm.value + half
    from pkpd.observations.counting import exact_interval

    return (arm.events / arm.total, *exact_interval(arm.events, arm.total))


def _limits(result: EndpointResult, ends: Sequence[float]) -> tuple[float, float]:
    if result.endpoint.counted:
        return 0.0, 100.0
    low, high = min(ends), max(ends)
    room = 0.08 * (high - low)
    return (max(0.0, low - room) if result.endpoint.unit == "points" else low - room), high + room


def _estimates(sheet: Sheet, result: EndpointResult, top: float) -> None:
    """The estimates of all simulated trials; significant ones apart, by their sign."""
    left = LEFT + ARMS + GAP
    axes = sheet.axes(left, top, ESTIMATES, HIGH, f"estimates {title_of(result.endpoint)}")
    kept = np.isfinite(result.found.estimate)
    estimate, significant = result.found.estimate[kept], result.significant[kept]
    right = np.sign(estimate) == np.sign(result.true_difference)
    parts = [estimate[~significant], estimate[significant & right], estimate[significant & ~right]]
    edges = _edges(result, estimate)
    floor = np.zeros(len(edges) - 1)
    looks: list[dict[str, Any]] = [
        {"facecolor": NOT, "edgecolor": "none"},
        {"facecolor": RIGHT_SIGN, "edgecolor": "none"},
        {"facecolor": "white", "edgecolor": WRONG_SIGN, "hatch": "/////", "linewidth": 0.5},
    ]
    for part, look in zip(parts, looks, strict=True):
        counts = np.histogram(part, edges)[0] / len(estimate)
        shown = counts > 0
        at = _scaled(result, edges)
        axes.bar(at[:-1][shown], counts[shown], np.diff(at)[shown] * 0.92, floor[shown], align="edge", **look)
        floor += counts
    tallest = float(floor.max())
    axes.axvline(0.0, color=GREY, linewidth=style.THIN, zorder=0)
    marks: list[tuple[float, str, Any, str]] = [(result.true_difference, INK, "-", "true")]
    if len(result.published) and result.is_clear:
        mean = math.copysign(result.mean_significant, result.true_difference)
        marks.append((mean, RIGHT_SIGN, (0, (3, 1.5)), "significant"))
    for value, colour, line, _ in marks:
        axes.plot(_scaled(result, [value] * 2), [0, 1.08 * tallest], color=colour, linewidth=1.4, linestyle=line)
    ends = [*_scaled(result, [edges[0], edges[-1]])]
    if (seen := result.observed) is not None:
        value, below, above = _scaled(result, [seen.estimate, seen.low, seen.high])
        if not math.isnan(below):
            axes.plot([below, above], [1.2 * tallest] * 2, color=PUBLISHED, linewidth=1)
            ends += [below, above]
        axes.plot(value, 1.2 * tallest, marker="D", markersize=3.5, color=PUBLISHED)
        ends.append(value)
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    room = 0.04 * (high - low)
    axes.set(xlim=(low - room, high + room), ylim=(0, 1.3 * tallest))
    _name(sheet, result, marks, low - room, high + room, left, top)
    style.ticks(axes.xaxis, style.round_places(low, high, 5))
    style.ticks(axes.yaxis, ())
    axes.spines["left"].set_visible(False)
    better = "left" if result.endpoint.kind in ("pain score", "side effect") else "right"
    axes.set_xlabel(
        f"Drug less control ({unit_text(result.endpoint, True)}); further {better}: better",
        fontsize=LABEL,
        color=INK,
        labelpad=2,
    )


def _name(
    sheet: Sheet, result: EndpointResult, marks: Sequence[Any], low: float, high: float, left: float, top: float
) -> None:
    """Names and values over the lines of the true difference and of the significant mean, side by side.

    low, high : ends of the axis
    left, top : of the axes, inches
    """
    texts = [f"{name} {value_text(result.endpoint, value, signed=True)}" for value, *_, name in marks]
    wides = [style.text_width(text, SMALL) for text in texts]
    wanted = [float(_scaled(result, value) - low) / (high - low) * ESTIMATES for value, *_ in marks]
    order = sorted(range(len(marks)), key=lambda k: wanted[k])
    places = style.spread([wanted[k] for k in order], [wides[k] + 0.1 for k in order], 0.0, ESTIMATES)
    for place, k in zip(places, order, strict=True):
        colour = style.ink(marks[k][1])
        sheet.text(left + place - wides[k] / 2, top - 0.13, texts[k], SMALL, colour=colour, bold=k == 0)


def _edges(result: EndpointResult, estimate: Floats) -> Floats:
    """Edges of the bars: one bar for each value that a small trial of counts can have, else forty."""
    least = min(result.patients)
    low, high = float(estimate.min()), float(estimate.max())
    if result.endpoint.counted and least <= 40 and len(set(result.patients)) == 1:
        first, last = round(low * least), round(high * least)
        return (np.arange(first, last + 2) - 0.5) / least
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    return np.linspace(low, high, 41)


def _words(made: Trials, result: EndpointResult) -> list[str]:
    """What stands over a row, broken into lines."""
    said = [f"{question}: {answer}." for question, answer in answers(made.trial, result)]
    return [line for part in (said[:1], said[1:]) for line in wrap(" ".join(part), WIDTH - 2 * EDGE, SMALL)]


def _small_print(made: Trials) -> str:
    """What the figure says of itself."""
    trial = made.trial
    marks = trial.model.marks()
    conduct = trial.conduct
    parts = [
        f"Model {trial.model.id} (seed {made.seed}); {marks['assumed']} of {sum(marks.values())} numbers are assumed.",
        f"Entry at {conduct.entry:g} points or more; noise {conduct.noise:g} points from day to day; those who notice "
        f"effects score {conduct.unblinding:g} lower; {100 * conduct.drop_out:.0f} % leave on the drug, scored as "
        f"{conduct.missing}.",
        f"In practice, in every arm: {trial.practice}." if trial.practice is not None else "",
        f"Truth: free of noise, drop-out and unblinding. Sources: pkpd show {trial.id}." if trial.id else "",
    ]
    hidden = len(made.endpoints) - MOST_ROWS
    if hidden > 0:
        parts.append(f"In the table and not drawn: {hidden} further endpoints.")
    parts += [f"(!) {flag.text} [{flag.source}]" for flag in made.flags]
    return " ".join(part for part in parts if part)
