"""Patients screened: who is excluded, who needs caution, and why. It changes the chance of harm, not that of relief."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pkpd.errors import SimulationError, unknown
from pkpd.guidance.reading import guidelines
from pkpd.guidance.values import Condition
from pkpd.population.covariates import plain


@dataclass(frozen=True, slots=True)
class Screening:
    """What screening says of one patient.

    verdict : "eligible", "caution" or "excluded"
    found   : the patient's conditions as the guidelines name them, with their reasons
    """

    verdict: str
    found: tuple[Condition, ...]

    def __str__(self) -> str:
        lines = [self.verdict]
        for condition in self.found:
            for reason in condition.reasons:
                grade = f", grade {reason.grade}" if reason.grade else ""
                lines.append(
                    f"{condition.name} ({condition.verdict}): {reason.text} [{reason.citation}{grade}, {reason.mark}]"
                )
        return "\n".join(lines)


def conditions_by_word() -> dict[str, Condition]:
    """Every condition that a guideline names, under each of its words in plain writing."""
    return {
        plain(word): condition
        for guideline in guidelines()
        for condition in guideline.conditions
        for word in (condition.name, *condition.also)
    }


def screen(conditions: Iterable[str]) -> Screening:
    """Screen a patient. A condition that no guideline names is refused, not passed over.

    conditions : such as "pregnancy" or "severe hepatic disease"; none for a patient without any
    returns    : Screening; the gravest verdict counts
    Raises UnknownName for a condition that is not among those screened for, with the nearest.
    """
    if isinstance(conditions, str):
        raise SimulationError(f'guidance.screen: give a list of conditions, such as ["{conditions}"].')
    known = conditions_by_word()
    found: dict[str, Condition] = {}
    for given in conditions:
        condition = known.get(plain(str(given)))
        if condition is None:
            raise unknown("guidance.screen", "condition", str(given), known)
        found[condition.name] = condition
    verdicts = {condition.verdict for condition in found.values()}
    verdict = "excluded" if "excluded" in verdicts else "caution" if verdicts else "eligible"
    return Screening(verdict, tuple(found.values()))
