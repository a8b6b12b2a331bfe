"""Who the virtual patients are: how many, under which seed, and their covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import PkpdError, SimulationError, unknown
from pkpd.population import lowdiscrepancy, streams
from pkpd.population.copula import Copula, copula
from pkpd.population.covariates import Choice, canonical, constant, impossible, plain, unit_of
from pkpd.population.covariates import Given as Given
from pkpd.population.covariates import Share as Share
from pkpd.population.covariates import Spread as Spread
from pkpd.population.dimensions import dimensions
from pkpd.population.lowdiscrepancy import PATIENTS
from pkpd.population.occasions import read_occasions
from pkpd.population.sobol import DIMENSIONS
from pkpd.population.table import Table
from pkpd.units import Dimension, parse

Floats = NDArray[np.float64]

PLAIN = "plain"
DRAWS = (PLAIN, "low-discrepancy")


# The patients of the CRPS trial: weight 79 kg, SD 19, age 46 years, SD 12 (Otto 2021 table 2, on Sigtermans 2009).
CRPS_WEIGHT = Spread(
    79.0,
    19.0,
    "log-normal",
    40.0,
    150.0,
    "Otto 2021, Eur J Clin Pharmacol 77:1181, table 2 (CRPS trial population)",
    "secondary",
)

_END = 2.0**-53  # uniform numbers of a copula keep this far from 0 and 1


def _whole(number: object, least: int) -> bool:
    """Whether it is a whole number of at least so much, and not True or False."""
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool) and int(number) >= least


def _all_whole(numbers: Sequence[int] | NDArray[np.int64]) -> bool:
    """Whether all are whole numbers from 0 on."""
    if isinstance(numbers, range):  # told by its ends, however long it is
        return min(numbers[0], numbers[-1]) >= 0
    if isinstance(numbers, np.ndarray):
        return bool(numbers.dtype.kind in "iu" and numbers.ndim == 1 and (numbers >= 0).all())
    return all(_whole(number, 0) for number in numbers)


@dataclass(frozen=True, slots=True)
class Population:
    """Virtual patients, by number. Patient 7 of one population is patient 7 of every other of the same seed.

    size       : how many
    seed       : 0 to 2^64 - 1
    weight     : Spread of body weight, kg; or one weight for all, as text ("70 kg")
    covariates : further covariates, name -> text with its unit ("70 year") or number, the same for everybody; Share(p)
                 of those who have a trait; Choice of words; or Spread. What it does not name is not known of anybody
    subjects   : the patients' numbers, such as range(500, 1000); 0 ... size - 1 unless given
    varied     : False switches off every spread but that of the covariates: typical people
    correlations : (covariate, covariate) -> Spearman's rank correlation of covariates that vary; a Gaussian copula,
                 which leaves each one's own distribution as it is. Of a Share or Choice that of the hidden score it
                 cuts; the order of the words of a Choice counts
    table      : people of whom whole rows are drawn, with replacement
    modifiers  : modifier or its name -> who has it: a share, 0 to 1, drawn of its own; or a criterion on the
                 covariates, such as "sex is female"
    draws      : "plain", or "low-discrepancy": random numbers that spread the patients evenly over all that varies, so
                 that a thousand stand for some four thousand or more; or the variables that are spread together, most
                 important first, for models of one's own: ("covariate weight", "my-model.CL", "my-effect.C50")
    occasions  : when an occasion begins, between which kinetics change where the model says so: "12 h" without drug
                 before a dose, "every dose", "one" for everything that is given, or their starts (["0 h", "7 d"]).
                 What is prescribed tells them apart, so that a session has the same kinetics whoever missed one before
    """

    size: int = 1000
    seed: int = 1
    weight: Spread | str = CRPS_WEIGHT
    covariates: Mapping[str, Given] = field(default_factory=dict)
    subjects: Sequence[int] | NDArray[np.int64] | None = None
    varied: bool = True
    correlations: Mapping[tuple[str, str], float] = field(default_factory=dict)
    table: Table | None = None
    modifiers: Mapping[Any, Share | float | str] = field(default_factory=dict)
    draws: str | Sequence[str] = PLAIN
    occasions: str | Sequence[str] = "12 h"
    _copula: Copula = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _whole(self.size, 1):
            raise SimulationError(f"population: size {self.size} is not a whole number from 1 on.")
        if not _whole(self.seed, 0) or self.seed >= 2**64:
            raise SimulationError(f"population: seed {self.seed} is not a whole number from 0 to 2^64 - 1.")
        if self.subjects is not None and not isinstance(self.subjects, (Sequence, np.ndarray)):
            raise SimulationError(
                f"population: subjects is {self.subjects!r}. Give the patients' numbers, such as range(500, 1000); how "
                "many there are is said by size."
            )
        if self.subjects is not None and len(self.subjects) != self.size:
            raise SimulationError(f"population: {len(self.subjects)} subject numbers for {self.size} subjects.")
        if self.subjects is not None and not _all_whole(self.subjects):
            raise SimulationError("population: subject numbers are whole numbers from 0 on.")
        if not isinstance(self.covariates, Mapping):
            raise SimulationError(f"population: covariates are given by name, not as {str(self.covariates)[:40]}.")
        if len(named := {canonical(str(name)): given for name, given in self.covariates.items()}) < len(
            self.covariates
        ):
            raise SimulationError("population: two covariates have the same name. Give each once.")
        object.__setattr__(self, "covariates", named)
        for name, given in self.covariates.items():
            self._check(name, given)
        self._check_draws()
        self.spread()
        self._refuse_twice()
        object.__setattr__(self, "correlations", dict(self.correlations))
        for name in dict.fromkeys(name for pair in self.correlations if isinstance(pair, tuple) for name in pair):
            self._check_correlated(name)
        object.__setattr__(self, "_copula", copula(self.correlations))
        if not isinstance(self.modifiers, Mapping):
            raise SimulationError(
                f"population: modifiers are {str(self.modifiers)[:60]}. Give modifier -> who has it, a share or a "
                'criterion: {"rifampicin": 0.1}, or 1.0 for everybody.'
            )
        object.__setattr__(self, "modifiers", {key: _who(key, who) for key, who in self.modifiers.items()})
        read_occasions(self.occasions)
        self._check_criteria()

    def _check(self, name: str, given: object) -> None:
        if name == "weight":
            raise SimulationError('population: body weight has a place of its own; write weight="70 kg" or a Spread.')
        if isinstance(given, bool) or not isinstance(given, (Spread, Share, Choice, str, int, float)):
            raise SimulationError(
                f'population: {name} is {given!r}. Give a text with its unit ("70 year"), a number, Share(0.1), '
                'Choice({"female": 0.7, "male": 0.3}) or Spread(mean, sd).'
            )
        if unit_of(name) is not None and isinstance(given, (Share, Choice)):
            raise SimulationError(f"population: {name} is not a trait that some have. Give a text or a Spread.")
        if isinstance(given, Share) and given.among:
            self._check_among(name, given.among)
        if not isinstance(given, (Spread, Share, Choice)):
            self._refuse_impossible(name, constant(name, given)[0])
        elif isinstance(given, Spread):
            self._refuse_impossible(name, given.mean)

    @staticmethod
    def _refuse_impossible(name: str, value: float) -> None:
        if why := impossible(name, value):
            raise SimulationError(f"population: {name} is {why}. Look at its unit.")

    def _check_among(self, name: str, among: str) -> None:
        """Refuse a share among people who are themselves told by such a share."""
        from pkpd.population.criteria import read_criterion

        of = plain(read_criterion(among).name)
        if of == plain(name) or any(
            plain(other) == of and isinstance(given, Share) and given.among for other, given in self.covariates.items()
        ):
            raise SimulationError(
                f'population: {name} is a share among those of whom "{among}" holds, and {of} is itself such a share.'
            )

    def _check_criteria(self) -> None:
        """Refuse a criterion of who has a trait or a modifier that no patient can be held against."""
        told = [(name, one.among) for name, one in self.covariates.items() if isinstance(one, Share)]
        for key, who in self.modifiers.items():
            told.append((f"modifier {getattr(key, 'id', key)}", who.among if isinstance(who, Share) else str(who)))
        for name, criterion in told:
            if criterion:
                from pkpd.population.criteria import check

                try:
                    check(self, criterion)
                except PkpdError as cause:
                    raise type(cause)(f"population: {name}: {cause}") from cause

    def _refuse_twice(self) -> None:
        """Refuse a covariate that is named twice, or given beside the table that has it."""
        seen: dict[str, str] = {}
        for name in self.covariates:
            if (twin := seen.setdefault(plain(name), name)) != name:
                raise SimulationError(f"population: {twin} and {name} are the same covariate. Give it once.")
        if self.table is None:
            return
        if not isinstance(self.table, Table):
            raise SimulationError("population: the table is none; write Population.from_table(frame, size, seed).")
        own = dict(seen) if self.weight == CRPS_WEIGHT else {**seen, "weight": "weight"}
        for name in self.table.columns:
            if plain(name) in own:
                raise SimulationError(
                    f"population: {own[plain(name)]} is given, and the table has a column {name}. Leave one out."
                )

    def _check_correlated(self, name: str) -> None:
        """Refuse what cannot be correlated: unknown, the same in all, or a column of the table."""
        varying = {key: given for key, given in self.covariates.items() if isinstance(given, (Spread, Share, Choice))}
        if isinstance(self.weight, Spread) and "weight" not in (self.table or ()):
            varying = {"weight": self.weight, **varying}
        if name in varying:
            return
        if name in (self.table or ()):
            raise SimulationError(
                f"population: {name} is a column of the table, whose rows are drawn whole; nothing can be correlated "
                "with it beside them."
            )
        if name in self.covariates or name == "weight":
            raise SimulationError(f"population: {name} is the same in everybody and cannot be correlated.")
        raise unknown("population: correlations", "covariate", name, varying)

    def _check_draws(self) -> None:
        if isinstance(self.draws, str):
            if self.draws not in DRAWS:
                raise unknown("population", "kind of draws", self.draws, DRAWS)
        else:
            if not isinstance(self.draws, Sequence):
                raise SimulationError(f'population: draws are {self.draws!r}. Write "plain" or "low-discrepancy".')
            order = tuple(self.draws)
            if not order or len(set(order)) < len(order) or not all(isinstance(one, str) for one in order):
                raise SimulationError(
                    f"population: draws {self.draws!r} is not a list of different variables. Name each once, such as "
                    '("covariate weight", "my-model.CL"), or write "low-discrepancy".'
                )
            if len(order) > DIMENSIONS:
                raise SimulationError(
                    f"population: {len(order)} variables to be spread together; there are {DIMENSIONS} dimensions. "
                    "Name those that matter most."
                )
            object.__setattr__(self, "draws", order)
        if self.draws != PLAIN and int(self.numbers.max()) >= PATIENTS:
            raise SimulationError(f"population: low-discrepancy draws are of patients numbered below {PATIENTS:,}.")

    @classmethod
    def typical(cls, weight: str = "70 kg", covariates: Mapping[str, Given] | None = None) -> Population:
        """One typical person: every spread switched off.

        weight     : body weight with its unit
        covariates : as of a Population, such as {"age": "8 year"}
        """
        return cls(size=1, weight=weight, covariates=covariates or {}, varied=False)

    @classmethod
    def from_table(
        cls,
        frame: Mapping[str, Any],
        size: int = 1000,
        seed: int = 1,
        units: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Population:
        """Virtual patients whose covariates are those of real people: whole rows, drawn with replacement.

        frame : covariate -> (rows) numbers or words; a pandas frame will do. Without a column weight the weight is
                drawn as in every Population
        units : covariate -> unit; kg, year, cm where it is not given
        more  : whatever else a Population takes, such as further covariates
        Raises a PkpdError naming row and column for what is missing, of another length, or no number.
        """
        return cls(size=size, seed=seed, table=Table.of(frame, units), **more)

    def only(self, subjects: Sequence[int]) -> Population:
        """The same population cut down to some of its patients, by number."""
        return replace(self, subjects=tuple(int(s) for s in subjects), size=len(subjects))

    def spread(self) -> Spread:
        """The spread of body weight."""
        if isinstance(self.weight, Spread):
            self._refuse_impossible("weight", self.weight.mean)
            return self.weight
        weight = parse(self.weight, "weight", "population weight")
        if not weight > 0:
            raise SimulationError(f"population: weight is {self.weight!r}; it is above 0.")
        self._refuse_impossible("weight", weight)
        return Spread(weight, 0.0)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(size) the patients' numbers."""
        if isinstance(self.subjects, range):
            return np.arange(self.subjects.start, self.subjects.stop, self.subjects.step)
        return np.arange(self.size) if self.subjects is None else np.asarray(self.subjects, np.int64)

    def uniform(self, variable: str, index: int = 0) -> Floats:
        """Each patient's own uniform number of a variable, (size), strictly between 0 and 1.

        variable, index : name of what is drawn, and which draw of it
        """
        if self.draws == PLAIN:
            return streams.uniform(self.seed, self.numbers, variable, index)
        known = dimensions(None if isinstance(self.draws, str) else tuple(self.draws))
        dimension = known.get(variable) if index == 0 else None
        return lowdiscrepancy.uniform(self.seed, self.numbers, variable, index, dimension)

    def normal(self, variable: str, index: int = 0) -> Floats:
        """Each patient's own standard normal number of a variable, (size); arguments as for `uniform`."""
        from scipy.special import ndtri

        numbers: Floats = ndtri(self.uniform(variable, index))
        return numbers

    @property
    def known(self) -> tuple[str, ...]:
        """Names of the covariates whose values are given, weight first."""
        columns = () if self.table is None else self.table.columns
        return tuple(dict.fromkeys(["weight", *self.covariates, *columns]))

    def words(self, name: str) -> tuple[str, ...]:
        """The words a covariate is one of, in the order of its numbers; none where it is a number."""
        if self.table is not None and name in self.table:
            return self.table.words.get(name, ())
        given = self.covariates.get(name)
        return given.words if isinstance(given, Choice) else ()

    def covariate(self, name: str, typical: float) -> Floats:
        """A covariate of every patient, canonical unit; `typical` where the population does not say.

        returns : (size); the position of the word in `words` where it is one
        """
        if self.table is not None and name in self.table:
            rows = (self.uniform("covariate row") * self.table.rows).astype(np.int64)
            return self.table.columns[name][np.minimum(rows, self.table.rows - 1)]
        if name == "weight":
            return self.spread().at(self._uniform_of(name))
        if name not in self.covariates:
            return np.full(self.size, float(typical))
        given = self.covariates[name]
        if not isinstance(given, (Spread, Share, Choice)):
            return np.full(self.size, constant(name, given)[0])
        drawn = given.at(self._uniform_of(name))
        if isinstance(given, Share) and given.among:
            from pkpd.population.criteria import meets  # which stands on this room

            return drawn * meets(self, given.among)
        if unit_of(name) is not None and (drawn < 0).any():
            what = "some ages come" if name == "age" else f"{name} comes"
            raise SimulationError(
                f"population: {what} out below 0. Give the Spread of {name} its least"
                + (", such as 18." if name == "age" else ", such as 0.")
            )
        return drawn

    def _uniform_of(self, name: str) -> Floats:
        """The uniform numbers a covariate is read at, (size): its own, or mixed with those it is correlated with.

        Written out one by one: a matrix product may sum in another order for another number of patients.
        """
        mixed = self._copula.row(name) if name in self._copula.names else {}
        if not mixed.keys() - {name}:
            return self.uniform(f"covariate {name}")
        from scipy.special import ndtr

        score: Floats = np.zeros(self.size)
        for other, weight in mixed.items():
            score = score + weight * self._sign(other) * self.normal(f"covariate {other}")
        numbers: Floats = np.clip(ndtr(self._sign(name) * score), _END, 1 - _END)
        return numbers

    def _sign(self, name: str) -> int:
        """-1 for a trait, which those have whose number is low; 1 for what rises with its number."""
        return -1 if isinstance(self.covariates.get(name), Share) else 1

    def dimension(self, name: str) -> Dimension | None:
        """The dimension in which a covariate was given; None where it does not say (a Spread is canonical)."""
        if self.table is not None and name in self.table:
            return self.table.dimensions.get(name)
        given = self.covariates.get(name)
        if given is None or isinstance(given, Spread):
            return None
        return () if isinstance(given, (Share, Choice)) else constant(name, given)[1]


def _who(key: object, who: object) -> Share | str:
    """Who has a modifier, checked: a share, or a criterion as text."""
    name = key if isinstance(key, str) else getattr(key, "id", None)
    if not isinstance(name, str):
        raise SimulationError(f"population: {key!r} is no modifier. Give its name, or pkpd.load_modifier(...).")
    if isinstance(who, str):
        return who
    if isinstance(who, Share):
        return who
    if isinstance(who, bool) or not isinstance(who, (int, float)):
        raise SimulationError(
            f"population: modifier {name} is {who!r}. Give the share of people who have it, 0 to 1, or a criterion "
            'such as "sex is female".'
        )
    try:
        return Share(float(who))
    except SimulationError as cause:
        raise SimulationError(f"population: modifier {name}: a share of {who!r} is not from 0 to 1.") from cause
