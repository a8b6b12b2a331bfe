"""Prescriptions: text to regimen and back, such that what is printed reads back as the same regimen.

    prescription := sequence ("and" sequence)*              every sequence has its own clock from time 0
    sequence     := step ("then" step)*                     a step begins when the span of what is before it is over
    step         := clauses in any order, separated by blanks or commas:
        the drug        ketamine (the racemate), s-ketamine, esketamine, r-ketamine; then "hcl", or "base" or nothing
        the amount      0.5 mg/kg, 25 mg/h, 5 mg/h/70kg, 10 ug/kg/min, ...;
                        3 devices of 28 mg (or sprays, films), which are one dose of 84 mg
        the route       iv, im, oral, ... or its usual other words
        the length      over 40 min, or bolus
        repeats         every 24 h for 10 doses, q24h x 10, daily for 10 d (as many as begin within 10 d)
        a cap           at most 25 mg/h
        the time        starting at 2 h (the first step of a sequence), after 20 min (a later step)

A step that names no drug or no route has those of the step before it in the text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from pkpd import units
from pkpd.dosing.regimen import Dose, DrugForm, Kind, Regimen, read_limit
from pkpd.dosing.words import NOTHING, PIECES, RHYTHMS, ROUTE_OF, UNITS, WITH_QUANTITY, WORDS
from pkpd.errors import PrescriptionError, RegimenError, UnitError, nearest
from pkpd.routes import ROUTES
from pkpd.times import TICKS_PER_HOUR, read_time

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_DRUG = (
    r"(?:(?:racemic\s+|rac-|(?P<s>s\(\+\)-?|\(s\)-|s-|es)|(?P<r>r\(-\)-?|\(r\)-|r-|ar))?ketamine"
    r"(?:\s+(?:(?P<hcl>hcl|hydrochloride)|base))?)"
)
_ROUTE = (
    "(?:"
    + "|".join(
        r"\.?".join(word) + r"\.?" if len(word) == 2 else word.replace(" ", r"\s+")
        for word in sorted(ROUTE_OF, key=len, reverse=True)
    )
    + ")"
)
# A unit is whatever stands after a number, unless it is a word of the grammar; then the number has no unit.
_NOT_UNIT = (
    rf"(?!(?:{'|'.join((*WITH_QUANTITY, *RHYTHMS))}|bolus|x|{_ROUTE}|"
    rf"{re.sub(r'[?]P<[a-z]+>', '', _DRUG)})(?![^\s,]))"
)
_UNIT = r"[a-zµμ%](?:\s*/\s*|\s+per\s+(?!os\b|rectum\b)|(?<=70)\s+(?=kg)|[^\s,/])*(?:/(?=[\s,]|$))?"
_QUANTITY = rf"(?P<number>{_NUMBER})(?:\s*{_NOT_UNIT}(?P<unit>{_UNIT}))?"

_CLAUSES: Final = tuple(
    (name, re.compile(rf"{pattern}(?=[\s,]|$)"))
    for name, pattern in (
        ("drug", _DRUG),
        ("cap", rf"(?:at\s+most|max(?:imum)?\.?|up\s+to)\s+{_QUANTITY}"),
        ("over", rf"over\s+{_QUANTITY}"),
        ("bolus", "bolus"),
        ("count", rf"(?:(?:for|x)\s*)?(?P<number>{_NUMBER})\s*(?:doses?|times)|x\s*(?P<bare>{_NUMBER})"),
        ("until", rf"for\s+{_QUANTITY}"),
        ("every", rf"(?:(?:every|each)\s+|q\s*){_QUANTITY}|every\s+(?P<one>hour|day|week)"),
        ("every", rf"(?P<rhythm>{'|'.join(RHYTHMS)})"),
        ("at", rf"(?:starting\s+at|starting|at|from)\s+{_QUANTITY}"),
        ("after", rf"after\s+{_QUANTITY}"),
        ("route", _ROUTE),
        ("amount", rf"(?P<pieces>{_NUMBER})\s*{PIECES}\s+of\s+{_QUANTITY}"),
        ("amount", _QUANTITY),
    )
)
_SIZES: Final = {"d": 24 * TICKS_PER_HOUR, "h": TICKS_PER_HOUR, "min": TICKS_PER_HOUR // 60}
_CALLED: Final = {
    "cap": '"at most"',
    "over": '"over"',
    "count": "number of doses",
    "until": '"for"',
    "every": '"every"',
    "at": "start",
    "after": '"after"',
}

Found = dict[str, re.Match[str]]
Wrong = Callable[[str], PrescriptionError]


class _Context(NamedTuple):
    """What a step takes from the one before it in the text."""

    form: DrugForm
    route: str | None


def as_regimen(value: Regimen | str, where: str = "") -> Regimen:
    """A regimen, from itself or from its text.

    value   : a regimen, or a prescription text
    where   : the place, for the error
    returns : the regimen
    Raises PrescriptionError for a text that cannot be read or a value of another kind.
    """
    if isinstance(value, Regimen):
        return value
    if isinstance(value, str):
        return parse(value, where)
    raise PrescriptionError(
        f"{f'{where}: ' if where else ''}{value!r} is neither a regimen nor a prescription text. "
        'Write it like "0.5 mg/kg iv over 40 min".'
    )


def parse(text: str, where: str = "") -> Regimen:
    """The regimen that a prescription text describes.

    text    : such as "25 mg/h iv over 4 h every 24 h for 10 doses"; the grammar is at the top of this room
    where   : the place, for the error
    returns : the regimen
    Raises PrescriptionError, naming the text, for anything that is not understood or cannot be given.
    """

    def wrong(message: str) -> PrescriptionError:
        return PrescriptionError(f'{f"{where}: " if where else ""}prescription "{text}": {message}')

    plain = re.sub("[\u2010-\u2014\u2212]", "-", text.lower()).replace("\u00d7", "x")
    plain = re.sub(r"^[\s,]+|[\s,.]+$", "", plain)
    if not plain:
        raise wrong('there is nothing in it. For an arm without drug write "no treatment".')
    if " ".join(plain.split()) in NOTHING:
        return Regimen()
    if meant := difflib.get_close_matches(" ".join(plain.split()), NOTHING, n=1, cutoff=0.75):
        raise wrong(f'it is not understood. Did you mean "{meant[0]}"?')
    if inside := re.search(r"\d+,\d+", plain):
        raise wrong(f'"{inside[0]}" has a comma inside a number. Write a point for decimals and nothing for thousands.')
    regimen, sequence, context = Regimen(), Regimen(), _Context(DrugForm(), None)
    parts = re.split(r"(?<![^\s,])(then|and)(?![^\s,])", plain)
    for joint, step in zip(["", *parts[1::2]], parts[::2], strict=True):
        if not step.strip(" ,"):
            word = joint or parts[1]
            raise wrong(f'there is no dose {"after" if joint else "before"} "{word}".')
        try:
            found = dict(_clauses(step, wrong))
            if joint != "then":
                regimen, sequence = regimen.together(sequence), Regimen()
            dose, context = _dose(found, _start(found, joint, sequence, wrong), context, wrong)
        except (RegimenError, UnitError) as cause:
            raise wrong(str(cause)) from cause
        sequence = sequence.together(Regimen((dose,)))
    return regimen.together(sequence)


def _clauses(step: str, wrong: Wrong) -> Iterator[tuple[str, re.Match[str]]]:
    seen: set[str] = set()
    position = 0
    while position < len(step):
        if step[position].isspace() or step[position] == ",":
            position += 1
            continue
        matches = ((name, pattern.match(step, position)) for name, pattern in _CLAUSES)
        name, match = next(((name, match) for name, match in matches if match), ("", None))
        if match is None:
            word = re.split(r"[\s,]", step[position:])[0]
            if word in WITH_QUANTITY:
                raise wrong(f'"{word}" needs a number and a unit after it, like "over 40 min" or "every 24 h".')
            close = difflib.get_close_matches(word, [*WORDS, *ROUTE_OF], n=1, cutoff=0.5)
            raise wrong(f'"{word}" is not understood. {nearest(word, {*WORDS, *close})}')
        if name in seen:
            raise wrong(
                f'"{match[0]}" is a second {_CALLED.get(name, name)} in one step. '
                'Join two doses by "and" (same clock) or "then" (one after the other).'
            )
        seen.add(name)
        yield name, match
        position = match.end()


def _start(found: Found, joint: str, sequence: Regimen, wrong: Wrong) -> int:
    if "at" in found and joint == "then":
        raise wrong(
            f'"{found["at"][0]}" stands after "then", which already says when: at once. '
            'Write "then after 20 min ..." for a pause or "and ... starting at 2 h" for a time.'
        )
    if "after" in found and joint != "then":
        raise wrong(f'"{found["after"][0]}" has no step before it. Write "then after ..." or "starting at ...".')
    later = [_time(found[name], name, wrong) for name in ("at", "after") if name in found]
    return sequence.span + sum(later)


def _dose(found: Found, start: int, context: _Context, wrong: Wrong) -> tuple[Dose, _Context]:
    if "amount" not in found:
        raise wrong('a step has no amount. Write one like "0.5 mg/kg" or "25 mg/h".')
    form = _form(found["drug"]) if "drug" in found else context.form
    route = ROUTE_OF[_plain(found["route"])] if "route" in found else context.route
    number, kind, per = _amount(found["amount"], wrong)
    every, count = _repeats(found, wrong)
    if route is None:
        raise wrong(f"the first step has no route, and none is assumed. Allowed: {', '.join(ROUTES)}.")
    duration = _time(found["over"], "over", wrong) if "over" in found else 0
    if "over" in found and "bolus" in found:
        raise wrong('"bolus" and "over" contradict each other. Keep one of them.')
    if "over" in found and duration == 0:
        raise wrong(f'"{found["over"][0]}" is an infusion of zero length. Leave it out for a bolus.')
    if kind == "rate" and duration == 0:
        raise wrong(f'"{found["amount"][0]}" is a rate and needs a length. Add one like "over 4 h".')
    dose = Dose(
        quantity=number,
        kind=kind,
        per=per,
        start=start,
        duration=duration,
        every=every,
        count=count,
        route=route,
        form=form,
    )
    if "cap" in found:
        limit = read_limit((float(found["cap"]["number"]), _unit(found["cap"], wrong)))
        dose = dose.capped(*limit)
    return dose, _Context(form, route)


def _form(match: re.Match[str]) -> DrugForm:
    enantiomer = "S" if match["s"] else "R" if match["r"] else "racemate"
    return DrugForm("ketamine", enantiomer, "hydrochloride" if match["hcl"] else "base")


def _plain(match: re.Match[str]) -> str:
    return " ".join(match[0].replace(".", "").split())


def _amount(match: re.Match[str], wrong: Wrong) -> tuple[float, Kind, float]:
    unit = _unit(match, wrong)
    factor, dimension = units.analyse(unit.replace("/70kg", "/kg"))
    powers = dict(dimension)
    drug, weight = powers.pop("drug", 0.0), powers.pop("weight", 0.0)
    if drug != 1.0 or weight not in (0.0, -1.0) or powers not in ({}, {"time": -1.0}):
        raise wrong(
            f'"{match[0]}" is not a dose. Units that fit: mg, ug, g; each by weight (/kg, /70kg); '
            "each as a rate (/h, /min)."
        )
    number = float(match["number"])
    if number < 0.0:
        raise wrong(f'the dose "{match[0]}" is negative. It must be above 0.')
    if number == 0.0:
        raise wrong(f'the dose "{match[0]}" is zero. Leave it out; an arm without drug is "no treatment".')
    per = 70.0 if "/70kg" in unit else 1.0 if weight else 0.0
    if (pieces := match.groupdict().get("pieces")) is not None:
        if powers:
            raise wrong(f'"{match[0]}": a device, spray or film holds an amount, such as "28 mg", and no rate.')
        if not pieces.isdecimal() or int(pieces) < 1:
            raise wrong(f'"{match[0]}": {pieces} is not a number of pieces. It must be a whole number, at least 1.')
        number *= int(pieces)
    return number * factor, "rate" if powers else "amount", per


def _repeats(found: Found, wrong: Wrong) -> tuple[int, int]:
    if "every" not in found:
        if "count" in found:
            raise wrong(f'"{found["count"][0]}" does not say how far apart. Add "every 24 h".')
        if "until" in found:
            raise wrong(
                f'"{found["until"][0]}" is unclear without "every". For the length of one dose write "over", '
                'for repeats "every 24 h for 10 doses".'
            )
        return 0, 1
    every = _time(found["every"], "every", wrong)
    if every == 0:
        raise wrong(f'"{found["every"][0]}" is an interval of zero length. It must be above 0.')
    if "count" in found and "until" in found:
        raise wrong(f'"{found["count"][0]}" and "{found["until"][0]}" both say how often. Keep one of them.')
    if "until" in found:
        count = -(-_time(found["until"], "for", wrong) // every)
    elif "count" in found:
        text = found["count"]["number"] or found["count"]["bare"]
        if not text.isdecimal():
            raise wrong(f'"{found["count"][0]}" is not a number of doses. It must be a whole number, at least 1.')
        count = int(text)
    else:
        raise wrong(f'"{found["every"][0]}" does not say how often. Add "for 10 doses" or "for 10 d".')
    if count < 1:
        clause = found["count"] if "count" in found else found["until"]
        raise wrong(f'"{clause[0]}" gives no dose at all. It must be at least 1.')
    return every, count


def _time(match: re.Match[str], name: str, wrong: Wrong) -> int:
    groups = match.groupdict()
    if rhythm := groups.get("rhythm"):
        return RHYTHMS[rhythm] * TICKS_PER_HOUR
    if one := groups.get("one"):
        return read_time(f"1 {one}")
    if name == "for" and match["unit"] is None:
        raise wrong(f'"{match[0]}" may mean doses or a time. Write it like "for 10 doses" or "for 10 d".')
    ticks = read_time(f"{match['number']} {_unit(match, wrong)}")
    if ticks < 0:
        raise wrong(f'"{match[0]}" is a negative time.')
    return ticks


def _unit(match: re.Match[str], wrong: Wrong) -> str:
    if match["unit"] is None:
        raise wrong(
            f'the number in "{match[0]}" has no unit. Write one like "10 mg", "0.5 mg/kg", "25 mg/h" for a '
            'dose, "40 min", "4 h" or "10 d" for a time.'
        )
    unit = re.sub(r"\s", "", re.sub(r"\s+per\s+", "/", match["unit"]))
    if not re.fullmatch(r"[a-zµμ]+(/(70)?[a-zµμ]+)*", unit):
        raise wrong(
            f'the unit "{match["unit"]}" in "{match[0]}" cannot be read. Write it like "mg/kg/h" or "mg/h/70kg".'
        )
    for word in re.findall(r"[a-zµμ]+", unit):
        if re.fullmatch(PIECES, word):
            raise wrong(f'"{match[0]}" does not say what is in one. Write it like "{match["number"]} {word} of 28 mg".')
        try:
            units.analyse(word)
        except UnitError as cause:
            raise wrong(f'"{word}" in "{match[0]}" is not a unit. {nearest(word, UNITS)}') from cause
    return unit


def write(regimen: Regimen) -> str:
    """The text of a regimen; parse(write(regimen)) == regimen, exactly.

    regimen : the regimen
    returns : such as "ketamine 0.5 mg/kg iv over 40 min"; the drug form comes first, "ketamine" alone being the base
              of the racemate; a step after "then" names form and route only where they change
    """
    chains: list[tuple[Dose, str]] = []
    for dose in regimen.doses:
        for index in reversed(range(len(chains))):
            last, text = chains[index]
            if last.span == dose.start > last.start:
                chains[index] = dose, f"{text} then {_step(dose, last)}"
                break
        else:
            chains.append((dose, _step(dose, None)))
    return " and ".join(text for _, text in chains) or NOTHING[0]


def number_text(number: float) -> str:
    """A number as short text that reads back as the same number.

    number  : any finite number
    returns : such as "0.35", "25" or "1e-07"
    """
    short = f"{number:.12g}"
    return short if float(short) == number else repr(number)


def time_text(ticks: int) -> str:
    """A time as text that reads back as the same ticks, in the unit a reader expects.

    ticks   : ticks, >= 0
    returns : such as "40 min", "82 h" or "10 d"; decimal seconds where nothing rounder is exact
    """
    whole_hours = ticks % TICKS_PER_HOUR == 0
    fitting = ["h", "min"] if whole_hours or ticks >= 2 * TICKS_PER_HOUR else ["min"]
    if ticks > 4 * _SIZES["d"] and ticks % _SIZES["d"] == 0:
        fitting.insert(0, "d")
    for unit in fitting:
        text = f"{ticks / _SIZES[unit]:.6g} {unit}"
        if (ticks == 0 or ticks >= _SIZES["min"]) and read_time(text) == ticks:
            return text
    seconds, rest = divmod(ticks, 1_000_000_000)
    return f"{seconds}.{rest:09d}".rstrip("0").rstrip(".") + " s"


def _step(dose: Dose, before: Dose | None) -> str:
    words = [number_text(dose.quantity), dose.unit]
    if before is None or (before.form, before.route) != (dose.form, dose.route):
        words = [str(dose.form), *words, dose.route]
    if dose.duration:
        words += ["over", time_text(dose.duration)]
    if dose.count > 1:
        words += ["every", time_text(dose.every), "for", str(dose.count), "doses"]
    if before is None and dose.start:
        words += ["starting at", time_text(dose.start)]
    cap = "" if dose.cap is None else f", at most {number_text(dose.cap)} {'mg' if dose.kind == 'amount' else 'mg/h'}"
    return " ".join(words) + cap
