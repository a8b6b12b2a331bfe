"""The model library: what there is, where it lies, and a model or effect by its name. A file's name is its id."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pkpd.errors import ModelFileError, UnknownName, unknown
from pkpd.model.effect import ROLES, Effect
from pkpd.model.model import Model
from pkpd.model.modelfile import KIND_WORDS, read
from pkpd.model.modifier import Modifier
from pkpd.model.tomltext import Document

T = TypeVar("T", Model, Effect, Modifier)

# Kind -> folders below the library's, as patterns.
KINDS = {
    "pk": ("*/pk/*.toml",),
    "effect": ("*/effects/*.toml",),
    "modifier": ("*/modifiers/*.toml",),
    "study": ("*/studies/*.toml",),
    "population": ("*/populations/*.toml",),
    "guidance": ("*/guidance/*.toml",),
    "generic": ("generic/*.toml",),
}

KIND_NAMES = {
    "pk": "a kinetic model",
    "effect": "an effect",
    "modifier": "a modifier",
    "study": "a study",
    "population": "a population",
    "guidance": "guidance",
    "generic": "a kinetic model without numbers",
}

GUIDANCE = ("guideline", "harm")  # what a file of the kind "guidance" says of itself

# The kinetics the default effects were fitted under.
DEFAULT_MODEL = "kamp2020-ketamine"


@lru_cache(maxsize=1)
def folder() -> Path:
    """The library's folder: inside an installed package, or beside the package in a clone.

    Raises ModelFileError where there is none.
    """
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "models", package.parent / "models"):
        if candidate.is_dir():
            return candidate
    raise ModelFileError(f"the model library was not found beside or inside {package}; install the package again.")


def paths(kind: str | None = None) -> dict[str, Path]:
    """Name -> path of the library's files, sorted by name.

    kind : one of KINDS; None for all
    Raises UnknownName for another kind, ModelFileError where two files bear one name.
    """
    if kind is not None and kind not in KINDS:
        raise unknown("model library", "kind", kind, KINDS)
    found: dict[str, Path] = {}
    for pattern in KINDS[kind] if kind else [pattern for patterns in KINDS.values() for pattern in patterns]:
        for path in folder().glob(pattern):
            if path.stem in found:
                raise ModelFileError(
                    f'{path}: the name "{path.stem}" is taken by {found[path.stem]}; rename one file and its id.'
                )
            found[path.stem] = path
    return dict(sorted(found.items()))


def names(kind: str | None = None) -> list[str]:
    """The names in the library, sorted.

    kind : as in `paths`
    """
    return list(paths(kind))


def find(name: str) -> Path:
    """The path of a model, effect or study.

    Raises UnknownName, with the nearest name.
    """
    return _path(name, "a name", tuple(KINDS))


def kind_of(name: str | Path) -> str:
    """The kind of a name of the library, or of a file of your own: one of KINDS.

    Raises UnknownName, with the nearest name; ModelFileError for a file that cannot be read or is of no kind.
    """
    if (path := _own(name)) is not None:
        kind = Document.open(path).top.choice("kind", ("pk", "effect", "modifier", "study", "population", *GUIDANCE))
        return "guidance" if kind in GUIDANCE else kind
    for kind in KINDS:
        if name in paths(kind):
            return kind
    _refuse_without_suffix(name)
    raise unknown("model library", "name", str(name), paths(), "pkpd models")


def _refuse_without_suffix(name: str | Path) -> None:
    """Refuse a name that is none of the library's where a file of that name, with its suffix, is at hand."""
    if (beside := Path(f"{name}.toml")).is_file():
        raise UnknownName(
            f'model library: name "{name}" is not known. The file beside you is "{beside}": give that name.'
        )


def load(name: str | Path) -> Model:
    """A kinetic model.

    name : of the library ("kamp2020-ketamine"), or the path of a file of your own (ending in .toml)
    Raises UnknownName for a name that is not a kinetic model, ModelFileError for a file that does not load.
    """
    return _of_kind(name, Model, ("pk", "generic"))


def load_effect(name: str | Path) -> Effect:
    """An effect. Arguments and errors as `load`."""
    return _of_kind(name, Effect, ("effect",))


def load_modifier(name: str | Path) -> Modifier:
    """A modifier: another drug, a genotype, a condition. Arguments and errors as `load`."""
    return _of_kind(name, Modifier, ("modifier",))


def load_any(name: str | Path) -> Model | Effect | Modifier:
    """A kinetic model, effect or modifier, whichever has the name. Arguments and errors as `load`."""
    return _load(_own(name) or _path(str(name), "a model, effect or modifier", ("pk", "effect", "modifier", "generic")))


def _of_kind(name: str | Path, wanted: type[T], kinds: tuple[str, ...]) -> T:
    found = _load(_own(name) or _path(str(name), KIND_WORDS[wanted], kinds))
    if isinstance(found, wanted):
        return found
    raise UnknownName(f'"{found.id}" is {KIND_WORDS[type(found)]}, not {KIND_WORDS[wanted]}.')


def default_effects() -> list[Effect]:
    """The effects of the default configuration (default = true), by role, then id."""
    effects = [load_effect(path) for path in paths("effect").values()]
    return sorted(
        (effect for effect in effects if effect.default), key=lambda effect: (ROLES.index(effect.role), effect.id)
    )


def study_names() -> list[str]:
    """The names of the studies in the library."""
    return names("study")


def study_path(name: str) -> Path:
    """The path of a study.

    Raises UnknownName, with the nearest name.
    """
    return _path(name, "a study", ("study",))


def _own(name: str | Path) -> Path | None:
    """The path, where a path and not a name of the library is given."""
    return Path(name) if isinstance(name, Path) or name.endswith(".toml") else None


def _path(name: str, what: str, kinds: tuple[str, ...]) -> Path:
    """The path of a name of some kinds.

    what : what is looked for, with its article, for the error; which says so where the name is of another kind
    """
    allowed: dict[str, Path] = {}
    for kind in kinds:
        allowed |= paths(kind)
    if name in allowed:
        return allowed[name]
    for kind in KINDS:
        if name in paths(kind):
            raise UnknownName(
                f'model library: "{name}" is {KIND_NAMES[kind]} (pkpd show {name}), and not {what}. '
                f"{_listing(kinds)} lists what there is."
            )
    _refuse_without_suffix(name)
    raise unknown("model library", what.split(maxsplit=1)[1], name, allowed, _listing(kinds))


def _listing(kinds: Sequence[str]) -> str:
    """The command that lists the names of some kinds."""
    return f"pkpd models {kinds[0]}" if len(kinds) == 1 or kinds == ("pk", "generic") else "pkpd models"


def _load(path: Path) -> Model | Effect | Modifier:
    try:
        changed = path.stat().st_mtime_ns
    except OSError as cause:
        raise ModelFileError(f"{path}: the file cannot be read ({cause.strerror}).") from cause
    return _read(path, changed)


@lru_cache(maxsize=512)
def _read(path: Path, changed: int) -> Model | Effect | Modifier:
    """A file, read once for each time it was changed."""
    return read(path)
