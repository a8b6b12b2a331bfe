"""What the library holds, for a terminal: models and effects with how far off they were, studies, bare structures."""

from __future__ import annotations

from pkpd.model import library
from pkpd.terminal.console import console, left_table, print_rows
from pkpd.terminal.standing import print_standing, print_standing_of_effects

KINDS = ("pk", "effect", "modifier", "study", "population", "generic", "guidance", "incomplete")


def print_models(kind: str | None = None) -> None:
    """What the library holds, from where, usable for what."""
    out = console()
    if kind in (None, "pk"):
        shown = left_table("Kinetic models", "model", "gives", "site", "routes", "use it for", "not for")
        for name in library.names("pk"):
            model = library.load(name)
            shown.add_row(
                name,
                ", ".join(model.outputs),
                model.sampling_site,
                ", ".join(model.routes),
                model.use_for,
                model.not_for,
            )
        print_rows(out, shown)
        print_standing(out)
    if kind in (None, "effect"):
        heads = ("effect", "endpoint", "follows", "use it for", "not for")
        shown = left_table("Effects (* of the default configuration)", *heads)
        for name in library.names("effect"):
            effect = library.load_effect(name)
            follows = ", ".join(effect.analytes) or (f"share of {effect.curve.of}" if effect.curve.of else "-")
            shown.add_row(
                f"{name}{' *' if effect.default else ''}", effect.endpoint, follows, effect.use_for, effect.not_for
            )
        print_rows(out, shown)
        print_standing_of_effects(out)
    if kind in (None, "study"):
        from pkpd.study import load_study

        shown = left_table("Studies", "study", "indication", "title", "arms")
        for name in library.study_names():
            study = load_study(name)
            shown.add_row(name, study.indication or "-", study.title, "; ".join(arm.name for arm in study.arms))
        print_rows(out, shown)
    if kind in (None, "population"):
        from pkpd.terminal.population import print_population_list

        print_population_list()
    if kind in (None, "generic"):
        shown = left_table("Bare structures without numbers", "model", "parameters to give")
        for name in library.names("generic"):
            model = library.load(name)
            shown.add_row(name, ", ".join(model.parameters))
        print_rows(out, shown)
