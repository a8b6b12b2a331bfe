"""How figures look: a colour and a line style for every regimen, sizes, axes, and text measured before it is set."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from matplotlib.colors import to_hex, to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter

from pkpd.comparison import Arm

Line = tuple[float, tuple[float, ...]]

_BETWEEN_UNIT = re.compile(r"(?<=\d) (?=[%≥]|[a-zµ]+/|(?:mg|ug|g|s|min|h|d|doses|weeks?|patients)\b)| (?=\(!)")

# Okabe and Ito, Color Universal Design (2002), without black and yellow; one regimen has one colour in every panel.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES: tuple[Line, ...] = (
    (0, ()),
    (0, (5, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (1.2, 1.2)),
    (0, (9, 1.5, 3, 1.5)),
    (0, (6, 1.5, 1.2, 1.5, 1.2, 1.5)),
)
UNTREATED = ("#555555", "#8A8A8A")
UNTREATED_LINE: Line = (0, (3, 1.5))
SIDE_EFFECT_LINES: tuple[Line, ...] = ((0, ()), (0, (4, 1.3)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)))

INK, GREY = "#222222", "#595959"
TITLE, NAME, LABEL, TICK, SMALL = 9.0, 7.5, 7.0, 6.5, 6.0  # pt
LEADING, ASCENT = 1.22, 0.96  # line height, and from its top to the baseline, over font size
CURVE, THIN = 1.2, 0.6  # pt


@dataclass(frozen=True, slots=True)
class Look:
    """How one regimen is drawn: its colour, and its line style where several regimens share a panel."""

    colour: str
    line: Line


def looks(arms: Sequence[Arm]) -> dict[str, Look]:
    """The look of every arm by name: treated ones in the order of the palette, untreated ones grey.

    arms : of a comparison, in their order; beyond six treated ones colours come again, with other line styles
    """
    found: dict[str, Look] = {}
    treated = untreated = 0
    for arm in arms:
        if arm.regimen.is_empty:
            found[arm.name] = Look(UNTREATED[untreated % len(UNTREATED)], UNTREATED_LINE)
            untreated += 1
        else:
            turn = treated // len(PALETTE)
            found[arm.name] = Look(PALETTE[treated % len(PALETTE)], LINES[(treated + turn) % len(LINES)])
            treated += 1
    return found


def ink(colour: str) -> str:
    """The colour for text: darkened where its contrast on white is below 4.5.

    Source: Web Content Accessibility Guidelines 2.1, relative luminance.
    """
    red, green, blue = to_rgb(colour)
    for step in range(20):
        shade = 0.95**step
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in (red * shade, green * shade, blue * shade)
        ]
        if 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05) >= 4.5:
            break
    return str(to_hex((red * shade, green * shade, blue * shade)))


def dark(colour: str) -> str:
    """A dark shade of a colour, for lines drawn over it."""
    return str(to_hex([0.5 * part for part in to_rgb(colour)]))


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of one line of text, inches; more than its outlines, for a size rounded to whole pixels widens it.

    size : of the font, pt
    """
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    return 1.06 * float(text_to_path.get_text_width_height_descent(text, font, False)[0]) / 72.0


def text_height(lines: int, size: float) -> float:
    """Height of some lines of text, inches.

    size : of the font, pt
    """
    return lines * size * LEADING / 72.0


def wrap(text: str, width: float, size: float, bold: bool = False, most: int | None = None) -> list[str]:
    """Text broken into lines that fit, not between a number and its unit; a word too long for a line is broken as well.

    width : inches
    size  : of the font, pt
    most  : lines; what is beyond them is left out and the last line ends in "…"
    """
    lines = [""]
    for word in _BETWEEN_UNIT.sub("\u00a0", text).split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size, bold) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and text_width(lines[-1] + letter, size, bold) > width:
                lines.append("")
            lines[-1] += letter
    if most is not None and len(lines) > most:
        lines = lines[:most]
        while lines[-1] and text_width(lines[-1] + " …", size, bold) > width:
            lines[-1] = lines[-1][:-1]
        lines[-1] = lines[-1].rstrip(" ,") + " …"
    return lines


def spread(wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Positions of labels one above the other, as near as can be to where they are wanted, without overlap.

    wanted    : centres, ascending
    heights   : of the labels, in the same unit
    low, high : between which they lie; passed at the top where there is not enough room
    returns   : centres

    Minimal squared displacement: isotonic regression by pooling neighbours that are out of order.
    """
    offsets = [0.0]
    for below, above in pairwise(heights):
        offsets.append(offsets[-1] + (below + above) / 2)
    pools: list[tuple[float, int]] = []
    for centre, offset in zip(wanted, offsets, strict=False):
        mean, count = centre - offset, 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        pools.append((mean, count))
    least = low + heights[0] / 2
    most = max(least, high - heights[-1] / 2 - offsets[-1])
    placed = [min(max(mean, least), most) for mean, count in pools for _ in range(count)]
    return [base + offset for base, offset in zip(placed, offsets, strict=True)]


def time_scale(hours: float, weeks: bool = False) -> tuple[str, float]:
    """The unit of a time axis and its length: minutes under 3 h, hours to 48 h, days beyond.

    hours : the axis is long
    weeks : whether weeks are wanted from 14 days on
    """
    if hours < 3:
        return "min", 1 / 60
    if hours <= 48:
        return "h", 1.0
    return ("weeks", 168.0) if weeks and hours >= 14 * 24 else ("d", 24.0)


def time_ticks(length: float, unit: str, most: float) -> list[float]:
    """Round ticks from 0 on.

    length : of the axis, in the unit
    most   : how many intervals there may be
    """
    steps = {"min": (5, 10, 15, 30, 60), "h": (1, 2, 3, 6, 12, 24)}.get(unit, (1, 2, 5, 7, 14, 28, 56, 112, 364))
    step = next((s for s in steps if length / s <= most + 1e-9), steps[-1])
    return [float(step * n) for n in range(int(length / step + 1e-9) + 1)]


def clean(axes: Any) -> None:
    """Thin axes, without a frame on top and right."""
    axes.set_facecolor("none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=GREY, linewidth=THIN)
    axes.tick_params(which="both", labelsize=TICK, width=THIN, color=GREY, labelcolor=INK, pad=2, length=2.5)
    axes.tick_params(which="minor", length=1.5)


def ticks(axis: Any, places: Sequence[float], labels: Sequence[str] | None = None) -> None:
    """Fixed ticks of an axis.

    labels : their texts; the shortest numbers unless given
    """
    axis.set_major_locator(FixedLocator(list(places)))
    axis.set_major_formatter(FixedFormatter([f"{place:g}" for place in places] if labels is None else list(labels)))


def log_limits(low: float, high: float) -> tuple[float, float]:
    """Limits of a logarithmic axis: down to a tick of 1-3-10, up to just above the highest value.

    low, high : of what is drawn, > 0
    """
    power = 10.0 ** math.floor(math.log10(low) + 1e-9)
    bottom = 3 * power if low >= 3 * power else power
    return bottom, max(high * 1.2, bottom * 10)


def log_axis(axes: Any, low: float, high: float, labels: bool = True) -> None:
    """A logarithmic y axis with ticks at 1, 3, 10 ... and minor ticks between.

    low, high : limits, > 0
    labels    : whether the ticks have numbers
    """
    axes.set_yscale("log", nonpositive="mask")
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    grid = [(base, base * 10.0**power) for power in powers for base in range(1, 10)]
    places = [value for base, value in grid if base in (1, 3) and low * 0.999 <= value <= high]
    ticks(axes.yaxis, places, None if labels else [""] * len(places))
    minor = [value for base, value in grid if base not in (1, 3) and low <= value <= high]
    axes.yaxis.set_minor_locator(FixedLocator(minor))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(low, high)


def number(value: float) -> str:
    """A number for print: three figures below 1,000, whole above."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def round_places(low: float, high: float, most: int) -> list[float]:
    """Round ticks between two ends, at steps of 1, 2 or 5 times a power of ten.

    most : intervals there may be
    """
    span = max(high - low, 1e-9)
    steps = (step * 10.0**power for power in range(-4, 5) for step in (1, 2, 5))
    step = next(step for step in steps if span / step <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(step * k, 10) + 0.0 for k in range(first, last + 1)]
