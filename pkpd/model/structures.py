"""Standard structures by name: states, formulas and flows in the given parameters."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from pkpd import units
from pkpd.errors import ModelFileError, unknown
from pkpd.model.expressions import Expression
from pkpd.model.model import State
from pkpd.model.standard import STRUCTURES, Structure
from pkpd.units import Dimension

LONGEST_CHAIN = 100


class Expanded(NamedTuple):
    """A structure in a model's words.

    states   : in their order, equations without doses
    formulas : that the equations read by name
    feeds    : (option, state, flow) for every state the structure hands drug to
    """

    states: list[State]
    formulas: dict[str, Expression]
    feeds: list[tuple[str, str, Expression]]


def expand(
    use: str,
    prefix: str = "",
    with_: Mapping[str, Expression | str] | None = None,
    input: Expression | str | None = None,
    extra: Mapping[str, object] | None = None,
) -> Expanded:
    """A standard structure with names put in.

    use     : name of the structure, such as "three-compartment"
    prefix  : put before the name of each state and formula
    with_   : structure parameter -> expression; a parameter that is not there takes the structure's default or, where
              there is none, is read under its own name
    input   : formation into the inlet state, its unit per h
    extra   : the structure's options: `length` of a transit chain; `to` and others, each a state handed drug to
    Raises UnknownName for a structure, parameter or option that does not exist; ModelFileError for a length that
    cannot be.
    """
    structure = _structure(use, with_, extra)
    equations = structure.equations or _chain(_length(extra))
    replaced = {
        name: _expression((with_ or {}).get(name, structure.defaults.get(name, name))) for name in structure.parameters
    }
    replaced |= {name: Expression.read(prefix + name) for name in (*equations, *structure.formulas)}
    states = []
    for name, template in equations.items():
        equation = _template(template).substitute(replaced)
        if input is not None and name == structure.inlet:
            equation = plus(equation, _expression(input))
        initial = _template(structure.initial[name]).substitute(replaced) if name in structure.initial else None
        unit = units.NAMED[structure.dimensions.get(name, "mass")]
        states.append(State(prefix + name, equation, initial, unit, units.analyse(unit)[1], name in structure.once))
    formulas = {prefix + name: _template(text).substitute(replaced) for name, text in structure.formulas.items()}
    feeds = [
        (option, str((extra or {})[option]), _template(flow.format(length=len(equations))).substitute(replaced))
        for option, flow in structure.outlets.items()
        if option in (extra or {})
    ]
    return Expanded(states, formulas, feeds)


def dimension_of(structure: Structure, parameter: str) -> Dimension | None:
    """The dimension a parameter of a structure has; None where any will do."""
    wanted = structure.parameters[parameter]
    return units.analyse(units.NAMED.get(wanted, wanted))[1] if wanted else None


def plus(equation: Expression, flow: Expression) -> Expression:
    """An equation with a flow added."""
    return _template("equation + flow").substitute({"equation": equation, "flow": flow})


def _structure(use: str, with_: Mapping[str, object] | None, extra: Mapping[str, object] | None) -> Structure:
    """The structure of this name, once the keys given with it are known to be right."""
    if use not in STRUCTURES:
        raise unknown("structures", "structure", use, STRUCTURES)
    structure = STRUCTURES[use]
    for key in with_ or {}:
        if key not in structure.parameters:
            raise unknown(f'structure "{use}"', "parameter", key, structure.parameters)
    for key in extra or {}:
        if key not in structure.needed + structure.optional:
            raise unknown(f'structure "{use}"', "option", key, structure.needed + structure.optional)
    for key in structure.needed:
        if key not in (extra or {}):
            raise ModelFileError(f'structure "{use}" needs "{key}".')
    return structure


def _length(extra: Mapping[str, object] | None) -> int:
    length = (extra or {}).get("length")
    if not isinstance(length, int) or isinstance(length, bool) or not 1 <= length <= LONGEST_CHAIN:
        raise ModelFileError(
            f'structure "transit-chain": length {length!r} is not a whole number from 1 to {LONGEST_CHAIN}.'
        )
    return length


def _chain(length: int) -> dict[str, str]:
    equations = {"chain1": "-k*chain1"}
    for place in range(2, length + 1):
        equations[f"chain{place}"] = f"k*chain{place - 1} - k*chain{place}"
    return equations


@lru_cache(maxsize=512)
def _template(text: str) -> Expression:
    return Expression.of(ast.parse(text, mode="eval").body)


def _expression(value: Expression | str) -> Expression:
    return Expression.read(value) if isinstance(value, str) else value
