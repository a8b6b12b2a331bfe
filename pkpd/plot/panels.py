"""The panels of a comparison, each drawn into axes it is given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.comparison import JOINT_STATES
from pkpd.dosing.regimen import DrugForm, Regimen
from pkpd.model.effect import Effect
from pkpd.plot import style
from pkpd.plot.curves import Course, Relief, boluses, rate_steps
from pkpd.plot.sheet import Symbol
from pkpd.plot.style import GREY, INK, SMALL, THIN, Look, number
from pkpd.times import to_ticks

Floats = NDArray[np.float64]

EDGE = 0.06  # inches from the edge of the page to texts
WIDE_BAND, NARROW_BAND = 0.18, 0.42  # opacity of the bands of 90 and 50 % of patients
FORMS = {"racemate": "racemate", "S": "S-ketamine", "R": "R-ketamine"}

# Blue is relief, hatching is a side effect; lightness and direction of the hatching differ as well.
STATES = {
    JOINT_STATES[0]: {"facecolor": "#2F5D8A", "edgecolor": "#2F5D8A"},
    JOINT_STATES[1]: {"facecolor": "#9DBAD7", "edgecolor": "#2F5D8A", "hatch": "//////"},
    JOINT_STATES[2]: {"facecolor": "#EFEFEF", "edgecolor": "#8C8C8C"},
    JOINT_STATES[3]: {"facecolor": "#E3DACE", "edgecolor": "#85705A", "hatch": "\\\\\\\\"},
}


def readable(effect: str) -> str:
    """An effect's name for print: "psychotomimetic (asked)" for psychotomimetic-asked."""
    words = effect.split("-")
    if len(words) > 1 and words[-1] in ("asked", "reported"):
        return f"{' '.join(words[:-1])} ({words[-1]})"
    return " ".join(words)


def form_text(forms: Sequence[DrugForm]) -> str:
    """What is given, such as "racemate" or "S-ketamine HCl"."""
    return " + ".join(FORMS[form.enantiomer] + (" HCl" if form.salt == "hydrochloride" else "") for form in forms)


def time_axis(axes: Any, hours: float, width: float, labels: bool, weeks: bool = False) -> None:
    """The x axis of axes whose data are in hours.

    hours  : its length
    width  : of the axes, inches
    labels : whether ticks and axis have texts
    weeks  : whether weeks are wanted for a long one
    """
    unit, factor = style.time_scale(hours, weeks)
    places = style.time_ticks(hours / factor, unit, min(4.2 * width, 10))
    axes.set_xlim(0, hours)
    style.ticks(
        axes.xaxis,
        [factor * place for place in places],
        [f"{place:g}" for place in places] if labels else [""] * len(places),
    )
    if labels:
        axes.set_xlabel(f"Time ({unit})", fontsize=style.LABEL, color=INK, labelpad=2)


def dose_strip(
    axes: Any,
    regimen: Regimen,
    weight: Floats,
    hours: float,
    highest: float,
    headroom: float,
    look: Look,
    width: float,
    named: bool = True,
) -> None:
    """What is given over time: infusion rate as filled steps, doses given at once as impulses.

    weight   : (patients) kg
    hours    : the axis is long
    highest  : infusion rate of all strips that share the scale, mg/h; 0 without infusions
    headroom : height of the strip over that of the highest rate
    width    : of the axes, inches
    named    : whether drug and amounts are told
    """
    top = highest or 1.0
    span = to_ticks(hours)
    at, rates = rate_steps(regimen, weight, span)
    axes.fill_between(at, rates, step="post", color=look.colour, alpha=0.35, linewidth=0)
    axes.plot(at, rates, drawstyle="steps-post", color=look.colour, linewidth=0.9)
    taken = 0.0
    for starts, amount in boluses(regimen, weight, span):
        axes.vlines(starts, 0, top, color=look.colour, linewidth=0.9)
        axes.plot(
            starts, [top] * len(starts), linestyle="none", marker="o", markersize=2.5, color=look.colour, clip_on=False
        )
        if not named:
            continue
        text = f"{number(amount)} mg" + (f" × {len(starts)}" if len(starts) > 1 else "")
        share, room = starts[0] / hours, (style.text_width(text, SMALL) + 0.06) / width
        right = share + room <= 1
        if share - (0 if right else room) >= taken:
            axes.annotate(
                text,
                (starts[0], top),
                (2 if right else -2, 2),
                textcoords="offset points",
                va="bottom",
                fontsize=SMALL,
                color=INK,
                ha="left" if right else "right",
                parse_math=False,
            )
            taken = share + (room if right else 0)
    axes.set_ylim(0, headroom * top)
    if not named:
        return
    total = f"{form_text(regimen.forms)}, {number(float(regimen.cumulative_amount(weight).mean()))} mg"
    axes.annotate(
        total,
        (0, 1),
        (2, -1),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=SMALL,
        color=INK,
        va="top",
        parse_math=False,
    )


def bands(axes: Any, course: Course, look: Look, line: Any = "-", faint: float = 1.0) -> None:
    """Plasma levels: median, and the bands of 50 and 90 % of patients.

    faint : factor on the opacity of the bands

    What is below the axis, such as the zero before the first dose, is drawn a decade below it, out of sight.
    """
    low, lower, median, upper, high = np.maximum(course.bands, axes.get_ylim()[0] / 10)
    axes.fill_between(course.hours, low, high, color=look.colour, alpha=faint * WIDE_BAND, linewidth=0)
    axes.fill_between(course.hours, lower, upper, color=look.colour, alpha=faint * NARROW_BAND, linewidth=0)
    axes.plot(course.hours, median, color=look.colour, linewidth=style.CURVE, linestyle=line)


def threshold_line(axes: Any, level: float) -> None:
    """The threshold, ng/mL, across axes."""
    axes.axhline(level, color=INK, linewidth=THIN, linestyle=(0, (1, 2)), zorder=1)


def level_limits(courses: Sequence[Course], threshold: float, ends: Sequence[float]) -> tuple[float, float]:
    """Limits of the axis of levels, ng/mL: down to the medians at the end of their windows, by a factor of 300 at most.

    ends : of each course's own window, h
    """
    highest = max([threshold, *(float(course.bands[-1].max()) for course in courses)])
    last = [float(np.interp(end, course.hours, course.bands[2])) for course, end in zip(courses, ends, strict=True)]
    lowest = min([threshold / 3, *(level for level in last if level > 0)])
    return style.log_limits(max(lowest, highest / 300), highest)


def chances(axes: Any, course: Course, effects: Sequence[Effect], look: Look) -> None:
    """Probability of each side effect at each moment, %, and that without drug.

    The first is a broad line and the others are thin and dark on top of it, so that equal curves are all seen.
    """
    for effect, properties in zip(effects, side_effect_looks(effects, look.colour), strict=True):
        axes.axhline(100 * course.floors[effect.id], color=GREY, linewidth=THIN, linestyle=(0, (1, 2)))
        axes.plot(course.hours, 100 * course.chances[effect.id], **properties)
    axes.set_ylim(0, 100)


def side_effect_looks(effects: Sequence[Effect], colour: str) -> list[dict[str, Any]]:
    """How each side effect's curve is drawn in the colour of a regimen; the first is the broad one."""
    lines = style.SIDE_EFFECT_LINES
    broad, thin = {"color": colour, "linewidth": 1.8}, {"color": style.dark(colour), "linewidth": 1.0}
    return [{**thin, "linestyle": lines[k % len(lines)]} if k else broad for k in range(len(effects))]


def measure(axes: Any, course: Course, name: str, look: Look, limits: tuple[float, float], labels: bool) -> None:
    """A measure over time: median, and the bands of 50 and 90 % of patients.

    limits : of the axis, in the measure's unit
    labels : whether its ticks have numbers
    """
    low, lower, median, upper, high = course.measures[name]
    axes.fill_between(course.hours, low, high, color=look.colour, alpha=WIDE_BAND, linewidth=0)
    axes.fill_between(course.hours, lower, upper, color=look.colour, alpha=NARROW_BAND, linewidth=0)
    axes.plot(course.hours, median, color=look.colour, linewidth=style.CURVE)
    axes.set_ylim(*limits)
    step = next(s * 10.0**p for p in range(-9, 9) for s in (1, 2, 5) if (limits[1] - limits[0]) / (s * 10.0**p) <= 5)
    first, last = math.ceil(limits[0] / step - 1e-9), math.floor(limits[1] / step + 1e-9)
    places = [step * n for n in range(first, last + 1)]
    style.ticks(axes.yaxis, places, None if labels else [""] * len(places))


def measure_limits(values: Sequence[Floats]) -> tuple[float, float]:
    """Limits of the axis of a measure: what is drawn, and a little around it."""
    low, high = min(float(one.min()) for one in values), max(float(one.max()) for one in values)
    around = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - around, high + around


def relief(axes: Any, curves: Sequence[Relief], looks: dict[str, Look], width: float) -> float:
    """Mean pain relief after the end of treatment, % of baseline, with the 95 % interval of the mean.

    width   : of the axes, inches
    returns : length of the axis, h
    """
    span = max(float(curve.hours[-1]) for curve in curves)
    for curve in curves:
        look, mean, half = looks[curve.arm.name], 100 * curve.mean, 100 * curve.half
        axes.fill_between(curve.hours, mean - half, mean + half, color=look.colour, alpha=0.25, linewidth=0)
        axes.plot(curve.hours, mean, color=look.colour, linestyle=look.line, linewidth=style.CURVE)
        axes.plot(curve.hours[:1], mean[:1], marker="o", markersize=3, color=look.colour, clip_on=False)
    time_axis(axes, span, width, labels=True, weeks=True)
    unit, factor = style.time_scale(span, weeks=True)
    if unit == "weeks":
        style.ticks(
            axes.xaxis,
            [factor * week for week in (0, 1, 2, 4, 7, 12) if factor * week <= span * 1.001],
            [str(week) for week in (0, 1, 2, 4, 7, 12) if factor * week <= span * 1.001],
        )
    names = {"weeks": "Weeks", "d": "Days", "h": "Hours", "min": "Minutes"}
    axes.set_xlabel(f"{names[unit]} after the end of treatment", fontsize=style.LABEL, color=INK, labelpad=2)
    axes.set_xlim(-0.015 * span, span)
    axes.spines["bottom"].set_bounds(0, span)
    least = min(float(curve.mean.min()) for curve in curves)
    axes.set_ylim(min(0.0, 100 * least), 100)
    style.ticks(axes.yaxis, (0, 25, 50, 75, 100))
    return span


def states(axes: Any, shares: Sequence[tuple[str, Look, Sequence[float]]], width: float, height: float) -> None:
    """The four joint states as one bar a regimen, its name above it.

    shares        : name as shown, look, fractions of patients in the order of JOINT_STATES
    width, height : of the axes, inches
    """
    lines = [style.wrap(name, width, style.LABEL, bold=True) for name, _, _ in shares]
    slack = height - sum(style.text_height(len(broken), style.LABEL) for broken in lines)
    bar = min(0.2, 0.7 * slack / len(shares))
    gap = (slack - bar * len(shares)) / len(shares)
    top = 0.0
    for (_, look, fractions), broken in zip(shares, lines, strict=True):
        axes.text(
            0,
            top,
            "\n".join(broken),
            fontsize=style.LABEL,
            fontweight="bold",
            va="top",
            parse_math=False,
            color=style.ink(look.colour),
            linespacing=style.LEADING,
        )
        top += style.text_height(len(broken), style.LABEL) + 0.015
        left = 0.0
        for state, fraction in zip(JOINT_STATES, fractions, strict=True):
            percent = 100 * fraction
            axes.barh(top + bar / 2, percent, bar, left, linewidth=0.5, **STATES[state])
            text = f"{percent:.0f}"
            if style.text_width(text, SMALL) + 0.06 <= fraction * width:
                dark = state == JOINT_STATES[0]
                axes.text(
                    left + percent / 2,
                    top + bar / 2,
                    text,
                    fontsize=SMALL,
                    ha="center",
                    va="center_baseline",
                    color="white" if dark else INK,
                    bbox={"facecolor": STATES[state]["facecolor"], "linewidth": 0, "boxstyle": "square,pad=0.15"},
                )
            left += percent
        top += bar + gap - 0.015
    axes.set_xlim(0, 100)
    axes.set_ylim(height, 0)
    axes.spines["left"].set_visible(False)
    style.ticks(axes.yaxis, ())
    style.ticks(axes.xaxis, (0, 25, 50, 75, 100))
    axes.set_xlabel("Patients (%)", fontsize=style.LABEL, color=INK, labelpad=2)


def state_symbols() -> list[Symbol]:
    """The key of the four states."""
    return [Symbol("patch", {"linewidth": 0.5, **STATES[state]}, state) for state in JOINT_STATES]


def band_symbols(patients: int, threshold: float) -> list[Symbol]:
    """The key of the bands of levels and of the threshold, ng/mL."""
    none, dots = {"linewidth": 0}, {"color": INK, "linewidth": THIN, "linestyle": (0, (1, 2))}
    return [
        Symbol("line", {"color": GREY, "linewidth": style.CURVE}, "median"),
        Symbol("patch", {"facecolor": "#A0A0A0", **none}, "50 %"),
        Symbol("patch", {"facecolor": "#DADADA", **none}, f"90 % of patients, n = {patients:,}"),
        Symbol("line", dots, f"threshold {threshold:g} ng/mL"),
    ]


def measure_symbols(what: str, patients: int) -> list[Symbol]:
    """The key of a measure: what it is, and in whom."""
    of = f"median, 50 % and 90 % of patients, n = {patients:,}" if patients > 1 else "one patient"
    return [Symbol("text", {}, what), Symbol("text", {}, of)]


def side_effect_symbols(effects: Sequence[Effect], error: float, patients: int) -> list[Symbol]:
    """The key of the side effects and of the level without drug.

    error : Monte-Carlo standard error of the probabilities
    """
    average = ["mean of patients", error_text(error, patients)] if patients > 1 else ["one patient"]
    known = [
        Symbol("line", properties, readable(effect.id))
        for effect, properties in zip(effects, side_effect_looks(effects, "#999999"), strict=True)
    ]
    plain = {"color": GREY, "linewidth": THIN, "linestyle": (0, (1, 2))}
    return [*known, Symbol("line", plain, "without drug"), Symbol("text", {}, ", ".join(average))]


def error_text(error: float, patients: int) -> str:
    """The largest Monte-Carlo standard error of some percentages, rounded up; "" for one patient, who has none.

    error : as a fraction
    """
    return f"Monte-Carlo SE ≤ {math.ceil(1000 * error - 1e-6) / 10:.1f} %" if patients > 1 else ""
