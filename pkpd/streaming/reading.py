"""How the quantities asked for are had of a chunk of patients: straight from the levels, or through a Result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.regimen import Regimen
from pkpd.errors import unknown
from pkpd.individuals import Individuals
from pkpd.kernels import counting
from pkpd.kernels.counting import Moments, Product
from pkpd.kernels.lanes import LANES
from pkpd.kernels.memory import aligned
from pkpd.model.effect import root_of
from pkpd.model.model import Model
from pkpd.model.program import Program
from pkpd.result import Result
from pkpd.simulation import concentrations
from pkpd.solving import Tolerance
from pkpd.times import TICKS_PER_HOUR
from pkpd.units import analyse

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEFT = ("pain", "relief")  # quantities that are made of what all effects on pain leave of it
ON_PAIN = ("relief", "placebo")  # roles of those effects


class Asked(NamedTuple):
    """What is asked of every chunk.

    quantities : names
    ticks      : (times)
    outputs    : of the program, that these depend on
    """

    quantities: tuple[str, ...]
    ticks: Integers
    outputs: tuple[str, ...]


def asked_of(people: Individuals, quantities: Sequence[str], ticks: Integers) -> Asked:
    """What to solve for some quantities.

    Raises UnknownName for a quantity that the model and its effects have not.
    """
    model, program = people.model, people.program
    names = Result(people, "", ticks / TICKS_PER_HOUR, program.outputs, np.empty((len(program.outputs), 0, 0))).names
    for name in quantities:
        if name not in names:
            raise unknown("percentiles", "quantity", name, names)
    needed = {output for name in quantities for output in outputs_of(model, program, name)}
    return Asked(tuple(quantities), ticks, tuple(name for name in program.outputs if name in needed))


def outputs_of(model: Model, program: Program, quantity: str) -> tuple[str, ...]:
    """The outputs that a quantity is made of; none of what no drug drives."""
    if quantity in program.outputs:
        return (quantity,)
    behind = [e for e in model.effects if (e.role in (*ON_PAIN, "baseline") if quantity in LEFT else e.id == quantity)]
    roots = [root_of(effect, model.effects) for effect in behind]
    return tuple(dict.fromkeys(program.site_of(root) for root in roots if root.driver is not None))


class Chunk:
    """Some patients under one regimen, solved.

    asked   : of them
    people  : the patients
    regimen : what they get: the same, or one for each of them
    """

    def __init__(
        self, asked: Asked, people: Individuals, regimen: Regimen | Sequence[Regimen], tolerance: Tolerance | None
    ) -> None:
        self._asked, self._people = asked, people
        self._levels = np.empty((0, len(asked.ticks), people.size))
        if asked.outputs:
            self._levels = concentrations(
                people, regimen, asked.ticks, outputs=asked.outputs, tolerance=tolerance, threads=1
            )
        self._result = Result(people, "", asked.ticks / TICKS_PER_HOUR, asked.outputs, self._levels)
        self._columns = -(-people.size // LANES) * LANES
        self._flat: Floats | None = None

    @property
    def size(self) -> int:
        """How many patients."""
        return self._people.size

    def values(self, name: str) -> Floats:
        """A quantity of every patient, (times, patients), in its unit."""
        return self._result[name]

    def unit(self, name: str) -> str:
        """The unit of a quantity."""
        return self._result.unit(name)

    def count(self, name: str, kind: int, counts: NDArray[np.uint32]) -> Moments:
        """Count a quantity at every time, and give its moments.

        counts : (times x bins) flat, written in place
        """
        times, size = len(self._asked.ticks), self.size
        found, room = counting.moments(times, size), counting.room(self._columns)
        product = _product(self._people, name, self._asked, self._columns) if name in LEFT else None
        if product is not None:
            levels = self._levels_in_lanes()
            counting.count_product(levels, product, times, self._columns, size, kind, counts, *found, room)
            return found
        if name in self._asked.outputs:
            levels, first, divisor = self._levels_in_lanes(), self._asked.outputs.index(name) * times, self._per(name)
        else:
            levels, first, divisor = _in_lanes(self.values(name), self._columns), 0, 1.0
        counting.count_levels(levels, first, times, self._columns, size, divisor, kind, counts, *found, room)
        return found

    def _per(self, name: str) -> float:
        return analyse(self.unit(name))[0]

    def _levels_in_lanes(self) -> Floats:
        if self._flat is None:
            self._flat = _in_lanes(self._levels, self._columns)
        return self._flat


def _in_lanes(values: Floats, columns: int) -> Floats:
    """Values flat, every row of them filled up to whole lanes with the last patient's."""
    if values.shape[-1] == columns and values.flags.c_contiguous:
        return values.reshape(-1)
    padded = aligned(*values.shape[:-1], columns)
    padded[..., : values.shape[-1]] = values
    padded[..., values.shape[-1] :] = values[..., -1:]
    return padded.reshape(-1)


def _product(people: Individuals, name: str, asked: Asked, columns: int) -> Product | None:
    """Pain or relief as the kernel reads it; None where an effect on pain has another form than it knows, or a modifier
    that only some patients have acts on its value.

    Its numbers are those of `effects.response`, to rounding.
    """
    effects = [effect for effect in people.model.effects if effect.role in ON_PAIN]
    if any(effect.id in people.whole for effect in people.model.effects if effect.role in (*ON_PAIN, "baseline")):
        return None
    if any(effect.log_odds or effect.points or effect.factor != 1.0 or effect.curve.of for effect in effects):
        return None
    hours, size = asked.ticks / TICKS_PER_HOUR, people.size
    rows, of_level, plain, of_time, own, order = [], [], [], [], [], []
    for effect in effects:
        table = people.effects[effect.id]
        value = {role: table[called] for role, called in effect.curve.parameters.items()}
        able = np.asarray(people.responders.get(effect.id, True), float)
        if effect.curve.form == "sigmoid-emax" and effect.driver is not None:
            factor = 1.0 if effect.driver.multiply is None else table[effect.driver.multiply]
            plain.append(int(np.ndim(value["Hill"]) == 0 and value["Hill"] == 1))
            of_level += [factor, value["C50"], value["Hill"], value["Emax"], able]
            rows.append(asked.outputs.index(people.program.site_of(effect)) * len(hours))
            order.append(len(rows) - 1)
        elif effect.curve.form == "onset" and effect.driver is None and np.ndim(value["half_time"]) == 0:
            of_time.append(1.0 - np.exp2(-np.maximum(hours, 0.0) / value["half_time"]))
            own.append(value["size"] * able)
            order.append(-len(of_time))
        else:
            return None
    if name == "relief":
        offset, scale = 1.0, np.full(columns, -1.0)
    else:
        baseline = next(effect for effect in people.model.effects if effect.role == "baseline")
        if baseline.curve.form != "constant" or baseline.log_odds or baseline.points or baseline.factor != 1.0:
            return None
        offset, scale = (
            0.0,
            _columns_of([people.effects[baseline.id][baseline.curve.parameters["level"]]], size, columns),
        )
    return Product(
        offset,
        scale,
        np.array(rows, np.int64),
        _columns_of(of_level, size, columns),
        np.array(plain, np.int64),
        np.concatenate([*of_time, np.empty(0)]),
        _columns_of(own, size, columns),
        np.array(order, np.int64),
    )


def _columns_of(given: Sequence[Floats | float], size: int, columns: int) -> Floats:
    """Numbers of the patients one after the other, each filled up to whole lanes."""
    filled = np.empty((len(given), columns))
    for row, one in zip(filled, given, strict=True):
        row[:size] = one
        row[size:] = row[size - 1]
    return filled.reshape(-1)
