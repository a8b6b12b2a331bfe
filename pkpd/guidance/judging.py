"""A regimen against guidelines and against what is known of harms: flags, and what is to be watched."""

from __future__ import annotations

from collections.abc import Iterator

from pkpd.dosing.prescription import as_regimen, number_text, time_text
from pkpd.dosing.regimen import Regimen
from pkpd.flags import Flag
from pkpd.guidance.described import Described, describe
from pkpd.guidance.reading import check_indication, cite, guidelines, harms
from pkpd.guidance.values import LEVELS, MEASURES, Guideline, Limit, Watch
from pkpd.times import TICKS_PER_HOUR, to_hours
from pkpd.units import analyse

# A choice: a regimen that takes at least this long is judged even where no indication is named.
LONG = 72 * TICKS_PER_HOUR
# Levels at which nothing was counted; such harms are told together, after the others.
DARK = ("grey", "unknown")


def flags(regimen: Regimen | str, weight_kg: float = 70.0, indication: str | None = None, of: str = "") -> list[Flag]:
    """What guidelines and the evidence on harms say of a regimen; no prediction of a patient's risk.

    regimen    : what is given, or its prescription
    weight_kg  : body weight, kg, > 0; limits per kg are compared at it
    indication : one of INDICATIONS; guidelines for chronic pain unless given
    of         : what the flags are of, such as an arm's name
    returns    : of the kind "guideline" one for the limits of a source that are left, and the remarks on them; of the
                 kind "harm" the most alarming first, at the end and together those of which nothing was counted; none
                 for no treatment
    Raises UnknownName for another indication, RegimenError for a weight that is not above 0.
    """
    check_indication(indication, "guidance.flags")
    given = as_regimen(regimen)
    described = describe(given, weight_kg)
    return [
        *(flag for guideline in guidelines() for flag in _left(guideline, given, weight_kg, indication, of)),
        *_harms(described, of),
    ]


def _left(guideline: Guideline, regimen: Regimen, weight_kg: float, indication: str | None, of: str) -> Iterator[Flag]:
    """A flag for the limits of one source, grade and mark that a regimen leaves; one for each remark on them."""
    found: dict[tuple[str, str], list[str]] = {}
    sides = set()
    for limit in guideline.limits:
        if _applies(guideline, limit, indication):
            described = describe(regimen, weight_kg, limit.routes)
            side = _outside(limit, described)
            if side:
                sides.add((limit.of, side))
                parts = found.setdefault((limit.source, _known(limit)), [])
                parts.append(_words(limit, described, side, first=not parts))
    for (source, known), parts in found.items():
        text = f"{'; '.join(parts)} ({guideline.title}{known})."
        yield Flag("guideline", of, text[0].upper() + text[1:], cite(guideline.sources[source]))
    for remark in guideline.remarks:
        if any(remark.belongs(*one) for one in sides):
            yield Flag("guideline", of, remark.text, cite(guideline.sources[remark.source]))


def _harms(described: Described, of: str) -> Iterator[Flag]:
    """What was counted, the most alarming first; then in one flag that of which nothing was."""
    told = []
    for harm in harms():
        rule = next((rule for rule in harm.rules if rule.when.holds(described)), None)
        if rule is not None:
            told.append((LEVELS.index(rule.level), harm, rule))
    told.sort(key=lambda one: one[0])
    dark = [(harm, rule) for _, harm, rule in told if rule.level in DARK]
    for _, harm, rule in told:
        if rule.level not in DARK:
            text = f"{harm.title}, {rule.level}: {harm.words(rule, described)}"
            yield Flag("harm", of, text, cite(harm.sources[rule.source]))
    if dark:
        texts = [f"{harm.title}, {rule.level}: {harm.words(rule, described).rstrip('.')}" for harm, rule in dark]
        cited = dict.fromkeys(cite(harm.sources[rule.source]) for harm, rule in dark)
        yield Flag("harm", of, f"Without numbers: {'; '.join(texts)}.", "; ".join(cited))


def is_long(regimen: Regimen) -> bool:
    """Whether a regimen takes so long that its harms are told where no indication is named: 72 h or more."""
    return not regimen.is_empty and regimen.end - min(dose.start for dose in regimen.doses) >= LONG


def monitoring(regimen: Regimen | str) -> tuple[Watch, ...]:
    """What is to be watched during and after a regimen.

    regimen : what is given, or its prescription
    returns : in the order of the guidelines; empty for no treatment
    """
    described = describe(as_regimen(regimen))
    return tuple(watch for guideline in guidelines() for watch in guideline.monitoring if watch.when.holds(described))


def _applies(guideline: Guideline, limit: Limit, indication: str | None) -> bool:
    if limit.indications:
        return indication in limit.indications
    return guideline.default if indication is None else indication in guideline.indications


def _value(limit: Limit, described: Described) -> float:
    """What the limit is of, canonical."""
    return {
        "bolus": described.bolus,
        "infusion rate": described.rate,
        "session dose": described.largest,
        "session dose per weight": described.largest / described.weight,
        "session length": to_hours(described.longest),
    }[limit.of]


def _outside(limit: Limit, described: Described) -> str:
    """The side on which a regimen lies outside; "" where it does not, or has not what the limit is of."""
    value = _value(limit, described)
    present = value > 0.0 if limit.of in ("bolus", "infusion rate") else bool(described.sessions)
    return limit.side(value) if present else ""


def _known(limit: Limit) -> str:
    """Grade and mark, as they stand behind a guideline's title."""
    grade = f", grade {limit.grade}" if limit.grade else ""
    return grade if limit.mark == "primary" else f"{grade}, {limit.mark}"


def _words(limit: Limit, described: Described, side: str, first: bool) -> str:
    """A limit that was left, as a part of a sentence; the first part says of what drug, and at what weight."""
    if limit.of == "session length":
        shown = time_text(described.longest) if described.longest else "a bolus"
    else:
        shown = f"{number_text(float(f'{_value(limit, described) / analyse(limit.unit)[0]:.3g}'))} {limit.unit}"
    drug = f" of {' and '.join(described.forms)} at {described.weight:g} kg" if first else ""
    return f"{MEASURES[limit.of][1]}, {shown}{drug}, is {side} the range, {limit.written}"
