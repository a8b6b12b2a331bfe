"""The published trials of the library: one by its study, and how large they are."""

from __future__ import annotations

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


def trial_sizes() -> list[int]:
    """Patients per arm of the library's trials with a control, in order of size; of a cross-over those of all."""
    trials = [load_study(name).trial for name in library.study_names() if "[trial]" in _text(name)]
    return sorted(min(trial.patients) for trial in trials if trial is not None and trial.control is not None)


def _text(name: str) -> str:
    return library.study_path(name).read_text(encoding="utf-8")
