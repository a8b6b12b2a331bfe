"""Statistics of trials on plain numbers and arrays: power, analyses, meta-analysis, dose finding, optimal designs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_PLACES = {
    "Analysis": "comparing_groups",
    "Asymmetry": "funnel",
    "Filled": "funnel",
    "Heterogeneity": "pooling",
    "Pooled": "pooling",
    "Precision": "power",
    "Prospect": "power",
    "ancova": "comparing_groups",
    "by_t": "comparing_groups",
    "chi_square_p": "two_by_two",
    "crossover": "power",
    "crossover_t": "comparing_groups",
    "egger": "funnel",
    "fisher_p": "two_by_two",
    "heterogeneity": "pooling",
    "mixed_model": "mixed",
    "newcombe": "two_by_two",
    "paired": "power",
    "paired_t": "comparing_groups",
    "parallel": "power",
    "patients_per_arm": "power",
    "pool": "pooling",
    "pooled_t": "comparing_groups",
    "prospect": "power",
    "responder_prospect": "two_by_two",
    "responders_per_arm": "two_by_two",
    "risk_difference": "comparing_groups",
    "single": "power",
    "trim_and_fill": "funnel",
    "welch_t": "comparing_groups",
    "wilson": "two_by_two",
}

__all__ = sorted(_PLACES)

if TYPE_CHECKING:
    from pkpd.statistics.comparing_groups import Analysis as Analysis
    from pkpd.statistics.comparing_groups import ancova as ancova
    from pkpd.statistics.comparing_groups import by_t as by_t
    from pkpd.statistics.comparing_groups import crossover_t as crossover_t
    from pkpd.statistics.comparing_groups import paired_t as paired_t
    from pkpd.statistics.comparing_groups import pooled_t as pooled_t
    from pkpd.statistics.comparing_groups import risk_difference as risk_difference
    from pkpd.statistics.comparing_groups import welch_t as welch_t
    from pkpd.statistics.funnel import Asymmetry as Asymmetry
    from pkpd.statistics.funnel import Filled as Filled
    from pkpd.statistics.funnel import egger as egger
    from pkpd.statistics.funnel import trim_and_fill as trim_and_fill
    from pkpd.statistics.mixed import mixed_model as mixed_model
    from pkpd.statistics.pooling import Heterogeneity as Heterogeneity
    from pkpd.statistics.pooling import Pooled as Pooled
    from pkpd.statistics.pooling import heterogeneity as heterogeneity
    from pkpd.statistics.pooling import pool as pool
    from pkpd.statistics.power import Precision as Precision
    from pkpd.statistics.power import Prospect as Prospect
    from pkpd.statistics.power import crossover as crossover
    from pkpd.statistics.power import paired as paired
    from pkpd.statistics.power import parallel as parallel
    from pkpd.statistics.power import patients_per_arm as patients_per_arm
    from pkpd.statistics.power import prospect as prospect
    from pkpd.statistics.power import single as single
    from pkpd.statistics.two_by_two import chi_square_p as chi_square_p
    from pkpd.statistics.two_by_two import fisher_p as fisher_p
    from pkpd.statistics.two_by_two import newcombe as newcombe
    from pkpd.statistics.two_by_two import responder_prospect as responder_prospect
    from pkpd.statistics.two_by_two import responders_per_arm as responders_per_arm
    from pkpd.statistics.two_by_two import wilson as wilson


def __getattr__(name: str) -> Any:
    """Load a name when it is first used."""
    if name not in _PLACES:
        raise AttributeError(f"module 'pkpd.statistics' has no attribute {name!r}")
    value = getattr(import_module(f"pkpd.statistics.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
