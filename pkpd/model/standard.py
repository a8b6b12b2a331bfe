"""The standard structures, each in its own words.

Amounts in mg, concentrations in mg/L, rates in h; `t` is the time since the start of the occasion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure before names are put in.

    parameters : name -> dimension (a name of units.NAMED, or a unit; "" for any)
    equations  : state -> rate of change, without inputs; empty for a chain, whose length is an option
    inlet      : the state that takes `input`
    outlets    : option that names a state -> the flow handed to it
    needed     : options that must be given
    optional   : options that may be given
    initial    : state -> starting value, where it is not 0; gives the state's dimension
    dimensions : state -> dimension (a name of units.NAMED), where it is no amount and starts at 0
    formulas   : named parts of the equations, which outputs may read as well
    defaults   : parameter -> what stands for it where nothing else does
    once       : states that take one dose only, at the time the equations count from
    """

    name: str
    parameters: Mapping[str, str]
    equations: Mapping[str, str]
    inlet: str
    outlets: Mapping[str, str] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    initial: Mapping[str, str] = field(default_factory=dict)
    dimensions: Mapping[str, str] = field(default_factory=dict)
    formulas: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    once: tuple[str, ...] = ()


_FLOW, _VOLUME, _RATE, _LEVEL, _PLAIN, _TIME = (
    "clearance",
    "volume",
    "rate constant",
    "concentration",
    "fraction",
    "time",
)
_ONE = {"CL": _FLOW, "V1": _VOLUME}
_TWO = {"CL": _FLOW, "V1": _VOLUME, "Q2": _FLOW, "V2": _VOLUME}
_EXCHANGE = " - (Q2/V1)*central + (Q2/V2)*peripheral1"
_PERIPHERAL = "(Q2/V1)*central - (Q2/V2)*peripheral1"

_COMPARTMENTS = (
    Structure("one-compartment", _ONE, {"central": "-(CL/V1)*central"}, "central"),
    Structure(
        "two-compartment", _TWO, {"central": "-(CL/V1)*central" + _EXCHANGE, "peripheral1": _PERIPHERAL}, "central"
    ),
    Structure(
        "three-compartment",
        {**_TWO, "Q3": _FLOW, "V3": _VOLUME},
        {
            "central": "-(CL/V1)*central - (Q2/V1)*central - (Q3/V1)*central"
            " + (Q2/V2)*peripheral1 + (Q3/V3)*peripheral2",
            "peripheral1": _PERIPHERAL,
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
)

# Michaelis L, Menten ML. Biochem Z 1913;49:333: rate of elimination Vmax C / (Km + C).
_SATURABLE = "-Vmax*central/(Km*V1 + central)"
_SATURABLE_PARAMETERS = {"Vmax": "dose rate", "Km": _LEVEL, "V1": _VOLUME}
_SATURABLE_COMPARTMENTS = (
    Structure("one-compartment-michaelis-menten", _SATURABLE_PARAMETERS, {"central": _SATURABLE}, "central"),
    Structure(
        "two-compartment-michaelis-menten",
        {**_SATURABLE_PARAMETERS, "Q2": _FLOW, "V2": _VOLUME},
        {"central": _SATURABLE + _EXCHANGE, "peripheral1": _PERIPHERAL},
        "central",
    ),
)

# 1 / Gamma(n + 1), by Stirling's series for Gamma(z), z = n + 9, brought down by (n + 1) ... (n + 8); for n >= 0 its
# relative error is below 1e-14. Abramowitz M, Stegun IA. Handbook of Mathematical Functions, 6.1.15 and 6.1.40.
_Z = "(n + 9)"
_INVERSE_FACTORIAL = (
    "(n + 1)*(n + 2)*(n + 3)*(n + 4)*(n + 5)*(n + 6)*(n + 7)*(n + 8)"
    f" * exp({_Z} - (n + 8.5)*log({_Z}) - 0.91893853320467274178 - 1/(12*{_Z}) + 1/(360*{_Z}**3)"
    f" - 1/(1260*{_Z}**5) + 1/(1680*{_Z}**7) - 1/(1188*{_Z}**9) + 691/(360360*{_Z}**11))"
)
_SINCE = "max(t - start, 0)"

_ABSORPTION = (
    Structure(
        "first-order-absorption",
        {"ka": _RATE},
        {"depot": "-ka*depot"},
        "depot",
        {"to": "ka*depot"},
        needed=("to",),
    ),
    Structure("transit-chain", {"k": _RATE}, {}, "chain1", {"to": "k*chain{length}"}, ("length",), ("to",)),
    # Savic RM et al. J Pharmacokinet Pharmacodyn 2007;34:711; `given` remembers the dose.
    Structure(
        "gamma-transit",
        {"k": _RATE, "n": _PLAIN, "start": _TIME},
        {"given": "0"},
        "given",
        {"to": f"given * k * (k*{_SINCE})**n * exp(-(k*{_SINCE})) * {_INVERSE_FACTORIAL}"},
        needed=("to",),
        defaults={"start": "0"},
        once=("given",),
    ),
    # Zhou H. J Clin Pharmacol 2003;43:211: exp(-(t/td)^beta) of the dose is left at time t.
    Structure(
        "weibull-absorption",
        {"td": _TIME, "beta": _PLAIN, "start": _TIME},
        {"depot": f"-beta/td * ({_SINCE}/td)**(beta - 1) * depot"},
        "depot",
        {"to": f"beta/td * ({_SINCE}/td)**(beta - 1) * depot"},
        needed=("to",),
        defaults={"start": "0"},
        once=("depot",),
    ),
    Structure(
        "first-pass-absorption",
        {"ka": _RATE, "F": _PLAIN},
        {"depot": "-ka*depot"},
        "depot",
        {"to": "F*ka*depot", "metabolite": "(1 - F)*ka*depot"},
        needed=("to", "metabolite"),
    ),
    # Rowland M, Benet LZ, Graham GG. J Pharmacokinet Biopharm 1973;1:123.
    Structure(
        "well-stirred-liver",
        {"QH": _FLOW, "CLint": _FLOW, "fu": _PLAIN, "VH": _VOLUME, "C": _LEVEL},
        {"liver": "QH*C - (QH + fu*CLint)*liver/VH"},
        "liver",
        {"to": "QH*liver/VH - QH*C", "metabolite": "fu*CLint*liver/VH"},
        needed=("to",),
        optional=("metabolite",),
    ),
    # Yang J et al. Curr Drug Metab 2007;8:676: FG = Qgut / (Qgut + fug CLintg).
    Structure(
        "well-stirred-gut",
        {"Qgut": _FLOW, "CLintg": _FLOW, "fug": _PLAIN, "VG": _VOLUME},
        {"gut": "-(Qgut + fug*CLintg)*gut/VG"},
        "gut",
        {"to": "Qgut*gut/VG", "metabolite": "fug*CLintg*gut/VG"},
        needed=("to",),
        optional=("metabolite",),
    ),
)


def _response(number: int, size: str, half: str, inhibits: bool, on_loss: bool) -> Structure:
    """Model `number` of Dayneka NL, Garg V, Jusko WJ. J Pharmacokinet Biopharm 1993;21:457."""
    ratio = f"(max(C, 0)/{half})**Hill"
    factor = f"(1 {'-' if inhibits else '+'} {size}*{ratio}/(1 + {ratio}))"
    made, lost = ("kin", f"kout*{factor}*response") if on_loss else (f"kin*{factor}", "kout*response")
    return Structure(
        f"indirect-response-{number}",
        {"kin": "", "kout": _RATE, size: _PLAIN, half: _LEVEL, "Hill": _PLAIN, "C": _LEVEL},
        {"response": f"{made} - {lost}"},
        "response",
        initial={"response": "kin/kout"},
        defaults={"Hill": "1"},
    )


_RESPONSES = (
    # Sheiner LB et al. Clin Pharmacol Ther 1979;25:358.
    Structure(
        "effect-compartment",
        {"ke0": _RATE, "C": _LEVEL},
        {"site": "ke0*(C - site)"},
        "site",
        dimensions={"site": _LEVEL},
    ),
    # Porchet HC, Benowitz NL, Sheiner LB. J Pharmacol Exp Ther 1988;244:231.
    Structure(
        "tolerance-compartment",
        {"ktol": _RATE, "C": _LEVEL},
        {"moderator": "ktol*(C - moderator)"},
        "moderator",
        dimensions={"moderator": _LEVEL},
    ),
    _response(1, "Imax", "IC50", inhibits=True, on_loss=False),
    _response(2, "Imax", "IC50", inhibits=True, on_loss=True),
    _response(3, "Emax", "EC50", inhibits=False, on_loss=False),
    _response(4, "Emax", "EC50", inhibits=False, on_loss=True),
    Structure(
        "onset-offset",
        {"k_onset": _RATE, "k_offset": _RATE, "signal": ""},
        {"response": "k_onset*max(signal - response, 0) - k_offset*max(response - signal, 0)"},
        "response",
        dimensions={"response": _PLAIN},
    ),
    # Levy RH, Dumain MS, Cook JL. J Pharmacokinet Biopharm 1979;7:557; the clearance is CL * enzyme.
    Structure(
        "auto-induction",
        {"kenz": _RATE, "Emax": _PLAIN, "EC50": _LEVEL, "Hill": _PLAIN, "C": _LEVEL},
        {"enzyme": "kenz*(1 + Emax*(max(C, 0)/EC50)**Hill/(1 + (max(C, 0)/EC50)**Hill)) - kenz*enzyme"},
        "enzyme",
        initial={"enzyme": "1"},
        defaults={"Hill": "1"},
    ),
)

# Mager DE, Jusko WJ. J Pharmacokinet Pharmacodyn 2001;28:507. Target and complex in mg/L of the drug they can hold.
_TARGET = {"ksyn": "mg/L/h", "kdeg": _RATE, "kint": _RATE}
_BINDING = {**_TARGET, "kon": "L/mg/h", "koff": _RATE}
_BOUND = " - V1*(kon*(central/V1)*target - koff*complex)"
_TARGET_EQUATIONS = {
    "target": "ksyn - kdeg*target - kon*(central/V1)*target + koff*complex",
    "complex": "kon*(central/V1)*target - koff*complex - kint*complex",
}
# Gibiansky L, Gibiansky E, Kakkar T, Ma P. J Pharmacokinet Pharmacodyn 2008;35:573. `central` is the free and bound
# drug, `target` the free and bound target; `free` is the root of its quadratic, written so that neither side cancels.
_SQUARE = {**_TARGET, "KSS": _LEVEL}
_FREE = {
    "excess": "central/V1 - target - KSS",
    "root": "(max(excess, -excess) + sqrt(excess**2 + 4*KSS*central/V1))/2",
    "free": "step(excess)*root + (1 - step(excess))*KSS*(central/V1)/root",
    "bound": "target*free/(KSS + free)",
}
_QSS_CENTRAL = "-CL*free - V1*kint*bound"
_QSS_TARGET = "ksyn - kdeg*target - (kint - kdeg)*bound"
_START = {"target": "ksyn/kdeg"}

_TARGETS = (
    Structure(
        "one-compartment-target",
        {**_ONE, **_BINDING},
        {"central": "-(CL/V1)*central" + _BOUND, **_TARGET_EQUATIONS},
        "central",
        initial=_START,
        dimensions={"complex": _LEVEL},
    ),
    Structure(
        "two-compartment-target",
        {**_TWO, **_BINDING},
        {"central": "-(CL/V1)*central" + _EXCHANGE + _BOUND, "peripheral1": _PERIPHERAL, **_TARGET_EQUATIONS},
        "central",
        initial=_START,
        dimensions={"complex": _LEVEL},
    ),
    Structure(
        "one-compartment-target-quasi-steady",
        {**_ONE, **_SQUARE},
        {"central": _QSS_CENTRAL, "target": _QSS_TARGET},
        "central",
        initial=_START,
        formulas=_FREE,
    ),
    Structure(
        "two-compartment-target-quasi-steady",
        {**_TWO, **_SQUARE},
        {
            "central": _QSS_CENTRAL + " - Q2*free + (Q2/V2)*peripheral1",
            "peripheral1": "Q2*free - (Q2/V2)*peripheral1",
            "target": _QSS_TARGET,
        },
        "central",
        initial=_START,
        formulas=_FREE,
    ),
)

STRUCTURES: Mapping[str, Structure] = {
    structure.name: structure
    for structure in (*_COMPARTMENTS, *_SATURABLE_COMPARTMENTS, *_ABSORPTION, *_RESPONSES, *_TARGETS)
}
