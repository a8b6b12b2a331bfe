"""The published trials of the library: one by its study, and how large they are."""

from __future__ import annotations

from dataclasses import replace

from pkpd.errors import StudyError, nearest, unknown
from pkpd.model import library
from pkpd.study import Study, load_study
from pkpd.trials.values import Trial


def trial_of(study: Study, arm: str | None = None) -> Trial:
    """The trial that a study describes.

    arm : whose effect is asked for, where a trial has several; that of [trial] unless given
    Raises StudyError where it describes none, with the studies of the library that do; for an arm it holds against
    nothing, with those it does.
    """
    if study.trial is not None:
        trials = {trial.drug.name: trial for trial in (*study.further, study.trial)}
        if arm is not None and arm not in trials:
            raise unknown(f"study {study.id}", "arm held against a control", arm, trials)
        return study.trial if arm is None else trials[arm]
    others = [name for name in library.study_names() if name != study.id and "[trial]" in _text(name)]
    raise StudyError(
        f'"{study.id}" compares regimens and is no trial: it has no [trial] that says how many patients were compared, '
        f"and by what. {nearest(study.id, others)}"
    )


def with_first(trial: Trial, endpoint: str | None) -> Trial:
    """The trial with an endpoint as its primary one, the first of that name; as it is for None.

    Raises UnknownName listing what there is.
    """
    if endpoint is None:
        return trial
    found = next((one for one in trial.endpoints if one.name == endpoint), None)
    if found is None:
        raise unknown("trial", "endpoint", endpoint, dict.fromkeys(one.name for one in trial.endpoints))
    return replace(trial, endpoints=(found, *(one for one in trial.endpoints if one is not found)))


def trial_sizes() -> list[int]:
    """Patients per arm of the published trials with a control, in order of size; of a cross-over those of all."""
    return sorted(min(trial.patients) for trial in _controlled())


def sizes_note(design: str) -> str:
    """Where such sizes are from, in words, and what they are taken for.

    design : of the trial that is given them
    """
    crossed = sorted(trial.patients[0] for trial in _controlled() if trial.design == "crossover")
    parallel = [min(trial.patients) for trial in _controlled() if trial.design == "parallel"]
    said = f"Sizes are those of the {len(crossed) + len(parallel)} published trials of the library that have a control"
    if design == "crossover":
        return f"{said}; of {len(parallel)} parallel ones the smaller arm, taken here for all of a cross-over."
    counted = ", ".join(map(str, crossed))
    return (
        f"{said}; of {len(crossed)} cross-over trials all their patients ({counted}), each of whom had both "
        "treatments, taken here for the size of each arm."
    )


def _controlled() -> list[Trial]:
    """The library's published trials that have a control."""
    trials = [load_study(name).trial for name in library.study_names() if "[trial]" in _text(name)]
    return [trial for trial in trials if trial is not None and trial.control is not None and trial.is_published]


def _text(name: str) -> str:
    return library.study_path(name).read_text(encoding="utf-8")
