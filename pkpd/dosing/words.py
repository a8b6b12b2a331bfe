"""The words a prescription may be written in."""

from __future__ import annotations

from typing import Final

from pkpd.routes import ROUTES

ALIASES: Final = {
    "iv": ("intravenous", "intravenously"),
    "im": ("intramuscular", "intramuscularly"),
    "sc": ("subcutaneous", "subcutaneously", "subcut"),
    "oral": ("orally", "po", "by mouth", "per os"),
    "nasal": ("nasally", "intranasal", "intranasally"),
    "sublingual": ("sublingually", "sl"),
    "buccal": ("buccally",),
    "rectal": ("rectally", "pr", "per rectum"),
    "inhaled": ("by inhalation", "nebulised", "nebulized"),
    "epidural": ("epidurally",),
    "topical": ("topically",),
}
ROUTE_OF: Final = {word: route for route in ROUTES for word in (route, *ALIASES[route])}
NOTHING: Final = ("no treatment", "none", "placebo")
RHYTHMS: Final = {"hourly": 1, "daily": 24, "once daily": 24, "twice daily": 12, "weekly": 168}
WORDS: Final = (
    "over",
    "every",
    "for",
    "doses",
    "at most",
    "starting at",
    "after",
    "then",
    "and",
    "bolus",
    "daily",
    "ketamine",
    "s-ketamine",
    "r-ketamine",
    "hcl",
    "base",
    *ROUTES,
)

WITH_QUANTITY: Final = ("over", "every", "each", "for", "at", "starting", "from", "after", "max", "maximum", "up")
UNITS: Final = ("mg", "ug", "mcg", "g", "kg", "s", "min", "h", "d", "week")

# Things that hold a fixed amount and are counted, as in "3 devices of 28 mg".
PIECES: Final = r"(?:devices?|sprays?|films?)"
