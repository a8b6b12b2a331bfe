"""An uncertainty for a terminal: each outcome with what patients, estimates and models make of it; the same as CSV."""

from __future__ import annotations

import math

from pkpd.replicates.values import COLUMNS, OF_THE_REGIMEN, Line, Uncertainty
from pkpd.terminal.comparison import fixed, number_text, rows_csv
from pkpd.terminal.console import console, print_rows, table

SHOWN = ("1 week", "4 weeks", "12 weeks")  # of relief; the file has every time
HEADS = ("arm", "value ±error", "estimates, 95 %", "new patients, 90 %", "models", "variance (%)")


def csv_text(uncertainty: Uncertainty) -> str:
    """The whole table as CSV: every outcome of every arm, then the differences from the reference."""
    return rows_csv(COLUMNS, uncertainty.rows())


def print_uncertainty(uncertainty: Uncertainty) -> None:
    """The outcomes as tables, one for each; a line for each arm."""
    out, main = console(), uncertainty.main
    if uncertainty.title:
        out.print(uncertainty.title, style="bold")
    out.print(
        f"{main.name}: {uncertainty.replicates:,} draws of the estimates x {main.comparison.subjects:,} virtual "
        f"patients, the same in every draw (seed {uncertainty.seed}). Times of relief count from the end of treatment."
    )
    out.print(
        "value: mean or share of patients at the published estimates, ±Monte-Carlo error; estimates: 95 % of it over "
        "the draws; new patients: 90 % of patients over the draws; models: its range over models; variance: shares of "
        "patients, estimates (of every model: others have published errors where the study's has none) and models, "
        "were each model as likely."
    )
    lines = [line for line in uncertainty.lines() if not line.summary.against]
    for name, when in dict.fromkeys((line.summary.quantity, line.summary.when) for line in lines):
        if name.startswith((OF_THE_REGIMEN, "pain score")) or (when and when not in SHOWN):
            continue
        own = [line for line in lines if (line.summary.quantity, line.summary.when) == (name, when)]
        unit = own[0].summary.unit
        title = f"{name[0].upper()}{name[1:]}" + (f", {when}" if when else "") + f" ({unit or '%'})"
        made = table(title, *HEADS)
        for line in own:
            made.add_row(main.comparison.marked(line.summary.regimen), *_cells(line))
        print_rows(out, made)
    if len(uncertainty.views) > 1:
        out.print(f"Models: {', '.join(view.name for view in uncertainty.views)}.")
    for text in uncertainty.statements():
        out.print(text)
    for footnote in main.comparison.footnotes():
        out.print(footnote)
    out.print(
        "A dash for the estimates: no uncertainty of what is behind the number is drawn, which is not the same as none."
    )
    out.print("Every source: pkpd show MODEL, or pkpd show EFFECT. For research and teaching. Not for dosing patients.")


def _cells(line: Line) -> tuple[str, str, str, str, str]:
    def text(value: float, digits: int = 3) -> str:
        if math.isnan(value):
            return "-"
        return number_text(value, digits) if line.summary.unit else fixed(100 * value, 1)

    def span(low: float, high: float) -> str:
        return "-" if math.isnan(low) else f"{text(low)} to {text(high)}"

    value = text(line.summary.value)
    if not math.isnan(line.summary.error):
        value += f" ±{text(line.summary.error, 2)}"
    models = list(line.models.values())
    over = span(min(models), max(models)) if len(models) > 1 else "-"
    split = ", ".join("-" if math.isnan(share) else fixed(100 * share, 0) for share in line.shares)
    return value, span(*line.interval[:2]), span(*line.new[:2]), over, split
