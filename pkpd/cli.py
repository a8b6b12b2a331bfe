"""The command line: `pkpd compare`, `uncertainty`, `trial`, `literature`, `disagree`, `models` and `show`.

A user's mistake ends with its message and exit status 2; nothing half-written is left behind.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from pkpd.errors import PkpdError, StudyError, UnknownName, nearest
from pkpd.terminal.arguments import Parser
from pkpd.terminal.output import output_folder, progress_bar, safe_name, write_text

COMMANDS = ("compare", "uncertainty", "trial", "literature", "disagree", "models", "show")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the `pkpd` command."""
    parser = Parser(
        prog="pkpd",
        description="Compare ketamine dosing regimens in virtual patients. For research and "
        "teaching, not for dosing patients.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    compare = commands.add_parser("compare", help="compare the regimens of a study: table and figure")
    compare.add_argument("study", metavar="STUDY", help="name of a shipped study, or path of a study file")
    _add_out(compare)
    compare.add_argument(
        "--subjects", type=_count_or_auto, metavar="N", help="number of virtual patients, or auto: as many as needed"
    )
    compare.add_argument(
        "--error", type=float, metavar="E", help="Monte-Carlo error that is small enough, with --subjects auto (0.01)"
    )
    compare.add_argument("--seed", type=int, metavar="N", help="seed of the virtual patients")
    _add_threads(compare)
    trial = commands.add_parser("trial", help="a published trial conducted many times: what such trials find, and miss")
    trial.add_argument("study", metavar="STUDY", help="name of a shipped trial, or path of a study file with [trial]")
    trial.add_argument(
        "--trials", type=int, default=2000, metavar="N", help="how many simulated trials (default: 2000)"
    )
    trial.add_argument(
        "--replicates", type=int, metavar="N", help="draws of the models' estimates, over which the trials are spread"
    )
    for number in ("noise", "unblinding"):
        trial.add_argument(f"--{number}", type=float, metavar="POINTS", help=f"{number}, in place of the study's")
    trial.add_argument("--arm", metavar="NAME", help="the arm asked for, where the trial has several")
    trial.add_argument("--seed", type=int, metavar="N", help="seed of all that is drawn")
    _add_threads(trial)
    _add_out(trial)
    literature = commands.add_parser(
        "literature", help="a trial in the sizes of the published ones, and a meta-analysis"
    )
    literature.add_argument(
        "study", metavar="STUDY", help="name of a shipped trial, or path of a study file with [trial]"
    )
    literature.add_argument(
        "--sizes", type=int, nargs="+", metavar="N", help="patients per arm (default: those of the shipped trials)"
    )
    literature.add_argument("--endpoint", metavar="NAME", help="the endpoint that is pooled (default: the first)")
    literature.add_argument(
        "--count", type=int, default=1000, metavar="N", help="simulated literatures (default: 1000)"
    )
    literature.add_argument(
        "--unpublished", type=float, default=0.5, metavar="SHARE", help="of trials not significant (default: 0.5)"
    )
    literature.add_argument("--seed", type=int, metavar="N", help="seed of all that is drawn")
    _add_out(literature)
    doubt = commands.add_parser(
        "uncertainty", help="a study under what is not known of patients, estimates and models: table and figure"
    )
    doubt.add_argument("study", metavar="STUDY", help="name of a shipped study, or path of a study file")
    _add_out(doubt)
    doubt.add_argument("--replicates", type=int, default=200, metavar="N", help="draws of the estimates (default: 200)")
    doubt.add_argument("--subjects", type=int, default=300, metavar="N", help="virtual patients (default: 300)")
    doubt.add_argument("--seed", type=int, metavar="N", help="seed of the patients and of the draws")
    doubt.add_argument(
        "--scans",
        default="leave",
        metavar="WAY",
        help='where only a range worth trying is known: "leave" it out (default), or sample it, "uniform"',
    )
    doubt.add_argument(
        "--models",
        default="library",
        metavar="WHICH",
        help='others beside that of the study: "library", all that take its regimens (default), or "none"',
    )
    _add_threads(doubt)
    disagree = commands.add_parser("disagree", help="one regimen through every model: table and figure")
    disagree.add_argument("regimen", metavar="REGIMEN", help='such as "0.5 mg/kg iv over 40 min"')
    disagree.add_argument("--analyte", metavar="NAME", help='such as "S-ketamine" or "ketamine"')
    disagree.add_argument(
        "--weight", default="70 kg", metavar="WEIGHT", help='of the typical person (default: "70 kg")'
    )
    disagree.add_argument(
        "--age", metavar="AGE", help='of the typical person, such as "70 year"; an adult unless given'
    )
    _add_out(disagree)
    models = commands.add_parser("models", help="list models, effects, modifiers, studies, populations and guidance")
    models.add_argument(
        "kind",
        nargs="?",
        metavar="KIND",
        help="only pk, effect, modifier, study, population, guidance or generic; or incomplete: what is not complete",
    )
    show = commands.add_parser(
        "show", help="show every number of a model, effect, modifier, study, population or guidance with its source"
    )
    show.add_argument(
        "model", metavar="NAME", help="of a model, effect, modifier, study, population or guidance, or path of a file"
    )
    show.add_argument(
        "--with", dest="beside", nargs="+", default=[], metavar="MODIFIER", help="modifiers that act on it"
    )
    return parser


def _count_or_auto(word: str) -> int | str:
    """A number of patients, or "auto"."""
    from pkpd.enough import AUTO

    try:
        return AUTO if word == AUTO else int(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{word}" is neither a whole number nor "{AUTO}"') from None


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the files go (default: here)")


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, metavar="N", help="threads; the numbers do not depend on it")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    arguments : words after `pkpd`; those of the process unless given
    returns   : exit status: 0, or 2 for a user's mistake
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words and not words[0].startswith("-") and words[0] not in COMMANDS:
            raise UnknownName(f'pkpd: command "{words[0]}" is not known. {nearest(words[0], COMMANDS)}')
        chosen = build_parser().parse_args(words)
        if chosen.command is None:
            build_parser().print_help()
            return 0
        run = {
            "compare": _compare,
            "uncertainty": _uncertainty,
            "trial": _trial,
            "literature": _literature,
            "disagree": _disagree,
            "models": _models,
            "show": _show,
        }
        status = run[chosen.command](chosen)
        sys.stdout.flush()
        return status
    except PkpdError as mistake:
        print(f"{type(mistake).__name__}: {mistake}", file=sys.stderr)
        return 2
    except MemoryError:
        print("MemoryError: the computer has too little memory for so many. Give fewer.", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as cause:  # files are written with errors of their own
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"OSError: what is to be printed could not be written ({cause.strerror}).", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def _refuse_none_of(**numbers: int | None) -> None:
    """Refuse a number of something that is below 1; None is no number."""
    for name, value in numbers.items():
        if value is not None and value < 1:
            raise StudyError(f"--{name}: {value} is not a whole number from 1 on.")


def _compare(chosen: argparse.Namespace) -> int:
    from pkpd.enough import AUTO, ERROR
    from pkpd.study import load_study
    from pkpd.terminal.comparison import csv_text, print_comparison

    auto = chosen.subjects == AUTO
    if chosen.error is not None and not auto:
        raise StudyError("--error: it decides how many patients there are. Give it with --subjects auto.")
    error = (ERROR if chosen.error is None else chosen.error) if auto else None
    subjects = None if auto else chosen.subjects
    _refuse_none_of(subjects=subjects, threads=chosen.threads)
    study = load_study(chosen.study).with_patients(subjects, chosen.seed)
    folder = output_folder(chosen.out, _files(study.id))
    load_meanwhile("pkpd.plot.page")
    size = "as many patients as needed" if auto else f"{study.population.size:,} patients"
    label = f"{size}, {len(study.arms)} regimens"
    if not import_module("pkpd.kernels.cached").is_kept():
        label += " (the first run compiles)"
    with progress_bar(label) as progress:
        comparison = study.run(chosen.threads, progress, error)
    from pkpd.plot.comparison import draw

    written = _write(folder, study.id, csv_text(comparison), draw(comparison))
    print_comparison(comparison, study, chosen.study)
    print(written)
    return 0


def _trial(chosen: argparse.Namespace) -> int:
    from pkpd.published import trial_of
    from pkpd.study import load_study
    from pkpd.terminal.trial import csv_text, print_trials
    from pkpd.trials.designing import with_conduct
    from pkpd.trials.running import run_trials

    _refuse_none_of(trials=chosen.trials, threads=chosen.threads, replicates=chosen.replicates)
    study = load_study(chosen.study)
    trial = with_conduct(trial_of(study, chosen.arm), noise=chosen.noise, unblinding=chosen.unblinding)
    name = f"trial-{study.id}" if chosen.arm is None else safe_name(f"trial-{study.id}-{chosen.arm}")
    folder = output_folder(chosen.out, _files(name))
    with progress_bar(f"{chosen.trials:,} trials of {trial.enrolled}") as progress:
        made = run_trials(
            trial,
            chosen.trials,
            replicates=chosen.replicates,
            seed=chosen.seed,
            threads=chosen.threads,
            progress=progress,
        )
    written = _write(folder, name, csv_text(made), made.plot())
    print_trials(made, study, chosen.study)
    print(written)
    return 0


def _literature(chosen: argparse.Namespace) -> int:
    from pkpd.published import sizes_note, trial_of, trial_sizes, with_first
    from pkpd.study import load_study
    from pkpd.terminal.trial import literature_csv, print_literature
    from pkpd.trials.literature import run_literature, sized

    study = load_study(chosen.study)
    sizes = chosen.sizes or trial_sizes()
    trials = sized(with_first(trial_of(study), chosen.endpoint), sizes)
    name = f"literature-{study.id}"
    folder = output_folder(chosen.out, _files(name))
    with progress_bar(f"{chosen.count:,} literatures of {len(trials)} trials") as progress:
        made = run_literature(trials, chosen.count, unpublished=chosen.unpublished, seed=chosen.seed, progress=progress)
    written = _write(folder, name, literature_csv(made), made.plot())
    print_literature(made, chosen.study, "" if chosen.sizes else sizes_note(trials[0].design))
    print(written)
    return 0


def _uncertainty(chosen: argparse.Namespace) -> int:
    from pkpd.study import load_study
    from pkpd.terminal.uncertainty import csv_text, print_uncertainty

    _refuse_none_of(subjects=chosen.subjects, threads=chosen.threads, replicates=chosen.replicates)
    if chosen.models not in ("library", "none"):
        raise UnknownName(f'--models: "{chosen.models}" is not known. {nearest(chosen.models, ("library", "none"))}')
    study = load_study(chosen.study).with_patients(chosen.subjects, chosen.seed)
    name = f"{study.id}-uncertainty"
    folder = output_folder(chosen.out, _files(name))
    load_meanwhile("pkpd.plot.uncertainty")
    label = f"{chosen.replicates:,} draws x {study.population.size:,} patients, {len(study.arms)} regimens"
    with progress_bar(label) as progress:
        found = study.uncertainty(
            replicates=chosen.replicates,
            models=None if chosen.models == "none" else chosen.models,
            scans=chosen.scans,
            threads=chosen.threads,
            progress=progress,
        )
    written = _write(folder, name, csv_text(found), found.plot())
    print_uncertainty(found)
    print(written)
    return 0


def _disagree(chosen: argparse.Namespace) -> int:
    from pkpd.disagreement.verb import disagree
    from pkpd.terminal.disagreement import csv_text, file_name, print_disagreement

    found = disagree(chosen.regimen, chosen.analyte, weight=chosen.weight, age=chosen.age)
    name = file_name(found)
    folder = output_folder(chosen.out, _files(name))
    written = _write(folder, name, csv_text(found), found.plot())
    print_disagreement(found)
    print(written)
    return 0


def _files(name: str) -> list[str]:
    """What a command writes under a name."""
    return [f"{name}.{ending}" for ending in ("csv", "png", "svg")]


def _write(folder: Path, name: str, text: str, figure: Any) -> str:
    """Write a table and a figure, all or none of the files.

    returns : a line that says where they are
    """
    from pkpd.plot.comparison import save

    try:
        with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=folder) as passing:
            table = Path(passing) / f"{name}.csv"
            write_text(table, text)
            made = (table, *save(figure, Path(passing) / name))
            written = [path.replace(folder / path.name) for path in made]
    except OSError as cause:
        raise StudyError(f"--out {folder}: the files could not be written ({cause.strerror}).") from cause
    return "Written: " + ", ".join(map(str, written))


def _models(chosen: argparse.Namespace) -> int:
    from pkpd.terminal.listing import KINDS, print_models

    if chosen.kind is not None and chosen.kind not in KINDS:
        raise UnknownName(f'pkpd models: kind "{chosen.kind}" is not known. {nearest(chosen.kind, KINDS)}')
    print_models(chosen.kind)
    if chosen.kind in (None, "modifier"):
        from pkpd.terminal.leaflet import print_modifier_list

        print_modifier_list()
    if chosen.kind in (None, "incomplete"):
        from pkpd.terminal.leaflet import print_incomplete

        if chosen.kind is None:
            print("Published models that could not be completed, and what is missing: pkpd models incomplete")
        else:
            print_incomplete()
    if chosen.kind in (None, "study", "guidance"):
        from pkpd.terminal.leaflet import print_guidance_list, print_unsimulated

        if chosen.kind != "guidance":
            print_unsimulated()
        if chosen.kind != "study":
            print_guidance_list()
    return 0


def _show(chosen: argparse.Namespace) -> int:
    from pkpd.model.library import kind_of, load, load_any
    from pkpd.model.modifier import Modifier
    from pkpd.terminal.leaflet import print_guidance, print_modifier
    from pkpd.terminal.model import print_model

    kind = "pk" if chosen.beside else kind_of(chosen.model)
    if chosen.beside:
        print_model(load(chosen.model).with_modifiers(*chosen.beside))
    elif kind == "study":
        from pkpd.study import load_study
        from pkpd.terminal.study import print_study

        print_study(load_study(chosen.model), chosen.model)
    elif kind == "population":
        from pkpd.terminal.population import print_population

        print_population(chosen.model)
    elif kind == "guidance":
        print_guidance(chosen.model)
    elif isinstance(found := load_any(chosen.model), Modifier):
        print_modifier(found)
    else:
        print_model(found)
    return 0


def load_meanwhile(module: str) -> None:
    """Import a module in another thread, while this one computes; what fails there fails again where it is used."""
    for first in ("scipy.special", "pkpd.kernels.batch"):  # what both would load comes first, in one thread
        import_module(first)

    def load() -> None:
        with suppress(Exception):
            import_module(module)

    threading.Thread(target=load, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
