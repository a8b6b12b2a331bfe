"""Standard structures by name: states and equations in the given parameters. Amounts in mg, rates in mg/h."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pkpd.errors import ModelFileError, unknown
from pkpd.model.expressions import Expression
from pkpd.model.model import State


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure in its own words, before names are put in.

    parameters : name -> dimension (a name of units.NAMED)
    equations  : state -> rate of change, without inputs; empty for a chain, whose length is an option
    inlet      : the state that takes `input`
    outlet     : the flow handed to the state named by `to`, "" for none
    needed     : options that must be given
    optional   : options that may be given
    """

    name: str
    parameters: Mapping[str, str]
    equations: Mapping[str, str]
    inlet: str
    outlet: str = ""
    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


LONGEST_CHAIN = 100

_FLOW, _VOLUME, _RATE = "clearance", "volume", "rate constant"

STRUCTURES: Mapping[str, Structure] = {
    structure.name: structure
    for structure in (
        Structure("one-compartment", {"CL": _FLOW, "V1": _VOLUME}, {"central": "-(CL/V1)*central"}, "central"),
        Structure(
            "two-compartment",
            {"CL": _FLOW, "V1": _VOLUME, "Q2": _FLOW, "V2": _VOLUME},
            {
                "central": "-(CL/V1)*central - (Q2/V1)*central + (Q2/V2)*peripheral1",
                "peripheral1": "(Q2/V1)*central - (Q2/V2)*peripheral1",
            },
            "central",
        ),
        Structure(
            "three-compartment",
            {"CL": _FLOW, "V1": _VOLUME, "Q2": _FLOW, "V2": _VOLUME, "Q3": _FLOW, "V3": _VOLUME},
            {
                "central": "-(CL/V1)*central - (Q2/V1)*central - (Q3/V1)*central"
                " + (Q2/V2)*peripheral1 + (Q3/V3)*peripheral2",
                "peripheral1": "(Q2/V1)*central - (Q2/V2)*peripheral1",
                "peripheral2": "(Q3/V1)*central - (Q3/V3)*peripheral2",
            },
            "central",
        ),
        Structure(
            "two-compartment-rates",
            {"k10": _RATE, "k12": _RATE, "k21": _RATE},
            {
                "central": "-k10*central - k12*central + k21*peripheral1",
                "peripheral1": "k12*central - k21*peripheral1",
            },
            "central",
        ),
        Structure(
            "three-compartment-rates",
            {"k10": _RATE, "k12": _RATE, "k21": _RATE, "k13": _RATE, "k31": _RATE},
            {
                "central": "-k10*central - k12*central - k13*central + k21*peripheral1 + k31*peripheral2",
                "peripheral1": "k12*central - k21*peripheral1",
                "peripheral2": "k13*central - k31*peripheral2",
            },
            "central",
        ),
        Structure("first-order-absorption", {"ka": _RATE}, {"depot": "-ka*depot"}, "depot", "ka*depot", needed=("to",)),
        Structure("transit-chain", {"k": _RATE}, {}, "chain1", "k*chain{length}", needed=("length",), optional=("to",)),
    )
}


def expand(
    use: str,
    prefix: str = "",
    with_: Mapping[str, Expression | str] | None = None,
    input: Expression | str | None = None,
    extra: Mapping[str, object] | None = None,
) -> list[State]:
    """The states of a standard structure.

    use     : name of the structure, such as "three-compartment"
    prefix  : put before each state's name
    with_   : structure parameter -> expression; a parameter that is not there is read under its own name
    input   : formation into the inlet state, mg/h
    extra   : the structure's options: `length` of a transit chain, `to` where it hands its flow on (see `feed`)
    returns : states in their order, equations without doses
    Raises UnknownName for a structure, parameter or option that does not exist; ModelFileError for a length that
    cannot be.
    """
    structure = _structure(use, with_, extra)
    equations = structure.equations or _chain(_length(extra))
    replaced = _replacements(structure, prefix, with_, equations)
    states = []
    for name, template in equations.items():
        equation = _template(template).substitute(replaced)
        if input is not None and name == structure.inlet:
            equation = plus(equation, _expression(input))
        states.append(State(prefix + name, equation))
    return states


def feed(
    use: str,
    prefix: str = "",
    with_: Mapping[str, Expression | str] | None = None,
    extra: Mapping[str, object] | None = None,
) -> tuple[str, Expression] | None:
    """What a structure hands on: the state named by `to` and the flow it receives, mg/h; None without `to`.

    Arguments and errors as `expand`.
    """
    structure = _structure(use, with_, extra)
    target = (extra or {}).get("to")
    if target is None:
        return None
    equations = structure.equations or _chain(_length(extra))
    flow = _template(structure.outlet.format(length=len(equations)))
    return str(target), flow.substitute(_replacements(structure, prefix, with_, equations))


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


def _replacements(
    structure: Structure, prefix: str, with_: Mapping[str, Expression | str] | None, equations: Mapping[str, str]
) -> dict[str, Expression]:
    given = with_ or {}
    replaced = {name: _expression(given.get(name, name)) for name in structure.parameters}
    replaced.update({name: Expression.read(prefix + name) for name in equations})
    return replaced


@lru_cache(maxsize=512)
def _template(text: str) -> Expression:
    return Expression.read(text)


def _expression(value: Expression | str) -> Expression:
    return Expression.read(value) if isinstance(value, str) else value
