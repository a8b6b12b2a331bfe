"""Simulated trials for a terminal: found and expected, how often it is found, and how far that misleads."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pkpd.dosing.prescription import time_text
from pkpd.terminal.comparison import number_text
from pkpd.terminal.console import console, left_table, print_rows
from pkpd.terminal.model import spread_text
from pkpd.terminal.study import rows_of
from pkpd.times import TICKS_PER_HOUR
from pkpd.trials.conduct import Assumption
from pkpd.trials.literature import Literature, lower
from pkpd.trials.measuring import baseline_of
from pkpd.trials.results import COLUMNS, Trials
from pkpd.trials.values import Trial
from pkpd.trials.words import answers, leaving_text, title_of, unit_text, value_text

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


MISSING = {
    "non-response": "counts as scoring what he did before treatment",
    "last score": "counts with the last score he gave",
    "left out": "is left out of the analysis",
}


def print_trials(made: Trials, study: Study, named: str) -> None:
    """Simulated trials as tables and sentences.

    named : the study as the user called it, a name or a path
    """
    out, trial = console(), made.trial
    out.print(trial.title, style="bold")
    size = f"{' + '.join(map(str, trial.patients))} patients"
    against = f" against {trial.control.name}" if trial.control else ""
    trials = "trial" if made.count == 1 else "trials"
    out.print(f"{trial.design.capitalize()}, {size}: {trial.drug.name}{against}. {made.count:,} simulated {trials}.")
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
        source = trial.sources[origin.source].citation if origin.source in trial.sources else origin.source
        conduct.add_row(CONDUCT[name], _conduct_text(origin), origin.mark, source, origin.note)
    print_rows(out, conduct)
    patients = left_table("Who the patients are, others in every trial", "what", "value", "mark", "source")
    for row in (*rows_of(trial.population), _pain_before(trial)):
        patients.add_row(*row)
    print_rows(out, patients)
    screened = made.screened
    out.print(
        f"Candidates for a trial of {trial.enrolled}: {screened.size / made.count:.0f} on average; "
        f"{100 * (1 - screened.eligible / screened.size):.0f} % did not meet the entry criteria."
    )
    if len(screened.criteria) > 1:
        for text, first in zip(screened.criteria, screened.first, strict=True):
            out.print(f"  {text}: removes {100 * first / screened.size:.0f} % of all candidates, after those before it")
    if made.replicates:
        draws = f"{made.replicates} draw{'s' if made.replicates > 1 else ''}"
        out.print(
            f"Estimates: {draws} within their published uncertainty, {made.count // made.replicates} trials or more "
            "each; power is what to expect where the truth is not known."
        )
    if trial.practice is not None:
        out.print(f"In practice, in every arm: {trial.practice}.")
    out.print(
        f"Who leaves does so at a time evenly spread {leaving_text(trial)}, and {MISSING[trial.conduct.missing]}."
    )
    for flag in made.flags:
        out.print(f"(!) {flag.of}: {flag.text} [{flag.source}]")
    if trial.note:
        out.print(f"Note: {trial.note}")
    for other in (*([study.trial] if study.trial else []), *study.further):
        if other.drug.name != trial.drug.name:
            word = "Also held against a control" if other.control is not None else "Another arm"
            out.print(f'{word}: pkpd trial {named or study.id} --arm "{other.drug.name}"')
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


def _pain_before(trial: Trial) -> tuple[str, str, str, str]:
    """The patients' pain before treatment, as a row of the table: name, value, mark, source."""
    effect = baseline_of(trial.model)
    effect = next((own for own in trial.drug.effects if own.id == effect.id), effect)
    level = effect.parameters[effect.curve.parameters["level"]]
    told = f"{level.written:g} {level.unit}s"
    if level.between is not None:
        told += f", {spread_text(replace(level.between, at_least=None, at_most=None), level.unit)}; then entry criteria"
    source = effect.sources[level.source].citation if level.source in effect.sources else level.source
    return ("pain before treatment", told, level.mark, source)


def _conduct_text(origin: Assumption) -> str:
    """A number of the conduct with its unit, in words that fit it."""
    if origin.unit == "h":
        return time_text(round(origin.value * TICKS_PER_HOUR))
    if origin.unit == "1":
        return f"{100 * origin.value:.3g} %"
    return f"{number_text(origin.value)} {origin.unit}{'' if origin.value == 1 else 's'}"


def print_literature(made: Literature, named: str, note: str = "") -> None:
    """A simulated literature as a table: what all trials show, what the published ones do, and how one would notice.

    named : the study
    note  : on where the sizes are from
    """
    out, endpoint = console(), made.trials[0].endpoints[0]
    out.print(made.trials[0].title, style="bold")
    sizes = ", ".join(" + ".join(map(str, trial.patients)) for trial in made.trials)
    out.print(
        f"{made.count:,} literatures of {len(made.trials)} trials: {lower(title_of(endpoint))}. Patients: {sizes}."
    )
    if note:
        out.print(note)
    unit, held = unit_text(endpoint, True), made.coverage()
    table = left_table(
        f"Pooled difference, {unit} ({made.method_name}, Hartung-Knapp)", "", "mean", "95 % intervals that hold"
    )
    read = made.readable
    rows = [("all trials", float(made.of_all.estimate.mean()), held[0])]
    if read.any() and not read.all():
        rows.append(("all trials, where enough are published", float(made.of_all.estimate[read].mean()), math.nan))
    rows.append(("published ones", made.of_published_estimate, held[1]))
    for name, mean, share in rows:
        shown = "too few to be pooled" if math.isnan(mean) else value_text(endpoint, mean, signed=True)
        table.add_row(name, shown, "-" if math.isnan(share) else f"{100 * share:.0f} %")
    table.add_row("true", value_text(endpoint, made.truth, signed=True), "")
    print_rows(out, table)
    if made.conducted:
        out.print(made.conducted)
    bias = ""
    if made.readable.any():
        bias = f"Bias of the published literature: {value_text(endpoint, made.bias, signed=True)} {unit}. "
    out.print(
        f"{bias}Published: {100 * made.published.mean():.0f} % of the trials. Intervals are to hold what all trials "
        f"would show, {value_text(endpoint, made.expected, signed=True)}."
    )
    if made.readable.any():
        asymmetric = 100 * made.seen_asymmetric
        out.print(f"Egger's test finds a published literature lopsided (P < 0.1) in {asymmetric:.0f} %.")
    if made.unread:
        out.print(made.unread)
    out.print(
        f"In the drawer stay {100 * made.unpublished:.0f} % of the trials that are not significant and "
        f"{100 * made.unfavourable:.0f} % of those significant against the drug (assumed). Sources: pkpd show {named}"
    )
    out.print("For research and teaching. Not for dosing patients.")


def literature_csv(made: Literature) -> str:
    """Every trial of every literature as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("literature", "study", "patients", "estimate", "standard_error", "p", "published"))
    for number in range(made.count):
        for study, trial in enumerate(made.trials):
            row = made.estimates[number, study], made.errors[number, study], made.p[number, study]
            published = int(made.published[number, study])
            writer.writerow(
                (number, study, " + ".join(map(str, trial.patients)), *(f"{x:.6g}" for x in row), published)
            )
    return text.getvalue()


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
