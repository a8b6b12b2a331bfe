"""The records of one occasion as exact events: segments of constant input, actions, and where each record is read.

Two sets of rules. "nonmem": records count in the order of the file; a delayed or additional dose arrives before any
later record of its time; the parameters of a record hold over the interval that ends there. "default": all that happens
at one time happens before any record of that time is read, in a fixed order of kinds; parameters are functions of
time, each value holding until the next. `docs/events.md` has them all.
"""

from __future__ import annotations

import heapq
import warnings
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

from pkpd.actions import ADD, MULTIPLY, OFF, ON, REPLACE, RESET
from pkpd.dosing.records import Mode, Record
from pkpd.times import to_hours, to_ticks

# More doses before the last record, or infusions at the same time, are a slip of the pen and no regimen.
MOST_DOSES = 100_000
MOST_AT_ONCE = 1_000


class Way(NamedTuple):
    """How a dose, or a part of it, gets into one state, with the parameters of one moment."""

    state: int
    part: float  # of the amount, before bioavailability
    bioavailability: float
    lag: int  # ticks
    rate: float | None  # mg/h, where the model gives one
    duration: int | None  # ticks, where the model gives one
    always: bool  # whether every dose takes that rate or duration, and not only one that asks for it


class Repeated(NamedTuple):
    """A steady state to be found: doses that have been repeated for ever, as they stand at one moment."""

    regime: int  # whose parameters
    interval: int  # ticks; 0 for infusions without end
    pulses: tuple[tuple[int, int, int, int], ...]  # offset and duration (ticks), state, row of amounts
    off: tuple[int, ...]  # states that are switched off
    into: int  # row of amounts that takes the first state's amount; the others follow
    superposed: bool  # whether it comes on top of what is there
    row: int  # of the record, for errors


class Timeline(NamedTuple):
    """One occasion; occasions that are equal but for their amounts can be computed together."""

    breaks: tuple[int, ...]  # ticks from the first record at which each segment starts
    rate: tuple[tuple[int, ...], ...]  # (segments, states) row of amounts, mg/h; -1 for none
    actions: tuple[tuple[int, int, int, int], ...]  # segment, kind, state, row of amounts
    times: tuple[int, ...]  # of each record, ticks from the first
    segments: tuple[int, ...]  # in which each record is read
    regime: tuple[int, ...]  # (segments)
    steady: tuple[Repeated, ...]
    amounts: tuple[float, ...]  # rows; 0 where a steady state is still to be found


Ways = Callable[[Record, int], Sequence[Way]]


class _Arrival(NamedTuple):
    tick: int
    order: int
    state: int
    row: int
    duration: int
    record: Record


def timeline(records: Sequence[Record], regimes: Sequence[int], states: int, ways: Ways, mode: Mode) -> Timeline:
    """The events of one occasion.

    records : in the order of the file, times never falling; only the first may be a reset
    regimes : per record, the number of the set of parameters it carries
    states  : how many the model has
    ways    : (dose, regime) -> how it gets into the model; raises for a dose that cannot
    mode    : which rules
    Raises DatasetError for a negative bioavailability or lag, or a modelled rate or duration the model has not.
    """
    builder = _Builder(records, regimes, states, ways, mode)
    if mode == "nonmem":
        for number, record in enumerate(records):
            builder.under(regimes[number])
            builder.advance(builder.time(record))
            builder.happen(record, regimes[number])
            builder.advance(builder.now)
            builder.read(number)
    else:
        for _, together in groupby(range(len(records)), key=lambda number: records[number].time):
            builder.together(list(together))
    return builder.made()


def _order(record: Record) -> tuple[object, ...]:
    """Doses of one time in an order that does not depend on the file, so that swapping them changes no bit."""
    size = (record.amount, record.rate or 0.0, record.duration or 0, record.modelled or "")
    return (str(record.compartment), str(record.route), str(record.form), record.steady or "", *size, record.interval)


class _Builder:
    """The events so far, doses still to arrive and infusions that run."""

    def __init__(self, records: Sequence[Record], regimes: Sequence[int], states: int, ways: Ways, mode: Mode) -> None:
        self.records, self.regimes, self.states, self.ways, self.mode = records, regimes, states, ways, mode
        self.start, self.last = records[0].time, records[-1].time - records[0].time
        self.starts = [record.time for record in records]
        self.now = 0
        self.amounts: list[float] = []
        self.breaks = [0]
        self.regime = [regimes[0]]
        self.rate: list[tuple[int, ...]] = [()]
        self.actions: list[tuple[int, int, int, int]] = []
        self.was_read = False  # in the segment that is open
        self.segments = [0] * len(records)
        self.steady: list[Repeated] = []
        self.pending: list[_Arrival] = []
        self.expected = 0  # arrivals so far; those of one time come in this order
        self.running: list[tuple[int, int, int]] = []  # end, state, row
        self.sums: dict[tuple[int, ...], int] = {}
        self.off: set[int] = set()

    def time(self, record: Record) -> int:
        """Ticks from the first record."""
        return record.time - self.start

    # Segments

    def at(self, tick: int, regime: int | None = None) -> int:
        """The segment that begins at a tick under a regime, with nothing read in it yet; opened where there is none."""
        wanted = self.regime[-1] if regime is None else regime
        if self.breaks[-1] == tick and not self.was_read:
            self.regime[-1] = wanted
        else:
            self._close()
            self.breaks.append(tick)
            self.regime.append(wanted)
            self.rate.append(())
            self.was_read = False
        return len(self.breaks) - 1

    def _close(self) -> None:
        rows = [-1] * self.states
        for state in {state for _, state, _ in self.running}:
            active = tuple(sorted(row for _, into, row in self.running if into == state))
            if active not in self.sums:
                together = sum(self.amounts[row] for row in active)
                self.sums[active] = active[0] if len(active) == 1 else self.row(together)
            rows[state] = self.sums[active]
        self.rate[-1] = tuple(rows)

    def row(self, amount: float) -> int:
        """A new row of amounts."""
        self.amounts.append(amount)
        return len(self.amounts) - 1

    def under(self, regime: int) -> None:
        """Go on from now under other parameters."""
        if regime != self.regime[-1]:
            self.at(self.now, regime)

    def act(self, kind: int, state: int = 0, row: int = 0) -> None:
        """One action now."""
        self.actions.append((self.at(self.now), kind, state, row))

    def read(self, number: int) -> None:
        """The record is read here."""
        self.segments[number] = len(self.breaks) - 1
        self.was_read = True

    def made(self) -> Timeline:
        """The finished events."""
        self._close()
        if not self.amounts:
            self.row(0.0)
        times = tuple(self.time(record) for record in self.records)
        return Timeline(
            tuple(self.breaks),
            tuple(self.rate),
            tuple(self.actions),
            times,
            tuple(self.segments),
            tuple(self.regime),
            tuple(self.steady),
            tuple(self.amounts),
        )

    # Time

    def advance(self, to: int) -> None:
        """Let everything arrive and end that is due by a tick; ends come before starts."""
        while True:
            end = min((end for end, _, _ in self.running), default=to + 1)
            arrival = self.pending[0].tick if self.pending else to + 1
            if min(end, arrival) > to:
                break
            self.now = max(self.now, min(end, arrival))
            if end <= arrival:
                self.at(self.now)
                self.running = [one for one in self.running if one[0] != end]
            else:
                self._arrive(heapq.heappop(self.pending))
        self.now = max(self.now, to)

    def _arrive(self, arrival: _Arrival) -> None:
        if arrival.state in self.off:
            self.off.discard(arrival.state)
            self.act(ON, arrival.state)
        if arrival.duration:
            self._run(arrival, self.now + arrival.duration)
        else:
            self.act(ADD, arrival.state, arrival.row)

    def _run(self, arrival: _Arrival, end: int) -> None:
        self.at(self.now)
        self.running.append((end, arrival.state, arrival.row))
        if len(self.running) > MOST_AT_ONCE:
            raise arrival.record.error(
                "II", f"more than {MOST_AT_ONCE:,} infusions run at once. Give a longer interval, or one infusion."
            )

    # What records do

    def together(self, numbers: list[int]) -> None:
        """All records of one time, by the default rules."""
        records = [self.records[number] for number in numbers]
        tick, regime = self.time(records[0]), self.regimes[numbers[-1]]
        self.advance(tick - 1)
        self.now = tick
        self.under(regime)
        doses = sorted((record for record in records if record.gives), key=_order)
        for kind in ("off", "on"):
            for record in records:
                if record.kind == kind:
                    self.happen(record, regime)
        if any(record.steady == "reset" for record in doses):
            self._clear()
        for kind in ("replace", "multiply"):
            for record in records:
                if record.kind == kind:
                    self.happen(record, regime)
        for record in doses:
            self._dose(record, regime)
        self.advance(tick)
        for number in numbers:
            self.read(number)

    def happen(self, record: Record, regime: int) -> None:
        """What one record does at its place."""
        if record.gives:
            if record.steady == "reset":
                self._clear()
            self._dose(record, regime)
        elif record.kind in ("replace", "multiply", "off", "on"):
            ((state, *_),) = self.ways(record, regime)
            if record.kind in ("replace", "multiply"):
                self.act(REPLACE if record.kind == "replace" else MULTIPLY, state, self.row(record.amount))
            elif record.kind == "off" and state not in self.off:
                self.off.add(state)
                self.act(OFF, state)
            elif record.kind == "on" and state in self.off:
                self.off.discard(state)
                self.act(ON, state)

    def _clear(self) -> None:
        """A steady state begins: amounts, running infusions and doses to come are gone; what is off stays off."""
        self.running.clear()
        self.pending.clear()
        self.act(RESET)
        for state in sorted(self.off):
            self.act(OFF, state)

    def _dose(self, record: Record, regime: int) -> None:
        if record.kind == "phantom":
            return
        if record.steady is not None:
            self._repeat(record, regime)
            if record.constant:
                return
        later = 0 if record.interval == 0 else min(record.additional, (self.last - self.now) // record.interval)
        if later > MOST_DOSES:
            raise record.error("ADDL", f"{later:,} doses before the last record. At most {MOST_DOSES:,} are taken.")
        given: dict[int, list[tuple[int, _Arrival]]] = {}
        for number in range(later + 1):
            tick = self.now + number * record.interval
            own = regime if self.mode == "nonmem" or number == 0 else self._regime_at(tick)
            if own not in given:
                given[own] = [(way.lag, self._arrival(record, way)) for way in self._ways(record, own)]
            for lag, arrival in given[own]:
                self._expect(arrival, tick + lag)

    def _regime_at(self, tick: int) -> int:
        return self.regimes[bisect_right(self.starts, tick + self.start) - 1]

    def _expect(self, arrival: _Arrival, tick: int) -> None:
        if tick <= self.last:
            heapq.heappush(self.pending, arrival._replace(tick=tick, order=self.expected))
            self.expected += 1

    def _ways(self, record: Record, regime: int) -> Sequence[Way]:
        found = self.ways(record, regime)
        for way in found:
            if not 0.0 <= way.bioavailability < float("inf"):
                raise record.error("AMT", f"its bioavailability is {way.bioavailability:g}. It is a number from 0 on.")
            if way.lag < 0:
                raise record.error("AMT", f"its lag is {to_hours(way.lag):g} h. It is 0 or more.")
        return found

    def _arrival(self, record: Record, way: Way) -> _Arrival:
        """What arrives of a dose by one way: an amount at once, or a rate for some time."""
        rate, hours = self._infused(record, way)
        duration = to_ticks(hours)
        if duration == 0:
            rate = record.amount * way.part * way.bioavailability
        return _Arrival(0, 0, way.state, self.row(rate), duration, record)

    def _infused(self, record: Record, way: Way) -> tuple[float, float]:
        """Rate (mg/h) and duration (h) of what arrives; 0 h for a bolus. A constant infusion has no end and 0 h."""
        amount, share = record.amount * way.part, way.bioavailability
        modelled = record.modelled
        if way.always and modelled is None:
            if record.rate is not None or record.duration is not None:
                raise record.error("RATE", "the model itself says how long doses by this route take. Leave it 0.")
            modelled = "rate" if way.rate is not None else "duration"
        if modelled == "rate":
            if way.rate is None:
                raise record.error("RATE", "-1, but the model has no rate for this route. Give RATE or DUR.")
            if not way.rate > 0.0:
                raise record.error("RATE", f"-1, and the model's rate is {way.rate:g} mg/h. It must be above 0.")
            return way.rate * way.part, amount * share / (way.rate * way.part)
        if modelled == "duration":
            if way.duration is None:
                raise record.error("RATE", "-2, but the model has no duration for this route. Give RATE or DUR.")
            if way.duration <= 0:
                warnings.warn(f"row {record.row}: a modelled duration of 0; given as a bolus.", stacklevel=6)
                return 0.0, 0.0
            hours = to_hours(way.duration)
            return amount * share / hours, hours
        if record.rate is not None:
            rate = record.rate * way.part
            return (rate, amount * share / rate) if self.mode == "nonmem" else (rate * share, amount / rate)
        if record.duration is not None:
            hours = to_hours(record.duration)
            return amount * share / hours, hours
        return 0.0, 0.0

    def _repeat(self, record: Record, regime: int) -> None:
        """Put the steady state of a dose on top of what is there, with what of its past is still to arrive or end."""
        pulses = []
        interval = record.interval
        for way in self._ways(record, regime):
            if way.state in self.off:
                self.off.discard(way.state)
                self.act(ON, way.state)
            if record.constant:
                pulses.append((0, 0, way.state, self.row(self._infused(record, way)[0])))
                continue
            arrival = self._arrival(record, way)
            cycles, phase = divmod(way.lag, interval)
            if cycles > MOST_DOSES:
                raise record.error("II", f"{cycles:,} doses under way, because of the lag. Give a longer interval.")
            if cycles:
                warnings.warn(
                    f"row {record.row}: the lag of {to_hours(way.lag):g} h is not below the interval of "
                    f"{to_hours(interval):g} h; the doses under way at the record are given as they arrive.",
                    stacklevel=5,
                )
            pulses.append((phase, arrival.duration, way.state, arrival.row))
            begun = phase - interval
            while begun + arrival.duration > 0:
                self._run(arrival, self.now + begun + arrival.duration)
                begun -= interval
            for number in range(cycles):
                self._expect(arrival, self.now + phase + number * interval)
        into = len(self.amounts)
        self.amounts += [0.0] * self.states
        superposed = record.steady == "superposed"
        self.steady.append(
            Repeated(regime, interval, tuple(pulses), tuple(sorted(self.off)), into, superposed, record.row)
        )
        for state in range(self.states):
            self.act(ADD, state, into + state)
