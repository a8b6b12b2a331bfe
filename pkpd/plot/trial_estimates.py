"""What simulated trials estimate, as bars: their parts and edges, the lines over them, and the published estimate."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.plot import style
from pkpd.plot.sheet import Sheet
from pkpd.plot.style import GREY, INK
from pkpd.statistics.normal import Z95
from pkpd.trials.results import EndpointResult
from pkpd.trials.values import Counts, Endpoint, Mean
from pkpd.trials.words import unit_text, value_text

Floats = NDArray[np.float64]
Interval = tuple[float, float, float]  # a value, and both ends of its interval; nan where there is none

TEXT = 8.0  # pt, of ticks, names of axes and of lines
MOST_BARS, SEAM = 40, 0.03  # bars, and what is left free at either side of one, over its width
PERIODIC = 0.2  # mean resultant length from which values are taken to lie at a spacing
BARE, OVER, SHARE = (
    0.08,
    0.3,
    0.23,
)  # over the bars without and with a published estimate, inches; the share it may take

DRUG, WRONG, NOT, PLAIN, PUBLISHED = "#0072B2", "#D55E00", "#CCCCCC", "#222222", "#222222"
# What a part of the bars is called in the key -> its look, in the order in which parts stand on each other.
LOOKS: Mapping[str, Mapping[str, Any]] = {
    "simulated trials": {"facecolor": "#7FB8D8", "edgecolor": "none"},
    "P ≥ 0.05": {"facecolor": NOT, "edgecolor": "none"},
    "significant, no true difference": {"facecolor": PLAIN, "edgecolor": "none"},
    "significant, right sign": {"facecolor": DRUG, "edgecolor": "none"},
    "significant, wrong sign": {"facecolor": "white", "edgecolor": WRONG, "hatch": "/////", "linewidth": 0.6},
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A line over the bars: where it stands, in the unit of the axis, its name, and how it looks."""

    at: float
    text: str
    colour: str
    line: Any
    bold: bool


def scaled(result: EndpointResult, values: Any) -> Any:
    """Values as they are drawn: points, or percent."""
    return np.asarray(values, float) * (1.0 if result.endpoint.unit == "points" else 100.0)


def interval_of(arm: Counts | Mean) -> Interval:
    """Value and 95 % interval of one published arm."""
    if isinstance(arm, Mean):
        half = Z95 * arm.error
        return arm.value, arm.value - half, arm.value + half
    from pkpd.observations.counting import exact_interval

    return (arm.events / arm.total, *exact_interval(arm.events, arm.total))


def published_of(result: EndpointResult) -> Interval | None:
    """The published difference, of a single arm its value; None where neither is known as a number."""
    seen = result.endpoint.observed
    if result.design == "single arm":
        return None if seen is None else interval_of(seen.drug)
    found = result.observed
    return None if found is None else (found.estimate, found.low, found.high)


def values_of(result: EndpointResult) -> Floats:
    """One number a trial that could be analysed: its estimate, of a single arm its value."""
    values = result.found.drug if result.design == "single arm" else result.found.estimate
    return values[np.isfinite(values)]


def parts_of(result: EndpointResult) -> dict[str, Floats]:
    """The parts of the bars by their names in the key, without those that are empty.

    Signs are right and wrong as in the share of wrong signs.
    """
    if result.design == "single arm":
        parts = {"simulated trials": values_of(result)}
    else:
        estimate, significant = result.found.estimate, result.significant
        parts = {"P ≥ 0.05": estimate[np.isfinite(estimate) & ~significant]}
        parts["significant, no true difference"] = estimate[significant & (result.signs == 0)]
        parts["significant, right sign"] = estimate[significant & (result.signs > 0)]
        parts["significant, wrong sign"] = estimate[significant & (result.signs < 0)]
    return {name: part for name, part in parts.items() if len(part)}


def edges_of(result: EndpointResult) -> Floats:
    """Edges of at most some forty bars, in which values that come at a spacing are evenly shared out.

    Differences i/n - j/m of shares crowd at a spacing near 1/n and 1/m. Bars of another width take in more of them by
    turns, like a comb; so bars are as wide as the spacing in which the values lie best, or as a multiple of it, with
    the values in their middles. Where none shows, bars hold equally many possible differences.
    """
    values = values_of(result)
    low, high = float(values.min()), float(values.max())
    if not result.endpoint.counted:
        return np.array([low - 0.5, low + 0.5]) if high <= low else np.linspace(low, high, MOST_BARS + 1)
    each = [1.0 / patients for patients in result.patients]
    spacings = {*each, sum(each) / len(each)}
    turned = {spacing: complex(np.exp(2j * np.pi * values / spacing).mean()) for spacing in spacings}
    width = max(turned, key=lambda spacing: abs(turned[spacing]))
    if abs(turned[width]) >= PERIODIC:
        start = (cmath.phase(turned[width]) / math.tau - 0.5) * width
    else:
        finest = 1.0 / math.lcm(*result.patients)
        width = finest * math.ceil(max(spacings) / finest - 1e-9)
        start = -finest / 2
    width *= math.ceil((high - low) / width / MOST_BARS) or 1
    first, last = math.floor((low - start) / width), math.floor((high - start) / width)
    return np.asarray(start + width * np.arange(first, last + 2), float)


def marks_of(result: EndpointResult) -> list[Mark]:
    """The lines of the truth and, on its side, of the mean size of significant trials."""
    endpoint = result.endpoint
    if result.design == "single arm":
        true = float(result.found.true_drug.mean())
        return [Mark(float(scaled(result, true)), f"true {value_text(endpoint, true)}", INK, "-", True)]
    true = result.true_difference
    shown = value_text(endpoint, true, signed=True)
    text = f"true {shown}" + ("" if result.is_clear or float(shown) == 0 else " (not told from 0)")
    marks = [Mark(float(scaled(result, true)), text, INK, "-", True)]
    if result.is_clear and len(result.published):
        mean = math.copysign(result.mean_significant, true)
        text = f"mean size of significant {value_text(endpoint, abs(mean))}"
        marks.append(Mark(float(scaled(result, mean)), text, style.dark(DRUG), (0, (2.2, 1.2)), False))
    return marks


def group_of(result: EndpointResult) -> tuple[str, bool]:
    """Which endpoints share an axis: those with its title, and counted or averaged alike."""
    return title_of_axis(result), result.endpoint.counted


def title_of_axis(result: EndpointResult) -> str:
    """What the axis of the estimates shows, with its unit and the side that is better."""
    if result.design == "single arm":
        what = "Patients" if result.endpoint.counted else result.endpoint.name.capitalize()
        text = f"{what} ({unit_text(result.endpoint)})"
    else:
        text = f"Drug less control ({unit_text(result.endpoint, True)})"
    return toward_better(result.endpoint, text)


def toward_better(endpoint: Endpoint, text: str) -> str:
    """The title of an axis, with an arrow to the side that is better."""
    lower = endpoint.kind in ("pain score", "side effect")
    return f"← better   {text}" if lower else f"{text}   better →"


def whole_scale(result: EndpointResult, ends: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis of one arm's values: all there can be, and what is drawn beyond."""
    if result.endpoint.counted:
        return 0.0, 100.0
    low, high = min(0.0, *ends), max(10.0 if result.endpoint.unit == "points" else 100.0, *ends)
    return low - 0.02 * (high - low) * (low < 0), high


def limits_of(results: Sequence[EndpointResult]) -> tuple[float, float]:
    """Ends of the axis that endpoints share, so that all of their bars, lines and intervals are on it."""
    ends = [0.0]
    for result in results:
        if len(values_of(result)):
            edges = edges_of(result)
            ends += [float(edge) for edge in scaled(result, [edges[0], edges[-1]])]
            ends += [mark.at for mark in marks_of(result)]
            ends += [float(x) for x in scaled(result, published_of(result) or ()) if not math.isnan(x)]
    if results[0].design == "single arm":
        least, most = whole_scale(results[0], ends)
        return min(least, *ends), max(most, *ends)
    room = 0.04 * (max(ends) - min(ends)) or 1.0
    return min(ends) - room, max(ends) + room


def draw_estimates(
    sheet: Sheet,
    result: EndpointResult,
    place: tuple[float, float, float, float],
    limits: tuple[float, float],
    name: str,
    title: str,
) -> None:
    """The bars of all trials, the lines over them with their names, and what was published above them.

    place  : left, top, width and height of the axes, inches
    limits : ends of the axis
    name   : of the axes
    title  : of the axis; "" where that of a row below holds
    """
    left, top, width, high = place
    axes = sheet.axes(*place, name)
    edges, values = edges_of(result), values_of(result)
    at, floor = scaled(result, edges), np.zeros(len(edges) - 1)
    parts = parts_of(result)
    for part in (part for part in LOOKS if part in parts):
        shares = np.histogram(parts[part], edges)[0] / len(values)
        shown = shares > 0
        look = {"align": "edge", "snap": False, **LOOKS[part]}
        wide = np.diff(at)[shown]
        axes.bar(at[:-1][shown] + SEAM * wide, shares[shown], (1 - 2 * SEAM) * wide, floor[shown], **look)
        floor += shares
    tallest = float(floor.max())
    if result.design != "single arm":
        axes.axvline(0.0, color=GREY, linewidth=style.THIN, zorder=0)
    marks, seen = marks_of(result), published_of(result)
    roof = tallest * high / (high - (BARE if seen is None else min(OVER, SHARE * high)))
    level = tallest + 0.57 * (roof - tallest)
    for mark in marks:
        for colour, thick, line, over in (("white", 3.0, "-", 3), (mark.colour, 1.6, mark.line, 4)):
            look = {"color": colour, "linewidth": thick, "linestyle": line, "zorder": over}
            axes.plot([mark.at] * 2, [0, roof], solid_capstyle="butt", dash_capstyle="butt", **look)
    if seen is not None:
        value, below, above = (float(x) for x in scaled(result, seen))
        if not math.isnan(below):
            axes.plot([below, above], [level] * 2, color="white", linewidth=3.4, zorder=5)
            axes.plot([below, above], [level] * 2, color=PUBLISHED, linewidth=1.4, zorder=6)
        look = {"marker": "D", "markersize": 5.5, "color": PUBLISHED, "markeredgecolor": "white", "zorder": 7}
        axes.plot(value, level, linestyle="none", clip_on=False, **look)
    axes.set(xlim=limits, ylim=(0, roof))
    axes.tick_params(labelsize=TEXT)
    style.ticks(axes.xaxis, style.round_places(*limits, 6))
    percent = style.round_places(0.0, 100 * tallest, 2 if high < 1.2 else 4)
    style.ticks(axes.yaxis, [share / 100 for share in percent], [f"{share:g} %" if share else "0" for share in percent])
    axes.spines["left"].set_bounds(0, tallest)
    share = "Share of trials"
    if style.text_width(share, TEXT) > high:
        share = "Share of\ntrials"
    axes.set_ylabel(share, fontsize=TEXT, color=INK, labelpad=3, y=0.5 * tallest / roof)
    if title:
        axes.set_xlabel(title, fontsize=TEXT, color=INK, labelpad=2)
    _name(sheet, marks, limits, left, top, width)


def _name(
    sheet: Sheet, marks: Sequence[Mark], limits: tuple[float, float], left: float, top: float, width: float
) -> None:
    """Names of the lines over the axes, side by side."""
    wides = [style.text_width(mark.text, TEXT, mark.bold) for mark in marks]
    wanted = [(mark.at - limits[0]) / (limits[1] - limits[0]) * width for mark in marks]
    order = sorted(range(len(marks)), key=lambda k: wanted[k])
    places = style.spread([wanted[k] for k in order], [wides[k] + 0.14 for k in order], 0.0, width)
    for place, k in zip(places, order, strict=True):
        mark, above = marks[k], top - style.text_height(1, TEXT) - 0.01
        sheet.text(left + place - wides[k] / 2, above, mark.text, TEXT, colour=mark.colour, bold=mark.bold)
