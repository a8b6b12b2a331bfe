"""From what is planned to what each patient is given: sessions missed, moved and cut short, amounts as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.received import Part, Prescribed
from pkpd.dosing.regimen import Dose, Kind, Regimen
from pkpd.dosing.sessions import Session, sessions
from pkpd.practice.adherence import NEVER, DropOut, Late, Missed

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_NOT: Final = NEVER  # in the place of a shift: the session is not given


class Attended(NamedTuple):
    """The sessions of a regimen, and what becomes of them in some patients."""

    sessions: tuple[Session, ...]
    missed: Flags  # (sessions, patients)
    gone: Flags  # (sessions, patients) not given, because the patient had dropped out
    cut: Flags  # (sessions, patients) begun, and stopped by the drop-out
    shift: Integers  # (sessions, patients) ticks later than planned; below 0 where earlier; 0 where not given
    until: Integers  # (patients) ticks at which they dropped out; NEVER where they did not

    @property
    def given(self) -> Flags:
        """(sessions, patients) whether a session was begun."""
        return ~(self.missed | self.gone)

    def since(self, start: int) -> Attended:
        """The same without the sessions planned before a time.

        start : ticks
        """
        before = np.array([session.start < start for session in self.sessions], bool)[:, None]
        if not before.any():
            return self
        return self._replace(missed=self.missed | before, shift=np.where(before, 0, self.shift))

    @property
    def dropped(self) -> Flags:
        """(patients) whether dropping out cost any treatment."""
        return np.asarray((self.gone | self.cut).any(axis=0))


def attend(
    regimen: Regimen, missed: Missed | None, late: Late | None, drop_out: DropOut | None, seed: int, patients: Integers
) -> Attended:
    """What becomes of every session in every patient.

    seed, patients : address of the draws; (patients) numbers
    """
    planned = sessions(regimen)
    shape = (len(planned), len(patients))
    absent = np.zeros(shape, bool) if missed is None else missed.draw(seed, patients, len(planned))
    shift = np.zeros(shape, np.int64) if late is None else late.draw(seed, patients, len(planned))
    ended = np.full(len(patients), -1, np.int64)  # end of the session given last
    gap = 0 if late is None else late.whole_step
    for number, session in enumerate(planned) if late is not None else ():
        earliest = np.where(ended < 0, 0, ended + gap) - session.start
        shift[number] = np.where(absent[number], 0, np.maximum(shift[number], earliest))
        ended = np.where(absent[number], ended, session.end + shift[number])
    starts = np.array([session.start for session in planned], np.int64)[:, None] + shift
    ends = np.array([session.end for session in planned], np.int64)[:, None] + shift
    until = np.full(len(patients), NEVER)
    gone = np.zeros(shape, bool)
    if drop_out is not None:
        gone, until = _leaving(drop_out, planned, np.where(absent, -1, ends), starts, seed, patients)
    cut = ~absent & ~gone & (ends > until)
    return Attended(planned, absent, gone, cut, np.where(absent | gone, 0, shift), until)


def _leaving(
    drop_out: DropOut, planned: tuple[Session, ...], ends: Integers, starts: Integers, seed: int, patients: Integers
) -> tuple[Flags, Integers]:
    """Which sessions come after each patient's drop-out, and when that is, ticks.

    ends   : (sessions, patients) ticks, -1 where missed
    starts : (sessions, patients) ticks
    """
    times = drop_out.times(seed, patients)
    if times is not None:
        first = planned[0].start if planned else 0
        until = np.where(times == NEVER, NEVER, first + np.minimum(times, NEVER - first))
        return starts >= until, until
    kept = drop_out.kept(seed, patients)
    assert kept is not None
    gone = np.arange(len(planned))[:, None] >= kept
    until = np.full(len(patients), NEVER)
    for who in np.flatnonzero(gone.any(axis=0)):
        until[who] = max(planned[kept[who]].start, int(ends[: kept[who], who].max()))
    return gone, until


class Amounts(NamedTuple):
    """Every patient's own amounts of a regimen's doses."""

    kinds: tuple[Kind, ...]  # of each dose
    quantities: Floats  # (doses, patients) mg or mg/h, as the kind says


def parts(regimen: Regimen, attended: Attended, amounts: Amounts | None) -> tuple[Part, ...]:
    """Patients sorted by what was given to them and when.

    amounts : None where everybody has the amounts of the regimen
    """
    begun = attended.given
    rows = np.where(begun, attended.shift, _NOT)
    stops = np.where(attended.cut.any(axis=0), attended.until, _NOT)
    patterns, which = _alike(np.concatenate([rows, stops[None]]))
    made = []
    for pattern, who in zip(patterns, which, strict=True):
        shifts, stop = pattern[:-1].tolist(), int(pattern[-1])
        if amounts is None and stop == _NOT and not any(shifts):
            made.append(Part(regimen, who))
        else:
            made.append(_part(regimen, attended.sessions, shifts, stop, amounts, who))
    return tuple(made)


def _alike(table: Integers) -> tuple[Integers, list[Integers]]:
    """Columns that differ, and the places where each stands, ascending.

    Row by row, a number for what the rows so far have in common: sorting whole columns takes five times as long.
    """
    which = np.zeros(table.shape[1], np.int64)
    for row in table:
        if (row != row[0]).any():
            values, own = np.unique(row, return_inverse=True)
            _, which = np.unique(which * len(values) + own, return_inverse=True)
    order = np.argsort(which, kind="stable")
    places = np.split(order, np.flatnonzero(np.diff(which[order])) + 1)
    return table[:, [place[0] for place in places]].T, places


def _part(
    regimen: Regimen,
    planned: Sequence[Session],
    shifts: Sequence[int],
    stop: int,
    amounts: Amounts | None,
    who: Integers,
) -> Part:
    made: list[tuple[Dose, int, float]] = []  # what is given, of which dose, and how much of its quantity
    for number, dose in enumerate(regimen.doses):
        template = (
            dose if amounts is None else _own(dose, amounts.kinds[number], float(amounts.quantities[number, who[0]]))
        )
        for start, count, duration in _runs(number, dose, planned, shifts, stop):
            share = duration / dose.duration if dose.duration and template.kind == "amount" else 1.0
            one = replace(template, start=start, count=count, duration=duration)
            if share != 1.0:
                one = replace(one, quantity=one.quantity * share, cap=None if one.cap is None else one.cap * share)
            made.append((one, number, share))
    given = Regimen(tuple(dose for dose, _, _ in made))
    kept = [(session.start, shift) for session, shift in zip(planned, shifts, strict=True) if shift != _NOT]
    starts, by = np.array(kept, np.int64).reshape(-1, 2).T
    prescribed = Prescribed(regimen, starts, starts + by)
    if amounts is None:
        return Part(given, who, prescribed=prescribed)
    of = {id(dose): (number, share) for dose, number, share in made}
    own = [amounts.quantities[of[id(dose)][0], who] * of[id(dose)][1] for dose in given.doses]
    return Part(given, who, np.array(own).reshape(len(own), len(who)), prescribed)


def _own(dose: Dose, kind: Kind, quantity: float) -> Dose:
    """A dose of somebody's own quantity, whatever the weight."""
    return replace(dose, kind=kind, quantity=quantity, per=0.0, cap=None)


def _runs(
    number: int, dose: Dose, planned: Sequence[Session], shifts: Sequence[int], stop: int
) -> list[tuple[int, int, int]]:
    """Administrations of one dose that were given: start, how many at its interval, and how long each took, ticks."""
    runs: list[tuple[int, int, int]] = []
    before = -1  # administration given last of all in the run
    moved = 0
    for session, shift in zip(planned, shifts, strict=True):
        for one in session.given if shift != _NOT else ():
            if one.dose != number or one.start + shift >= stop:
                continue
            duration = min(one.end + shift, stop) - (one.start + shift)
            if runs and one.which == before + 1 and shift == moved and duration == runs[-1][2]:
                runs[-1] = (runs[-1][0], runs[-1][1] + 1, duration)
            else:
                runs.append((one.start + shift, 1, duration))
            before, moved = one.which, shift
    return runs
