"""Rodas5P, a linearly implicit method of order 5 for stiff systems, in lanes.

Eight stages, each a solution with the same matrix; stiffly accurate, L-stable, with an embedded method of order 4 and a
dense output of order 4 that stiffness does not spoil. Steinebach G. Construction of Rosenbrock-Wanner method Rodas5P
and numerical benchmarks within the Julia Differential Equations package. BIT Numer Math 2023;63:27. The form without
products of J: Hairer E, Wanner G. Solving Ordinary Differential Equations II. Springer 1996, section IV.7.
"""

from __future__ import annotations

import numpy as np

from pkpd.kernels.cached import part
from pkpd.kernels.lanes import WIDE, call, fma, load_wide, splat_wide, store
from pkpd.kernels.seats import (
    CODE_DRIFT,
    CODE_FACTORISE,
    CODE_SLOPE,
    CODE_SOLVE,
    DENSE,
    DRIFT,
    END,
    FACTORS,
    FIXED,
    SLOPE,
    STAGES,
    STATE,
    TRIAL,
)

STAGE_COUNT = 8
SUMMED = 6  # from this stage on, the state is that of the stage before with its result added
ORDER = 5
DEGREE = 4
GAMMA = 0.21193756319429014

# Each stage from the stages before it: to the state (A) and, over the step, to the right-hand side (C).
A = np.zeros((8, 8))
A[1, :1] = (3.0,)
A[2, :2] = 2.849394379747939, 0.45842242204463923
A[3, :3] = -6.954028509809101, 2.489845061869568, -10.358996098473584
A[4, :4] = 2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641
A[5, :5] = -7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946
A[6, :6] = (*A[5, :5], 1.0)
A[7, :7] = (*A[6, :6], 1.0)
C = np.zeros((8, 8))
C[1, :1] = (-14.155112264123755,)
C[2, :2] = -17.97296035885952, -2.859693295451294
C[3, :3] = 147.12150275711716, -1.41221402718213, 71.68940251302358
C[4, :4] = 165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306
C[5, :5] = 24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471
C[6, :6] = (
    30.91273214028599,
    -3.1208243349937974,
    77.79954646070892,
    34.28646028294783,
    -19.097331116725623,
    -28.087943162872662,
)
C[7, :7] = (
    37.80277123390563,
    -3.2571969029072276,
    112.26918849496327,
    66.9347231244047,
    -40.06618937091002,
    -54.66780262877968,
    -9.48861652309627,
)
# Time of each stage within the step, and its share of h df/dt.
TIMES = np.array([0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664, 1.0, 1.0, 1.0])
DRIFTS = np.array(
    [
        0.21193756319429014,
        -0.42387512638858027,
        -0.3384627126235924,
        1.8046452872882734,
        2.325825639765069,
        0.0,
        0.0,
        0.0,
    ]
)
# Dense output y0 + u (y1 - y0 + (1 - u) (H0 + u (H1 + u H2))).
H = np.array(
    [
        [
            25.948786856663858,
            -2.5579724845846235,
            10.433815404888879,
            -2.3679251022685204,
            0.524948541321073,
            1.1241088310450404,
            0.4272876194431874,
            -0.17202221070155493,
        ],
        [
            -9.91568850695171,
            -0.9689944594115154,
            3.0438037242978453,
            -24.495224566215796,
            20.176138334709044,
            15.98066361424651,
            -6.789040303419874,
            -6.710236069923372,
        ],
        [
            11.419903575922262,
            2.8879645146136994,
            72.92137995996029,
            80.12511834622643,
            -52.072871366152654,
            -59.78993625266729,
            -0.15582684282751913,
            4.883087185713722,
        ],
    ]
)
# The same in the form all methods share: y0 + u (D0 + (1 - u) (D1 + u (D2 + (1 - u) D3))).
SHARED = np.stack([H[0], H[1] + H[2], -H[2]])
# At u = 1/2 it is y0 + (y1 - y0) / 2 + MIDDLE k, and its slope (y1 - y0 + MIDDLE_SLOPE k) / h.
MIDDLE = SHARED[0] / 4 + SHARED[1] / 8 + SHARED[2] / 16
MIDDLE_SLOPE = SHARED[1] / 4


def _stage(s):
    """The part that makes stage s; its number is fixed when it is compiled, so that sums over stages are unrolled."""

    @part
    def stage(code, states, drifts, at, rows, time, h, shorter):
        for i in range(states):
            u = load_wide(rows, at[STATE if s < SUMMED else TRIAL] + i * WIDE)
            v = splat_wide(0.0)
            for j in range(s):
                earlier = load_wide(rows, at[STAGES] + (j * states + i) * WIDE)
                v = fma(C[s, j], earlier, v)
                if s < SUMMED:
                    u = fma(A[s, j], earlier, u)
                elif j == s - 1:
                    u = u + earlier
            v = v * shorter
            if drifts:
                v = fma(DRIFTS[s] * h, load_wide(rows, at[DRIFT] + i * WIDE), v)
            store(rows, at[TRIAL] + i * WIDE, u)
            store(rows, at[STAGES] + (s * states + i) * WIDE, v)
        store(rows, at[TRIAL] + states * WIDE, fma(TIMES[s], h, time))
        call(code[CODE_SLOPE], rows, at[TRIAL], at[FIXED], at[SLOPE])
        call(code[CODE_SOLVE], rows, at[FACTORS], at[SLOPE], at[STAGES] + s * states * WIDE)

    return stage


stage_0, stage_1, stage_2, stage_3, stage_4, stage_5, stage_6, stage_7 = (_stage(s) for s in range(STAGE_COUNT))


@part
def middle(code, states, at, rows, time, h, shorter):
    """The error of the dense output in the middle of the step, as a ninth stage: what W makes of its defect.

    Where a state follows others at once, the dense output can be far worse than the step.
    """
    for i in range(states):
        state = load_wide(rows, at[STATE] + i * WIDE)
        change = load_wide(rows, at[END] + i * WIDE) - state
        place, slope = splat_wide(0.0), splat_wide(0.0)
        for s in range(STAGE_COUNT):
            stage = load_wide(rows, at[STAGES] + (s * states + i) * WIDE)
            place = fma(MIDDLE[s], stage, place)
            slope = fma(MIDDLE_SLOPE[s], stage, slope)
        store(rows, at[TRIAL] + i * WIDE, fma(0.5, change, state) + place)
        store(rows, at[STAGES] + (STAGE_COUNT * states + i) * WIDE, 0.0 - shorter * (change + slope))
    store(rows, at[TRIAL] + states * WIDE, fma(0.5, h, time))
    call(code[CODE_SLOPE], rows, at[TRIAL], at[FIXED], at[SLOPE])
    call(code[CODE_SOLVE], rows, at[FACTORS], at[SLOPE], at[STAGES] + STAGE_COUNT * states * WIDE)


@part
def try_step(code, states, drifts, at, rows, time, h):
    """One step of every seat: the end state into END; error estimates into the last stage, and of the middle after it.

    code   : addresses of the system's functions
    drifts : whether the time stands in the equations
    time   : h, lanes: of the start, on the model's clock
    h      : lanes
    """
    shorter = 1.0 / h
    store(rows, at[FACTORS], shorter * (1.0 / GAMMA))
    call(code[CODE_FACTORISE], rows, at[STATE], at[FIXED], at[FACTORS])
    if drifts:
        call(code[CODE_DRIFT], rows, at[STATE], at[FIXED], at[DRIFT])
    stage_0(code, states, drifts, at, rows, time, h, shorter)
    stage_1(code, states, drifts, at, rows, time, h, shorter)
    stage_2(code, states, drifts, at, rows, time, h, shorter)
    stage_3(code, states, drifts, at, rows, time, h, shorter)
    stage_4(code, states, drifts, at, rows, time, h, shorter)
    stage_5(code, states, drifts, at, rows, time, h, shorter)
    stage_6(code, states, drifts, at, rows, time, h, shorter)
    stage_7(code, states, drifts, at, rows, time, h, shorter)
    for i in range(states):
        last = load_wide(rows, at[STAGES] + ((STAGE_COUNT - 1) * states + i) * WIDE)
        store(rows, at[END] + i * WIDE, load_wide(rows, at[TRIAL] + i * WIDE) + last)
    middle(code, states, at, rows, time, h, shorter)


@part
def make_dense(states, watched, at, rows):
    """The polynomial of the step just tried, of the states in `watched`."""
    for k in range(watched.size):
        i = watched[k]
        d1, d2, d3 = splat_wide(0.0), splat_wide(0.0), splat_wide(0.0)
        for s in range(STAGE_COUNT):
            stage = load_wide(rows, at[STAGES] + (s * states + i) * WIDE)
            d1 = fma(SHARED[0, s], stage, d1)
            d2 = fma(SHARED[1, s], stage, d2)
            d3 = fma(SHARED[2, s], stage, d3)
        place = at[DENSE] + k * WIDE
        store(rows, place, load_wide(rows, at[END] + i * WIDE) - load_wide(rows, at[STATE] + i * WIDE))
        store(rows, place + watched.size * WIDE, d1)
        store(rows, place + 2 * watched.size * WIDE, d2)
        store(rows, place + 3 * watched.size * WIDE, d3)
