"""The figure of a comparison, and writing it to files. matplotlib is loaded when something is drawn."""

from __future__ import annotations

import io
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pkpd.comparison import Comparison
from pkpd.errors import SimulationError, unknown
from pkpd.plot.curves import gather, joint_shares, measures, side_effects

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = ("plasma", "side effects", "measures", "relief", "states")

_salt = threading.Lock()


def draw(comparison: Comparison, *panels: str) -> Figure:
    """The figure of a comparison.

    panels  : some of PANELS; all that the comparison has unless given. "plasma" alone puts all regimens in one panel;
              else there is a column for every treated regimen, with its doses on top
    returns : a matplotlib figure that needs no display and no pyplot
    Raises UnknownName for a panel that is none, SimulationError for one the comparison has no numbers for.
    """
    missing = {panel: why for panel in PANELS if (why := _missing(comparison, panel))}
    for panel in panels:
        if panel not in PANELS:
            raise unknown("plot", "panel", panel, PANELS)
        if panel in missing:
            raise SimulationError(f'plot: there is no panel "{panel}": {missing[panel]}.')
    chosen = tuple(panel for panel in PANELS if panel in (panels or PANELS) and panel not in missing)
    if not chosen:
        raise SimulationError(f"plot: there is nothing to draw: {'; '.join(dict.fromkeys(missing.values()))}.")
    together = panels == ("plasma",)
    with ThreadPoolExecutor(1) as pool:
        curves = pool.submit(gather, comparison, chosen, together)
        from pkpd.plot.page import page  # loads matplotlib while the curves are computed

        figure: Figure = page(comparison, chosen, curves.result(), together)
    return figure


def _missing(comparison: Comparison, panel: str) -> str:
    """Why a comparison has no such panel; "" where it has."""
    effects = comparison.arms[0].individuals.model.effects
    if comparison.horizon <= 0:
        return "the course has no length"
    if panel in ("plasma", "side effects", "measures") and all(arm.regimen.is_empty for arm in comparison.arms):
        return "no arm has a treatment"
    if panel == "plasma":
        return "" if comparison.analyte else "the model reports no concentration"
    if panel == "side effects":
        return "" if side_effects(comparison.arms[0].individuals.model) else "no side effect is computed"
    if panel == "measures":
        return "" if measures(comparison.arms[0].individuals.model) else "no measure is computed"
    if panel == "relief":
        if not any(effect.role == "baseline" for effect in effects):
            return "no pain is computed"
        later = any(arm.end < comparison.horizon for arm in comparison.arms)
        return "" if later else "the course does not go beyond the end of treatment"
    if comparison.joint is None:
        return "the comparison has no joint states"
    when = comparison.joint[1]
    return "" if any(joint_shares(arm, when) for arm in comparison.arms) else f"the course ends before {when}"


def save(figure: Figure, path: str | Path) -> tuple[Path, Path]:
    """Write a figure as PNG (200 dots per inch) and SVG; the same figure always gives the same bytes.

    path    : without suffix; the folder must be there
    returns : paths of the PNG and the SVG
    Each file is complete or not there: it is written beside its place and then moved.
    """
    import matplotlib

    from pkpd.plot.sheet import RESOLUTION

    images = {".png": io.BytesIO(), ".svg": io.BytesIO()}
    figure.savefig(images[".png"], format="png", dpi=RESOLUTION, pil_kwargs={"compress_level": 4})
    with _salt:
        before = matplotlib.rcParams["svg.hashsalt"]
        matplotlib.rcParams["svg.hashsalt"] = "pkpd"
        try:
            figure.savefig(images[".svg"], format="svg", metadata={"Date": None})
        finally:
            matplotlib.rcParams["svg.hashsalt"] = before
    base = Path(path)
    final = [base.with_name(base.name + suffix) for suffix in images]
    passing = [base.with_name(f".{base.name}.{uuid.uuid4().hex}{suffix}") for suffix in images]
    try:
        for place, image in zip(passing, images.values(), strict=True):
            place.write_bytes(image.getvalue())
        for place, last in zip(passing, final, strict=True):
            os.replace(place, last)
    finally:
        for place in passing:
            place.unlink(missing_ok=True)
    return final[0], final[1]
