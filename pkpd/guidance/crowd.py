"""A population screened: how many the rules exclude, how many need caution, and what each rule removes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import SimulationError, UnknownName, unknown
from pkpd.guidance.screening import conditions_by_word
from pkpd.guidance.values import Condition
from pkpd.population.covariates import Choice, Share, plain
from pkpd.population.criteria import trait, traits
from pkpd.population.people import Population

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class RuleCount:
    """What one rule does in a population.

    condition    : as the guidelines name it, with its verdict and reasons
    named        : as the population names it
    mask         : (size) who has the condition
    alone        : how many have it
    in_order     : of them, those whom no rule before it caught; of a caution, those who are not excluded either
    source       : of the share in the population; "" where that is a column of a table
    how_known    : its mark
    """

    condition: Condition
    named: str
    mask: Mask
    alone: int
    in_order: int
    source: str
    how_known: str


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """What screening says of a population; everybody is in one of the three groups.

    size         : patients
    excluded     : (size) who has a condition that excludes
    caution      : (size) who has one that needs caution, and none that excludes
    rules        : those whose condition the population knows of, what excludes first
    not_known    : conditions the population says nothing of; nobody is taken to have them
    not_screened : traits of the population that no rule is about
    """

    size: int
    excluded: Mask
    caution: Mask
    rules: tuple[RuleCount, ...]
    not_known: tuple[str, ...]
    not_screened: tuple[str, ...]

    @property
    def eligible(self) -> Mask:
        """(size) who has no condition that is screened for."""
        return ~(self.excluded | self.caution)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many are "excluded", need "caution" and are "eligible"; they sum to the size."""
        named = {"excluded": self.excluded, "caution": self.caution, "eligible": self.eligible}
        return {verdict: int(np.count_nonzero(mask)) for verdict, mask in named.items()}

    @property
    def shares(self) -> Mapping[str, float]:
        """The same as fractions of the population."""
        return {verdict: count / self.size for verdict, count in self.counts.items()}

    def __str__(self) -> str:
        told = ", ".join(f"{verdict} {count:,} ({count / self.size:.1%})" for verdict, count in self.counts.items())
        known, asked = len(self.rules), len(self.rules) + len(self.not_known)
        lines = [f"{self.size:,} patients screened for {known} of {asked} conditions: {told}"]
        for rule in self.rules:
            origin = f" [{rule.how_known}: {rule.source}]" if rule.how_known else ""
            lines.append(
                f"  {rule.condition.name} ({rule.condition.verdict}): {rule.alone:,} ({rule.alone / self.size:.1%}), "
                f"of them {rule.in_order:,} ({rule.in_order / self.size:.1%}) by no rule before{origin}"
            )
        if self.not_known:
            lines.append(f"  Nothing is known of: {', '.join(self.not_known)}.")
        return "\n".join(lines)


def screen_population(population: Population, conditions: Iterable[str] | None = None) -> Crowd:
    """Screen every patient of a population by the rules of the guidelines. Nobody is dropped: everybody is counted.

    population : its traits are the conditions: a Share by the condition's name or one of its other words, a word of a
                 Choice before its name ("severe" of "hepatic disease"), or a column of 0 and 1 of its table
    conditions : only these rules; all unless given
    returns    : Crowd
    Raises UnknownName for a condition that is none, and for a trait of the population that is spelt almost like one;
    SimulationError for a condition that the population has under two names.
    """
    known = conditions_by_word()
    wanted = _wanted(known, conditions)
    named: dict[str, str] = {}
    others = []
    for one in traits(population):
        condition = known.get(plain(one))
        if condition is None:
            _refuse_misspelt(population, one, known)
            others.append(one)
        elif condition.name in named:
            raise SimulationError(
                f"screening: the population has {condition.name} under two names, {named[condition.name]} and {one}. "
                "Leave one out."
            )
        else:
            named[condition.name] = one
    ordered = sorted(wanted, key=lambda condition: condition.verdict != "excluded")
    caught, excluded = np.zeros(population.size, bool), np.zeros(population.size, bool)
    rules = []
    for condition in ordered:
        if condition.name not in named:
            continue
        mask = trait(population, named[condition.name])
        assert mask is not None
        newly = int(np.count_nonzero(mask & ~caught))
        caught |= mask
        if condition.verdict == "excluded":
            excluded |= mask
        origin = _origin(population, named[condition.name])
        rules.append(RuleCount(condition, named[condition.name], mask, int(np.count_nonzero(mask)), newly, *origin))
    missing = tuple(condition.name for condition in ordered if condition.name not in named)
    return Crowd(population.size, excluded, caught & ~excluded, tuple(rules), missing, tuple(others))


def _wanted(known: Mapping[str, Condition], conditions: Iterable[str] | None) -> list[Condition]:
    """The conditions to screen for, each once."""
    if conditions is None:
        return list(dict.fromkeys(known.values()))
    if isinstance(conditions, str):
        raise SimulationError(f'screening: give a list of conditions, such as ["{conditions}"].')
    found: list[Condition] = []
    for given in conditions:
        if plain(str(given)) not in known:
            raise unknown("screening", "condition", str(given), known)
        if known[plain(str(given))] not in found:
            found.append(known[plain(str(given))])
    return found


def _refuse_misspelt(population: Population, name: str, known: Mapping[str, Condition]) -> None:
    """Refuse a trait that is no condition and spelt almost like one, of those a population has by name."""
    if name not in population.known:
        return
    meant = difflib.get_close_matches(plain(name), list(known), n=1, cutoff=0.85)
    if meant:
        raise UnknownName(
            f'screening: the population has a trait "{name}", which is no condition that is screened for. '
            f'Did you mean "{meant[0]}"?'
        )


def _origin(population: Population, name: str) -> tuple[str, str]:
    """Source and mark of the share of those who have a trait."""
    for known, given in population.covariates.items():
        if isinstance(given, Share) and plain(known) == plain(name):
            return given.source, given.mark
        if isinstance(given, Choice) and plain(name) in (f"{plain(word)} {plain(known)}" for word in given.words):
            return given.source, given.mark
    return "", ""
