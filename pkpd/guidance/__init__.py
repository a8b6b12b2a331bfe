"""What guidelines say of a regimen and of a patient, and what is known of the harms of repeated use.

Nothing here is a prediction of a patient's risk. For research and teaching, not for dosing patients.
"""

from __future__ import annotations

from pkpd.guidance.crowd import Crowd as Crowd
from pkpd.guidance.crowd import screen_population as screen_population
from pkpd.guidance.described import Described as Described
from pkpd.guidance.described import Session as Session
from pkpd.guidance.described import describe as describe
from pkpd.guidance.judging import flags as flags
from pkpd.guidance.judging import monitoring as monitoring
from pkpd.guidance.reading import guideline as guideline
from pkpd.guidance.reading import guidelines as guidelines
from pkpd.guidance.reading import harm as harm
from pkpd.guidance.reading import harms as harms
from pkpd.guidance.screening import Screening as Screening
from pkpd.guidance.screening import screen as screen
from pkpd.guidance.values import INDICATIONS as INDICATIONS
from pkpd.observations.counting import exact_interval as exact_interval
