"""Which dimension of Sobol's sequence each variable of the library takes under low-discrepancy draws.

A line is a dimension, and its place never changes: what the first few variables do together is spread best, so what the
outcomes of the default configuration turn on comes first, and new variables are added at the end. Variables on one line
share a dimension; they belong to kinetic models, of which a simulation has one. A variable that is not here is spread
evenly by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

_LISTED = """
covariate weight
ashraf2018-s-ketamine.CLint_liver, fanta2015-oral-s-ketamine.CL, flint2017-s-ketamine.CL, \
herd2007-ketamine.CL, kamp2020-ketamine.CL, otto2021-s-ketamine.CL, perezruixo2021-esketamine.kel, \
simons2022-s-ketamine.CL
ashraf2018-s-ketamine.V2, fanta2015-oral-s-ketamine.V1, flint2017-s-ketamine.CLn, herd2007-ketamine.V1, \
kamp2020-ketamine.V1, otto2021-s-ketamine.V1, perezruixo2021-esketamine.V1, simons2022-s-ketamine.V1
fast-relief.C50
slow-relief.C50
slow-relief.responder
placebo-response.responder
baseline-pain.B
mild-sedation.C50
mild-sedation.event
psychotomimetic-asked.C50
psychotomimetic-asked.event
unresponsive.C50
unresponsive.event
covariate age
ashraf2018-s-ketamine.CLint_NK_liver, fanta2015-oral-s-ketamine.CLn, herd2007-ketamine.Q2, \
otto2021-s-ketamine.CLn, perezruixo2021-esketamine.CLn, simons2022-s-ketamine.CLh
ashraf2018-s-ketamine.CLint_gut, fanta2015-oral-s-ketamine.F, herd2007-ketamine.V2, otto2021-s-ketamine.Vn, \
perezruixo2021-esketamine.Qh_ratio, simons2022-s-ketamine.CLn
ashraf2018-s-ketamine.ka, fanta2015-oral-s-ketamine.Vn, perezruixo2021-esketamine.V2, \
simons2022-s-ketamine.D_mucosa
perezruixo2021-esketamine.Vh, simons2022-s-ketamine.D_swallowed
perezruixo2021-esketamine.Vn, simons2022-s-ketamine.F1
perezruixo2021-esketamine.eta_FRn, simons2022-s-ketamine.F_swallowed
perezruixo2021-esketamine.ka_nose, simons2022-s-ketamine.MTT1
perezruixo2021-esketamine.ka_oral, simons2022-s-ketamine.MTT_gut
perezruixo2021-esketamine.ka_swallowed, simons2022-s-ketamine.Q3
simons2022-s-ketamine.Qh
simons2022-s-ketamine.Vh1
simons2022-s-ketamine.Vh2
simons2022-s-ketamine.ka_mucosa
simons2022-s-ketamine.ka_swallowed
covariate asian
covariate japanese
covariate fasting
covariate sex
dahan2011-relief.responder
amnesia.event
dizziness.event
emergence-agitation.event
hallucination-postoperative.event
herd2008-no-arousal.event
herd2008-no-memory.event
herd2008-sedation-score.C50
herd2008-sedation-score.Emax
hypertension.event
idvall1979-recovery.event
loss-of-responsiveness.event
nausea-or-vomiting.event
psychotomimetic-distressing.event
psychotomimetic-reported.event
return-of-responsiveness.event
schuttler1987-eeg-r.C50
schuttler1987-eeg-r.Emax
schuttler1987-eeg-racemate.C50
schuttler1987-eeg-racemate.Emax
schuttler1987-eeg-s.C50
schuttler1987-eeg-s.Emax
simons2022-s-ketamine.F1.occasion
simons2022-s-ketamine.D_mucosa.occasion
simons2022-s-ketamine.ka_mucosa.occasion
simons2022-s-ketamine.F_swallowed.occasion
simons2022-s-ketamine.D_swallowed.occasion
simons2022-s-ketamine.ka_swallowed.occasion
simons2022-s-ketamine.MTT_gut.occasion
simons2022-s-ketamine.Vh2.occasion
simons2022-s-ketamine.CLh.occasion
"""


@lru_cache(maxsize=64)
def dimensions(order: Sequence[str] | None = None) -> dict[str, int]:
    """Variable -> its dimension.

    order : variables in another order than that of the library, the first in the first dimension
    """
    if order is not None:
        return {variable: place for place, variable in enumerate(order)}
    lines = [line.split(", ") for line in _LISTED.strip().splitlines()]
    return {variable: place for place, line in enumerate(lines) for variable in line}
