"""A regimen against guidelines and against what is known of harms: flags, and what is to be watched."""

from __future__ import annotations

from pkpd.dosing.prescription import as_regimen, number_text, time_text
from pkpd.dosing.regimen import Regimen
from pkpd.flags import Flag
from pkpd.guidance.described import Described, describe
from pkpd.guidance.reading import check_indication, cite, guidelines, harms
from pkpd.guidance.values import MEASURES, Guideline, Limit, Watch
from pkpd.times import TICKS_PER_HOUR, to_hours
from pkpd.units import analyse

# A choice: a regimen that takes at least this long is judged even where no indication is named.
LONG = 72 * TICKS_PER_HOUR


def flags(regimen: Regimen | str, weight_kg: float = 70.0, indication: str | None = None, of: str = "") -> list[Flag]:
    """What guidelines and the evidence on harms say of a regimen; no prediction of a patient's risk.

    regimen    : what is given, or its prescription
    weight_kg  : body weight, kg, > 0; limits per kg are compared at it
    indication : one of INDICATIONS; guidelines for chronic pain unless given
    of         : what the flags are of, such as an arm's name
    returns    : flags of the kinds "guideline" and "harm"; none for no treatment
    Raises UnknownName for another indication, RegimenError for a weight that is not above 0.
    """
    check_indication(indication, "guidance.flags")
    given = as_regimen(regimen)
    found: list[Flag] = []
    for guideline in guidelines():
        told = [
            Flag("guideline", of, text, cite(guideline.sources[limit.source]))
            for limit in guideline.limits
            if _applies(guideline, limit, indication)
            for text in _outside(limit, describe(given, weight_kg, limit.routes), guideline)
        ]
        if told:
            told += [
                Flag("guideline", of, remark.text, cite(guideline.sources[remark.source]))
                for remark in guideline.remarks
            ]
        found += told
    described = describe(given, weight_kg)
    for harm in harms():
        rule = next((rule for rule in harm.rules if rule.when.holds(described)), None)
        if rule is not None:
            text = f"{harm.title}, {rule.level}: {harm.words(rule, described)}"
            found.append(Flag("harm", of, text, cite(harm.sources[rule.source])))
    return found


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


def _outside(limit: Limit, described: Described, guideline: Guideline) -> list[str]:
    """A sentence where the regimen has what the limit is of, and lies outside."""
    value = {
        "bolus": described.bolus,
        "infusion rate": described.rate,
        "session dose": described.largest,
        "session dose per weight": described.largest / described.weight,
        "session length": to_hours(described.longest),
    }[limit.of]
    side = limit.side(value)
    present = value > 0.0 if limit.of in ("bolus", "infusion rate") else bool(described.sessions)
    if not present or not side:
        return []
    if limit.of == "session length":
        shown = time_text(described.longest) if described.longest else "a bolus"
    else:
        shown = f"{number_text(float(f'{value / analyse(limit.unit)[0]:.3g}'))} {limit.unit}"
    grade = f", grade {limit.grade}" if limit.grade else ""
    known = "" if limit.mark == "primary" else f", {limit.mark}"
    return [
        f"{MEASURES[limit.of][1]}, {shown} of {' and '.join(described.forms)} at {described.weight:g} kg, "
        f"is {side} the range, {limit.written} ({guideline.title}{grade}{known})."
    ]
