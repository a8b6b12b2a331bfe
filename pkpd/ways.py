"""How the doses of a data set get into a model: compartment, route and drug form looked up, parameters put in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pkpd.dosing.records import Mode, Record
from pkpd.dosing.timeline import Way
from pkpd.dosing.unitdoses import parts_of_units, whole_units
from pkpd.errors import nearest
from pkpd.individuals import Individuals
from pkpd.model.model import Route
from pkpd.model.modifying import refused_dose
from pkpd.times import to_ticks


class _Branch(NamedTuple):
    """One way of a route into the model, by the names of its parameters."""

    route: str
    into: Mapping[str, str]
    bioavailability: str | None
    lag: str | None
    rate: str | None
    duration: str | None
    unit: str | None


class Ways:
    """The ways of every dose into a model, with everybody's parameters.

    people : the model, and one column of parameters for each moment that has its own
    mode   : NONMEM takes a route's own rate or duration only where RATE asks for it, or the route is named
    """

    def __init__(self, people: Individuals, mode: Mode) -> None:
        self.mode = mode
        model = people.model
        self.people, self.model, self.states = people, model, tuple(model.states)
        self.branches = {name: tuple(_branches(route)) for name, route in model.routes.items()}

    def __call__(self, record: Record, evaluated: int) -> list[Way]:
        """The ways of one dose; of another record, the state it is about.

        evaluated : column of the parameters
        """
        if not record.gives:
            return [self._way(record, None, self._state(record), 1.0, evaluated)]
        self._refuse_beside(record)
        if record.route is None:
            state = self._state(record)
            return [self._way(record, self._only(record, state), state, 1.0, evaluated)]
        if record.route not in self.branches:
            raise record.error(
                "ROUTE", f'the model {self.model.id} has no "{record.route}". {nearest(record.route, self.branches)}'
            )
        branches = self.branches[record.route]
        if record.compartment is not None:
            state = self._state(record)
            found = [branch for branch in branches if state in branch.into.values()]
            if not found:
                leads = {into for branch in branches for into in branch.into.values()}
                raise record.error("CMT", f"{record.route} does not lead into {state}. {nearest(state, leads)}")
            return [self._way(record, branch, state, 1.0, evaluated) for branch in found]
        return [
            self._way(record, branch, branch.into.get(moiety, branch.into.get("*", "")), part, evaluated)
            for branch in branches
            for moiety, part in self._parts(record).items()
        ]

    def _refuse_beside(self, record: Record) -> None:
        """Refuse a dose for which nothing is known of what the modifiers of the model do."""
        if why := refused_dose(self.model, record.route or "", record.form or ""):
            raise record.error("ROUTE", f"{why}. Leave the modifier out, or the dose.")

    def _state(self, record: Record) -> str:
        """The state a record is about."""
        given = record.compartment
        if given is None:
            led = {into for branches in self.branches.values() for branch in branches for into in branch.into.values()}
            if len(led) != 1:
                raise record.error("CMT", f"nothing says where to. Give CMT or ROUTE. {nearest('', led)}")
            return led.pop()
        if isinstance(given, int):
            if not 1 <= given <= len(self.states):
                listed = ", ".join(f"{number} {state}" for number, state in enumerate(self.states, start=1))
                raise record.error("CMT", f"the model {self.model.id} has no compartment {given}. It has: {listed}.")
            return self.states[given - 1]
        if given not in self.states:
            raise record.error(
                "CMT", f'the model {self.model.id} has no compartment "{given}". {nearest(given, self.states)}'
            )
        return given

    def _only(self, record: Record, state: str) -> _Branch | None:
        """The way into a state where the data set names no route: the model's only one, or as it is."""
        found = {
            branch._replace(route="", into={}).__repr__(): branch
            for branches in self.branches.values()
            for branch in branches
            if state in branch.into.values()
        }
        if len(found) > 1:
            names = ", ".join(sorted({branch.route for branch in found.values()}))
            raise record.error("CMT", f"several routes lead into {state}: {names}. Name one in a column ROUTE.")
        return next(iter(found.values()), None)

    def _parts(self, record: Record) -> Mapping[str, float]:
        """Moiety -> fraction of a dose."""
        forms = self.model.forms
        if record.form is not None:
            if record.form not in forms:
                raise record.error(
                    "FORM", f'the model {self.model.id} does not take "{record.form}". {nearest(record.form, forms)}'
                )
            return forms[record.form].parts
        different = {tuple(sorted(form.parts.items())): form.parts for form in forms.values()}
        if len(different) != 1:
            text = f"the model tells drug forms apart. Name one in a column FORM. {nearest('', forms)}"
            raise record.error("FORM", text)
        return next(iter(different.values()))

    def _way(self, record: Record, branch: _Branch | None, state: str, part: float, evaluated: int) -> Way:
        place = self.people.program.states.index(state)
        if branch is None:
            return Way(place, part, 1.0, 0, None, None, False)
        self._refuse_parts_of_units(record, branch, evaluated)
        rate, duration = (self._number(name, evaluated) for name in (branch.rate, branch.duration))
        return Way(
            state=place,
            part=part,
            bioavailability=self._share(record, branch, evaluated),
            lag=0 if branch.lag is None else to_ticks(self._value(branch.lag, evaluated)),
            rate=rate,
            duration=None if duration is None else to_ticks(duration),
            always=(rate is not None or duration is not None) and (self.mode == "default" or record.route is not None),
        )

    def _share(self, record: Record, branch: _Branch, evaluated: int) -> float:
        """The part of a dose that arrives by a branch; it may depend on the amount of the record."""
        name = branch.bioavailability
        if name is None:
            return 1.0
        if name not in self.model.of_dose:
            return self._value(name, evaluated)
        if record.constant:
            raise record.error("AMT", f"{name} depends on the size of a dose, and an infusion without end has none.")
        return float(self.people.of_dose(name, np.array([record.amount]), np.array([evaluated]))[0])

    def _refuse_parts_of_units(self, record: Record, branch: _Branch, evaluated: int) -> None:
        if branch.unit is None or record.constant or record.kind == "phantom":
            return
        unit = self._value(branch.unit, evaluated)
        if not whole_units(record.amount, unit):
            raise record.error("AMT", parts_of_units(record.amount, unit, branch.route, branch.unit))

    def _number(self, name: str | None, evaluated: int) -> float | None:
        return None if name is None else self._value(name, evaluated)

    def _value(self, name: str, evaluated: int) -> float:
        found = np.asarray(self.people.parameters[name])
        return float(found if found.ndim == 0 else found[evaluated])


def _branches(route: Route) -> list[_Branch]:
    """Every way of a route."""
    return [
        _Branch(route.name, one.into, one.bioavailability, one.lag, one.rate, one.duration, route.unit_dose)
        for one in (route, *route.also)
    ]
