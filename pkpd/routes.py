"""The routes of administration that prescriptions and models may name."""

from __future__ import annotations

from typing import Final

ROUTES: Final = ("iv", "im", "sc", "oral", "nasal", "sublingual", "buccal", "rectal", "inhaled", "epidural", "topical")
