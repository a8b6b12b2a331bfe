"""Patients chunk by chunk through every regimen, by whichever thread is free, and who was beyond which limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from pkpd import validity
from pkpd.company import note_of_some
from pkpd.dosing.regimen import Regimen
from pkpd.flags import Flag
from pkpd.individuals import Individuals
from pkpd.kernels import crew
from pkpd.kernels.counting import BLOCK
from pkpd.model.model import Model
from pkpd.population.people import Population
from pkpd.practice.practice import Practice
from pkpd.simulation import extremes, individuals, practised
from pkpd.solving import Tolerance
from pkpd.streaming.reading import Asked, Chunk

AT_ONCE = 6_000_000  # numbers that a thread solves at a time
MOST_AT_ONCE = 8192  # patients
DRAWN = 100  # columns of parameters that are in use at once beside the levels, in every occasion

Draw = Callable[[Model, str, int, int], Individuals]
Progress = Callable[[float], None]


class Arm(NamedTuple):
    """One regimen.

    model     : with its modifiers and effects
    asked     : of its patients
    kinds     : (quantities) of the bins they are counted in
    form      : drug form that is given, for patients with modifiers of their own
    occasions : how many, where kinetics change from one to the next; else 1
    """

    name: str
    regimen: Regimen
    model: Model
    asked: Asked
    kinds: tuple[int, ...]
    form: str
    occasions: int


class Piece(NamedTuple):
    """Some patients under one regimen, solved.

    hand  : the thread that solved them
    chunk : their number among the chunks
    first : the position of the first patient
    arm   : the regimen, by number
    """

    hand: int
    chunk: int
    first: int
    arm: int
    solved: Chunk


def drawing(subjects: Population | Mapping[str, Any]) -> Draw:
    """How patients are had by position: drawn when they are needed, or out of a table.

    returns : a function of model, drug form given, first position and the one after the last, as far as there are so
              many
    """
    if isinstance(subjects, Population):
        everybody, given = subjects, subjects.subjects

        def drawn(model: Model, form: str, first: int, last: int) -> Individuals:
            last = min(last, everybody.size)
            numbers = range(first, last) if given is None else given[first:last]
            return individuals(model, replace(everybody, size=last - first, subjects=numbers), form)

        return drawn
    table, held = subjects, dict[Model, Individuals]()

    def picked(model: Model, form: str, first: int, last: int) -> Individuals:
        if model not in held:
            held[model] = individuals(model, table)
        return held[model].only(np.arange(first, min(last, held[model].size)))

    return picked


def chunk_of(arms: Sequence[Arm]) -> int:
    """How many patients go through at a time."""
    numbers = max(max(len(arm.asked.outputs) * len(arm.asked.ticks), DRAWN * arm.occasions) for arm in arms)
    return min(MOST_AT_ONCE, max(1, AT_ONCE // numbers // BLOCK) * BLOCK)


class Passage:
    """Everybody through every regimen, a chunk at a time.

    draw      : patients of a model by position
    size      : how many patients
    chunk     : how many at a time, a multiple of BLOCK; no number depends on it
    threads   : at most; no number depends on it
    progress  : called with the share done, 0 to 1
    practice  : how far what patients get departs from the regimens; None for nothing
    """

    def __init__(
        self,
        arms: Sequence[Arm],
        draw: Draw,
        size: int,
        chunk: int,
        threads: int,
        tolerance: Tolerance | None,
        progress: Progress | None,
        practice: Practice | None = None,
    ) -> None:
        self._arms, self._draw, self._size, self._chunk = arms, draw, size, chunk
        self._tolerance, self._progress, self._practice = tolerance, progress, practice
        self.hands = min(threads, -(-size // chunk))
        self._lock = threading.Lock()
        self._taken, self._done, self._failed = 0, 0, False
        self._seen: list[list[validity.Seen]] = [[] for _ in arms]
        self._have: list[dict[str, tuple[int, Model]]] = [{} for _ in arms]

    def run(self, keep: Callable[[Piece], None]) -> None:
        """Solve everybody.

        keep : called with every piece, from any thread and in any order
        Raises SimulationError for a patient who cannot be integrated, or is beyond a hard limit.
        """

        def work(hand: int) -> None:
            try:
                while (chunk := self._take()) is not None:
                    self._solve(hand, chunk, keep)
            except BaseException:
                self._failed = True
                raise

        crew.share(work, self.hands)

    def _take(self) -> int | None:
        with self._lock:
            if self._failed or self._taken * self._chunk >= self._size:
                return None
            self._taken += 1
            return self._taken - 1

    def _solve(self, hand: int, chunk: int, keep: Callable[[Piece], None]) -> None:
        first = chunk * self._chunk
        last = min(first + self._chunk, self._size)
        people: dict[tuple[Model, str], Individuals] = {}
        for number, arm in enumerate(self._arms):
            which = arm.model, arm.form
            if which not in people:
                people[which] = self._draw(*which, first, last)
            own = people[which]
            validity.refuse(own, arm.regimen, f'regimen "{arm.name}"')
            given = practised(own, arm.regimen, self._practice)
            keep(Piece(hand, chunk, first, number, Chunk(arm.asked, own, given, self._tolerance)))
            self._look(number, own, given)

    def _look(self, number: int, people: Individuals, given: Regimen | Sequence[Regimen]) -> None:
        """Who is beyond which limit, and how far the work is.

        given : what the patients get
        """
        arm = self._arms[number]
        peaks = {}
        if limited := validity.followed(arm.model, arm.regimen):
            end, levels = int(arm.asked.ticks.max()), dict.fromkeys(limited, np.inf)
            found = extremes(people, given, end, levels, tolerance=self._tolerance, threads=1)
            peaks = {output: values[0] for output, values in found.items()}
        counted = validity.counted(people, arm.regimen, arm.name, peaks)
        with self._lock:
            known = self._seen[number]
            self._seen[number] = (
                [one.and_more(more) for one, more in zip(known, counted, strict=True)] if known else counted
            )
            for name, mask in people.beside.items():
                before = self._have[number].get(name, (0, None))[0]
                self._have[number][name] = before + int(mask.sum()), people.variants[name]
            self._done += people.size
            if self._progress is not None:
                self._progress(self._done / (self._size * len(self._arms)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the patients' own modifiers change, and in how many."""
        told = (note_of_some(have, self._size, model) for own in self._have for have, model in own.values())
        return tuple(dict.fromkeys(told))

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Limits that were passed."""
        return tuple(
            flag
            for arm, seen in zip(self._arms, self._seen, strict=True)
            for flag in validity.flags_of(seen, arm.model, arm.regimen, arm.name)
        )
