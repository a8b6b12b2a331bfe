"""The scores as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.report import aligned
from benchmarks.truth.meeting import OTHER_AGE, made_for
from benchmarks.truth.parameters import ParameterEntry
from benchmarks.truth.scoring import DATA, Entry, Missing
from benchmarks.truth.targets import Target
from pkpd.observations import Score

DIGITS = 4  # significant, of every number that is written
HEAD = ("model", "measured", "forms", "rows", "studies", "off by", "ratio", "<1.25", "<1.5", "<2", "in band", "covers")
TAIL = ("outside", "doubtful", "made from")

LEGEND = """\
off by: geometric mean fold error, exp(mean |ln(predicted/observed)|); ratio: geometric mean of predicted/observed.
<1.25, <1.5, <2: share of rows off by no more than so many fold. in band: share of rows inside the model's 5th to 95th
percentile of people (- where it gives no spread). covers: mean share, on the log scale, of the observed middle 90 % of
people that this band covers, and of how many rows. outside: rows outside the model's population or limits, counted.
doubtful: rows more, and off by with them. made from: rows the model was made from, not counted, and off by on them.
forms: S half: of a racemic dose the S half is given; 2 x S half: twice its level stands for the total; pooled: the
model does not tell apart the forms that were measured apart."""


def scores_table(scores: Sequence[Score]) -> str:
    """One block for each group of people and route, one line for each model and analyte."""
    blocks = []
    for group, route in dict.fromkeys((one.group, one.route) for one in scores):
        here = [one for one in scores if (one.group, one.route) == (group, route)]
        lines = [f"{route}, {group}"]
        ordered = sorted(
            (one for one in here if one.rows == DATA), key=lambda one: (one.analyte, one.gmfe or 1e9, one.label)
        )
        lines += aligned([(*HEAD, *TAIL), *(_cells(one, here) for one in ordered)])
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _cells(one: Score, here: Iterable[Score]) -> tuple[str, ...]:
    doubtful = next((other for other in here if _same(other, one) and other.rows != DATA), None)
    return (
        one.label,
        one.analyte,
        one.form,
        str(one.n),
        str(one.studies),
        number(one.gmfe),
        number(one.gmr),
        percent(one.within125),
        percent(one.within150),
        percent(one.within200),
        percent(one.in_band),
        f"{percent(one.covered)} ({one.covered_n})" if one.covered_n else "-",
        str(one.outside or "-"),
        "-" if doubtful is None else f"+{doubtful.n - one.n}: {number(doubtful.gmfe)}",
        f"{one.own}: {number(one.own_gmfe)}" if one.own else "-",
    )


def _same(other: Score, one: Score) -> bool:
    names = ("model", "reading", "analyte", "form", "route", "group")
    return all(getattr(other, name) == getattr(one, name) for name in names)


def number(value: float | None) -> str:
    """Two decimals."""
    return "-" if value is None else f"{value:.2f}"


def percent(value: float | None) -> str:
    """Whole percent."""
    return "-" if value is None else f"{100 * value:.0f} %"


def parameters_table(entries: Sequence[ParameterEntry]) -> str:
    """A line for each reported parameter of the kind "data": its value, and predicted over reported of every model."""
    rows = [("reported", "quantity", "value", "models: predicted / reported; (made from it)")]
    for id in dict.fromkeys(entry.row.id for entry in entries):
        here = [entry for entry in entries if entry.row.id == id]
        row = here[0].row
        found = ", ".join(
            f"({e.subject.label} {e.ratio:.2f})" if e.own else f"{e.subject.label} {e.ratio:.2f}"
            for e in sorted(here, key=lambda e: abs(e.ratio - 1))
        )
        kind = "" if row.kind == "data" else f" [{row.kind}]"
        rows.append((id, row.quantity, f"{row.value:g} {row.unit if row.unit != '1' else ''}".strip() + kind, found))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join("  ".join([*(c.ljust(w) for c, w in zip(row[:3], widths, strict=True)), row[3]]) for row in rows)


def unpredicted(missing: Sequence[Missing], entries: Sequence[Entry]) -> str:
    """Observations that no model can say anything of, and the commonest reason of those that have the route."""
    met = {entry.row.id for entry in entries}
    lines: dict[str, list[str]] = {}
    for row in dict.fromkeys(one.row for one in missing):
        if row not in met:
            every = [one.why for one in missing if one.row == row and one.why != OTHER_AGE]
            whys = Counter([why for why in every if not why.endswith(" route")] or every)
            why = whys.most_common(1)[0][0] if whys else OTHER_AGE
            lines.setdefault(why, []).append(row)
    return "\n".join(f"no model: {why}: {', '.join(rows)}" for why, rows in lines.items())


def targets_table(targets: Sequence[Target]) -> str:
    """What was asked beside what was reached, with the rows responsible where it was missed."""
    words = {True: "met", False: "MISSED", None: "not judged"}
    lines = []
    for one in targets:
        lines.append(f"{words[one.met]:10}  {one.asked}: {one.found}")
        lines += [f"{'':12}{text}" for text in one.rows]
    return "\n".join(lines)


def rounded(value: Any) -> Any:
    """Numbers to DIGITS significant digits, in whatever holds them."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(one) for one in value]
    return value


def kept(scores: Sequence[Score], entries: Sequence[Entry]) -> dict[str, Any]:
    """What the package keeps: the scores, and every prediction in short."""
    return rounded({"scores": [asdict(one) for one in scores], "predictions": [short(e) for e in entries]})


def short(entry: Entry) -> dict[str, Any]:
    """One prediction; its source is the row of that id."""
    made: dict[str, Any] = {
        "row": entry.row.id,
        "model": entry.subject.model.id,
        "observed": entry.row.value,
        "predicted": entry.predicted,
    }
    optional = {
        "reading": entry.subject.reading,
        "form": "" if entry.form == "as given" else entry.form,
        "low": entry.low,
        "high": entry.high,
        "own": entry.own,
        "outside": list(entry.outside),
        "kind": "" if entry.row.kind == DATA else entry.row.kind,
    }
    return made | {name: value for name, value in optional.items() if value not in ("", None, False, [])}


def as_json(
    scores: Sequence[Score],
    entries: Sequence[Entry],
    missing: Sequence[Missing],
    parameters: Sequence[ParameterEntry],
    targets: Sequence[Target],
) -> dict[str, Any]:
    """Everything, with the source of every point."""
    return rounded(
        {
            "scores": [asdict(one) for one in scores],
            "predictions": [
                short(e)
                | {
                    "fold": e.fold,
                    "in_band": e.in_band,
                    "covered": e.covered,
                    "route": e.row.route,
                    "analyte": e.row.analyte,
                    "metric": e.row.metric,
                    "at": e.row.at,
                    "unit": e.row.unit,
                    "regimen": str(e.row.regimen),
                    "group": e.row.group,
                    "site_observed": e.row.site,
                    "site_of_the_model": e.subject.model.sampling_site,
                    "model_made_for": made_for(e.subject.model),
                    "study": e.row.study,
                    "citation": e.row.citation,
                    "doi": e.row.doi,
                    "seen_at": e.row.seen_at,
                    "mark": e.row.mark,
                    "note": e.row.note,
                }
                for e in entries
            ],
            "not_predicted": [
                {"row": one.row, "model": one.subject.model.id, "reading": one.subject.reading, "why": one.why}
                for one in missing
            ],
            "parameters": [
                {
                    "row": e.row.id,
                    "model": e.subject.model.id,
                    "reading": e.subject.reading,
                    "quantity": e.row.quantity,
                    "unit": e.row.unit,
                    "reported": e.row.value,
                    "predicted": e.predicted,
                    "form": e.form,
                    "own": e.own,
                    "kind": e.row.kind,
                    "outside": list(e.outside),
                }
                for e in parameters
            ],
            "targets": [asdict(one) for one in targets],
        }
    )
