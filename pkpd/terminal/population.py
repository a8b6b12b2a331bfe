"""A population in a terminal: every number with its source and mark, and what the screening rules do in it."""

from __future__ import annotations

from dataclasses import replace

from pkpd.guidance.crowd import Crowd, screen_population
from pkpd.guidance.reading import cite
from pkpd.model import library
from pkpd.populations import load_patients
from pkpd.terminal.console import console, left_table, print_rows
from pkpd.terminal.study import rows_of

SCREENED = 100_000  # patients whom `pkpd show` screens


def print_population_list() -> None:
    """The populations of the library."""
    shown = left_table("Populations", "population", "title", "starts from", "use it for", "not for")
    for name in library.names("population"):
        found = load_patients(name)
        shown.add_row(name, found.title, found.base or "-", found.use_for, found.not_for)
    print_rows(console(), shown)


def print_population(name: str) -> None:
    """Everything a population file says, and how many of its patients the guidelines exclude.

    name : of the library, or path of a file
    """
    out = console()
    found = load_patients(name)
    out.print(f"{found.title}  ({found.id})", style="bold")
    out.print(f"{found.about}\nUse it for: {found.use_for}\nNot for: {found.not_for}")
    if found.base:
        out.print(f"Starts from: {found.base}.")
    shown = left_table("Patients", "what", "value", "mark", "source", "remark")
    for what, value, mark, _ in rows_of(found.population):
        key, known = found.known_from.get(what.removeprefix("modifier "), ("", mark))
        shown.add_row(what, value, known, key, found.notes_of.get(what.removeprefix("modifier "), "") or "-")
    print_rows(out, shown)
    print_screening(screen_population(replace(found.population, size=SCREENED)))
    out.print("Sources", style="bold")
    for key, source in found.sources.items():
        out.print(f"  {key}: {cite(source)}{f'; {source.population}' if source.population else ''}")
    for note in found.notes:
        out.print(f"- {note}")
    out.print(
        f'In a script: pkpd.load_population("{name}", size=1000, seed=1). In a study file: population = "{name}".'
    )


def print_screening(crowd: Crowd) -> None:
    """What the screening rules do in a population."""
    out = console()
    told = ", ".join(f"{verdict} {share:.1%}" for verdict, share in crowd.shares.items())
    shown = left_table(
        f"Screening of {crowd.size:,} of them: {told}",
        "condition",
        "verdict",
        "have it",
        "by no rule before",
        "share's mark",
    )
    for rule in crowd.rules:
        alone, newly = f"{rule.alone / crowd.size:.1%}", f"{rule.in_order / crowd.size:.1%}"
        shown.add_row(rule.condition.name, rule.condition.verdict, alone, newly, rule.how_known or "-")
    print_rows(out, shown)
    if crowd.not_known:
        out.print(f"Screened for, and nothing known of it here: {', '.join(crowd.not_known)}.")
