"""The figure of simulated trials: the arms, what trials of this size estimate, the truth, and the published trial."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pkpd.model import library
from pkpd.plot import style
from pkpd.plot.sheet import Sheet, Symbol, key_rows
from pkpd.plot.style import GREY, INK, text_height, wrap
from pkpd.plot.trial_estimates import (
    DRUG,
    LOOKS,
    PUBLISHED,
    TEXT,
    draw_estimates,
    group_of,
    interval_of,
    limits_of,
    parts_of,
    published_of,
    scaled,
    title_of_axis,
    values_of,
    whole_scale,
)
from pkpd.trials.results import EndpointResult, Trials
from pkpd.trials.values import Counts, Mean
from pkpd.trials.words import (
    found_text,
    headline,
    leaving_text,
    p_text,
    share_text,
    size_text,
    title_of,
    unit_text,
    unsettled_text,
    value_text,
)

WIDTH, EDGE = 10.0, 0.2  # inches
SHAPE, TALL = 9 / 16, 3 / 4  # of a slide, to which the panels grow, and of one that is as high as a slide may be
LEAST, LOWEST, HIGHEST = 0.7, 0.78, 2.6  # of the panels, inches; the least where the page would else be too high
TITLE, HEAD, NAME, WORD, SMALL = 14.0, 10.0, 10.0, 8.5, 6.5  # pt
LEFT, ARMS = 1.4, 1.75  # inches, to the axes of the arms, and their width
BARS, FIRST_BARS, ESTIMATES = (
    3.85,
    0.9,
    2.95,
)  # inches, to the axes of the estimates, with and without arms; their width
WORDS, ASIDE = 7.0, 0.78  # inches, to the words, and to what stands behind their names
ABOVE, TICKS, AXIS, BETWEEN = 0.19, 0.19, 0.18, 0.12  # names of lines, numbers and titles of axes, between rows; inches
MOST_ROWS = 6  # endpoints on one page

CONTROL = "#777777"


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint on the page: its headline, the words beside its panels by name, and whether it names its axes."""

    result: EndpointResult
    head: list[str]
    words: list[tuple[str, list[str]]]
    named: bool

    @property
    def drawn(self) -> bool:
        """Whether it has panels: whether any trial could be analysed."""
        return len(values_of(self.result)) > 0

    @property
    def around(self) -> float:
        """Inches it is high without its panels."""
        below = TICKS + self.named * AXIS if self.drawn else text_height(1, NAME)
        return text_height(len(self.head), NAME) + ABOVE + below + BETWEEN

    def height(self, panel: float) -> float:
        """Inches it is high, with panels so high, inches."""
        lines = sum(len(part) for _, part in self.words)
        beside = text_height(len(self.head), NAME) + text_height(lines, WORD) + BETWEEN + 0.06
        return max(self.around + panel * self.drawn, beside)


def draw(made: Trials) -> Any:
    """The figure: a row for each endpoint, arms on the left, estimates of all trials in the middle, words on the right.

    returns : a matplotlib figure that needs no display and no pyplot
    """
    results = made.endpoints[:MOST_ROWS]
    inside = WIDTH - 2 * EDGE
    title = wrap(made.trial.title, inside, TITLE, bold=True)
    head = wrap(_head(made), inside, HEAD)
    key = key_rows(_symbols(results), inside, WORD)
    small = wrap(_small_print(made), inside, SMALL)
    rows = _rows(made, results)
    top = 0.1 + text_height(len(title), TITLE) + text_height(len(head), HEAD) + 0.06
    begin = top + len(key) * (text_height(1, WORD) + 0.02) + 0.1
    foot = text_height(1, WORD) + text_height(len(small), SMALL) + 0.1
    around, drawn = begin + foot + sum(row.around for row in rows), sum(row.drawn for row in rows) or 1
    panel = max(min(LOWEST, (WIDTH * TALL - around) / drawn), LEAST, (WIDTH * SHAPE - around) / drawn)
    panel = min(panel, HIGHEST)
    sheet = Sheet(WIDTH, begin + sum(row.height(panel) for row in rows) + foot)
    at = sheet.text(EDGE, 0.1, title, TITLE, colour=INK, bold=True)
    sheet.text(EDGE, at, head, HEAD, colour=GREY)
    sheet.key(EDGE, top, key, WORD)
    at = begin
    for row in rows:
        _row(sheet, made, row, at, panel)
        at += row.height(panel)
    at = sheet.text(EDGE, at, "Not for dosing patients.", WORD, colour=INK, bold=True)
    sheet.text(EDGE, at, small, SMALL)
    return sheet.figure


def _head(made: Trials) -> str:
    trial = made.trial
    size = " + ".join(map(str, trial.patients))
    against = f" against {trial.control.name}" if trial.control else ""
    people = "patient" if trial.enrolled == 1 else "patients"
    trials = _counted(made.count, "simulated trial")
    return f"{trials} of {size} {people} ({trial.design}): {trial.drug.name}{against}"


def _rows(made: Trials, results: Sequence[EndpointResult]) -> list[Row]:
    rows = []
    for place, result in enumerate(results):
        below = results[place + 1] if place + 1 < len(results) else None
        named = below is None or not len(values_of(below)) or _titles(below) != _titles(result)
        words = [
            (name, wrap(_joined(text), WIDTH - EDGE - WORDS - ASIDE, WORD))
            for name, text in _words(made, result)
            if text
        ]
        rows.append(Row(result, wrap(headline(result), WIDTH - 2 * EDGE, NAME, bold=True), words, named))
    return rows


def _joined(text: str) -> str:
    """A text whose p-values are not broken over lines."""
    return re.sub(r"P ([=<]) ", "P\u00a0\\1\u00a0", text)


def _titles(result: EndpointResult) -> tuple[Any, str]:
    return group_of(result), _arm_title(result)


def _row(sheet: Sheet, made: Trials, row: Row, top: float, panel: float) -> None:
    """One endpoint: its headline, and under it panels and words."""
    result, single = row.result, made.trial.control is None
    under = sheet.text(EDGE, top, row.head, NAME, colour=INK, bold=True)
    at = under + 0.06
    for name, lines in row.words:
        sheet.text(WORDS, at, name, WORD)
        at = sheet.text(WORDS + ASIDE, at, lines, WORD, colour=INK)
    if not row.drawn:
        lost = "No trial could be analysed: too few patients were left."
        sheet.text(EDGE, under + 0.05, wrap(lost, WORDS - 2 * EDGE, NAME), NAME)
        return
    under += ABOVE
    if not single:
        _arms(sheet, made, row, under, panel)
    alike = [other for other in made.endpoints[:MOST_ROWS] if group_of(other) == group_of(result)]
    left = EDGE + FIRST_BARS if single else BARS
    place = (left, under, BARS + ESTIMATES - left, panel)
    title = title_of_axis(result) if row.named else ""
    draw_estimates(sheet, result, place, limits_of(alike), f"estimates {title_of(result.endpoint)}", title)


def _symbols(results: Sequence[EndpointResult]) -> list[Symbol]:
    """The key: what is drawn on this sheet, and has no name where it stands."""
    drawn = [result for result in results if len(values_of(result))]
    symbols = []
    if drawn and drawn[0].design != "single arm":
        bar = {"color": DRUG, "linewidth": 5, "alpha": 0.45, "solid_capstyle": "butt"}
        symbols.append(Symbol("line", bar, "arm, 90 % of trials and mean"))
    seen = [interval for result in drawn for interval in _intervals(result)]
    if seen:
        spread = [not math.isnan(low) for _, low, _ in seen]
        text = "published, 95 % interval" if any(spread) else "published, without a spread"
        text += " if known" if any(spread) and not all(spread) else ""
        look = {"color": PUBLISHED, "linewidth": 1.4 * any(spread), "marker": "D", "markersize": 5}
        symbols.append(Symbol("line", {**look, "markevery": (0, 2)}, text))
    parts = {name for result in drawn for name in parts_of(result)}
    bars = [Symbol("patch", look, name) for name, look in LOOKS.items() if name in parts]
    return bars + symbols if drawn and drawn[0].design == "single arm" else symbols + bars


def _intervals(result: EndpointResult) -> list[tuple[float, float, float]]:
    """All that is drawn of the published trial at an endpoint."""
    seen, apart = result.endpoint.observed, published_of(result)
    arms = [] if seen is None else [interval_of(arm) for arm in (seen.drug, seen.control) if arm is not None]
    return [*arms, *([apart] if apart else [])]


def _arms(sheet: Sheet, made: Trials, row: Row, top: float, high: float) -> None:
    """Each arm: the middle 90 % of simulated trials, their mean, and what was published."""
    result, trial = row.result, made.trial
    assert trial.control is not None
    axes = sheet.axes(LEFT, top, ARMS, high, f"arms {title_of(result.endpoint)}")
    seen = result.endpoint.observed
    drug = {"facecolor": DRUG, "alpha": 0.45, "edgecolor": "none"}
    control = {"facecolor": "white", "edgecolor": CONTROL, "linewidth": 1}
    arms = [
        (trial.drug.name, result.found.drug, seen.drug if seen else None, drug, style.dark(DRUG)),
        (trial.control.name, result.found.control, seen.control if seen else None, control, "#444444"),
    ]
    ends: list[float] = []
    inch = len(arms) / high  # in units of the axis
    thick, under = min(0.3, 0.2 * inch), min(0.36, 0.25 * inch)
    for place, (_, simulated, published, look, colour) in enumerate(arms):
        low, high_end = (float(x) for x in scaled(result, np.nanquantile(simulated, (0.05, 0.95))))
        axes.barh(place, high_end - low, thick, low, **look)
        axes.plot(scaled(result, np.nanmean(simulated)), place, marker="o", markersize=5, color=colour, clip_on=False)
        ends += [low, high_end]
        if published is not None:
            value, below, above = (float(x) for x in scaled(result, interval_of(published)))
            if not math.isnan(below):
                axes.plot([below, above], [place + under] * 2, color=PUBLISHED, linewidth=1.4)
            axes.plot(value, place + under, marker="D", markersize=5, color=PUBLISHED, linestyle="none", clip_on=False)
            ends += [x for x in (value, below, above) if not math.isnan(x)]
    low, high_end = whole_scale(result, ends)
    axes.set(xlim=(low, high_end), ylim=(1.6, -0.4))
    axes.tick_params(labelsize=TEXT)
    style.ticks(axes.xaxis, style.round_places(low, high_end, 6))
    style.ticks(axes.yaxis, ())
    axes.spines["left"].set_visible(False)
    if row.named:
        axes.set_xlabel(_arm_title(result), fontsize=TEXT, color=INK, labelpad=2)
    for place, (name, _, published, *_) in enumerate(arms):
        step = high / 2
        lines = wrap(name, LEFT - EDGE - 0.1, WORD, most=max(1, int(step / text_height(1, WORD))))
        middle = top + step * (place + 0.4 + (under / 2 if published is not None else 0.0))
        sheet.text(EDGE, middle - text_height(len(lines), WORD) / 2, lines, WORD, colour=INK)


def _arm_title(result: EndpointResult) -> str:
    what = "Patients" if result.endpoint.counted else result.endpoint.name.capitalize()
    return f"{what} ({unit_text(result.endpoint)})"


def _words(made: Trials, result: EndpointResult) -> list[tuple[str, str]]:
    """What stands beside a row: a name, and a few words behind it."""
    endpoint, found = result.endpoint, result.found
    drug = value_text(endpoint, float(found.true_drug.mean()))
    unit = unit_text(endpoint)
    words = [("published", _published_text(made, result))]
    lost = not len(values_of(result))
    if result.design == "single arm":
        words.append(("expected", f"{drug} {unit}"))
        if not lost:
            words.append(("measured", f"{value_text(endpoint, float(np.nanmean(found.drug)))} {unit} on average"))
        words.append(("it tells", "nothing of drug against placebo: it has no control"))
        if not math.isnan(result.as_extreme):
            share = share_text(result.as_extreme) if result.as_extreme > 0 else "less than 1 %"
            words.append(("as far out", f"{share} of simulated trials (both sides)"))
    else:
        control = value_text(endpoint, float(found.true_control.mean()))
        true = value_text(endpoint, result.true_difference, signed=True)
        words.append(("expected", f"{drug} and {control} {unit}: {true}"))
        if not lost:
            words += _estimated(made, result)
    if made.trial.is_made_from(endpoint):
        words.append(("models", "made from these results"))
    return words


def _estimated(made: Trials, result: EndpointResult) -> list[tuple[str, str]]:
    endpoint = result.endpoint
    text = f"{value_text(endpoint, result.expected, signed=True)} on average"
    if made.trial.conduct.unblinding > 0 and not endpoint.of:
        text += f" ({value_text(endpoint, result.expected_blinded, signed=True)} if nobody noticed what was given)"
    words = [("measured", text)]
    if not result.is_clear and len(result.published):
        shown = value_text(endpoint, result.mean_significant)
        words.append(("significant", f"size {shown} on average, either sign"))
    elif result.is_clear and len(result.published) and result.type_s >= 0.005:
        words.append(("significant", f"wrong sign in {100 * result.type_s:.0f} %"))
    needed = result.settling()
    if needed is not None:
        each = "in each arm" if result.design == "parallel" else "in all"
        words.append(("80 % need", f"about {size_text(needed)} patients {each}"))
    elif why := unsettled_text(result):
        words.append(("80 % need", f"no number tells: {why}"))
    outside = [level is not None and not level.inside for level in result.levels]
    if any(outside):
        one = "drug" if outside[0] else "control"
        which = "both published arms lie" if all(outside) else f"the published {one} arm lies"
        words.append(("levels", f"{which} outside 90 % of simulated trials"))
    return words


def _published_text(made: Trials, result: EndpointResult) -> str:
    """What was published, in short; in its own words where no number, or no interval, can be drawn."""
    endpoint, seen = result.endpoint, result.endpoint.observed
    if not made.trial.is_published:
        return "nothing yet: the trial is planned" if made.trial.id else ""
    if seen is None:
        return found_text(made.trial, result) + (" (in words: not drawn)" if endpoint.words else "")
    arms = [arm for arm in (seen.drug, seen.control) if arm is not None]
    text = " and ".join(_arm_text(result, arm) for arm in arms)
    if not isinstance(arms[0], Counts):
        text += f" {unit_text(endpoint)}"
    if seen.control is None and made.trial.control is not None:
        text += " on the drug"
    interval = published_of(result)
    if interval is not None:
        value, low, high = (value_text(endpoint, x, signed=len(arms) > 1) for x in interval)
        text += f": {value}" if len(arms) > 1 or endpoint.counted else ""
        text += f" {unit_text(endpoint)}" if len(arms) == 1 and endpoint.counted else ""
        if not math.isnan(interval[1]):
            text += f" ({low} to {high})"
    p = math.nan if result.observed is None else result.observed.p
    if not math.isnan(p):
        return f"{text}, {p_text(p)}"
    if interval is not None and not math.isnan(interval[1]):
        return text
    why = "no interval follows from the counts" if endpoint.counted else "no spread is given"
    return f"{text}; {endpoint.words or why}"


def _arm_text(result: EndpointResult, arm: Counts | Mean) -> str:
    return f"{arm.events} of {arm.total}" if isinstance(arm, Counts) else value_text(result.endpoint, arm.value)


def _small_print(made: Trials) -> str:
    """What the figure says of itself."""
    trial = made.trial
    marks = trial.model.marks()
    conduct = trial.conduct
    parts = [
        f"Model {trial.model.id} (seed {made.seed}); {marks['assumed']} of {sum(marks.values())} numbers are assumed.",
        f"Entry at {_counted(conduct.entry, 'point')} or more; noise {_counted(conduct.noise, 'point')} from day to day"
        + (f"; those who notice effects score {conduct.unblinding:g} lower" if conduct.unblinding else "")
        + (
            f"; {100 * conduct.drop_out:.0f} % leave on the drug, {leaving_text(trial)}, scored as {conduct.missing}."
            if conduct.drop_out
            else "."
        ),
        f"In practice, in every arm: {trial.practice}." if trial.practice is not None else "",
        f"Estimates: {_counted(made.replicates, 'draw')}; signs are held against the truth of a trial's own draw."
        if made.replicates
        else "",
        "Truth: free of noise, drop-out and unblinding.",
        f"Sources: pkpd show {trial.id}." if trial.id in library.study_names() else "",
    ]
    seen = [one.observed for one in made.endpoints[:MOST_ROWS] if one.endpoint.counted and one.observed is not None]
    if any(not math.isnan(one.low) for one in seen):
        parts.append("Published intervals of differences in shares are Newcombe's, P values Fisher's.")
    hidden = len(made.endpoints) - MOST_ROWS
    if hidden > 0:
        parts.append(f"In the table and not drawn: {_counted(hidden, 'further endpoint')}.")
    parts += [f"(!) {flag.text} [{flag.source}]" for flag in made.flags]
    return " ".join(part for part in parts if part)


def _counted(number: float, thing: str) -> str:
    """A number of things, in the plural unless it is one."""
    text = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{text} {thing}" if number == 1 else f"{text} {thing}s"
