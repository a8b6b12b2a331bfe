"""The explicit method of order 8 by Dormand and Prince, in lanes, with a dense output of order 7.

Twelve stages a step, and three more for the dense output, whose error is controlled as well: at rates that the steps
just bear, it is a hundred times that of the steps' ends. Prince PJ, Dormand JR. J Comput Appl Math
1981;7:67-75; coefficients, estimates and dense output: Hairer E, Norsett SP, Wanner G. Solving Ordinary Differential
Equations I. Springer 1993, section II.10 (DOP853), whose test for stiffness is used as well.
"""

from __future__ import annotations

import numpy as np

from pkpd.kernels.cached import part
from pkpd.kernels.lanes import WIDE, call, fma, if_greater, load_wide, splat_wide, store
from pkpd.kernels.seats import CODE_SLOPE, DENSE, END, FACTORS, FIXED, STAGES, STATE, TRIAL

STAGE_COUNT = 12
ORDER = 8
DEGREE = 7
# h l of a step, l the fastest rate the solution shows, from which on rates and not curvature hold the step down.
HELD = 2.5
# Largest of u^4 (1 - u)^3: what the last term of the dense output comes to in the middle of a step.
LAST_TERM = (4 / 7) ** 4 * (3 / 7) ** 3
SEEN = 1e-3  # changes of a state below this share of the error allowed show no rate

_A = {
    1: {0: 0.05260015195876773},
    2: {0: 0.0197250569845379, 1: 0.0591751709536137},
    3: {0: 0.02958758547680685, 2: 0.08876275643042054},
    4: {0: 0.2413651341592667, 2: -0.8845494793282861, 3: 0.924834003261792},
    5: {0: 0.037037037037037035, 3: 0.17082860872947386, 4: 0.12546768756682242},
    6: {0: 0.037109375, 3: 0.17025221101954405, 4: 0.06021653898045596, 5: -0.017578125},
    7: {
        0: 0.03709200011850479,
        3: 0.17038392571223998,
        4: 0.10726203044637328,
        5: -0.015319437748624402,
        6: 0.008273789163814023,
    },
    8: {
        0: 0.6241109587160757,
        3: -3.3608926294469414,
        4: -0.868219346841726,
        5: 27.59209969944671,
        6: 20.154067550477894,
        7: -43.48988418106996,
    },
    9: {
        0: 0.47766253643826434,
        3: -2.4881146199716677,
        4: -0.590290826836843,
        5: 21.230051448181193,
        6: 15.279233632882423,
        7: -33.28821096898486,
        8: -0.020331201708508627,
    },
    10: {
        0: -0.9371424300859873,
        3: 5.186372428844064,
        4: 1.0914373489967295,
        5: -8.149787010746927,
        6: -18.52006565999696,
        7: 22.739487099350505,
        8: 2.4936055526796523,
        9: -3.0467644718982196,
    },
    11: {
        0: 2.273310147516538,
        3: -10.53449546673725,
        4: -2.0008720582248625,
        5: -17.9589318631188,
        6: 27.94888452941996,
        7: -2.8589982771350235,
        8: -8.87285693353063,
        9: 12.360567175794303,
        10: 0.6433927460157636,
    },
    12: {
        0: 0.054293734116568765,
        5: 4.450312892752409,
        6: 1.8915178993145003,
        7: -5.801203960010585,
        8: 0.3111643669578199,
        9: -0.1521609496625161,
        10: 0.20136540080403034,
        11: 0.04471061572777259,
    },
    13: {
        0: 0.056167502283047954,
        6: 0.25350021021662483,
        7: -0.2462390374708025,
        8: -0.12419142326381637,
        9: 0.15329179827876568,
        10: 0.00820105229563469,
        11: 0.007567897660545699,
        12: -0.008298,
    },
    14: {
        0: 0.03183464816350214,
        5: 0.028300909672366776,
        6: 0.053541988307438566,
        7: -0.05492374857139099,
        10: -0.00010834732869724932,
        11: 0.0003825710908356584,
        12: -0.00034046500868740456,
        13: 0.1413124436746325,
    },
    15: {
        0: -0.42889630158379194,
        5: -4.697621415361164,
        6: 7.683421196062599,
        7: 4.06898981839711,
        8: 0.3567271874552811,
        12: -0.0013990241651590145,
        13: 2.9475147891527724,
        14: -9.15095847217987,
    },
}
_TIMES = (
    0.0,
    0.05260015195876773,
    0.0789002279381516,
    0.1183503419072274,
    0.2816496580927726,
    0.3333333333333333,
    0.25,
    0.3076923076923077,
    0.6512820512820513,
    0.6,
    0.8571428571428571,
    1.0,
    1.0,
    0.1,
    0.2,
    0.7777777777777778,
)
_ESTIMATES = {
    0: {
        0: -0.18980075407240762,
        5: 4.450312892752409,
        6: 1.8915178993145003,
        7: -5.801203960010585,
        8: -0.4226823213237919,
        9: -0.1521609496625161,
        10: 0.20136540080403034,
        11: 0.02265179219836082,
    },
    1: {
        0: 0.01312004499419488,
        5: -1.2251564463762044,
        6: -0.4957589496572502,
        7: 1.6643771824549864,
        8: -0.35032884874997366,
        9: 0.3341791187130175,
        10: 0.08192320648511571,
        11: -0.022355307863886294,
    },
}
_DENSE = {
    0: {
        0: -8.428938276109013,
        5: 0.5667149535193777,
        6: -3.0689499459498917,
        7: 2.38466765651207,
        8: 2.117034582445028,
        9: -0.871391583777973,
        10: 2.2404374302607883,
        11: 0.6315787787694688,
        12: -0.08899033645133331,
        13: 18.148505520854727,
        14: -9.194632392478356,
        15: -4.436036387594894,
    },
    1: {
        0: 10.427508642579134,
        5: 242.28349177525817,
        6: 165.20045171727028,
        7: -374.5467547226902,
        8: -22.113666853125306,
        9: 7.733432668472264,
        10: -30.674084731089398,
        11: -9.332130526430229,
        12: 15.697238121770845,
        13: -31.139403219565178,
        14: -9.35292435884448,
        15: 35.81684148639408,
    },
    2: {
        0: 19.985053242002433,
        5: -387.0373087493518,
        6: -189.17813819516758,
        7: 527.8081592054236,
        8: -11.57390253995963,
        9: 6.8812326946963,
        10: -1.0006050966910838,
        11: 0.7777137798053443,
        12: -2.778205752353508,
        13: -60.19669523126412,
        14: 84.32040550667716,
        15: 11.99229113618279,
    },
    3: {
        0: -25.69393346270375,
        5: -154.18974869023643,
        6: -231.5293791760455,
        7: 357.6391179106141,
        8: 93.40532418362432,
        9: -37.45832313645163,
        10: 104.0996495089623,
        11: 29.8402934266605,
        12: -43.53345659001114,
        13: 96.32455395918828,
        14: -39.17726167561544,
        15: -149.72683625798564,
    },
}


def _table(rows, shape):
    table = np.zeros(shape)
    for i, row in rows.items():
        for j, value in row.items():
            table[i, j] = value
    return table


# Each stage from those before it; row 12 is the end of the step, rows 13 to 15 serve the dense output.
A = _table(_A, (16, 16))
TIMES = np.array(_TIMES)
THIRD, FIFTH = _table(_ESTIMATES, (2, 13))
HIGHER = _table(_DENSE, (4, 16))


def _stage(s):
    """The part that makes the slope at stage s from those before it; s is fixed when it is compiled."""

    @part
    def stage(code, states, at, rows, time, h):
        for i in range(states):
            total = splat_wide(0.0)
            for j in range(s):
                if A[s, j] != 0.0:
                    total = fma(A[s, j], load_wide(rows, at[STAGES] + (j * states + i) * WIDE), total)
            store(rows, at[TRIAL] + i * WIDE, fma(h, total, load_wide(rows, at[STATE] + i * WIDE)))
        store(rows, at[TRIAL] + states * WIDE, fma(TIMES[s], h, time))
        call(code[CODE_SLOPE], rows, at[TRIAL], at[FIXED], at[STAGES] + s * states * WIDE)

    return stage


stage_1, stage_2, stage_3, stage_4, stage_5, stage_6, stage_7, stage_8 = (_stage(s) for s in range(1, 9))
stage_9, stage_10, stage_11, stage_12, stage_13, stage_14, stage_15 = (_stage(s) for s in range(9, 16))


@part
def try_step(code, states, at, rows, time, h):
    """One step of every seat: the end state into END, what the last two stages differ in into FACTORS.

    The first stage is there already.

    time : h, lanes: of the start, on the model's clock
    h    : lanes
    """
    stage_1(code, states, at, rows, time, h)
    stage_2(code, states, at, rows, time, h)
    stage_3(code, states, at, rows, time, h)
    stage_4(code, states, at, rows, time, h)
    stage_5(code, states, at, rows, time, h)
    stage_6(code, states, at, rows, time, h)
    stage_7(code, states, at, rows, time, h)
    stage_8(code, states, at, rows, time, h)
    stage_9(code, states, at, rows, time, h)
    stage_10(code, states, at, rows, time, h)
    stage_11(code, states, at, rows, time, h)
    for i in range(states):  # the last stage's state, for the test of stiffness
        store(rows, at[STAGES] + (15 * states + i) * WIDE, load_wide(rows, at[TRIAL] + i * WIDE))
    stage_12(code, states, at, rows, time, h)
    for i in range(states):
        store(rows, at[END] + i * WIDE, load_wide(rows, at[TRIAL] + i * WIDE))
    stage_13(code, states, at, rows, time, h)
    stage_14(code, states, at, rows, time, h)
    changes = at[STAGES] + 15 * states * WIDE  # before the last stage takes its place
    for i in range(states):
        place = load_wide(rows, at[END] + i * WIDE) - load_wide(rows, changes + i * WIDE)
        store(rows, at[FACTORS] + i * WIDE, place)
    stage_15(code, states, at, rows, time, h)


@part
def estimates(states, at, rows, i):
    """Estimates of the error of state i over h: of orders 5 and 3, and of the dense output, by its last term."""
    fifth, third, last = splat_wide(0.0), splat_wide(0.0), splat_wide(0.0)
    for j in range(STAGE_COUNT):
        k = load_wide(rows, at[STAGES] + (j * states + i) * WIDE)
        fifth = fma(FIFTH[j], k, fifth)
        third = fma(THIRD[j], k, third)
    for j in range(16):
        last = fma(LAST_TERM * HIGHER[3, j], load_wide(rows, at[STAGES] + (j * states + i) * WIDE), last)
    return fifth, third, last


@part
def change_of(states, at, rows, i, scale):
    """Change of slope and of state i between the last two stages, in units of the error allowed."""
    slope = load_wide(rows, at[STAGES] + (STAGE_COUNT * states + i) * WIDE)
    slope = slope - load_wide(rows, at[STAGES] + ((STAGE_COUNT - 1) * states + i) * WIDE)
    return slope / scale, load_wide(rows, at[FACTORS] + i * WIDE) / scale


@part
def make_dense(states, watched, at, rows, h):
    """The polynomial of the step just tried, of the states in `watched`."""
    for k in range(watched.size):
        i = watched[k]
        place = at[DENSE] + k * WIDE
        row = watched.size * WIDE
        change = load_wide(rows, at[END] + i * WIDE) - load_wide(rows, at[STATE] + i * WIDE)
        before = h * load_wide(rows, at[STAGES] + i * WIDE)
        after = h * load_wide(rows, at[STAGES] + (STAGE_COUNT * states + i) * WIDE)
        store(rows, place, change)
        store(rows, place + row, before - change)
        store(rows, place + 2 * row, 2.0 * change - after - before)
        for d in range(4):
            total = splat_wide(0.0)
            for s in range(16):
                total = fma(HIGHER[d, s], load_wide(rows, at[STAGES] + (s * states + i) * WIDE), total)
            store(rows, place + (3 + d) * row, h * total)


@part
def keep_last_stage(states, at, rows, i, good):
    """The slope at the end of a step that is kept is the first stage of the next."""
    first = at[STAGES] + i * WIDE
    last = load_wide(rows, at[STAGES] + (STAGE_COUNT * states + i) * WIDE)
    store(rows, first, if_greater(good, 0.0, last, load_wide(rows, first)))
