"""Placebo responses by indication and comparator, as the effect a trial is simulated with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from pkpd.errors import StudyError, unknown
from pkpd.guidance.values import INDICATIONS
from pkpd.model import library
from pkpd.model.effect import Effect
from pkpd.model.parts import Source
from pkpd.model.sections import read_origin, read_sources
from pkpd.model.tomltext import Document, Table

DAYS, AT_ONCE = "days", "at once"
ANY = "any other"
MINUTES = (10, "min")  # half-time of a response that comes at once, as the studies of single infusions assume


@dataclass(frozen=True, slots=True)
class PlaceboResponse:
    """The share of patients who respond to placebo.

    onset        : "days", told by indication, or "at once", told by comparator
    of           : the indication or the comparator
    share        : 0 to 1
    source, mark : where it is from and how well it is known
    """

    onset: str
    of: str
    share: float
    source: Source
    mark: str
    note: str


@lru_cache(maxsize=1)
def placebo_responses() -> tuple[PlaceboResponse, ...]:
    """What the library knows of placebo responses."""
    top = Document.open(library.folder() / "ketamine" / "placebo-responses.toml").top
    top.only(("kind", "sources", "responses"))
    top.choice("kind", ("placebo responses",))
    sources = read_sources(top)

    def response(table: Table) -> PlaceboResponse:
        table.only(("onset", "indication", "comparator", "share", "source", "mark", "note"))
        onset = table.choice("onset", (DAYS, AT_ONCE))
        of = table.choice("indication", (*INDICATIONS, ANY)) if onset == DAYS else table.text("comparator")
        source, mark = read_origin(table, sources)
        share = table.number("share")
        if not 0 <= share <= 1:
            table.fail(f"{share:g} is no share from 0 to 1.", "share")
        return PlaceboResponse(onset, of, share, sources[source], mark, table.text("note", ""))

    return tuple(response(table) for table in top.tables("responses"))


def placebo_response(indication: str = "", comparator: str = "") -> Effect:
    """The effect "placebo-response" as it is in an indication, or beside a comparator.

    indication : one of pkpd.guidance.INDICATIONS: the response over days to weeks of a parallel trial
    comparator : "saline" or "midazolam": the response within the hour of an infusion, which does not depend on the
                 indication as far as is known
    Raises UnknownName for another one, StudyError unless exactly one of the two is given.
    """
    if bool(indication) == bool(comparator):
        raise StudyError(
            "placebo response: give an indication, for the response over days, or a comparator, for that at once; "
            f"given were {'both' if indication else 'neither'}."
        )
    onset, wanted = (DAYS, indication) if indication else (AT_ONCE, comparator)
    known = {one.of: one for one in placebo_responses() if one.onset == onset}
    if indication and indication not in INDICATIONS:
        raise unknown("placebo response", "indication", indication, INDICATIONS)
    if comparator and comparator not in known:
        raise unknown("placebo response", "comparator", comparator, known)
    found = known.get(wanted, known.get(ANY))
    assert found is not None
    effect = library.load_effect("placebo-response")
    key = f"{found.source.key}, {found.of}"
    share = effect.parameters["P_placebo"]
    changed = {
        **effect.parameters,
        "P_placebo": replace(
            share, value=found.share, written=found.share, source=key, where="", mark=found.mark, uncertainty=None
        ),
    }
    made = replace(effect, parameters=changed, sources={**effect.sources, key: found.source})
    return made.with_values(half_time=MINUTES) if comparator else made
