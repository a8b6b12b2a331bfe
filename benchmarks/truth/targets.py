"""What is asked of the library, and what it reaches on the observations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.truth.meeting import AS_GIVEN, whose
from benchmarks.truth.parameters import ParameterEntry
from benchmarks.truth.scoring import PARENTS, Entry, geometric_fold, share_within
from pkpd.model.library import DEFAULT_MODEL

MOST_GMFE, WITHIN, SHARE = 1.25, 1.5, 0.9
ROUTES = {
    "intravenous": ("iv",),
    "oral": ("oral",),
    "nasal": ("nasal",),
    "sublingual and buccal": ("sublingual", "buccal"),
}
ROUTE_WITHIN, ROUTE_SHARE = 2.0, 0.8


@dataclass(frozen=True, slots=True)
class Target:
    """One thing asked.

    met      : None where there is nothing to judge it by
    rows     : what is responsible
    required : whether the library must meet it; conversions of drug forms are told beside it
    """

    asked: str
    found: str
    met: bool | None
    rows: tuple[str, ...] = ()
    required: bool = True


def judge(entries: Sequence[Entry], parameters: Sequence[ParameterEntry]) -> list[Target]:
    """The default model on intravenous ketamine in adults, and every route with a complete model."""
    scored = [e for e in entries if not e.own and whose(e.row) == "adults"]
    data = [e for e in scored if e.row.kind == "data"]
    return [
        *_default(data, "data"),
        *_default(scored, "data and doubtful rows"),
        *(
            _route(name, routes, data, entries, parameters, converted)
            for name, routes in ROUTES.items()
            for converted in (False, True)
        ),
    ]


def _default(rows: Sequence[Entry], kinds: str) -> list[Target]:
    mine = [
        e
        for e in rows
        if e.subject.model.id == DEFAULT_MODEL
        and not e.subject.reading
        and e.row.route == "iv"
        and e.row.analyte in PARENTS
        and not e.outside
    ]
    of = f"{DEFAULT_MODEL}, intravenous S- and racemic ketamine in adults, {kinds}"
    gmfe, share = geometric_fold(mine), share_within(mine, WITHIN)
    if gmfe is None or share is None:
        return [Target(of, "no rows", None)]
    beyond = tuple(_line(e) for e in sorted(mine, key=lambda e: -e.fold) if e.fold > WITHIN)
    return [
        Target(f"{of}: off by at most {MOST_GMFE}", f"{gmfe:.3f} on {len(mine)} rows", gmfe <= MOST_GMFE),
        Target(f"{of}: {SHARE:.0%} of rows within {WITHIN} fold", f"{share:.0%}", share >= SHARE, beyond),
    ]


def _route(
    name: str,
    routes: tuple[str, ...],
    data: Sequence[Entry],
    entries: Sequence[Entry],
    parameters: Sequence[ParameterEntry],
    converted: bool,
) -> Target:
    """The best model of a route, over all its rows and analytes.

    converted : whether rows count that need a conversion of drug forms
    """
    asked = (
        f"{name}, {'with conversions of drug forms' if converted else 'forms as given'}: "
        f"a model with {ROUTE_SHARE:.0%} of its rows within {ROUTE_WITHIN:g} fold"
    )
    here = [e for e in data if e.row.route in routes and (converted or e.form == AS_GIVEN)]
    if not here:
        return Target(asked, _instead(routes, entries, parameters), None, required=not converted)
    found = []
    for label in dict.fromkeys(e.subject.label for e in here):
        mine = [e for e in here if e.subject.label == label]
        own = [e for e in entries if e.own and e.subject.label == label and e.row.route in routes]
        share, off = share_within(mine, ROUTE_WITHIN), geometric_fold(mine)
        together = share_within([*mine, *own], ROUTE_WITHIN)
        assert share is not None and off is not None
        also = f" ({together:.0%} of {len(mine) + len(own)} with those it was made from)" if own else ""
        found.append(
            (
                -share,
                round(off, 3),
                bool(mine[0].subject.reading),
                f"{label}: {share:.0%} of {len(mine)} rows, off by {off:.2f}{also}",
            )
        )
    found.sort()
    met = -found[0][0] >= ROUTE_SHARE
    best = [text for _, _, _, text in found]
    rows = sorted((e for e in here if e.fold > ROUTE_WITHIN and not e.subject.reading), key=lambda e: -e.fold)
    return Target(asked, best[0], met, (*best[1:4], *(() if met else map(_line, rows))), required=not converted)


def _instead(routes: tuple[str, ...], entries: Sequence[Entry], parameters: Sequence[ParameterEntry]) -> str:
    """What there is where no adult's concentration can be scored."""
    own = [e for e in entries if e.row.route in routes and e.own and not e.subject.reading]
    others = [p for p in parameters if p.row.route in routes and p.row.kind == "data" and not p.own]
    parts = ["no measured concentrations of adults that a model was not made from"]
    if own:
        labels = ", ".join(dict.fromkeys(e.subject.model.id for e in own))
        parts.append(f"on {len(own)} rows of its own {labels} is off by {geometric_fold(own):.2f}")
    if others:
        near = sum(0.5 <= p.ratio <= 2.0 for p in others)
        rows = len({p.row.id for p in others})
        parts.append(f"{near} of {len(others)} predictions of reported parameters ({rows}) are within 2 fold")
    return "; ".join(parts)


def _line(e: Entry) -> str:
    site = f"{e.row.site} sample, {e.subject.model.sampling_site} model"
    values = f"{e.predicted:.3g} for {e.row.value:.3g} {e.row.unit}"
    return f"{e.subject.label} on {e.row.id}: {values} ({e.fold:.2f} fold; {site})"
