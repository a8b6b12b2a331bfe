"""Algebra on expression trees: simplification, derivative, canonical order. `ast` nodes in and out; no units.

A tree may hold the same node many times, where a name was written out; each node is worked on once.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping

ZERO = ast.Constant(0)
ONE = ast.Constant(1)
TWO = ast.Constant(2)


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


def parts(node: ast.expr) -> list[ast.expr]:
    """The operands or arguments of a node, from left to right; none of a name or a number."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    return node.args if isinstance(node, ast.Call) else []


def same(first: ast.expr, second: ast.expr) -> bool:
    """Whether two trees are equal node for node."""
    waiting = [(first, second)]
    while waiting:
        one, other = waiting.pop()
        if one is other:
            continue
        if type(one) is not type(other) or _label(one) != _label(other):
            return False
        mine, its = parts(one), parts(other)
        if len(mine) != len(its):
            return False
        waiting += zip(mine, its, strict=True)
    return True


def _label(node: ast.expr) -> object:
    """What tells a node from another of its type, its parts aside."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant):
        return type(node.value), node.value
    if isinstance(node, (ast.BinOp, ast.UnaryOp)):
        return type(node.op)
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def nodes(node: ast.expr) -> Iterator[ast.expr]:
    """Every node of a tree once, however often it stands in it."""
    waiting, seen = [node], {id(node)}
    while waiting:
        yield (part := waiting.pop())
        for inner in parts(part):
            if id(inner) not in seen:
                seen.add(id(inner))
                waiting.append(inner)


def names(node: ast.expr) -> frozenset[str]:
    """The names a tree reads, functions excluded."""
    return frozenset(part.id for part in nodes(node) if isinstance(part, ast.Name))


def extent(node: ast.expr, sizes: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """How many names and numbers a tree has when written out, and how many levels.

    sizes : name -> both of the tree that is to stand for it
    """
    known: dict[int, tuple[int, int]] = {}

    def of(part: ast.expr) -> tuple[int, int]:
        if id(part) not in known:
            if isinstance(part, ast.Name):
                found = sizes.get(part.id, (1, 1))
            else:
                inner = [of(operand) for operand in parts(part)] or [(1, 0)]
                found = sum(leaves for leaves, _ in inner), 1 + max(levels for _, levels in inner)
            known[id(part)] = found
        return known[id(part)]

    return of(node)


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
    return _rebuild(node, replaced, {})


def _rebuild(node: ast.expr, replaced: Mapping[str, ast.expr], done: dict[int, ast.expr]) -> ast.expr:
    """As rebuild; done : node -> what it became, within one tree."""
    if isinstance(node, ast.Name):
        return replaced.get(node.id, node)
    if isinstance(node, ast.Constant):
        return node
    if id(node) not in done:
        inner = []
        for part in parts(node):
            inner.append(_rebuild(part, replaced, done))
        if isinstance(node, ast.BinOp):
            done[id(node)] = _OPERATIONS[type(node.op)](*inner)
        elif isinstance(node, ast.UnaryOp):
            done[id(node)] = negative(*inner)
        else:
            assert isinstance(node, ast.Call)
            done[id(node)] = ast.Call(node.func, inner, [])
    return done[id(node)]


def differentiate(node: ast.expr, name: str) -> ast.expr:
    """The derivative of a tree with respect to a name.

    node    : the tree
    name    : the variable; every other name is held constant
    returns : a simplified tree; ZERO where the tree does not read the name

    At a tie, min and max take the derivative of the earlier argument. The derivative of a step is 0, at the jump too.
    """
    return _Slopes(name).of(node)


class _Slopes:
    """Derivatives with respect to one name of the nodes of one tree."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reading: dict[int, bool] = {}
        self.simple: dict[int, ast.expr] = {}
        self.found: dict[int, ast.expr] = {}

    def of(self, node: ast.expr) -> ast.expr:
        if not self.reads(node):
            return ZERO
        if isinstance(node, ast.Name):
            return ONE
        if id(node) not in self.found:
            if isinstance(node, ast.UnaryOp):
                slope = negative(self.of(node.operand))
            elif isinstance(node, ast.BinOp):
                slope = self.of_operation(node)
            else:
                assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                slope = self.of_call(node.func.id, node.args)
            self.found[id(node)] = slope
        return self.found[id(node)]

    def reads(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id == self.name
        if id(node) not in self.reading:
            found = False
            for part in parts(node):
                found = self.reads(part) or found
            self.reading[id(node)] = found
        return self.reading[id(node)]

    def simplified(self, node: ast.expr) -> ast.expr:
        return _rebuild(node, {}, self.simple)

    def of_operation(self, node: ast.BinOp) -> ast.expr:
        u, v = self.simplified(node.left), self.simplified(node.right)
        du, dv = self.of(node.left), self.of(node.right)
        if isinstance(node.op, ast.Add):
            return add(du, dv)
        if isinstance(node.op, ast.Sub):
            return subtract(du, dv)
        if isinstance(node.op, ast.Mult):
            return add(multiply(du, v), multiply(u, dv))
        if isinstance(node.op, ast.Div):
            return subtract(divide(du, v), divide(multiply(u, dv), power(v, TWO)))
        by_base = multiply(multiply(v, power(u, subtract(v, ONE))), du)
        if number(dv) == 0:
            return by_base
        return add(by_base, multiply(multiply(power(u, v), call("log", u)), dv))

    def of_call(self, function: str, arguments: list[ast.expr]) -> ast.expr:
        u, du = self.simplified(arguments[0]), self.of(arguments[0])
        if function == "exp":
            return multiply(call("exp", u), du)
        if function == "log":
            return divide(du, u)
        if function == "sqrt":
            return divide(du, multiply(TWO, call("sqrt", u)))
        if function == "sin":
            return multiply(call("cos", u), du)
        if function == "cos":
            return negative(multiply(call("sin", u), du))
        if function == "step":
            return ZERO
        for argument in arguments[1:]:  # min and max: fold from the left, two at a time
            v, dv = self.simplified(argument), self.of(argument)
            if not same(du, dv):
                first_leads = call("step", subtract(u, v) if function == "max" else subtract(v, u))
                du = add(multiply(du, first_leads), multiply(dv, subtract(ONE, first_leads)))
            u = call(function, u, v)
        return du


def canonical(node: ast.expr) -> ast.expr:
    """A simplified tree with the terms of its sums and the factors of its products in sorted order."""
    return _canonical(node, {})


def _canonical(node: ast.expr, done: dict[int, ast.expr]) -> ast.expr:
    """As canonical; done : node -> what it became, within one tree."""
    if id(node) not in done:
        done[id(node)] = _sorted(node, done)
    return done[id(node)]


def _sorted(node: ast.expr, done: dict[int, ast.expr]) -> ast.expr:
    if isinstance(node, ast.UnaryOp) or (isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub))):
        return _sorted_sum(node, done)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        return _sorted_product(node, done)
    if isinstance(node, ast.BinOp):
        return power(_canonical(node.left, done), _canonical(node.right, done))
    if isinstance(node, ast.Call):
        arguments = sorted([_canonical(argument, done) for argument in node.args], key=ast.unparse)
        return ast.Call(node.func, arguments, [])
    return node


def _sorted_sum(node: ast.expr, done: dict[int, ast.expr]) -> ast.expr:
    terms: list[tuple[ast.expr, bool]] = []
    waiting = [(node, False)]
    while waiting:
        part, minus = waiting.pop()
        if isinstance(part, ast.UnaryOp):
            waiting.append((part.operand, not minus))
        elif isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Add, ast.Sub)):
            waiting += [(part.left, minus), (part.right, minus != isinstance(part.op, ast.Sub))]
        else:
            inner, flipped = _positive(_canonical(part, done))
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, (ast.Add, ast.Sub)):
                waiting.append((inner, minus != flipped))
            else:
                terms.append((inner, minus != flipped))
    terms.sort(key=lambda term: (ast.unparse(term[0]), term[1]))
    total: ast.expr = ZERO
    for term, minus in terms:
        total = subtract(total, term) if minus else add(total, term)
    return total


def _sorted_product(node: ast.expr, done: dict[int, ast.expr]) -> ast.expr:
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
            inner, minus = _positive(_canonical(part, done))
            negated = negated != minus
            (below if under else above).append(inner)
    result = divide(_product(above), _product(below))
    return negative(result) if negated else result


def _product(factors: list[ast.expr]) -> ast.expr:
    result: ast.expr = ONE
    for factor in sorted(factors, key=ast.unparse):
        result = multiply(result, factor)
    return result
