"""Trials for tests: the default model and patients, a week after one infusion or as a test asks."""

from __future__ import annotations

from typing import Any

import pkpd
from pkpd.trials.values import Trial

LONG = "s-ketamine 20 mg/h iv over 100 h"


def designed(**asked: Any) -> Trial:
    """A parallel trial of 15 + 15 against no treatment, pain after a week; `asked` as for `pkpd.design_trial`."""
    given = {
        "model": pkpd.load("kamp2020-ketamine"),
        "drug": LONG,
        "control": "no treatment",
        "patients": (15, 15),
        "endpoints": [("pain score", "7 d")],
        **asked,
    }
    order = [given.pop(key) for key in ("model", "drug", "control", "patients", "endpoints")]
    return pkpd.design_trial(*order, **given)
