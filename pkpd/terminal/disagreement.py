"""A disagreement as tables for a terminal, as CSV, and the name of its files."""

from __future__ import annotations

import csv
import io
import math

from pkpd.disagreement.values import COLUMNS, Disagreement, by_reason, hours_text
from pkpd.terminal.comparison import number_text
from pkpd.terminal.console import console, left, print_rows, table
from pkpd.terminal.output import safe_name


def file_name(disagreement: Disagreement) -> str:
    """A safe name of the files of a disagreement, without suffix.

    returns : letters, digits, points and hyphens, such as "disagree-ketamine-0.5-mg-kg-iv-over-40-min-ketamine"; a long
              regimen is cut and told apart by a digest
    """
    return safe_name(f"disagree {disagreement.regimen} {disagreement.analyte}")


def csv_text(disagreement: Disagreement) -> str:
    """The whole of it as CSV, numbers to six significant digits, empty where there is none."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in disagreement.rows():
        writer.writerow([_cell(cell) for cell in row])
    return made.getvalue()


def _cell(cell: str | float) -> str:
    if isinstance(cell, str):
        return cell
    return "" if math.isnan(cell) else f"{cell:.6g}"


def print_disagreement(disagreement: Disagreement) -> None:
    """The models, how far they are apart, the effect sites, what was observed, and who is left out."""
    out = console()
    age = "" if disagreement.age is None else f", {disagreement.age:g} years"
    person = f"one typical person of {disagreement.weight:g} kg{age}"
    out.print(
        f"{disagreement.regimen}: {disagreement.analyte} in {person}, over {disagreement.horizon:g} h", style="bold"
    )
    marked = "* outside the model's limits"
    heads = ("model", "site", "population", "peak (ng/mL)", "at (h)", "area (ng/mL h)", "at the end (ng/mL)")
    models = table(f"Models ({marked})", *heads, "half-life (h)")
    for curve in disagreement.curves:
        models.add_row(
            f"{curve.name}{' *' if curve.outside else ''}",
            curve.site,
            curve.population,
            *(number_text(value) for value in (curve.peak, curve.peak_hours, curve.area, curve.last, curve.half_life)),
        )
    for column in models.columns[1:3]:
        column.justify = "left"
    print_rows(out, models)
    apart = left(table("How far models inside their limits are apart", "at", "fold", "lowest", "highest"))
    for fold in disagreement.folds:
        low, high = (
            f"{number_text(value)} {name}" for value, name in ((fold.low, fold.lowest), (fold.high, fold.highest))
        )
        apart.add_row(fold.what, number_text(fold.fold), low, high)
    if apart.row_count:
        print_rows(out, apart)
    if len({curve.model for curve in disagreement.inside}) == 1:
        out.print("Only one model takes this regimen inside its limits: how far off another would be is not known.")
    if disagreement.sites:
        title = f"Peak at effect sites fed by {disagreement.site_model}"
        if math.isfinite(disagreement.site_fold):
            title += f": {number_text(disagreement.site_fold)}-fold apart among those of less than a day"
        sites = table(title, "effects", "half-life of equilibration", "peak (ng/mL)", "at (h)")
        for site in disagreement.sites:
            name = ", ".join(site.of) + (f", {site.end} end of its range" if site.end else "")
            sites.add_row(name, hours_text(site.half_life), number_text(site.peak), number_text(site.peak_hours))
        print_rows(out, sites)
    if disagreement.points:
        seen = table("Observed", "study", "n", "site", "what", "at (h)", "value", "remark")
        for point in disagreement.points:
            unit = "ng/mL h" if point.metric == "area" else "ng/mL"
            seen.add_row(
                point.study,
                str(point.n or "-"),
                point.site,
                f"{point.metric} of {point.analyte}",
                number_text(point.hours),
                f"{number_text(point.value)} {unit}",
                point.remark,
            )
        print_rows(out, seen)
    for curve in disagreement.curves:
        if curve.same:
            out.print(f"Note: {curve.name} gives the same under its other readings: {', '.join(curve.same)}.")
    said: dict[str, list[str]] = {}
    for curve in disagreement.curves:
        for flag in curve.flags:
            said.setdefault(flag.text, []).append(curve.model)
    for text, of in said.items():
        named = [name for name in dict.fromkeys(of) if name not in text]
        out.print(f"Note: {', '.join(named)}: {text}" if named else f"Note: {text}")
    for text in by_reason(disagreement.left_out):
        out.print(f"Left out: {text}")
    out.print("Every source: pkpd show MODEL, or pkpd show EFFECT.")
    out.print("For research and teaching. Not for dosing patients.")
