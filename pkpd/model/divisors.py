"""What a file's equations divide by, and whether it may be zero."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pkpd.model import algebra
from pkpd.model.expressions import TIME, Expression
from pkpd.model.model import Covariate, Model, Parameter
from pkpd.model.tomltext import Table


class Placed(NamedTuple):
    """An expression and where it stands; `at_start` says that it is needed at time 0."""

    table: Table
    key: str
    expression: Expression
    at_start: bool = False


def refuse_zero_divisors(
    top: Table,
    parameters: Mapping[str, Parameter],
    covariates: Mapping[str, Covariate],
    named: Mapping[str, Expression],
    placed: Iterable[Placed],
) -> None:
    """Refuse a division by a parameter whose value, spread or range allows 0, or by what is 0 for the typical person.

    named  : derived parameters and formulas, in the order of evaluation
    placed : every expression of the file
    """
    values: dict[str, float] = {name: covariate.typical for name, covariate in covariates.items()}
    values |= {name: parameter.value for name, parameter in parameters.items() if parameter.value is not None}
    for name, expression in named.items():
        if expression.names <= values.keys():
            values[name] = float(expression.evaluate(values))
    for table, key, expression, at_start in placed:
        for divisor in _divisors(expression.node):
            for name in sorted(set(_factors(divisor, named))):
                if name == TIME and at_start:
                    table.fail(
                        f'"{expression.text}" divides by {TIME}, which is 0 at the start; '
                        f"give it a least value with max({TIME}, ...).",
                        key,
                    )
                if name in parameters and (why := _may_be_zero(parameters[name])):
                    own = top.table("parameters").table(name)
                    own.fail(f"{why[1]}, and {_place(table, key)} divides by {name}.", *why[0])
            whole = Expression.of(divisor)
            if whole.names <= values.keys() and whole.evaluate(values) == 0:
                table.fail(f'"{expression.text}" divides by "{whole.text}", which is 0 for the typical person.', key)


def divided_by(model: Model) -> frozenset[str]:
    """Parameters that must be above 0 because equations divide by them alone, or by a sum that has nothing else in it
    when the states are 0, as in C / (Km + C)."""
    found: set[str] = set()
    equations = [state.equation for state in model.states.values()]
    equations += [state.initial for state in model.states.values() if state.initial is not None]
    equations += [output.expression for output in model.outputs.values()]
    moving = frozenset((*model.states, TIME))
    for expression in (*equations, *model.derived.values()):
        for divisor in _divisors(expression.node):
            terms = [term for term in _terms(divisor) if not algebra.names(term) & moving]
            if len(terms) == 1:
                found |= {name for name in _factors(terms[0], model.derived) if name in model.parameters}
    return frozenset(found)


def _terms(node: ast.expr) -> Iterator[ast.expr]:
    """The parts of a sum whose parts are added; of anything else, itself."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _terms(node.left)
        yield from _terms(node.right)
    else:
        yield node


def _divisors(node: ast.expr) -> Iterator[ast.expr]:
    """What a tree divides by: right of a stroke, or under a negative exponent."""
    for part in algebra.nodes(node):
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div):
            yield part.right
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Pow) and (algebra.number(part.right) or 0) < 0:
            yield part.left


def _factors(node: ast.expr, named: Mapping[str, Expression]) -> Iterator[str]:
    """Names that make the whole 0 where they are 0 themselves; a named expression is looked into."""
    if isinstance(node, ast.Name):
        if node.id in named:
            yield from _factors(named[node.id].node, named)
        else:
            yield node.id
    elif isinstance(node, ast.UnaryOp):
        yield from _factors(node.operand, named)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield from _factors(node.left, named)
        yield from _factors(node.right, named)
    elif isinstance(node, ast.BinOp) and (
        isinstance(node.op, ast.Div) or (isinstance(node.op, ast.Pow) and algebra.number(node.right) != 0)
    ):
        yield from _factors(node.left, named)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sqrt":
        yield from _factors(node.args[0], named)


def _may_be_zero(parameter: Parameter) -> tuple[tuple[str, ...], str] | None:
    """The key that allows 0 and the reason in words, None where nothing does."""
    if parameter.value == 0:
        return ("value",), f"{parameter.name} is 0"
    if parameter.scan is not None and parameter.scan[0] <= 0 <= parameter.scan[1]:
        return ("scan",), f"the range of {parameter.name} holds 0"
    for key, spread in (("between", parameter.between), ("occasion", parameter.occasion)):
        if spread is None or parameter.value is None:
            continue
        if spread.kind == "logit" and spread.low is not None and spread.low < 0 < (spread.high or 0.0):
            return (key,), f"the logit spread of {parameter.name} reaches 0 (it needs low and high on one side of it)"
        if spread.kind != "normal":
            continue
        if parameter.value > 0 and (spread.at_least is None or spread.at_least <= 0):
            return (key,), f"the normal spread of {parameter.name} reaches 0 (it needs at_least above 0)"
        if parameter.value < 0 and (spread.at_most is None or spread.at_most >= 0):
            return (key,), f"the normal spread of {parameter.name} reaches 0 (it needs at_most below 0)"
    return None


def _place(table: Table, key: str) -> str:
    return table.where(key).removeprefix(f"{table.document.name} ")
