"""Statistics of trials on plain numbers and arrays: power, analyses, meta-analysis, dose finding, optimal designs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_PLACES = {
    "Analysis": "comparing_groups",
    "Asymmetry": "funnel",
    "ContrastTest": "dosefinding.contrasts",
    "Contrasts": "dosefinding.contrasts",
    "AssumedCurve": "optimal",
    "Design": "optimal",
    "DoseMeans": "dosefinding.fitting",
    "Filled": "funnel",
    "Fit": "dosefinding.fitting",
    "Heterogeneity": "pooling",
    "Literatures": "literature",
    "McpMod": "dosefinding.mcpmod",
    "Pooled": "pooling",
    "Precision": "power",
    "Prospect": "power",
    "Publication": "literature",
    "Shape": "dosefinding.shapes",
    "Verdict": "literature",
    "ancova": "comparing_groups",
    "apportion": "optimal",
    "by_t": "comparing_groups",
    "chi_square_p": "two_by_two",
    "contrast_power": "dosefinding.contrasts",
    "contrast_test": "dosefinding.contrasts",
    "covariance_of_means": "dosefinding.contrasts",
    "critical_value": "dosefinding.contrasts",
    "crossover": "power",
    "crossover_t": "comparing_groups",
    "design_value": "optimal",
    "effective_dose": "dosefinding.mcpmod",
    "egger": "funnel",
    "fisher_p": "two_by_two",
    "fit_curve": "dosefinding.fitting",
    "guess_shape": "dosefinding.shapes",
    "heterogeneity": "pooling",
    "mcnemar": "paired_shares",
    "mcnemar_power": "paired_shares",
    "mcp_mod": "dosefinding.mcpmod",
    "mixed_model": "mixed",
    "newcombe": "two_by_two",
    "optimal_contrasts": "dosefinding.contrasts",
    "optimal_design": "optimal",
    "paired": "power",
    "paired_t": "comparing_groups",
    "pairs_needed": "paired_shares",
    "parallel": "power",
    "patients_by_fisher": "two_by_two",
    "patients_needed": "power",
    "patients_per_arm": "power",
    "pool": "pooling",
    "pooled_t": "comparing_groups",
    "prospect": "power",
    "responder_prospect": "two_by_two",
    "responders_per_arm": "two_by_two",
    "risk_difference": "comparing_groups",
    "simulate_literatures": "literature",
    "single": "power",
    "target_dose": "dosefinding.mcpmod",
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
    from pkpd.statistics.dosefinding.contrasts import Contrasts as Contrasts
    from pkpd.statistics.dosefinding.contrasts import ContrastTest as ContrastTest
    from pkpd.statistics.dosefinding.contrasts import contrast_power as contrast_power
    from pkpd.statistics.dosefinding.contrasts import contrast_test as contrast_test
    from pkpd.statistics.dosefinding.contrasts import covariance_of_means as covariance_of_means
    from pkpd.statistics.dosefinding.contrasts import critical_value as critical_value
    from pkpd.statistics.dosefinding.contrasts import optimal_contrasts as optimal_contrasts
    from pkpd.statistics.dosefinding.fitting import DoseMeans as DoseMeans
    from pkpd.statistics.dosefinding.fitting import Fit as Fit
    from pkpd.statistics.dosefinding.fitting import fit_curve as fit_curve
    from pkpd.statistics.dosefinding.mcpmod import McpMod as McpMod
    from pkpd.statistics.dosefinding.mcpmod import effective_dose as effective_dose
    from pkpd.statistics.dosefinding.mcpmod import mcp_mod as mcp_mod
    from pkpd.statistics.dosefinding.mcpmod import target_dose as target_dose
    from pkpd.statistics.dosefinding.shapes import Shape as Shape
    from pkpd.statistics.dosefinding.shapes import guess_shape as guess_shape
    from pkpd.statistics.funnel import Asymmetry as Asymmetry
    from pkpd.statistics.funnel import Filled as Filled
    from pkpd.statistics.funnel import egger as egger
    from pkpd.statistics.funnel import trim_and_fill as trim_and_fill
    from pkpd.statistics.literature import Literatures as Literatures
    from pkpd.statistics.literature import Publication as Publication
    from pkpd.statistics.literature import Verdict as Verdict
    from pkpd.statistics.literature import simulate_literatures as simulate_literatures
    from pkpd.statistics.mixed import mixed_model as mixed_model
    from pkpd.statistics.optimal import AssumedCurve as AssumedCurve
    from pkpd.statistics.optimal import Design as Design
    from pkpd.statistics.optimal import apportion as apportion
    from pkpd.statistics.optimal import design_value as design_value
    from pkpd.statistics.optimal import optimal_design as optimal_design
    from pkpd.statistics.paired_shares import mcnemar as mcnemar
    from pkpd.statistics.paired_shares import mcnemar_power as mcnemar_power
    from pkpd.statistics.paired_shares import pairs_needed as pairs_needed
    from pkpd.statistics.pooling import Heterogeneity as Heterogeneity
    from pkpd.statistics.pooling import Pooled as Pooled
    from pkpd.statistics.pooling import heterogeneity as heterogeneity
    from pkpd.statistics.pooling import pool as pool
    from pkpd.statistics.power import Precision as Precision
    from pkpd.statistics.power import Prospect as Prospect
    from pkpd.statistics.power import crossover as crossover
    from pkpd.statistics.power import paired as paired
    from pkpd.statistics.power import parallel as parallel
    from pkpd.statistics.power import patients_needed as patients_needed
    from pkpd.statistics.power import patients_per_arm as patients_per_arm
    from pkpd.statistics.power import prospect as prospect
    from pkpd.statistics.power import single as single
    from pkpd.statistics.two_by_two import chi_square_p as chi_square_p
    from pkpd.statistics.two_by_two import fisher_p as fisher_p
    from pkpd.statistics.two_by_two import newcombe as newcombe
    from pkpd.statistics.two_by_two import patients_by_fisher as patients_by_fisher
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
