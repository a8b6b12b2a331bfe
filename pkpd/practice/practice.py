"""A practice: how far what patients get departs from what is prescribed, and what each of them gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing.prescription import as_regimen
from pkpd.dosing.received import Part, Received
from pkpd.dosing.regimen import Regimen
from pkpd.errors import SimulationError
from pkpd.individuals import Individuals
from pkpd.population.people import Population
from pkpd.practice.adherence import DropOut, Late, Missed
from pkpd.practice.receiving import Amounts, Attended, attend, parts
from pkpd.practice.rounding import Pump, Vial, WeightBands, steps

if TYPE_CHECKING:
    from pkpd.practice.explaining import Explained

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
# What each part of a practice may be, for errors.
SUCH = {
    "missed": "or a number such as 0.1, the probability of missing a session",
    "late": 'such as pkpd.Late("10 min", "2 h", "exponential"), its median and the most',
    "drop_out": 'such as pkpd.DropOut(per_session=0.05) or pkpd.DropOut(share=0.2, by="12 week")',
    "weight_bands": 'such as pkpd.WeightBands([("60 kg", "50 kg"), (None, "80 kg")])',
    "vial": 'or the content of one as text, such as "50 mg"',
    "pump": 'or the step between its rates as text, such as "1 mg/h"',
}

People = Population | Individuals | int


@dataclass(frozen=True, slots=True)
class Practice:
    """What happens to a prescription between the paper and the patient. What is not given does not happen.

    missed       : Missed, or the probability of missing a session
    late         : Late
    drop_out     : DropOut
    weight_bands : WeightBands
    vial         : Vial, or the content of one, such as "50 mg"
    pump         : Pump, or the step between its rates, such as "1 mg/h"

    A session is treatment without a pause of more than an hour: it is missed, late or kept as a whole. Amounts go
    from the weight band to whole vials, then to the step and the limit of the pump. Every draw belongs to the patient
    and the number of the session, so that it is the same under every regimen.
    """

    missed: Missed | None = None
    late: Late | None = None
    drop_out: DropOut | None = None
    weight_bands: WeightBands | None = None
    vial: Vial | None = None
    pump: Pump | None = None

    def __post_init__(self) -> None:
        short: dict[str, tuple[type, Any]] = {
            "missed": (Missed, (int, float)),
            "vial": (Vial, str),
            "pump": (Pump, str),
        }
        for name, (kind, simple) in short.items():
            given = getattr(self, name)
            if isinstance(given, simple) and not isinstance(given, bool):
                object.__setattr__(self, name, kind(given))
        kinds = {
            "missed": Missed,
            "late": Late,
            "drop_out": DropOut,
            "weight_bands": WeightBands,
            "vial": Vial,
            "pump": Pump,
        }
        for name, kind in kinds.items():
            given = getattr(self, name)
            if given is not None and not isinstance(given, kind):
                raise SimulationError(
                    f"practice: {name} is {given!r}. Give a pkpd.{kind.__name__}, {SUCH[name]}; or leave it out."
                )

    def __str__(self) -> str:
        return "; ".join(str(part) for part in self.parts.values()) or "everything as prescribed"

    @property
    def parts(self) -> dict[str, Missed | Late | DropOut | WeightBands | Vial | Pump]:
        """What departs from the prescription, by name."""
        named = {
            "missed": self.missed,
            "late": self.late,
            "drop_out": self.drop_out,
            "weight_bands": self.weight_bands,
            "vial": self.vial,
            "pump": self.pump,
        }
        return {name: part for name, part in named.items() if part is not None}

    def regimens(self, regimen: Regimen | str | Sequence[Regimen | str], people: People, *, since: int = 0) -> Received:
        """What each patient gets.

        regimen : what is prescribed; or a list of one for each patient
        people  : Population, individuals, or a number of patients
        since   : ticks; of the sessions planned from then on alone, as they are among all
        returns : a sequence of one Regimen a patient; empty ones where nothing was given
        Raises SimulationError where rounding leaves nothing of a dose.
        """
        seed, numbers, weight = _who(people)
        if isinstance(regimen, (Regimen, str)):
            plan = as_regimen(regimen)
            return Received(self._parts(plan, seed, numbers, weight, since), len(numbers))
        plans = Received.of([as_regimen(one, f"regimen of subject {number}") for number, one in enumerate(regimen)])
        if len(plans) != len(numbers):
            raise SimulationError(f"regimen: {len(plans)} regimens for {len(numbers)} subjects.")
        alike: dict[Regimen, list[int]] = {}
        for place, plan in enumerate(plans):
            alike.setdefault(plan, []).append(place)
        made = []
        for plan, places in alike.items():
            own = np.array(places)
            for part in self._parts(plan, seed, numbers[own], weight[own], since):
                made.append(replace(part, who=own[part.who]))
        return Received(tuple(made), len(numbers))

    def attended(self, regimen: Regimen | str, people: People) -> Attended:
        """What becomes of every session of a regimen in every patient: missed, moved, gone, cut short.

        people : Population, individuals, or a number of patients
        """
        seed, numbers, _ = _who(people)
        return attend(as_regimen(regimen), self.missed, self.late, self.drop_out, seed, numbers)

    def dropped_at(self, regimen: Regimen | str, people: People) -> Integers:
        """When each patient drops out of treatment, (patients) ticks on the regimen's clock; NEVER where he does not.

        people  : Population, individuals, or a number of patients
        By time it may lie after the last session; by session it is the start of the first to which a patient does not
        come any more, or the end of the one before where that is later.
        """
        return self.attended(regimen, people).until

    def explain(self, regimen: Regimen | str, people: People, patient: int = 0) -> Explained:
        """What one patient gets of a regimen and why, a line for each administration; to be printed.

        people  : Population, individuals, or a number of patients
        patient : the patient's number
        Raises SimulationError for a number that is not among the patients.
        """
        from pkpd.practice.explaining import explained

        seed, numbers, weight = _who(people)
        place = np.flatnonzero(numbers == patient)
        if not place.size:
            raise SimulationError(
                f"explain: patient {patient!r} is not among the {len(numbers):,}. Their numbers are {numbers.min()} to "
                f"{numbers.max()}."
            )
        return explained(self, as_regimen(regimen), seed, int(patient), weight[place[:1]])

    def _parts(self, regimen: Regimen, seed: int, numbers: Integers, weight: Floats, since: int) -> tuple[Part, ...]:
        attended = attend(regimen, self.missed, self.late, self.drop_out, seed, numbers).since(since)
        return parts(regimen, attended, self._amounts(regimen, weight))

    def _amounts(self, regimen: Regimen, weight: Floats) -> Amounts | None:
        """Every patient's amounts of every dose; None where they are those of the regimen."""
        if regimen.is_empty or not (self.weight_bands or self.vial or self.pump):
            return None
        last = [list(steps(dose, weight, self.weight_bands, self.vial, self.pump))[-1] for dose in regimen.doses]
        return Amounts(tuple(step.kind for step in last), np.array([step.quantity for step in last]))


def _who(people: People) -> tuple[int, Integers, Floats]:
    """Seed, numbers and weights, kg, of patients."""
    if isinstance(people, (int, np.integer)) and not isinstance(people, bool):
        people = Population(int(people))
    if isinstance(people, Population):
        return people.seed, people.numbers, people.covariate("weight", 70.0)
    if isinstance(people, Individuals):
        return people.seed, people.numbers, people.weight
    raise SimulationError(f"practice: {people!r} are no patients. Give a Population, individuals or a number.")
