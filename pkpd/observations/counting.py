"""Exact intervals of observed shares, whether a count or only a rounded percentage was printed."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple


class Share(NamedTuple):
    """A share of people as printed: its value, 0 to 1, and by how much it may have been rounded."""

    value: float
    rounding: float


def read_share(text: str) -> Share:
    """A share written as a decimal fraction; the digits written say how it was rounded.

    text    : such as "0.41", which stands for all from 0.405 to 0.415
    returns : Share
    Raises ValueError for what is no decimal fraction from 0 to 1.
    """
    try:
        number = Decimal(text)
    except ArithmeticError as cause:
        raise ValueError(text) from cause
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or not 0 <= number <= 1:
        raise ValueError(text)
    return Share(float(number), float(Decimal((0, (5,), min(exponent, 0) - 1))))


def exact_interval(events: float, total: float, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a probability from a count.

    events  : how many had it, 0 to total
    total   : of how many, > 0
    level   : of confidence, 0 to 1
    returns : (low, high)

    low solves P(X >= events) = (1 - level) / 2, high P(X <= events) = (1 - level) / 2; quantiles of beta distributions.
    Source: Clopper, Pearson, Biometrika 1934;26:404-413.
    """
    from scipy.special import betaincinv

    if not (total > 0 and 0 <= events <= total):
        raise ValueError(f"{events} of {total}")
    tail = (1.0 - level) / 2.0
    low = float(betaincinv(events, total - events + 1, tail)) if events > 0 else 0.0
    high = float(betaincinv(events + 1, total - events, 1.0 - tail)) if events < total else 1.0
    return low, high


def counts_behind(share: Share, total: int) -> tuple[int, int]:
    """The least and the largest whole count that a printed share may stand for.

    share   : as printed
    total   : of how many people
    returns : counts that round to it; where none does, the two that lie next to it
    """
    tiny = 1e-9 * total
    least = math.ceil((share.value - share.rounding) * total - tiny)
    most = math.floor((share.value + share.rounding) * total + tiny)
    if least > most:
        least, most = most, least
    return max(least, 0), min(most, total)


def printed_interval(share: Share, total: int) -> tuple[float, float]:
    """Exact 95 % interval that covers those of every count a printed share may stand for.

    share   : as printed
    total   : of how many people
    returns : (low, high)
    """
    least, most = counts_behind(share, total)
    return exact_interval(least, total)[0], exact_interval(most, total)[1]
