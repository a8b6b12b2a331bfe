"""pydiffsol: the model in its own language compiled through LLVM, started anew at every change of input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pydiffsol

from benchmarks.peers.stepwise import course
from benchmarks.workloads import ATOL, FAST, FIXED, RTOL, Floats, Workload

_PLASMA = {
    "a1": "rate - cl*a1/v1 - q2*(a1/v1 - a2/v2) - q3*(a1/v1 - a3/v3)",
    "a2": "q2*(a1/v1 - a2/v2)",
    "a3": "q3*(a1/v1 - a3/v3)",
}
_ELIMINATED = "(vmax*a1/v1 / (km + a1/v1))"
_SIGNAL = f"(ce + {FIXED['POT']}*cen)"
_HALF = "(ec50*(1.0 + tol/tc50))"


def _equations(name: str) -> dict[str, str]:
    """Rate of change of every state, in the order of the workload's states."""
    if name in ("W1", "W2"):
        return _PLASMA | ({"ce": "ke0*(a1/v1 - ce)"} if name == "W2" else {})
    stiff = name == "W4"
    effect = "emax*ro" if stiff else f"emax*{_SIGNAL}*{_SIGNAL} / ({_HALF}*{_HALF} + {_SIGNAL}*{_SIGNAL})"
    made = {
        "dep": "-ka*dep",
        **_PLASMA,
        "a1": f"rate + {FIXED['F']}*ka*dep - {_ELIMINATED} - q2*(a1/v1 - a2/v2) - q3*(a1/v1 - a3/v3)",
        "m1": f"{FIXED['MR']}*({FIXED['FMET']}*{_ELIMINATED} + {FIXED['FFP']}*ka*dep) - clm*m1/vm1"
        " - qm*(m1/vm1 - m2/vm2)",
        "m2": "qm*(m1/vm1 - m2/vm2)",
        "ce": f"ke0*({'art' if stiff else 'a1/v1'} - ce)",
        "cen": "ke0n*(m1/vm1 - cen)",
        "tol": "ktol*(ce - tol)",
        "rsp": f"kout*(1.0 + {effect}) - kout*rsp",
    }
    if stiff:
        made |= {"art": f"{FAST}*(a1/v1 - art)", "ro": f"{FAST}*({_SIGNAL}/{_HALF}*(1.0 - ro) - ro)"}
    return made


def build(variant: str, workload: Workload, size: int, threads: int) -> Callable[[], Floats]:
    """What is to be timed: () -> (subjects, times, outputs); parameters, rate and starting state are inputs."""
    equations = _equations(workload.name)
    inputs = [*(name.lower() for name in workload.columns), "rate", *(f"{state}0" for state in equations)]
    code = (
        f"in_i {{ {', '.join(f'{name} = 1' for name in inputs)} }}\n"
        f"u_i {{ {', '.join(f'{state} = {state}0' for state in equations)} }}\n"
        f"F_i {{ {', '.join(equations.values())} }}\n"
    )
    ode = pydiffsol.Ode(code, matrix_type=pydiffsol.nalgebra_dense, ode_solver=getattr(pydiffsol, variant))
    ode.rtol, ode.atol = RTOL, ATOL

    def solve(y: Floats, times: Floats, p: Floats) -> Floats:
        ode.t0 = float(times[0])
        return np.asarray(ode.solve_dense(np.concatenate([p, y]), times).ys).T

    table = workload.table(size)
    return lambda: np.array([course(workload, solve, parameters) for parameters in table])
