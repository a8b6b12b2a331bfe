"""Algebra on expression trees: simplification, derivative, canonical order. `ast` nodes in and out; no units."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping

ZERO = ast.Constant(0)
ONE = ast.Constant(1)
TWO = ast.Constant(2)

# Steepness of the ramp that stands for a step in the derivative of min and max: 12**12, in the canonical unit.
_STEEP = ast.Constant(12**12)


def number(node: ast.expr) -> float | None:
    """The value of a node that is a plain number, None for any other."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    if isinstance(node, ast.UnaryOp):
        inner = number(node.operand)
        return None if inner is None else -inner
    return None


def constant(value: float) -> ast.expr:
    """A node for a number; a negative one is a minus sign before its size, so that its text reads back as written."""
    whole = abs(value) < 2**53 and value == int(value)
    size = ast.Constant(abs(int(value)) if whole else abs(value))
    return ast.UnaryOp(ast.USub(), size) if value < 0 else size


def same(first: ast.expr, second: ast.expr) -> bool:
    """Whether two trees are equal node for node."""
    return type(first) is type(second) and ast.dump(first) == ast.dump(second)


def leaves(node: ast.expr) -> Iterator[ast.expr]:
    """The names and numbers of a tree, from left to right; the names of functions are not among them."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.BinOp):
            waiting += (part.right, part.left)
        elif isinstance(part, ast.UnaryOp):
            waiting.append(part.operand)
        elif isinstance(part, ast.Call):
            waiting += reversed(part.args)
        else:
            yield part


def names(node: ast.expr) -> frozenset[str]:
    """The names a tree reads, functions excluded."""
    return frozenset(leaf.id for leaf in leaves(node) if isinstance(leaf, ast.Name))


def call(function: str, *arguments: ast.expr) -> ast.expr:
    """A node that calls one of the allowed functions."""
    return ast.Call(ast.Name(function, ast.Load()), list(arguments), [])


def _positive(node: ast.expr) -> tuple[ast.expr, bool]:
    """A node without its leading minus sign, and whether there was one."""
    if isinstance(node, ast.UnaryOp):
        return node.operand, True
    return node, False


def _folded(first: ast.expr, second: ast.expr, operation: Callable[[float, float], float]) -> ast.expr | None:
    """The constant two constants make; None where one is not constant or the result is not a real finite number."""
    left, right = number(first), number(second)
    if left is None or right is None:
        return None
    try:
        value = operation(float(left), float(right))
    except (ZeroDivisionError, OverflowError):
        return None
    return constant(value) if isinstance(value, float) and math.isfinite(value) else None


def negative(node: ast.expr) -> ast.expr:
    """-node."""
    inner, minus = _positive(node)
    if minus:
        return inner
    return ZERO if number(node) == 0 else ast.UnaryOp(ast.USub(), node)


def add(first: ast.expr, second: ast.expr) -> ast.expr:
    """first + second, without what adds nothing."""
    if (folded := _folded(first, second, lambda a, b: a + b)) is not None:
        return folded
    if number(first) == 0:
        return second
    if number(second) == 0:
        return first
    inner, minus = _positive(second)
    if minus:
        return subtract(first, inner)
    inner, minus = _positive(first)
    return subtract(second, inner) if minus else ast.BinOp(first, ast.Add(), second)


def subtract(first: ast.expr, second: ast.expr) -> ast.expr:
    """first - second, without what takes nothing away."""
    if (folded := _folded(first, second, lambda a, b: a - b)) is not None:
        return folded
    if number(first) == 0:
        return negative(second)
    if number(second) == 0:
        return first
    inner, minus = _positive(second)
    if minus:
        return add(first, inner)
    return ZERO if same(first, second) else ast.BinOp(first, ast.Sub(), second)


def multiply(first: ast.expr, second: ast.expr) -> ast.expr:
    """first * second, without factors of one and zero; a minus sign moves to the front."""
    if (folded := _folded(first, second, lambda a, b: a * b)) is not None:
        return folded
    left, left_minus = _positive(first)
    right, right_minus = _positive(second)
    if left_minus or right_minus:
        product = multiply(left, right)
        return product if left_minus and right_minus else negative(product)
    if number(first) == 0 or number(second) == 0:
        return ZERO
    if number(first) == 1:
        return second
    return first if number(second) == 1 else ast.BinOp(first, ast.Mult(), second)


def divide(first: ast.expr, second: ast.expr) -> ast.expr:
    """first / second, without a divisor of one; a minus sign moves to the front."""
    if (folded := _folded(first, second, lambda a, b: a / b)) is not None:
        return folded
    left, left_minus = _positive(first)
    right, right_minus = _positive(second)
    if left_minus or right_minus:
        quotient = divide(left, right)
        return quotient if left_minus and right_minus else negative(quotient)
    if number(first) == 0 and number(second) != 0:
        return ZERO
    if number(second) == 1:
        return first
    return ONE if same(first, second) and number(first) != 0 else ast.BinOp(first, ast.Div(), second)


def power(base: ast.expr, exponent: ast.expr) -> ast.expr:
    """base ** exponent, without exponents of one and zero."""
    if (folded := _folded(base, exponent, lambda a, b: a**b)) is not None:
        return folded
    if number(exponent) == 0 or number(base) == 1:
        return ONE
    if number(exponent) == 1:
        return base
    return ast.BinOp(base, ast.Pow(), exponent)


_OPERATIONS: dict[type[ast.operator], Callable[[ast.expr, ast.expr], ast.expr]] = {
    ast.Add: add,
    ast.Sub: subtract,
    ast.Mult: multiply,
    ast.Div: divide,
    ast.Pow: power,
}


def rebuild(node: ast.expr, replaced: Mapping[str, ast.expr]) -> ast.expr:
    """A tree with names replaced by trees, all at once, and simplified on the way; with no names, simplified only."""
    if isinstance(node, ast.Name):
        return replaced.get(node.id, node)
    if isinstance(node, ast.UnaryOp):
        return negative(rebuild(node.operand, replaced))
    if isinstance(node, ast.BinOp):
        return _OPERATIONS[type(node.op)](rebuild(node.left, replaced), rebuild(node.right, replaced))
    if isinstance(node, ast.Call):
        return ast.Call(node.func, [rebuild(argument, replaced) for argument in node.args], [])
    return node


def differentiate(node: ast.expr, name: str) -> ast.expr:
    """The derivative of a tree with respect to a name.

    node    : the tree
    name    : the variable; every other name is held constant
    returns : a simplified tree; ZERO where the tree does not read the name

    At a tie, min and max take the derivative of the later argument; between the sides lies a ramp, 12**-12 canonical
    units wide.
    """
    if name not in names(node):
        return ZERO
    if isinstance(node, ast.Name):
        return ONE
    if isinstance(node, ast.UnaryOp):
        return negative(differentiate(node.operand, name))
    if isinstance(node, ast.BinOp):
        return _of_operation(node, name)
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return _of_call(node.func.id, node.args, name)


def _of_operation(node: ast.BinOp, name: str) -> ast.expr:
    u, v = node.left, node.right
    du, dv = differentiate(u, name), differentiate(v, name)
    if isinstance(node.op, ast.Add):
        return add(du, dv)
    if isinstance(node.op, ast.Sub):
        return subtract(du, dv)
    u, v = rebuild(u, {}), rebuild(v, {})
    if isinstance(node.op, ast.Mult):
        return add(multiply(du, v), multiply(u, dv))
    if isinstance(node.op, ast.Div):
        return subtract(divide(du, v), divide(multiply(u, dv), power(v, TWO)))
    by_base = multiply(multiply(v, power(u, subtract(v, ONE))), du)
    if number(dv) == 0:
        return by_base
    return add(by_base, multiply(multiply(power(u, v), call("log", u)), dv))


def _of_call(function: str, arguments: list[ast.expr], name: str) -> ast.expr:
    u = rebuild(arguments[0], {})
    du = differentiate(arguments[0], name)
    if function == "exp":
        return multiply(call("exp", u), du)
    if function == "log":
        return divide(du, u)
    if function == "sqrt":
        return divide(du, multiply(TWO, call("sqrt", u)))
    for argument in arguments[1:]:  # min and max: fold from the left, two at a time
        v, dv = rebuild(argument, {}), differentiate(argument, name)
        ahead = subtract(u, v) if function == "max" else subtract(v, u)
        if not same(du, dv):
            first_leads = call("min", ONE, call("max", ZERO, multiply(_STEEP, ahead)))
            du = add(multiply(du, first_leads), multiply(dv, subtract(ONE, first_leads)))
        u = call(function, u, v)
    return du


def canonical(node: ast.expr) -> ast.expr:
    """A simplified tree with the terms of its sums and the factors of its products in sorted order."""
    if isinstance(node, ast.UnaryOp) or (isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub))):
        return _sorted_sum(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        return _sorted_product(node)
    if isinstance(node, ast.BinOp):
        return power(canonical(node.left), canonical(node.right))
    if isinstance(node, ast.Call):
        arguments = sorted((canonical(argument) for argument in node.args), key=ast.unparse)
        return ast.Call(node.func, arguments, [])
    return node


def _sorted_sum(node: ast.expr) -> ast.expr:
    terms: list[tuple[ast.expr, bool]] = []
    waiting = [(node, False)]
    while waiting:
        part, minus = waiting.pop()
        if isinstance(part, ast.UnaryOp):
            waiting.append((part.operand, not minus))
        elif isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Add, ast.Sub)):
            waiting += [(part.left, minus), (part.right, minus != isinstance(part.op, ast.Sub))]
        else:
            inner, flipped = _positive(canonical(part))
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, (ast.Add, ast.Sub)):
                waiting.append((inner, minus != flipped))
            else:
                terms.append((inner, minus != flipped))
    terms.sort(key=lambda term: (ast.unparse(term[0]), term[1]))
    total: ast.expr = ZERO
    for term, minus in terms:
        total = subtract(total, term) if minus else add(total, term)
    return total


def _sorted_product(node: ast.expr) -> ast.expr:
    above: list[ast.expr] = []
    below: list[ast.expr] = []
    waiting = [(node, False)]
    negated = False
    while waiting:
        part, under = waiting.pop()
        if isinstance(part, ast.UnaryOp):
            negated = not negated
            waiting.append((part.operand, under))
        elif isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Mult, ast.Div)):
            waiting += [(part.left, under), (part.right, under != isinstance(part.op, ast.Div))]
        else:
            inner, minus = _positive(canonical(part))
            negated = negated != minus
            (below if under else above).append(inner)
    result = divide(_product(above), _product(below))
    return negative(result) if negated else result


def _product(factors: list[ast.expr]) -> ast.expr:
    result: ast.expr = ONE
    for factor in sorted(factors, key=ast.unparse):
        result = multiply(result, factor)
    return result
