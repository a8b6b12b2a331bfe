"""What stands beside models, for a terminal: guidelines, harms, modifiers; trials and models that are left out."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

from pkpd.guidance.reading import cite, guidelines, harms, read_guidance
from pkpd.guidance.values import Guideline, Harm, Statement
from pkpd.model import library
from pkpd.model.facts import incomplete_models
from pkpd.model.modifier import GROUPS, Modifier
from pkpd.model.modifying import change_rows
from pkpd.model.parts import Source
from pkpd.terminal.console import console as a_console
from pkpd.terminal.console import left_table as a_table
from pkpd.terminal.console import print_rows
from pkpd.unsimulated import unsimulated


def print_guidance_list() -> None:
    """Guidelines and harms of the library."""
    table = a_table("Guidance (no prediction of a patient's risk)", "name", "kind", "what it is")
    for one in guidelines():
        table.add_row(one.id, "guideline", one.about)
    for other in harms():
        table.add_row(other.id, "harm", other.about)
    print_rows(a_console(), table)


def print_unsimulated() -> None:
    """The trials that are no studies, with the reason."""
    table = a_table("Trials not simulated", "trial", "indication", "given", "why not", "mark", "source")
    for trial in unsimulated():
        table.add_row(trial.trial, trial.indication, trial.given, trial.why, trial.mark, trial.citation)
    print_rows(a_console(), table)


def print_incomplete() -> None:
    """The published models that could not be completed: what was seen, what is missing."""
    for area, title in (("kinetics", "Kinetic models"), ("effect", "Effects")):
        table = a_table(f"{title} that could not be completed", "model", "seen", "missing", "used for", "citation")
        for one in incomplete_models():
            if one.area == area:
                cited = f"{one.citation}; doi:{one.doi}" if one.doi else one.citation
                table.add_row(one.name, one.seen, one.missing, one.use or "-", cited)
        print_rows(a_console(), table)


def print_guidance(name: str) -> None:
    """One guideline or harm: every statement, limit, condition and count with its source and mark.

    name : of the library, or path of a file of the kind "guideline" or "harm"
    """
    console = a_console()
    there: tuple[Guideline | Harm, ...] = (*guidelines(), *harms())
    found = read_guidance(name) if name.endswith(".toml") else next(one for one in there if one.id == name)
    console.print(f"{found.title}  ({found.id})", style="bold")
    console.print(found.about)
    if isinstance(found, Guideline):
        _print_guideline(console, found)
    else:
        _print_harm(console, found)
    _print_sources(console, found.sources)
    console.print("For research and teaching. Not for dosing patients.")


def print_modifier_list() -> None:
    """The modifiers of the library, by group."""
    table = a_table("Modifiers", "modifier", "group", "acts on", "use it for", "not for")
    found = [library.load_modifier(name) for name in library.names("modifier")]
    for one in sorted(found, key=lambda modifier: GROUPS.index(modifier.group)):
        table.add_row(one.id, one.group, ", ".join(one.acts_on), one.use_for, one.not_for)
    print_rows(a_console(), table)


def print_modifier(found: Modifier) -> None:
    """One modifier: every change and finding with its source and mark."""
    console = a_console()
    console.print(f"{found.title}  ({found.id})", style="bold")
    console.print(f"Group: {found.group}.\nUse it for: {found.use_for}\nNot for: {found.not_for}")
    table = a_table("Changes", "acts on", "how", "range", "set as", "holds for", "mark", "source", "remark")
    for row in change_rows(found):
        table.add_row(*row)
    print_rows(console, table)
    _print_sources(console, found.sources)
    for note in found.notes:
        console.print(f"- {note}")


def _print_sources(console: Console, sources: Mapping[str, Source]) -> None:
    console.print("Sources", style="bold")
    for key, source in sources.items():
        population = f"; {source.population}" if source.population else ""
        console.print(f"  {key}: {cite(source)}{population}")


def _print_guideline(console: Console, guideline: Guideline) -> None:
    if guideline.indications:
        console.print(f"For: {', '.join(guideline.indications)}.")
    limits = a_table("Limits", "of", "range", "only for", "routes", "grade", "mark", "source", "note")
    for limit in guideline.limits:
        only = ", ".join(limit.indications) or "-"
        routes, grade = ", ".join(limit.routes), limit.grade or "-"
        limits.add_row(limit.of, limit.written, only, routes, grade, limit.mark, limit.source, limit.note)
    conditions = a_table("Patients", "condition", "also called", "verdict", "reason", "grade", "mark", "source")
    for condition in guideline.conditions:
        for number, reason in enumerate(condition.reasons):
            head = ("", "", "") if number else (condition.name, ", ".join(condition.also), condition.verdict)
            conditions.add_row(*head, reason.text, reason.grade or "-", reason.mark, reason.source)
    watched = a_table("To be watched", "what", "grade", "mark", "source")
    for watch in guideline.monitoring:
        watched.add_row(watch.text, watch.grade or "-", watch.mark, watch.source)
    for table in (limits, conditions, watched):
        if table.row_count:
            print_rows(console, table)
    _print_statements(console, "Content", (*guideline.statements, *guideline.remarks))


def _print_harm(console: Console, harm: Harm) -> None:
    counts = a_table("Counts, with the exact 95 % interval", "what", "count", "mark", "source")
    for count in harm.counts.values():
        counts.add_row(count.what, str(count), count.mark, count.source)
    odds = a_table("Odds ratio for each further treatment day", "what", "ratio", "told up to", "mark", "source")
    for ratio in harm.odds.values():
        odds.add_row(ratio.what, f"{ratio.per_day:g}", f"{ratio.cap} d", ratio.mark, ratio.source)
    rules = a_table("What is told of a regimen (the first that holds)", "level", "regimen", "text", "mark", "source")
    for rule in harm.rules:
        rules.add_row(rule.level, str(rule.when), harm.words(rule), rule.mark, rule.source)
    for table in (counts, odds):
        if table.row_count:
            print_rows(console, table)
    _print_statements(console, "Findings", harm.findings)
    print_rows(console, rules)


def _print_statements(console: Console, title: str, statements: tuple[Statement, ...]) -> None:
    table = a_table(title, "of", "what is said", "grade", "mark", "source")
    for one in statements:
        table.add_row(one.of or "-", one.text, one.grade or "-", one.mark, one.source)
    if statements:
        print_rows(console, table)
