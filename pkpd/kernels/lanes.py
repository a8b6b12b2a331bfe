"""Subjects side by side: a vector of doubles as a numba type, with the arithmetic the kernels need.

A `lanes` value is one LLVM vector register (or more, where the machine's are shorter), a `wide` one is two. Kernels
written with them read like scalar code, are vectorised by construction, and give every subject the same bits whatever
its neighbours are.
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
WIDE = 16  # of the methods that take steps: two registers at once, so that one works while the other waits


class LanesType(types.Type):
    """The numba type of a vector of doubles."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"lanes{width}")


lanes, wide = LanesType(LANES), LanesType(WIDE)
_DOUBLE = ir.DoubleType()


def vector_type(width: int) -> ir.VectorType:
    """LLVM's type of a vector of doubles."""
    return ir.VectorType(_DOUBLE, width)


def constant(value: float, width: int) -> ir.Constant:
    """The same number in every lane."""
    return ir.Constant(vector_type(width), [float(value)] * width)


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, vector_type(kind.width))


def _integers(width: int) -> ir.VectorType:
    return ir.VectorType(ir.IntType(64), width)


def _integer(value: int, width: int) -> ir.Constant:
    return ir.Constant(_integers(width), [value] * width)


def _splat(builder: Any, scalar: Any, width: int) -> Any:
    undefined = ir.Constant(vector_type(width), ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    return builder.shuffle_vector(first, undefined, zeros)


def call_intrinsic(builder: Any, name: str, *arguments: Any) -> Any:
    """One of LLVM's own functions of vectors."""
    kind = ir.FunctionType(arguments[0].type, [argument.type for argument in arguments])
    full = f"llvm.{name}.v{arguments[0].type.count}f64"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, full), arguments)


def _width(kinds: Any) -> int:
    return max((kind.width for kind in kinds if isinstance(kind, LanesType)), default=0)


def _of_width(width: int) -> Any:
    return wide if width == WIDE else lanes


def _vector(context: Any, builder: Any, kind: Any, value: Any, width: int) -> Any:
    if isinstance(kind, LanesType):
        return value
    return _splat(builder, context.cast(builder, value, kind, types.float64), width)


def _vectors(context: Any, builder: Any, sig: Any, args: Any) -> list[Any]:
    width = _width(sig.args)
    return [_vector(context, builder, kind, value, width) for kind, value in zip(sig.args, args, strict=True)]


def _operator(symbol: Any, emit: str) -> None:
    scalars = (types.Float, types.Integer)

    @infer_global(symbol)
    class _Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            widths = {a.width for a in args if isinstance(a, LanesType)}
            if len(args) == 2 and len(widths) == 1 and all(isinstance(a, (LanesType, *scalars)) for a in args):
                return signature(_of_width(widths.pop()), *args)
            return None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        left, right = _vectors(context, builder, sig, args)
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
        return signature(args[0], args[0]) if len(args) == 1 and isinstance(args[0], LanesType) else None


@lower_builtin(operator.neg, LanesType)
def _lower_negate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0])


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any, width: int) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), vector_type(width).as_pointer())


def _load(made: LanesType, doc: str) -> Any:
    def declare(typing: Any, array: Any, index: Any) -> Any:
        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            where = context.cast(builder, args[1], sig.args[1], types.intp)
            place = _address(context, builder, sig.args[0], args[0], where, made.width)
            return builder.load(place, align=8, typ=vector_type(made.width))

        return made(array, index), emit

    declare.__doc__ = doc
    return intrinsic(declare)


load = _load(lanes, "LANES consecutive numbers of a contiguous float64 array, from `index` on.")
load_wide = _load(wide, "WIDE consecutive numbers of a contiguous float64 array, from `index` on.")


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write consecutive numbers of a contiguous float64 array, from `index` on; a plain number LANES times."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        where = context.cast(builder, args[1], sig.args[1], types.intp)
        width = _width(sig.args) or LANES
        value = _vector(context, builder, sig.args[2], args[2], width)
        builder.store(value, _address(context, builder, sig.args[0], args[0], where, width), align=8)
        return context.get_dummy_value()

    return types.none(array, index, value), emit


@intrinsic
def stream(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """`store` past the caches, for results that are not read again soon; the place begins a cache line."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        where = context.cast(builder, args[1], sig.args[1], types.intp)
        place = _address(context, builder, sig.args[0], args[0], where, sig.args[2].width)
        made = builder.store(args[2], place, align=64)
        made.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))
        return context.get_dummy_value()

    return types.none(array, index, value), emit


def _splat_of(made: LanesType, doc: str) -> Any:
    def declare(typing: Any, scalar: Any) -> Any:
        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _vector(context, builder, sig.args[0], args[0], made.width)

        return made(scalar), emit

    declare.__doc__ = doc
    return intrinsic(declare)


splat = _splat_of(lanes, "The same number in every lane.")
splat_wide = _splat_of(wide, "The same number in every lane, of a wide vector.")


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return call_intrinsic(builder, "fma", *_vectors(context, builder, sig, args))

    return _of_width(_width((a, b, c)))(a, b, c), emit


def _unary(name: str, doc: str) -> Any:
    def declare(typing: Any, a: Any) -> Any:
        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return call_intrinsic(builder, name, args[0])

        return a(a), emit

    declare.__doc__ = doc
    return intrinsic(declare)


sqrt = _unary("sqrt", "Square root.")
absolute = _unary("fabs", "Absolute value.")


def _compared(order: str, doc: str) -> Any:
    def declare(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            parts = _vectors(context, builder, sig, args)
            return builder.select(builder.fcmp_ordered(order, parts[0], parts[1]), parts[2], parts[3])

        return _of_width(_width((a, b, yes, no)))(a, b, yes, no), emit

    declare.__doc__ = doc
    return intrinsic(declare)


if_greater = _compared(">", "`yes` in the lanes where a > b, `no` elsewhere.")
if_less = _compared("<", "`yes` in the lanes where a < b, `no` elsewhere.")


def _mask(context: Any, builder: Any, order: str, sig: Any, args: Any) -> Any:
    left, right = _vectors(context, builder, sig, args)
    return builder.bitcast(builder.fcmp_ordered(order, left, right), ir.IntType(_width(sig.args)))


def _any(order: str, doc: str) -> Any:
    def declare(typing: Any, a: Any, b: Any) -> Any:
        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            bits = _mask(context, builder, order, sig, args)
            return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

        return types.boolean(a, b), emit

    declare.__doc__ = doc
    return intrinsic(declare)


any_greater = _any(">", "Whether a > b in at least one lane.")
any_at_least = _any(">=", "Whether a >= b in at least one lane.")


@intrinsic
def at_least(typing: Any, a: Any, b: Any) -> Any:
    """The lanes in which a >= b, as the bits of an integer."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.zext(_mask(context, builder, ">=", sig, args), ir.IntType(64))

    return types.int64(a, b), emit


@intrinsic
def lowest(typing: Any, bits: Any) -> Any:
    """The number of the lowest bit that is set."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), emit


# exp: Cody and Waite's reduction x = k ln 2 + r, then the Taylor polynomial of degree 13 on |r| <= ln(2)/2
# (remainder below 5e-18), then 2^k put together from its bits.
_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 6755399441055744.0  # 1.5 x 2^52: adding it leaves the nearest integer in the low bits
_COEFFICIENTS = [1.0 / math.factorial(n) for n in range(14)]


def emit_exp(builder: Any, value: Any) -> Any:
    """Instructions for exp of a vector."""
    width = value.type.count
    # Comparisons that a NaN fails leave it as it is.
    clamped = builder.select(builder.fcmp_ordered("<", value, constant(-708.0, width)), constant(-708.0, width), value)
    clamped = builder.select(
        builder.fcmp_ordered(">", clamped, constant(708.0, width)), constant(708.0, width), clamped
    )
    shifted = call_intrinsic(builder, "fma", clamped, constant(_LOG2_E, width), constant(_ROUND, width))
    k = builder.fsub(shifted, constant(_ROUND, width))
    r = call_intrinsic(builder, "fma", k, constant(-_LN2_HIGH, width), clamped)
    r = call_intrinsic(builder, "fma", k, constant(-_LN2_LOW, width), r)
    terms = [constant(c, width) for c in _COEFFICIENTS]
    power = r
    while len(terms) > 1:  # Estrin: pair neighbours, square the argument
        paired = [
            call_intrinsic(builder, "fma", high, power, low) for low, high in zip(terms[::2], terms[1::2], strict=False)
        ]
        terms = paired + ([terms[-1]] if len(terms) % 2 else [])
        power = builder.fmul(power, power)
    bits = builder.bitcast(shifted, _integers(width))
    bits = builder.shl(builder.add(bits, _integer(1023, width)), _integer(52, width))
    result = builder.fmul(terms[0], builder.bitcast(bits, vector_type(width)))
    return builder.select(builder.fcmp_ordered("<", value, constant(-708.0, width)), constant(0.0, width), result)


@intrinsic
def exp(typing: Any, x: Any) -> Any:
    """exp(x), about 1e-16 relative; 0 below x = -708, and at most exp(708)."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return emit_exp(builder, args[0])

    return x(x), emit


# log: x = 2^k m with m from sqrt(1/2) to sqrt(2), s = (m - 1) / (m + 1), and log m = 2 s + s R(s^2) with the minimax
# polynomial R of fdlibm (Sun Microsystems 1993), error below 1 ulp.
_LOG_COEFFICIENTS = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
_HALF_ROOT = 0x3FE6A09E00000000  # bits of sqrt(1/2), rounded down
_BITS_OF_ONE = 0x3FF0000000000000
_SMALLEST = 2.2250738585072014e-308  # below it the bits hold no exponent


def emit_log(builder: Any, value: Any) -> Any:
    """Instructions for log of a vector; -inf at 0, NaN below."""
    width = value.type.count
    tiny = builder.fcmp_ordered("<", value, constant(_SMALLEST, width))
    scaled = builder.select(tiny, builder.fmul(value, constant(2.0**54, width)), value)
    bits = builder.add(builder.bitcast(scaled, _integers(width)), _integer(_BITS_OF_ONE - _HALF_ROOT, width))
    k = builder.sitofp(builder.sub(builder.ashr(bits, _integer(52, width)), _integer(1023, width)), vector_type(width))
    k = builder.select(tiny, builder.fsub(k, constant(54.0, width)), k)
    bits = builder.add(builder.and_(bits, _integer(0x000FFFFFFFFFFFFF, width)), _integer(_HALF_ROOT, width))
    f = builder.fsub(builder.bitcast(bits, vector_type(width)), constant(1.0, width))
    s = builder.fdiv(f, builder.fadd(f, constant(2.0, width)))
    z = builder.fmul(s, s)
    r = constant(_LOG_COEFFICIENTS[-1], width)
    for coefficient in _LOG_COEFFICIENTS[-2::-1]:
        r = call_intrinsic(builder, "fma", r, z, constant(coefficient, width))
    r = builder.fmul(r, z)
    half_square = builder.fmul(constant(0.5, width), builder.fmul(f, f))
    low = call_intrinsic(builder, "fma", k, constant(_LN2_LOW, width), builder.fmul(s, builder.fadd(half_square, r)))
    result = builder.fsub(builder.fmul(k, constant(_LN2_HIGH, width)), builder.fsub(builder.fsub(half_square, low), f))
    result = builder.select(builder.fcmp_ordered("<", value, constant(math.inf, width)), result, value)
    result = builder.select(builder.fcmp_ordered("==", value, constant(0.0, width)), constant(-math.inf, width), result)
    return builder.select(builder.fcmp_ordered("<", value, constant(0.0, width)), constant(math.nan, width), result)


@intrinsic
def log(typing: Any, x: Any) -> Any:
    """log(x), below 1 ulp; -inf at 0 and NaN below."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return emit_log(builder, args[0])

    return x(x), emit


# sin and cos: x = k pi/2 + r with |r| <= pi/4, pi/2 in three parts, then the minimax polynomials of fdlibm (Sun
# Microsystems 1993) and the quarter that k falls in.
_HALF_PI = (1.57079632679489655800e00, 6.12323399573676603587e-17, -1.49738490485916983e-33)
_SINE = (
    -1.66666666666666324348e-01,
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
)
_COSINE = (
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
)


def _polynomial(builder: Any, coefficients: Any, z: Any) -> Any:
    width = z.type.count
    value = constant(coefficients[-1], width)
    for coefficient in coefficients[-2::-1]:
        value = call_intrinsic(builder, "fma", value, z, constant(coefficient, width))
    return value


def emit_sine(builder: Any, value: Any, quarters: int) -> Any:
    """Instructions for sin(x + quarters pi/2) of a vector, about 1e-16 up to |x| of 1e5."""
    width = value.type.count
    shifted = call_intrinsic(builder, "fma", value, constant(2.0 / math.pi, width), constant(_ROUND, width))
    k = builder.fsub(shifted, constant(_ROUND, width))
    r = value
    for part in _HALF_PI:
        r = call_intrinsic(builder, "fma", k, constant(-part, width), r)
    z = builder.fmul(r, r)
    sine = call_intrinsic(builder, "fma", builder.fmul(r, z), _polynomial(builder, _SINE, z), r)
    half = call_intrinsic(builder, "fma", constant(-0.5, width), z, constant(1.0, width))
    cosine = call_intrinsic(builder, "fma", builder.fmul(z, z), _polynomial(builder, _COSINE, z), half)
    quarter = builder.add(builder.bitcast(shifted, _integers(width)), _integer(quarters, width))
    odd = builder.icmp_signed("!=", builder.and_(quarter, _integer(1, width)), _integer(0, width))
    below = builder.icmp_signed("!=", builder.and_(quarter, _integer(2, width)), _integer(0, width))
    size = builder.select(odd, cosine, sine)
    return builder.select(below, builder.fneg(size), size)


@intrinsic
def call(typing: Any, address: Any, array: Any, first: Any, second: Any, third: Any) -> Any:
    """Call machine code at an address with the addresses of three places of a contiguous float64 array."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[1])(context, builder, args[1]).data
        places = [
            builder.gep(data, [context.cast(builder, index, kind, types.intp)])
            for index, kind in zip(args[2:], sig.args[2:], strict=True)
        ]
        kind = ir.FunctionType(ir.VoidType(), [_DOUBLE.as_pointer()] * 3)
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), places)
        return context.get_dummy_value()

    return types.none(address, array, first, second, third), emit
