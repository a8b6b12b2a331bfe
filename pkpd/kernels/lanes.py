"""Eight subjects side by side: a vector of doubles as a numba type, with the arithmetic the kernels need.

A `lanes` value is one LLVM vector register (or two, where the machine's are shorter). Kernels written with it read
like scalar code, are vectorised by construction, and give every subject the same bits whatever its neighbours are.
Multiply-add is fused only where `fma` is written.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 8


class LanesType(types.Type):
    """The numba type of a vector of LANES doubles."""

    def __init__(self) -> None:
        super().__init__(name=f"lanes{LANES}")


lanes = LanesType()
_DOUBLE = ir.DoubleType()
_VECTOR = ir.VectorType(_DOUBLE, LANES)
_INTEGERS = ir.VectorType(ir.IntType(64), LANES)


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _constant(value: float) -> ir.Constant:
    return ir.Constant(_VECTOR, [float(value)] * LANES)


def _integer(value: int) -> ir.Constant:
    return ir.Constant(_INTEGERS, [value] * LANES)


def _splat(builder: Any, scalar: Any) -> Any:
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _call(builder: Any, name: str, *arguments: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f64"), arguments)


def _vector(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, LanesType):
        return value
    return _splat(builder, context.cast(builder, value, kind, types.float64))


def _operator(symbol: Any, emit: str) -> None:
    scalars = (types.Float, types.Integer)

    @infer_global(symbol)
    class _Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if (
                len(args) == 2
                and any(isinstance(a, LanesType) for a in args)
                and all(isinstance(a, (LanesType, *scalars)) for a in args)
            ):
                return signature(lanes, *args)
            return None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        left, right = (_vector(context, builder, kind, value) for kind, value in zip(sig.args, args, strict=True))
        return getattr(builder, emit)(left, right)

    for left, right in ((LanesType, LanesType), *((LanesType, s) for s in scalars), *((s, LanesType) for s in scalars)):
        lower_builtin(symbol, left, right)(lower)


for _symbol, _emit in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_symbol, _emit)


@infer_global(operator.neg)
class _Negate(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(lanes, lanes) if len(args) == 1 and isinstance(args[0], LanesType) else None


@lower_builtin(operator.neg, LanesType)
def _lower_negate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0])


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """LANES consecutive numbers of a contiguous float64 array, from `index` on."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        where = context.cast(builder, args[1], sig.args[1], types.intp)
        return builder.load(_address(context, builder, sig.args[0], args[0], where), align=8, typ=_VECTOR)

    return lanes(array, index), emit


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write LANES consecutive numbers of a contiguous float64 array, from `index` on."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        where = context.cast(builder, args[1], sig.args[1], types.intp)
        value = _vector(context, builder, sig.args[2], args[2])
        builder.store(value, _address(context, builder, sig.args[0], args[0], where), align=8)
        return context.get_dummy_value()

    return types.none(array, index, value), emit


@intrinsic
def stream(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """`store` past the caches, for results that are not read again soon; the place begins a cache line."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        where = context.cast(builder, args[1], sig.args[1], types.intp)
        made = builder.store(args[2], _address(context, builder, sig.args[0], args[0], where), align=64)
        made.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))
        return context.get_dummy_value()

    return types.none(array, index, value), emit


@intrinsic
def splat(typing: Any, scalar: Any) -> Any:
    """The same number in every lane."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _vector(context, builder, sig.args[0], args[0])

    return lanes(scalar), emit


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = [_vector(context, builder, kind, value) for kind, value in zip(sig.args, args, strict=True)]
        return _call(builder, "fma", *parts)

    return lanes(a, b, c), emit


def _unary(name: str, doc: str) -> Any:
    def declare(typing: Any, a: Any) -> Any:
        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _call(builder, name, args[0])

        return lanes(a), emit

    declare.__doc__ = doc
    return intrinsic(declare)


sqrt = _unary("sqrt", "Square root.")
absolute = _unary("fabs", "Absolute value.")


def _compared(order: str, doc: str) -> Any:
    def declare(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            parts = [_vector(context, builder, kind, value) for kind, value in zip(sig.args, args, strict=True)]
            return builder.select(builder.fcmp_ordered(order, parts[0], parts[1]), parts[2], parts[3])

        return lanes(a, b, yes, no), emit

    declare.__doc__ = doc
    return intrinsic(declare)


if_greater = _compared(">", "`yes` in the lanes where a > b, `no` elsewhere.")
if_less = _compared("<", "`yes` in the lanes where a < b, `no` elsewhere.")


@intrinsic
def any_greater(typing: Any, a: Any, b: Any) -> Any:
    """Whether a > b in at least one lane."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        left, right = (_vector(context, builder, kind, value) for kind, value in zip(sig.args, args, strict=True))
        bits = builder.bitcast(builder.fcmp_ordered(">", left, right), ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(LANES), 0))

    return types.boolean(a, b), emit


# exp: Cody and Waite's reduction x = k ln 2 + r, then the Taylor polynomial of degree 13 on |r| <= ln(2)/2
# (remainder below 5e-18), then 2^k put together from its bits.
_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 6755399441055744.0  # 1.5 x 2^52: adding it leaves the nearest integer in the low bits
_COEFFICIENTS = [1.0 / math.factorial(n) for n in range(14)]


@intrinsic
def exp(typing: Any, x: Any) -> Any:
    """exp(x), about 1e-16 relative; 0 below x = -708, and at most exp(708)."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = args[0]
        # Comparisons that a NaN fails leave it as it is.
        clamped = builder.select(builder.fcmp_ordered("<", value, _constant(-708.0)), _constant(-708.0), value)
        clamped = builder.select(builder.fcmp_ordered(">", clamped, _constant(708.0)), _constant(708.0), clamped)
        shifted = _call(builder, "fma", clamped, _constant(_LOG2_E), _constant(_ROUND))
        k = builder.fsub(shifted, _constant(_ROUND))
        r = _call(builder, "fma", k, _constant(-_LN2_HIGH), clamped)
        r = _call(builder, "fma", k, _constant(-_LN2_LOW), r)
        terms = [_constant(c) for c in _COEFFICIENTS]
        power = r
        while len(terms) > 1:  # Estrin: pair neighbours, square the argument
            paired = [
                _call(builder, "fma", high, power, low) for low, high in zip(terms[::2], terms[1::2], strict=False)
            ]
            terms = paired + ([terms[-1]] if len(terms) % 2 else [])
            power = builder.fmul(power, power)
        bits = builder.bitcast(shifted, _INTEGERS)
        bits = builder.shl(builder.add(bits, _integer(1023)), _integer(52))
        result = builder.fmul(terms[0], builder.bitcast(bits, _VECTOR))
        return builder.select(builder.fcmp_ordered("<", value, _constant(-708.0)), _constant(0.0), result)

    return lanes(x), emit
