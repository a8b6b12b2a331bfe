"""Simulated trials for a terminal: found and expected, how often it is found, and how far that misleads."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

from pkpd.terminal.comparison import number_text
from pkpd.terminal.console import console, left_table, print_rows
from pkpd.trials.results import COLUMNS, Trials
from pkpd.trials.words import answers, title_of

if TYPE_CHECKING:
    from pkpd.study import Study

CONDUCT = {
    "entry": "least pain score at screening",
    "noise": "SD of a score from day to day",
    "unblinding": "points scored lower by those who notice effects on perception",
    "drop_out": "share who leave, on the drug",
    "drop_out_control": "share who leave, on the control",
    "washout": "washout between periods",
}

UNUSED = {
    "parallel": ("washout",),
    "crossover": ("drop_out_control",),
    "single arm": ("washout", "drop_out_control"),
}


def print_trials(made: Trials, study: Study, named: str) -> None:
    """Simulated trials as tables and sentences.

    named : the study as the user called it, a name or a path
    """
    out, trial = console(), made.trial
    out.print(trial.title, style="bold")
    size = f"{' + '.join(map(str, trial.patients))} patients"
    against = f" against {trial.control.name}" if trial.control else ""
    out.print(f"{trial.design.capitalize()}, {size}: {trial.drug.name}{against}. {made.count:,} simulated trials.")
    arms = left_table("Arms", "arm", "prescription")
    for arm in (trial.drug, *([trial.control] if trial.control else [])):
        beside = "".join(f" beside {modifier.id}" for modifier in arm.modifiers)
        arms.add_row(arm.name, f"{arm.regimen}{beside}")
    out.print(arms)
    for result in made.endpoints:
        table = left_table(title_of(result.endpoint), "", "")
        table.show_header = False
        for question, answer in answers(trial, result):
            table.add_row(question, answer)
        out.print(table)
    conduct = left_table("How the trials are conducted", "what", "value", "mark", "source", "note")
    for name, origin in trial.conduct.origins.items():
        if name in UNUSED[trial.design]:
            continue
        unit = "" if origin.unit == "1" else f" {origin.unit}"
        source = trial.sources[origin.source].citation
        conduct.add_row(CONDUCT[name], f"{number_text(origin.value)}{unit}", origin.mark, source, origin.note)
    print_rows(out, conduct)
    screened = made.screened.mean()
    out.print(
        f"Candidates screened for a trial of {trial.enrolled}: {screened:.0f} on average; "
        f"{100 * (1 - trial.enrolled / screened):.0f} % did not meet the entry criteria."
    )
    out.print(f"Who left is scored as: {trial.conduct.missing}.")
    for flag in made.flags:
        out.print(f"(!) {flag.of}: {flag.text} [{flag.source}]")
    if trial.note:
        out.print(f"Note: {trial.note}")
    for other in (*([study.trial] if study.trial else []), *study.further):
        if other.drug.name != trial.drug.name:
            out.print(f'Also held against a control: pkpd trial {named or study.id} --arm "{other.drug.name}"')
    for value in (value for value in study.values if value.arm in ("", trial.drug.name)):
        unit = "" if value.unit == "1" else f" {value.unit}"
        note = f": {value.note}" if value.note else ""
        out.print(f"In this study {value.label} is {value.value:g}{unit} ({value.mark}){note}")
    marks = trial.model.marks()
    out.print(
        f"Model {trial.model.id}: {marks['assumed']} of {sum(marks.values())} numbers are assumed. "
        f"Sources: pkpd show {named or study.id}"
    )
    out.print("For research and teaching. Not for dosing patients.")


def csv_text(made: Trials) -> str:
    """The table as CSV, numbers to six significant digits, empty where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in made.rows():
        writer.writerow([_cell(cell) for cell in row])
    return text.getvalue()


def _cell(cell: object) -> object:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    return f"{cell:.6g}" if isinstance(cell, float) else cell
