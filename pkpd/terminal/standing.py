"""Which model to trust, and how far off it has been: the scoreboard of measured concentrations as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pkpd.model import library
from pkpd.observations import EffectScore, Score, Scoreboard, effect_scores, scoreboard
from pkpd.terminal.console import left, print_rows, table

if TYPE_CHECKING:
    from rich.console import Console

AS_GIVEN = "as given"
PARENT, NORKETAMINE = "parent drug", "S-norketamine"
LEGEND = (
    "Fold error, geometric mean (rows). Rows a model was made from are not counted; where there are no others, "
    '"own" says how far off it is on those. * through a conversion of drug forms; ! outside its population or limits. '
    "Line by line: pkpd show MODEL."
)


def print_standing(console: Console) -> None:
    """A line for each kinetic model: how far off it was by route, for ketamine and for S-norketamine."""
    board = scoreboard()
    if not board.scores:
        return
    places = _places(board)
    heads = [f"{route}{'' if group == 'adults' else f', {group}'}" for route, group in places]
    shown = left(table("How far off: fold error on measured ketamine / S-norketamine, (rows)", "model", *heads))
    for name in library.names("pk"):
        told = (off(board, name, *place) for place in places)
        cells = [text.replace(", ", ",\n").replace(" / ", "\n/ ") for text in told]
        shown.add_row(name, *cells)
    print_rows(console, shown)
    console.print(LEGEND)
    scored = {route for route, _ in places}
    unmeasured: dict[str, list[str]] = {}
    for name in library.names("pk"):
        for route in library.load(name).routes:
            if route not in scored:
                unmeasured.setdefault(route, []).append(name)
    for route, models in unmeasured.items():
        console.print(f"No measured level by the route {route}, so that nothing says how far off: {', '.join(models)}.")


def _places(board: Scoreboard) -> list[tuple[str, str]]:
    """Routes and groups of people of the scoreboard, adults first, what has the most rows first."""
    rows: dict[tuple[str, str], int] = {}
    for one in board.scores:
        rows[one.route, one.group] = rows.get((one.route, one.group), 0) + one.n + one.own
    return sorted(rows, key=lambda place: (place[1] != "adults", -rows[place]))


def off(board: Scoreboard, model: str, route: str, group: str) -> str:
    """How far a model was off, such as "1.12 (31) / 1.06 (12)": ketamine, then S-norketamine; "-" where nothing is.

    Other published readings of its evidence are not counted.
    """
    texts = [_of_analyte(board, model, route, group, analyte) for analyte in (PARENT, NORKETAMINE)]
    while texts and texts[-1] == "-":
        texts.pop()
    return " / ".join(texts) or "-"


def _of_analyte(board: Scoreboard, model: str, route: str, group: str, analyte: str) -> str:
    """The score of the forms as given and, of the conversions, of that with the most rows."""
    mine = [
        one
        for one in board.of(model)
        if (one.analyte, one.route, one.group, one.rows, one.reading) == (analyte, route, group, "data", "")
    ]
    given = [one for one in mine if one.form == AS_GIVEN and one.n]
    converted = sorted((one for one in mine if one.form != AS_GIVEN and one.n), key=lambda one: -one.n)
    own = [one for one in mine if one.own_gmfe is not None and not one.n and one.form == AS_GIVEN]
    chosen = [*given, *converted[:1], *own]
    return ", ".join(map(_short, chosen)) or "-"


def _short(one: Score) -> str:
    if one.gmfe is None:
        return f"own {one.own_gmfe:.2f} ({one.own})"
    marks = ("*" if one.form != AS_GIVEN else "") + ("!" if one.outside == one.n else "")
    return f"{one.gmfe:.2f}{marks} ({one.n})"


def score_lines(board: Scoreboard, model: str) -> Sequence[str]:
    """A line for each score of a model: what was measured, how far off, on how many rows.

    The parent drug is left out where one analyte is all of it, and another reading where it changes nothing.
    """
    mine = [one for one in board.of(model) if one.rows == "data"]
    plain = {_place(one): one for one in mine if not one.reading}
    told, alike = [], []
    for one in mine:
        if one.analyte == PARENT and any(_same(one, other) and one.reading == other.reading for other in mine):
            continue
        if one.reading and _place(one) in plain and _same(one, plain[_place(one)]):
            alike.append(one.reading)
            continue
        told.append(_line(one))
    return [*told, *(f'reading "{name}": off as far on all other rows' for name in dict.fromkeys(alike))]


def _place(one: Score) -> tuple[str, ...]:
    return (one.route, one.group, one.analyte, one.form)


def _same(one: Score, other: Score) -> bool:
    """Whether two scores, not one and the same, differ in nothing but analyte and reading."""
    return one is not other and replace(one, analyte="", reading="") == replace(other, analyte="", reading="")


def _line(one: Score) -> str:
    reading = f" [{one.reading}]" if one.reading else ""
    form = "" if one.form == AS_GIVEN else f", {one.form}"
    what = f"{one.route}, {one.group}, {one.analyte}{form}{reading}"
    parts = []
    if one.gmfe is not None and one.gmr is not None and one.within200 is not None:
        parts.append(
            f"off by {one.gmfe:.2f} fold on {_count(one.n, 'row')} of {_count(one.studies, 'study', 'studies')} "
            f"(predicted/observed {one.gmr:.2f}, {one.within200:.0%} within 2 fold)"
        )
    if one.outside:
        parts.append(f"{one.outside} outside its population or limits")
    if one.own_gmfe is not None:
        parts.append(f"{one.own_gmfe:.2f} fold on {_count(one.own, 'row')} it was made from, not counted")
    return f"{what}: {'; '.join(parts)}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def print_scores(console: Console, model: str) -> None:
    """The score lines of one model, where it has any."""
    found = score_lines(scoreboard(), model)
    if found:
        console.print("Against measured concentrations", style="bold")
    for line in found:
        console.print(f"  {line}")


def print_standing_of_effects(console: Console) -> None:
    """A line for each effect that was held against observations: how many of them it lies inside."""
    shown = left(table("How far off: predictions inside the observed 95 % interval", "effect", "held out", "made from"))
    board = effect_scores()
    for effect in dict.fromkeys(one.effect for one in board):
        mine = [one for one in board if one.effect == effect and one.inside is not None]
        if mine:
            shown.add_row(effect, *(_inside([one for one in mine if one.counted is kind]) for kind in (True, False)))
    if board:
        print_rows(console, shown)
        console.print(
            "Held out: observations the effect was made without. An effect that is not named was held against none. "
            "Line by line: pkpd show EFFECT."
        )


def _inside(scores: Sequence[EffectScore]) -> str:
    return f"{sum(bool(one.inside) for one in scores)} of {len(scores)}" if scores else "-"


def print_scores_of_effect(console: Console, effect: str) -> None:
    """Every observation of one effect beside its prediction, where there is any."""
    mine = [one for one in effect_scores() if one.effect == effect]
    if mine:
        console.print("Against observations, default configuration", style="bold")
    for one in mine:
        console.print(f"  {_observation(one)}")


def _observation(one: EffectScore) -> str:
    """Such as "Motov 2017 (24): 78 % predicted, 92 % (73 to 99) observed, inside; made from it"."""

    def text(value: float) -> str:
        return f"{100 * value:.3g}" if not one.unit else f"{value:.3g}"

    unit = one.unit or "%"
    interval = "" if one.low is None or one.high is None else f" ({text(one.low)} to {text(one.high)})"
    of = f" ({one.n})" if one.n is not None else ""
    inside = {True: ", inside", False: ", outside", None: ""}[one.inside]
    made = "" if one.counted else "; made from it"
    values = f"{text(one.predicted)} {unit} predicted, {text(one.observed)} {unit}{interval} observed"
    return f"{one.study}{of}, {one.row}: {values}{inside}{made}; levels of {one.model}"
