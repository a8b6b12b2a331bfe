"""The figure of an uncertainty: for every regimen the typical curve with its band, the band of new patients around it,
and the typical curves of other models, each kept apart and named."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import numpy as np

from pkpd.comparison import Arm
from pkpd.errors import unknown
from pkpd.estimates.drawing import ASSUMED
from pkpd.plot import panels, style
from pkpd.plot.panels import EDGE
from pkpd.plot.sheet import Block, Sheet, Symbol, key_rows
from pkpd.plot.style import GREY, INK, LABEL, NAME, SMALL, THIN, TITLE, Look, text_height, wrap
from pkpd.replicates.summaries import shares
from pkpd.replicates.values import Curve, Uncertainty
from pkpd.times import TICKS_PER_HOUR

WIDTH, LEFT, RIGHT = 7.1, 0.6, 0.1  # inches
MOST = 3  # regimens side by side
HIGH, BELOW, FOOT = 1.75, 0.36, 0.1  # heights, inches
GAP, MARGIN = 0.12, 0.24  # between columns, and beside axes for the letters of models, inches
LIGHT, DARK = 0.2, 0.5  # opacity of the band of new patients and of that of the typical curve
DEEPEST = 300.0  # highest over lowest level that is drawn
OTHERS = style.LINES[1:]  # other models are dark, thin and never solid
TYPICAL = 1.6  # pt
TOGETHER = 0.015  # of the axes' height: ends of curves so near have one label
WEEK = 168.0  # h

TYPICAL_TEXT = "dark band: 95 % of the typical curve, for the estimates may be off"
ASSUMED_TEXT = ", assumed ranges included"
NEW_TEXT = "light band: 90 % of new patients, for patients differ as well"


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity of every regimen.

    limits : of its axis, as drawn
    head   : lines above its axes the first time, and the short line above them later
    """

    quantity: str
    title: str
    limits: tuple[float, float]
    head: tuple[str, ...]
    short: str


def draw(uncertainty: Uncertainty, *quantities: str) -> Any:
    """The figure of an uncertainty.

    quantities : of its curves; all unless given
    returns    : a matplotlib figure that needs no display and no pyplot
    Raises UnknownName for a quantity that has no curves.
    """
    had = tuple(dict.fromkeys(curve.quantity for curve in uncertainty.main.curves))
    for name in quantities:
        if name not in had:
            raise unknown("plot", "quantity", name, had)
    arms = uncertainty.main.comparison.arms
    letters = iter(ascii_uppercase)
    rows = [_row(uncertainty, name, next(letters)) for name in had if name in (quantities or had)]
    each = math.ceil(len(arms) / math.ceil(len(arms) / MOST))
    blocks = [
        _words(wrap(uncertainty.title, WIDTH - 2 * EDGE, TITLE, bold=True), TITLE, INK, bold=True)
        for _ in range(bool(uncertainty.title))
    ]
    blocks.append(_key(uncertainty))
    for first in range(0, len(arms), each):
        blocks.append(_columns(uncertainty, arms[first : first + each], each, rows, heads=first == 0))
    blocks.append(_words(["Not for dosing patients."], SMALL, INK, bold=True, gap=0.0))
    blocks += [_words(wrap(text, WIDTH - 2 * EDGE, SMALL), SMALL, GREY, gap=0.02) for text in small_print(uncertainty)]
    sheet = Sheet(WIDTH, sum(block.height for block in blocks) + 0.1)
    top = 0.06
    for block in blocks:
        block.paint(sheet, top)
        top += block.height
    return sheet.figure


def small_print(uncertainty: Uncertainty) -> list[str]:
    """What the figure says of itself: model, effects, seed, what is drawn and what is not."""
    main = uncertainty.main
    comparison = main.comparison
    model = main.estimates.model
    ids = [effect.id for effect in model.effects]
    text = (
        f"Model {model.id}; {uncertainty.replicates} draws of the estimates x {comparison.subjects:,} virtual "
        f"patients, the same in every draw (seed {uncertainty.seed}). Sources: pkpd show ID, where ID is "
        f"{', '.join([model.id, *ids])}."
    )
    if comparison.study:
        text += f" Doses: pkpd show {comparison.study}."
    split = (
        "Shares of the variance: between patients, of the estimates"
        + (
            " of every model (others have published errors where this one may have none), and between models, "
            "were each of those drawn as likely"
            if len(uncertainty.views) > 1
            else ""
        )
        + " (law of total variance)."
    )
    return [text, split, *uncertainty.statements(), *comparison.footnotes(short=True)]


def _words(lines: Sequence[str], size: float, colour: str, bold: bool = False, gap: float = 0.08) -> Block:
    def paint(sheet: Sheet, top: float) -> None:
        sheet.text(EDGE, top, lines, size, colour=colour, bold=bold)

    return Block(text_height(len(lines), size) + gap, paint)


def _letters(uncertainty: Uncertainty) -> dict[str, str]:
    """The letter of every other model by its name."""
    return dict(zip((view.name for view in uncertainty.views[1:]), _names(), strict=False))


def _names() -> Iterator[str]:
    for turn in range(1, 100):
        yield from (letter * turn for letter in ascii_lowercase)


def _lines(uncertainty: Uncertainty) -> dict[str, Any]:
    """The line of every other model by its name."""
    return {
        view.name: {"color": INK, "linewidth": THIN, "linestyle": OTHERS[number % len(OTHERS)]}
        for number, view in enumerate(uncertainty.views[1:])
    }


def _key(uncertainty: Uncertainty) -> Block:
    """What line and bands mean, and which letter is which model."""
    none = {"linewidth": 0}
    assumed = any(one.basis == ASSUMED for one in uncertainty.main.estimates.sampled)
    symbols = [
        Symbol("line", {"color": GREY, "linewidth": TYPICAL}, f"typical curve under {uncertainty.main.name}"),
        Symbol("patch", {"facecolor": "#8C8C8C", **none}, TYPICAL_TEXT + (ASSUMED_TEXT if assumed else "")),
        Symbol("patch", {"facecolor": "#DADADA", **none}, NEW_TEXT),
    ]
    looks = _lines(uncertainty)
    symbols += [Symbol("line", looks[name], f"{letter}  {name}") for name, letter in _letters(uncertainty).items()]
    rows = key_rows(symbols, WIDTH - 2 * EDGE)

    def paint(sheet: Sheet, top: float) -> None:
        sheet.key(EDGE, top, rows)

    return Block(len(rows) * (text_height(1, SMALL) + 0.02) + 0.06, paint)


def _row(uncertainty: Uncertainty, quantity: str, letter: str) -> Row:
    """The axis that a quantity has under every regimen, and what is said of it."""
    curves = [one for view in uncertainty.views for one in view.curves if one.quantity == quantity]
    main = [one for one in uncertainty.main.curves if one.quantity == quantity]
    first = main[0]
    if first.unit == "ng/mL":
        highest = max(*(float(one.new[1].max()) for one in main), *(float(one.typical.max()) for one in curves))
        lowest = min((float(one.typical[-1]) for one in main if one.typical[-1] > 0), default=highest / 100)
        limits, title = style.log_limits(max(lowest, highest / DEEPEST), highest), f"{quantity} (ng/mL)"
    elif first.unit == "":
        title = f"{panels.readable(quantity)} (%)"
        limits = (min([0.0, *(100 * float(one.new[0].min()) for one in main)]), 100.0)
    else:
        limits = panels.measure_limits([np.stack([*one.new, one.typical]) for one in main])
        title = f"{panels.readable(quantity)} ({first.unit})"
    said = f"{letter} {title[0].upper()}{title[1:]}, {first.centre} of patients."
    told = said
    if not any(one.is_drawn for one in main):
        told += (
            " No dark band: nothing behind it has a published uncertainty, and ranges worth trying are not drawn. "
            "The uncertainty is not 0; other models show what their choice makes."
        )
    return Row(quantity, title, limits, tuple(wrap(told, WIDTH - LEFT - RIGHT, SMALL)), said)


def _columns(uncertainty: Uncertainty, arms: Sequence[Arm], count: int, rows: Sequence[Row], heads: bool) -> Block:
    """Regimens side by side: name and prescription, then a panel for every quantity."""
    wide = (WIDTH - LEFT - RIGHT - (count - 1) * GAP - count * MARGIN) / count
    comparison = uncertainty.main.comparison
    looks = style.looks(comparison.arms)
    names = [wrap(comparison.marked(arm.name, short=True), wide, NAME, bold=True) for arm in arms]
    texts = [wrap(arm.prescription, wide, SMALL, most=5) for arm in arms]
    top_height = max(
        text_height(len(name), NAME) + text_height(len(text), SMALL) for name, text in zip(names, texts, strict=True)
    )
    above = [row.head if heads else (row.short,) for row in rows]
    below = BELOW + text_height(2, SMALL) + FOOT
    heights = [text_height(len(head), SMALL) + 0.04 + HIGH + below for head in above]

    def paint(sheet: Sheet, top: float) -> None:
        for number, arm in enumerate(arms):
            left = LEFT + number * (wide + GAP + MARGIN)
            look = looks[arm.name]
            at = sheet.text(left, top, names[number], NAME, colour=style.ink(look.colour), bold=True)
            sheet.text(left, at, texts[number], SMALL)
            at = top + top_height + 0.04
            for row, head, height in zip(rows, above, heights, strict=True):
                if number == 0:
                    sheet.text(EDGE, at, head, SMALL, colour=INK)
                start = at + text_height(len(head), SMALL) + 0.04
                _panel(sheet, uncertainty, arm, row, look, (left, start, wide), first=number == 0)
                at += height

    return Block(top_height + 0.04 + sum(heights) + 0.04, paint)


def _panel(
    sheet: Sheet,
    uncertainty: Uncertainty,
    arm: Arm,
    row: Row,
    look: Look,
    place: tuple[float, float, float],
    first: bool,
) -> None:
    """One quantity under one regimen.

    place : left, top and width, inches
    """
    left, top, wide = place
    curve = next((c for c in uncertainty.main.curves if (c.arm, c.quantity) == (arm.name, row.quantity)), None)
    if curve is None:
        sheet.text(left, top + HIGH / 2, ["no drug, so no level"], SMALL)
        return
    axes = sheet.axes(left, top, wide, HIGH, f"{row.quantity}, {arm.name}")
    low, high = row.limits
    percent = 100.0 if curve.unit == "" else 1.0
    if curve.unit == "ng/mL":
        style.log_axis(axes, low, high, labels=first)
    else:
        axes.set_ylim(low, high)
        if curve.unit == "":
            style.ticks(axes.yaxis, (0, 25, 50, 75, 100), None if first else [""] * 5)
        elif not first:
            axes.tick_params(labelleft=False)
    floor = low / 10 if curve.unit == "ng/mL" else -math.inf
    shown = {name: np.maximum(percent * getattr(curve, name), floor) for name in ("new", "band", "typical")}
    axes.fill_between(curve.hours, *shown["new"], color=look.colour, alpha=LIGHT, linewidth=0)
    if curve.is_drawn:
        axes.fill_between(curve.hours, *shown["band"], color=look.colour, alpha=DARK, linewidth=0)
    axes.plot(curve.hours, shown["typical"], color=style.dark(look.colour), linewidth=TYPICAL, zorder=3)
    span = float(curve.hours[-1])
    if arm.end / TICKS_PER_HOUR < span:
        axes.axvline(arm.end / TICKS_PER_HOUR, color=GREY, linewidth=THIN, linestyle=(0, (1, 2)), zorder=1)
    panels.time_axis(axes, span, wide, labels=True, weeks=True)
    if first:
        axes.set_ylabel(row.title[0].upper() + row.title[1:], fontsize=LABEL, color=INK, labelpad=2)
    _others(sheet, uncertainty, axes, curve, (left + wide, top), (low, high), percent)
    told = _split(uncertainty, curve)
    if told:
        sheet.text(left, top + HIGH + BELOW, wrap(told, wide + MARGIN, SMALL, most=2), SMALL)


def _others(
    sheet: Sheet,
    uncertainty: Uncertainty,
    axes: Any,
    curve: Curve,
    corner: tuple[float, float],
    limits: tuple[float, float],
    percent: float,
) -> None:
    """The typical curves of other models, thin, each with its letter beside its end.

    corner : right end and top of the axes, inches
    """
    looks, letters = _lines(uncertainty), _letters(uncertainty)
    low, high = limits
    log = curve.unit == "ng/mL"
    ends: list[tuple[float, str]] = []
    for view in uncertainty.views[1:]:
        found = next((c for c in view.curves if (c.arm, c.quantity) == (curve.arm, curve.quantity)), None)
        if found is None:
            continue
        values = percent * found.typical
        axes.plot(found.hours, np.maximum(values, low / 10 if log else -math.inf), **looks[view.name])
        last = float(values[-1])
        share = math.log(max(last, 0.1 * low) / low) / math.log(high / low) if log else (last - low) / (high - low)
        if 0 <= share <= 1:
            ends.append((share, letters[view.name]))
    groups: list[list[tuple[float, str]]] = []
    for end in sorted(ends):
        if groups and end[0] - groups[-1][-1][0] < TOGETHER:
            groups[-1].append(end)
        else:
            groups.append([end])
    if not groups:
        return
    height = text_height(1, SMALL)
    wanted = [HIGH * sum(share for share, _ in group) / len(group) for group in groups]
    centres = style.spread(wanted, [height + 0.01] * len(groups), 0.0, HIGH)
    for centre, group in zip(centres, groups, strict=True):
        text = _joined(sorted(letter for _, letter in group))
        sheet.text(corner[0] + 0.04, corner[1] + HIGH - centre - height / 2, text, SMALL, colour=INK)


def _joined(letters: list[str]) -> str:
    """Letters of curves that end together: "a-f" for three or more in a row."""
    places = [ascii_lowercase.find(letter) for letter in letters]
    if len(letters) > 2 and places == list(range(places[0], places[0] + len(places))):
        return f"{letters[0]}-{letters[-1]}"
    return " ".join(letters)


def _split(uncertainty: Uncertainty, curve: Curve) -> str:
    """The shares of the variance: of relief a week after treatment, of all else where it is typically highest."""
    end = uncertainty.main.comparison.arm(curve.arm).end / TICKS_PER_HOUR
    late = curve.hours[-1] >= end + WEEK
    number = int(np.argmin(np.abs(curve.hours - end - WEEK))) if late else int(np.argmax(curve.typical))
    found = [
        other.parts[number]
        for view in uncertainty.views
        for other in view.curves
        if (other.arm, other.quantity) == (curve.arm, curve.quantity)
    ]
    patients, estimates, models = shares(found)
    if math.isnan(patients):
        return ""
    when = "1 week after" if late else "at its peak"
    told = f"Variance {when}: {100 * patients:.0f} % patients, {100 * estimates:.0f} % estimates"
    return told + (f", {100 * models:.0f} % models" if len(found) > 1 else "")
