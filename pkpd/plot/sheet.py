"""A page measured in inches from its top left corner: axes, texts, keys of symbols, labels at the ends of curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from pkpd.plot import style

RESOLUTION = 200  # dots per inch
SAMPLE, GAP, BETWEEN = 0.22, 0.05, 0.12  # inches: a symbol, from it to its text, from text to next symbol
LEADER = 0.14  # inches from the end of a curve to its label


@dataclass(frozen=True, slots=True)
class Symbol:
    """One entry of a key: a "line" or a "patch", as matplotlib properties, and what it means; or "text" alone."""

    kind: str
    look: Mapping[str, Any]
    text: str

    @property
    def sample(self) -> float:
        """Inches before its text."""
        return 0.0 if self.kind == "text" else SAMPLE + GAP


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the page: its height, inches, and how it is drawn from a place, inches from the top."""

    height: float
    paint: Callable[[Sheet, float], None]


@dataclass(frozen=True, slots=True)
class EndLabel:
    """A label at the right of a curve.

    height : where it is wanted, as a fraction of the axes' height
    tied   : whether the curve ends there, so that a thin line leads from it to the label
    """

    text: str
    look: style.Look
    height: float
    tied: bool = True


def key_rows(symbols: Sequence[Symbol], width: float, size: float = style.SMALL) -> list[list[Symbol]]:
    """Symbols of a key in rows that fit a width.

    width : inches
    size  : of the text, pt
    """
    rows: list[list[Symbol]] = [[]]
    used = 0.0
    for symbol in symbols:
        own = symbol.sample + style.text_width(symbol.text, size) + BETWEEN
        if rows[-1] and used + own - BETWEEN > width:
            rows.append([])
            used = 0.0
        rows[-1].append(symbol)
        used += own
    return rows


class Sheet:
    """A figure of given size on which everything is placed in inches from the top left corner.

    figure        : the matplotlib figure
    width, height : inches
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), dpi=RESOLUTION, facecolor="white")
        FigureCanvasAgg(self.figure)

    def axes(self, left: float, top: float, width: float, height: float, name: str) -> Any:
        """Axes at a place, inches; the name is their label, by which a script finds them."""
        place = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(place, label=name)
        style.clean(axes)
        return axes

    def text(
        self,
        left: float,
        top: float,
        text: str | Sequence[str],
        size: float = style.SMALL,
        *,
        colour: str = style.GREY,
        bold: bool = False,
    ) -> float:
        """Lines of text at a place, inches, each on its own baseline, so that neighbours stand level.

        returns : where they end, inches from the top
        """
        lines = [text] if isinstance(text, str) else list(text)
        for number, line in enumerate(lines):
            base = self.height - top - style.text_height(number, size) - style.ASCENT * size / 72
            self.figure.text(
                left,
                base,
                line,
                fontsize=size,
                color=colour,
                fontweight="bold" if bold else "normal",
                va="baseline",
                parse_math=False,
                transform=self.figure.dpi_scale_trans,
            )
        return top + style.text_height(len(lines), size)

    def key(self, left: float, top: float, rows: Sequence[Sequence[Symbol]], size: float = style.SMALL) -> float:
        """A key of symbols at a place, inches.

        returns : where it ends, inches from the top
        """
        high = style.text_height(1, size)
        for row in rows:
            at, middle = left, self.height - top - high / 2
            for symbol in row:
                if symbol.kind == "line":
                    self._line([at, at + SAMPLE], [middle, middle], **symbol.look)
                elif symbol.kind == "patch":
                    self.figure.add_artist(
                        Rectangle(
                            (at, middle - 0.3 * high),
                            SAMPLE,
                            0.6 * high,
                            **symbol.look,
                            transform=self.figure.dpi_scale_trans,
                        )
                    )
                self.text(at + symbol.sample, top, symbol.text, size)
                at += symbol.sample + style.text_width(symbol.text, size) + BETWEEN
            top += high + 0.02
        return top

    def _line(self, across: Sequence[float], up: Sequence[float], **look: Any) -> None:
        """A line through points given in inches from the lower left corner."""
        self.figure.add_artist(Line2D(across, up, transform=self.figure.dpi_scale_trans, **look))

    def end_labels(
        self, axes: Any, labels: Sequence[EndLabel], left: float, width: float, size: float = style.LABEL
    ) -> None:
        """Labels one above the other at the right of axes, each tied to the end of its curve by a thin line.

        labels : in the order they are to stand in, from below
        left   : where the curves end, inches
        width  : from there to the edge, inches
        """
        place = axes.get_position()
        low, tall = place.y0 * self.height, place.height * self.height
        room = width - LEADER - SAMPLE - 2 * GAP
        lines = [style.wrap(label.text, room, size) for label in labels]
        heights = [style.text_height(len(broken), size) + 0.03 for broken in lines]
        centres = style.spread([low + label.height * tall for label in labels], heights, low - 0.1, low + tall + 0.1)
        for label, broken, centre in zip(labels, lines, centres, strict=True):
            start, end = left + 0.02, left + LEADER
            look = label.look
            if label.tied:
                ends = [low + label.height * tall, centre]
                self._line([start, end], ends, color=look.colour, linewidth=style.THIN, alpha=0.7)
            self._line(
                [end, end + SAMPLE], [centre, centre], color=look.colour, linewidth=style.CURVE, linestyle=look.line
            )
            above = self.height - centre - style.text_height(len(broken), size) / 2
            self.text(end + SAMPLE + GAP, above, broken, size, colour=style.ink(look.colour))
