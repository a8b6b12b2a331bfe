"""What each of many subjects was given: regimens, in parts whose subjects differ in amounts alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.regimen import Dose, DrugForm, Regimen
from pkpd.times import to_hours

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Prescribed:
    """What was prescribed to those who were given a part of it, or at other times.

    regimen : as prescribed
    planned : (sessions) ticks at which the sessions that were given should have begun, ascending
    given   : (sessions) ticks at which they began, ascending
    """

    regimen: Regimen
    planned: Integers
    given: Integers

    def plan_of(self, start: int) -> int:
        """When what was given at a time should have been given, ticks."""
        session = int(np.searchsorted(self.given, start, side="right")) - 1
        return start - int(self.given[session] - self.planned[session])


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Subjects given the same at the same times, but for the amounts.

    regimen    : of all of them; where there are `quantities`, with those of the first
    who        : (some) their positions, ascending
    quantities : (doses, some) each subject's own quantity of each dose of `regimen`, in the unit of that dose; None
                 where all have that of the regimen
    prescribed : where that is something else than the regimen, but for amounts
    """

    regimen: Regimen
    who: Integers
    quantities: Floats | None = None
    prescribed: Prescribed | None = None

    def only(self, which: Integers) -> Part:
        """Some of these subjects.

        which : their places among them
        """
        own = None if self.quantities is None else self.quantities[:, which]
        return replace(self, who=self.who[which], quantities=own)

    def mass(self, number: int, weight: Floats) -> Floats:
        """Mass of base of one administration, (some) mg.

        number : of the dose in the regimen
        weight : (some) kg, > 0
        """
        dose = self.regimen.doses[number]
        if self.quantities is None:
            return dose.base_amount(weight)
        given = self.quantities[number] * (weight / dose.per if dose.per else np.ones_like(weight))
        if dose.cap is not None:
            given = np.minimum(given, dose.cap)
        return np.asarray((given * to_hours(dose.duration) if dose.kind == "rate" else given) * dose.form.base_fraction)

    def same(self) -> list[list[int]]:
        """Numbers of the doses, those together that differ in their times alone: what they give is worked out once."""
        found: dict[tuple[Any, ...], list[int]] = {}
        for number, dose in enumerate(self.regimen.doses):
            own = None if self.quantities is None else self.quantities[number].tobytes()
            what = (dose.quantity, dose.kind, dose.per, dose.duration, dose.cap, dose.route, dose.form, own)
            found.setdefault(what, []).append(number)
        return list(found.values())

    def of(self, place: int) -> Regimen:
        """The regimen of one of these subjects, by his place among them."""
        if self.quantities is None:
            return self.regimen
        own = self.quantities[:, place].tolist()
        doses = zip(self.regimen.doses, own, strict=True)
        return Regimen(tuple(replace(dose, quantity=quantity) for dose, quantity in doses))


@dataclass(frozen=True, slots=True, eq=False)
class Received(Sequence[Regimen]):
    """One regimen for each subject, by position; made only when one is asked for.

    parts : each subject stands in exactly one
    size  : number of subjects
    """

    parts: tuple[Part, ...]
    size: int

    @classmethod
    def of(cls, regimens: Sequence[Regimen]) -> Received:
        """The same of regimens one by one: those that differ in quantities alone share a part.

        regimens : (subjects)
        """
        if isinstance(regimens, Received):
            return regimens
        alike: dict[Regimen, list[int]] = {}
        for number, regimen in enumerate(regimens):
            alike.setdefault(regimen, []).append(number)
        shapes: dict[tuple[Any, ...], list[Regimen]] = {}
        for regimen in alike:
            shapes.setdefault(tuple(map(_shape, regimen.doses)), []).append(regimen)
        parts = []
        for same in shapes.values():
            who = np.concatenate([np.array(alike[regimen], np.int64) for regimen in same])
            order = np.argsort(who)
            if len(same) == 1:
                parts.append(Part(same[0], who))
                continue
            own = [
                np.repeat(np.array([[dose.quantity] for dose in one.doses]), len(alike[one]), axis=1) for one in same
            ]
            parts.append(Part(same[0], who[order], np.concatenate(own, axis=1)[:, order]))
        return cls(tuple(parts), len(regimens))

    @classmethod
    def all(cls, regimen: Regimen, size: int) -> Received:
        """The same regimen for every subject."""
        return cls((Part(regimen, np.arange(size)),), size)

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, position: int) -> Regimen: ...
    @overload
    def __getitem__(self, position: slice) -> list[Regimen]: ...
    def __getitem__(self, position: int | slice) -> Regimen | list[Regimen]:
        if isinstance(position, slice):
            return list(self)[position]
        wanted = range(self.size)[position]
        for part in self.parts:
            place = int(np.searchsorted(part.who, wanted))
            if place < len(part.who) and part.who[place] == wanted:
                return part.of(place)
        raise IndexError(position)

    def __iter__(self) -> Iterator[Regimen]:
        own: list[Regimen] = [Regimen()] * self.size
        for part in self.parts:
            for place, position in enumerate(part.who.tolist()):
                own[position] = part.of(place)
        return iter(own)

    def only(self, kept: Integers) -> Received:
        """Of some subjects.

        kept : their positions, in the order they are wanted
        """
        place = np.full(self.size, -1)
        place[kept] = np.arange(len(kept))
        parts = []
        for part in self.parts:
            now = place[part.who]
            which = np.flatnonzero(now >= 0)
            if len(which):
                which = which[np.argsort(now[which])]
                parts.append(replace(part.only(which), who=now[which]))
        return Received(tuple(parts), len(kept))

    def masses(self, weight: Floats) -> Iterator[tuple[DrugForm, Integers, Floats]]:
        """Of every dose of every part what it is, the positions of its subjects, and mg of base given to each in all.

        weight : (subjects) kg
        """
        for part in self.parts:
            own = weight[part.who]
            for numbers in part.same():
                count = sum(part.regimen.doses[number].count for number in numbers)
                yield part.regimen.doses[numbers[0]].form, part.who, count * part.mass(numbers[0], own)

    def cumulative_amount(self, weight: Floats) -> Floats:
        """Mass of base given in all, (subjects) mg.

        weight : (subjects) kg
        """
        total = np.zeros(self.size)
        for _, who, amount in self.masses(weight):
            total[who] += amount
        return total


def _shape(dose: Dose) -> tuple[Any, ...]:
    """All of a dose but its quantity."""
    when = (dose.start, dose.duration, dose.every, dose.count)
    return (*when, dose.kind, dose.per, dose.route, dose.form, dose.cap)
