"""The arithmetic of model files: a part of Python's grammar, read, evaluated, differentiated, checked for dimensions.

Nothing is executed: a text becomes a tree, and the tree is walked.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from pkpd import units
from pkpd.errors import ModelFileError, unknown
from pkpd.model import algebra
from pkpd.model.steps import ARITHMETIC, OF_MANY, Number, Steps, steps_of
from pkpd.units import Dimension

FUNCTIONS = ("cos", "exp", "log", "max", "min", "sin", "sqrt", "step")
TIME = "t"  # the time since the start of the occasion, h
LARGEST_INTEGER = 12

_LONGEST_TEXT = 2000  # characters
_DEEPEST = 60  # levels of a tree that is read
_LARGEST_WRITTEN = 200_000  # names and numbers in what a substitution makes
_DEEPEST_WRITTEN = 150  # its levels

_ALLOWED = f"Allowed: + - * / ** ( ), names, whole numbers up to {LARGEST_INTEGER}, and {', '.join(FUNCTIONS)}."
_CHARACTER = re.compile(r"[^A-Za-z0-9_+\-*/().,\s]")

_SYMBOLS: dict[type[ast.AST], str] = {
    ast.FloorDiv: "//",
    ast.Attribute: "a dot after a name",
    ast.Tuple: "a comma outside a function",
    ast.UAdd: "a plus sign",
    ast.Lambda: "lambda",
    ast.IfExp: "if",
    ast.BoolOp: "and/or",
    ast.Not: "not",
    ast.Await: "await",
    ast.Starred: "a star",
}

_BASE_UNITS = {
    "drug": "mg",
    "substance": "nmol",
    "volume": "L",
    "time": "h",
    "weight": "kg",
    "age": "year",
    "score": "point",
    "pressure": "mmHg",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Expression:
    """One formula: its tree, the names it reads, and its text where it was read from one; equal where the trees are."""

    node: ast.expr
    names: frozenset[str]
    written: str = ""
    _steps: Steps | None = field(default=None, init=False)

    @property
    def text(self) -> str:
        """As written; of an expression made from others, as long as the tree written out."""
        return self.written or ast.unparse(self.node)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and algebra.same(self.node, other.node)

    def __hash__(self) -> int:
        return hash(self.names)

    @classmethod
    def read(cls, text: str, where: str = "") -> Expression:
        """An expression from its text.

        text  : such as "CL / V1 * central"
        where : the place, for the error
        Raises ModelFileError, with the column, for anything outside the allowed arithmetic.
        """
        if len(text) > _LONGEST_TEXT:
            raise ModelFileError(
                f"{_at(where)}an expression of {len(text)} characters is too long; at most {_LONGEST_TEXT}. "
                "Name parts of it under [derived] or [formulas]."
            )
        if strange := _CHARACTER.search(text):
            _refuse(text, where, strange.start(), f'"{strange[0]}" is not allowed')
        source = re.sub(r"\s", " ", text)
        try:
            node = ast.parse(source.lstrip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as cause:
            found = cause.offset - 1 if isinstance(cause, SyntaxError) and cause.offset else 0
            reason = cause.msg if isinstance(cause, SyntaxError) else "nested too deeply"
            _refuse(text, where, found + len(source) - len(source.lstrip()), f"cannot be read ({reason})")
        _check(node, text, where, len(source) - len(source.lstrip()), 1)
        return cls(node, algebra.names(node), text.strip())

    @classmethod
    def of(cls, node: ast.expr) -> Expression:
        """An expression from a tree."""
        return cls(node, algebra.names(node))

    @property
    def is_zero(self) -> bool:
        """Whether the expression is the number 0 after simplification."""
        return algebra.number(algebra.rebuild(self.node, {})) == 0

    @property
    def key(self) -> str:
        """A text that is equal for expressions equal up to the order of terms and factors."""
        return ast.unparse(algebra.canonical(algebra.rebuild(self.node, {})))

    def depends_on(self, names: Collection[str]) -> bool:
        """Whether the expression reads any of these names."""
        return any(name in names for name in self.names)

    def evaluate(self, values: Mapping[str, Number]) -> Number:
        """The value of the expression.

        values  : name -> number or array, canonical units; arrays broadcast against each other
        returns : a float where every value is a number, else an array; numpy's rules hold (x / 0 is inf,
                  log(-1) is nan)
        Raises UnknownName for a name without a value.
        """
        with np.errstate(all="ignore"):
            result = self.raw(values)
        return float(result) if np.ndim(result) == 0 else result

    def raw(self, values: Mapping[str, Number]) -> Any:
        """The same as numpy gives it, with numpy's warnings as they are set: for many expressions in a row."""
        if self._steps is None:
            object.__setattr__(self, "_steps", steps_of(self.node))
        assert self._steps is not None
        try:
            return self._steps.run(values)
        except KeyError:
            for name in sorted(self.names):
                if name not in values:
                    raise unknown(f'expression "{self.text[:200]}"', "name", name, values) from None
            raise

    def derivative(self, name: str) -> Expression:
        """The derivative with respect to one name, all others held constant, simplified.

        name    : the variable, such as a state
        returns : an expression; of a formula linear in the name, one free of that name
        """
        return Expression.of(algebra.differentiate(self.node, name))

    def substitute(self, mapping: Mapping[str, Expression]) -> Expression:
        """The expression with names replaced by expressions, all at once, simplified.

        mapping : name -> expression; names that do not occur are ignored
        Raises ModelFileError where the result would be too large.
        """
        used = {name: mapping[name].node for name in self.names if name in mapping}
        leaves, levels = algebra.extent(self.node, {name: algebra.extent(node, {}) for name, node in used.items()})
        if leaves > _LARGEST_WRITTEN or levels > _DEEPEST_WRITTEN:
            raise ModelFileError(
                f'expression "{self.text[:120]}" grows too large when its names are written out: {leaves} names and '
                f"numbers in {levels} levels; at most {_LARGEST_WRITTEN} in {_DEEPEST_WRITTEN}."
            )
        return Expression.of(algebra.rebuild(self.node, used))

    def dimension(self, dimensions: Mapping[str, Dimension], where: str = "") -> Dimension:
        """The dimension of the value.

        dimensions : name -> dimension, as units.analyse gives it
        where      : the place, for the error
        returns    : dimension in the same form; a whole number is dimensionless, 0 fits any
        Raises ModelFileError where unlike things are added or compared, or what exp, log or ** take is not a plain
        number.
        """
        try:
            return _dimension(self.node, dimensions)
        except _Unlike as cause:
            raise ModelFileError(f'{_at(where)}expression "{self.text}": {cause}') from None


class _Unlike(Exception):
    """Dimensions that do not go together; turned into a ModelFileError with its place."""


def describe(dimension: Dimension) -> str:
    """A dimension in words.

    dimension : as units.analyse gives it
    returns   : such as "mg/L (concentration)", or "a plain number"
    """
    if not dimension:
        return "a plain number"
    called = next((word for word, unit in units.NAMED.items() if units.analyse(unit)[1] == dimension), "")
    return f"{canonical_unit(dimension)} ({called})" if called else canonical_unit(dimension)


def canonical_unit(dimension: Dimension) -> str:
    """The unit the numbers of a dimension are in, such as "mg/L"; "" for a plain number."""
    if not dimension:
        return ""
    powers = sorted(dimension, key=lambda item: list(_BASE_UNITS).index(item[0]) if item[0] in _BASE_UNITS else 99)
    above = [_powered(name, power) for name, power in powers if power > 0]
    below = [_powered(name, -power) for name, power in powers if power < 0]
    return "/".join([" ".join(above) or "1", *below])


def named(dimension: str) -> Dimension:
    """The dimension of a name of units.NAMED, such as "concentration"."""
    return units.analyse(units.NAMED[dimension])[1]


def product(*parts: tuple[Dimension, float]) -> Dimension:
    """The dimension of a product of powers.

    parts : (dimension, power) of each factor
    """
    powers: dict[str, float] = {}
    for dimension, power in parts:
        for name, own in dimension:
            powers[name] = powers.get(name, 0.0) + own * power
    return tuple(sorted((name, power) for name, power in powers.items() if abs(power) > 1e-12))


def _powered(name: str, power: float) -> str:
    unit = _BASE_UNITS.get(name, name)
    return unit if power == 1 else f"{unit}^{power:g}"


def _check(node: ast.expr, text: str, where: str, shift: int, depth: int) -> None:
    """Refuse every node that is not on the list."""
    column = node.col_offset + shift
    if depth > _DEEPEST:
        _refuse(
            text, where, column, f"more than {_DEEPEST} operations within each other; name parts of it as [formulas]"
        )
    if isinstance(node, ast.Constant):
        _check_number(node, text, where, column)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        _check(node.operand, text, where, shift, depth + 1)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        _check(node.left, text, where, shift, depth + 1)
        _check(node.right, text, where, shift, depth + 1)
    elif isinstance(node, ast.Call):
        _check_call(node, text, where, column)
        for argument in node.args:
            _check(argument, text, where, shift, depth + 1)
    elif isinstance(node, ast.Name):
        if node.id in FUNCTIONS:
            _refuse(text, where, column, f'"{node.id}" is a function and needs an argument in parentheses')
    else:
        kind: ast.AST = node.op if isinstance(node, (ast.BinOp, ast.UnaryOp)) else node
        _refuse(text, where, column, f"{_SYMBOLS.get(type(kind), type(kind).__name__.lower())} is not allowed")


def _check_number(node: ast.Constant, text: str, where: str, column: int) -> None:
    if type(node.value) is not int or abs(node.value) > LARGEST_INTEGER:
        _refuse(
            text,
            where,
            column,
            f"the number {str(node.value)[:20]} stands in an expression; give it a name, a source and a "
            "mark under [parameters]",
        )


def _check_call(node: ast.Call, text: str, where: str, column: int) -> None:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        given = ast.unparse(node.func)[:40]
        _refuse(text, where, column, f'"{given}" is not a function; a product needs *')
    count = len(node.args)
    if node.keywords or (count < 2 if node.func.id in OF_MANY else count != 1):
        needs = "two or more arguments" if node.func.id in OF_MANY else "one argument"
        _refuse(text, where, column, f"{node.func.id} takes {needs}")


def _refuse(text: str, where: str, column: int, what: str) -> NoReturn:
    shown = re.sub(r"\s", " ", text if len(text) <= 120 else text[:117] + "...")
    raise ModelFileError(f'{_at(where)}expression "{shown}", column {column + 1}: {what}. {_ALLOWED}')


def _dimension(node: ast.expr, known: Mapping[str, Dimension]) -> Dimension:
    if isinstance(node, ast.Name):
        if node.id not in known:
            raise unknown("dimensions", "name", node.id, known)
        return known[node.id]
    if isinstance(node, ast.UnaryOp):
        return _dimension(node.operand, known)
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)
        return _dimension_of_call(node.func.id, node.args, known)
    if not isinstance(node, ast.BinOp):
        return ()
    if isinstance(node.op, (ast.Add, ast.Sub)):
        return _alike([node.left, node.right], known, "added" if isinstance(node.op, ast.Add) else "subtracted")
    left = _dimension(node.left, known)
    right = _dimension(node.right, known)
    if isinstance(node.op, ast.Pow):
        return _dimension_of_power(node, left, right)
    return product((left, 1.0), (right, 1.0 if isinstance(node.op, ast.Mult) else -1.0))


def _dimension_of_call(function: str, arguments: list[ast.expr], known: Mapping[str, Dimension]) -> Dimension:
    if function in OF_MANY:
        return _alike(arguments, known, "compared")
    inner = _dimension(arguments[0], known)
    if function == "sqrt":
        return product((inner, 0.5))
    if inner and function != "step":
        raise _Unlike(f'{function} takes a plain number, but "{ast.unparse(arguments[0])}" is {describe(inner)}.')
    return ()


def _dimension_of_power(node: ast.BinOp, base: Dimension, exponent: Dimension) -> Dimension:
    if exponent:
        raise _Unlike(f'an exponent is a plain number, but "{ast.unparse(node.right)}" is {describe(exponent)}.')
    if not base:
        return ()
    value = algebra.number(algebra.rebuild(node.right, {}))
    if value is None:
        raise _Unlike(
            f'"{ast.unparse(node.left)}" is {describe(base)} and may only have a constant exponent, not '
            f'"{ast.unparse(node.right)}"; divide it by a reference first.'
        )
    return product((base, value))


def _alike(parts: list[ast.expr], known: Mapping[str, Dimension], verb: str) -> Dimension:
    found = [(part, _dimension(part, known)) for part in parts if algebra.number(part) != 0]
    for part, dimension in found[1:]:
        if dimension != found[0][1]:
            raise _Unlike(
                f'"{ast.unparse(found[0][0])}" is {describe(found[0][1])} and "{ast.unparse(part)}" is '
                f"{describe(dimension)}; only like can be {verb}."
            )
    return found[0][1] if found else ()


def _at(where: str) -> str:
    return f"{where}: " if where else ""
