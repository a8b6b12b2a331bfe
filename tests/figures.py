"""What stands on a figure: its axes by name, its words, and texts that overlap or are cut."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


def panels(figure: Any) -> dict[str, Any]:
    return {axes.get_label(): axes for axes in figure.axes}


def words(figure: Any) -> str:
    return " ".join(" ".join(text.get_text().split()) for text in figure.findobj(Text))


RESOLUTIONS = (100, 110, 150, 200)  # dots per inch: letters are fitted to pixels, so text is wider at some of them


def clashes(figure: Any) -> list[str]:
    """Pairs of texts that overlap, and texts that are cut by the edge of the page, at any usual resolution."""
    before, found = figure.dpi, []
    if not hasattr(figure.canvas, "get_renderer"):
        FigureCanvasAgg(figure)
    for resolution in RESOLUTIONS:
        figure.set_dpi(resolution)
        found += _clashes(figure)
    figure.set_dpi(before)
    return found


def _clashes(figure: Any) -> list[str]:
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    out = _out_of_view(figure)
    shown = [
        text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip() and text not in out
    ]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in shown]
    page = figure.bbox
    found = [
        f"cut: {text}"
        for text, box in boxes
        if box.x0 < page.x0 or box.x1 > page.x1 or box.y0 < page.y0 or box.y1 > page.y1
    ]
    for (first, a), (second, b) in combinations(boxes, 2):
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5:
            found.append(f"{first!r} over {second!r}")
    return found


def _out_of_view(figure: Any) -> set[Any]:
    """Labels of ticks beyond the ends of their axis, which matplotlib keeps and does not draw."""
    found = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low - slack <= tick.get_loc() <= high + slack:
                    found |= {tick.label1, tick.label2}
    return found
