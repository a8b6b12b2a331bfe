"""Every check that a shipped file states of itself, the marks of every number, and the evidence behind the effects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import checks
import numpy as np
import pytest
import structure_runs

import pkpd
from pkpd import units
from pkpd.errors import SimulationError
from pkpd.model import library
from pkpd.model.effect import FORMS
from pkpd.model.model import MARKS, Check
from pkpd.model.modelfile import read
from pkpd.model.standard import STRUCTURES

KINDS = ("pk", "generic", "effect")
FILES = [path for kind in KINDS for path in library.paths(kind).values()]
README = library.folder() / "README.md"
Owner = pkpd.Model | pkpd.Effect


def every_check() -> Iterator[Any]:
    for path in FILES:
        owner = read(path)
        for check in owner.checks:
            yield pytest.param(owner, check, id=f"{path.name}:{check.line} {check.quantity}")


@pytest.mark.parametrize(("owner", "check"), list(every_check()))
def test_check(owner: Owner, check: Check) -> None:
    found = checks.computed(owner, check)
    assert checks.agrees(found, check), (
        f"{found / check.value * check.written:g} against {check.written:g} {check.unit}"
    )


def test_there_are_checks() -> None:
    """Every kinetic model with numbers checks itself, and every effect that follows a concentration."""
    for path in FILES:
        owner = read(path)
        if any(p.value is not None for p in owner.parameters.values()) and getattr(owner, "driver", True) is not None:
            assert owner.checks, path.name


# Files


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_loads(path: Path) -> None:
    owner = read(path)
    assert owner.id == path.stem
    assert owner.use_for
    assert owner.not_for


@pytest.mark.parametrize("name", library.names("generic"))
def test_every_bare_structure_takes_a_dose_by_every_route(name: str) -> None:
    model = library.load(name)
    values = dict.fromkeys(model.parameters, 0.5)
    for route in model.routes:
        run = structure_runs.course(model, [structure_runs.Given(10, route)], values, [0.0, 0.3, 3.0, 30.0])
        assert all(np.isfinite(values).all() and (values >= 0).all() for values in run.values())
        assert run["drug"][2] > 0.1


def marked(owner: Owner) -> Iterator[tuple[str, str, str]]:
    """Name, source and mark of every number of a file."""
    for name, parameter in owner.parameters.items():
        if parameter.value is not None:
            yield name, parameter.source, parameter.mark
        for part in (parameter.scale, *parameter.spreads):
            if part is not None:
                yield f"{name} {type(part).__name__}", part.source, part.mark
    for check in owner.checks:
        yield f"check in line {check.line}", check.source, check.mark
    if isinstance(owner, pkpd.Effect):
        for correlation in owner.correlations:
            yield f"correlation of {correlation.of}", correlation.source, correlation.mark
        return
    for name, form in owner.forms.items():
        yield name, form.source, form.mark
    for name, reading in owner.readings.items():
        yield f"reading {name}", reading.source, reading.mark
    for covariance in owner.covariances:
        yield f"covariance of {covariance.first}", covariance.source, covariance.mark
    for name, residual in owner.residual.items():
        for noise in residual.numbers:
            yield f"residual of {name}", noise.source, noise.mark


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_number_has_unit_source_and_mark(path: Path) -> None:
    owner = read(path)
    found = list(marked(owner))
    assert found
    for name, source, mark in found:
        assert source in owner.sources, name
        assert owner.sources[source].citation, name
        assert mark in MARKS, name
    for parameter in owner.parameters.values():
        factor, _ = units.analyse(parameter.unit)
        if parameter.value is not None:
            assert parameter.written is not None
            assert parameter.value == pytest.approx(parameter.written * factor), parameter.name
    assert not any(parameter.source == "user" for parameter in owner.parameters.values())


def blocks() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_readme_has_its_eight_examples() -> None:
    kinds = [re.search(r'^kind\s*=\s*"(.*?)"', block, re.MULTILINE)[1] for block in blocks()]  # type: ignore[index]
    assert kinds == ["pk", "pk", "effect", "modifier", "study", "population", "guideline", "harm"]


def test_the_readme_s_kinetic_model_loads() -> None:
    model = pkpd.read_model(blocks()[0])
    assert set(model.states) == {"S_central", "S_peripheral1", "R_central", "NK_central", "on_the_way"}
    assert model.parameters["CL"].scan == (70, 98)
    assert model.covariances[0].value == 0.0226
    assert model.reading("linear weight scaling").parameters["CL"].scale.exponent == 1  # type: ignore[union-attr]
    once, thrice = (pkpd.simulate(model, f"{n} sprays of 28 mg nasal", None, ["1 h"])["S-ketamine"] for n in (1, 3))
    assert thrice / once == pytest.approx((0.54 + 2 * 0.33) / 0.54)
    with pytest.raises(SimulationError, match="The nearest: 28 and 56 mg"):
        pkpd.simulate(model, "30 mg nasal", None, ["1 h"])
    assert [check.quantity for check in model.checks] == ["concentration"]
    assert pkpd.simulate(model, "10 mg iv", 3, ["1 h"])["S-norketamine"].shape == (1, 3)


def test_the_readme_s_nonlinear_model_loads_and_comes_back_to_its_baseline() -> None:
    model = pkpd.read_model(blocks()[1])
    assert {name: state.unit for name, state in model.states.items()} == {
        "depot": "mg",
        "central": "mg",
        "response": "point",
    }
    typical = {name: parameter.value for name, parameter in model.parameters.items() if parameter.value is not None}
    run = structure_runs.course(model, [structure_runs.Given(100, "oral")], typical, [0.0, 2.0, 100.0])
    assert run["response"][0] == pytest.approx(6)
    assert run["response"][1] < 5
    assert run["response"][2] == pytest.approx(6, rel=1e-6)
    assert run["drug"][1] > 0.5


def test_the_readme_lists_every_standard_structure() -> None:
    page = README.read_text(encoding="utf-8")
    others = page[page.index("## Spreads") : page.index("## Limits")]
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", page.replace(others, ""), re.MULTILINE)
    assert sorted(listed) == sorted([*STRUCTURES, *FORMS])


def test_the_readme_s_effect_loads() -> None:
    effect = pkpd.read_effect(blocks()[2])
    assert effect.role == "relief"
    assert effect.correlations[0].rho == 0.5
    assert pkpd.simulate(pkpd.load("kamp2020-ketamine").with_effects(effect), "50 mg iv", 3, ["1 h"])[effect.id].any()


def test_the_readme_s_modifier_and_study_load() -> None:
    modifier = pkpd.read_modifier(blocks()[3])
    effects = [pkpd.load_effect(name) for name in ("psychotomimetic-asked", "fast-relief")]
    model = pkpd.load("kamp2020-ketamine").with_effects(*effects).with_modifiers(modifier, form="racemate")
    assert model.parameters["CL"].value == pytest.approx(0.8 * 84)
    assert model.effects[0].log_odds == -1.4
    assert [own.id for own in pkpd.read_study(blocks()[4]).arms[1].modifiers] == ["rifampicin"]


# Evidence behind the slow and the fast effect


HERD = pkpd.load("herd2007-ketamine").beyond("age", "weight")  # here in adults, as the evidence took it
KAMP = pkpd.load("kamp2020-ketamine")
MODELS = [pytest.param(HERD, id="Herd 2007"), pytest.param(KAMP, id="Kamp 2020")]
SIGTERMANS = "s-ketamine 5 mg/h iv over 6 h then 10 mg/h over 6 h then 15 mg/h over 6 h then 20 mg/h over 82 h"


def with_effects(model: pkpd.Model, *names: str) -> pkpd.Model:
    return model.with_effects(*(pkpd.load_effect(name) for name in names))


def test_dahan_2011_worked_check() -> None:
    """Site and effect 0 to 84 days after the 100-h course, at a clearance near 90 L/h: Simons 2022 (88.8 L/h)."""
    model = with_effects(pkpd.load("simons2022-s-ketamine"), "slow-relief")
    days = np.array([0, 7, 14, 28, 50, 84])
    result = pkpd.simulate(model, SIGTERMANS, None, (100 + 24.0 * days, "h"))
    assert result["slow-relief"][:, 0] == pytest.approx([0.82, 0.74, 0.65, 0.43, 0.16, 0.02], abs=0.02)
    assert result["site of slow-relief"][:, 0] == pytest.approx([47.6, 30.5, 19.6, 8.0, 2.0, 0.23], rel=0.05, abs=0.05)


@pytest.mark.parametrize(
    ("model", "highest", "when"),
    [pytest.param(HERD, 0.046, 10, id="Herd 2007"), pytest.param(KAMP, 0.048, 18, id="Kamp 2020")],
)
def test_slow_relief_after_one_infusion(model: pkpd.Model, highest: float, when: float) -> None:
    """0.5 mg/kg of the racemate: the largest effect 0.047 within 0.01, 10 to 20 h after the dose."""
    hours = np.append(2 / 3, np.arange(1.0, 60.0, 0.1))
    course = pkpd.simulate(with_effects(model, "slow-relief"), "0.5 mg/kg iv over 40 min", None, (hours, "h"))
    effect = course["slow-relief"][:, 0]
    assert effect.max() == pytest.approx(0.047, abs=0.01)
    assert effect.max() == pytest.approx(highest, abs=0.0006)
    assert 9.5 <= hours[np.argmax(effect)] <= 20
    assert hours[np.argmax(effect)] == pytest.approx(when, abs=0.6)
    assert 0.005 < effect[0] < 0.02  # at the end of the infusion


@pytest.mark.parametrize("model", MODELS)
def test_one_infusion_makes_no_difference_after_a_week(model: pkpd.Model) -> None:
    """Less than 0.4 points at 7 days between arms; 0.14 at a baseline of 6.8 with 0.67 responding."""
    course = pkpd.simulate(with_effects(model, "slow-relief"), "0.5 mg/kg iv over 40 min", None, ["7 d"])
    difference = 6.8 * 0.67 * course["slow-relief"][0, 0]
    assert difference < 0.4
    assert difference == pytest.approx(0.14, abs=0.015)


@pytest.mark.parametrize(
    ("model", "drug"), [pytest.param(HERD, 0.43, id="Herd 2007"), pytest.param(KAMP, 0.44, id="Kamp 2020")]
)
def test_responders_during_one_infusion(model: pkpd.Model, drug: float) -> None:
    """0.4 mg/kg over 40 min: 43 % lose half of their pain to the drug alone, with an independent 11 % 45 to 60 %."""
    people = pkpd.Population(20_000, seed=3, weight="70 kg")
    attached = with_effects(model, "fast-relief", "slow-relief", "baseline-pain")
    course = pkpd.simulate(attached, "0.4 mg/kg iv over 40 min", people, (np.arange(5.0, 61.0, 5.0), "min"))
    alone = np.mean((course["relief"] >= 0.5).any(axis=0))
    assert alone == pytest.approx(drug, abs=0.015)
    assert 0.45 <= 1 - (1 - alone) * (1 - 0.11) <= 0.60


@pytest.mark.parametrize("model", MODELS)
def test_fast_relief_goes_with_the_drug(model: pkpd.Model) -> None:
    """0.5 mg/kg over 40 min: the site falls from 105 to 16 ng/mL in 3 h, relief from about 0.5 to below 0.20."""
    course = pkpd.simulate(with_effects(model, "fast-relief"), "0.5 mg/kg iv over 40 min", None, ["40 min", "220 min"])
    assert course["site of fast-relief"][:, 0] == pytest.approx([105, 16], rel=0.1)
    assert course["fast-relief"][0, 0] == pytest.approx(0.5, abs=0.03)
    assert course["fast-relief"][1, 0] < 0.20


@pytest.mark.parametrize("model", MODELS)
def test_push_against_infusion(model: pkpd.Model) -> None:
    """0.3 mg/kg at once or over 15 min: plasma peaks at least half as high again, the fast site within a quarter."""
    attached = with_effects(model, "fast-relief")
    minutes = (np.arange(0.0, 60.0, 0.05), "min")
    push, slow = (pkpd.simulate(attached, f"0.3 mg/kg iv over {length} min", None, minutes) for length in (4, 15))
    assert push["S-ketamine"].max() / slow["S-ketamine"].max() >= 1.5
    assert push["site of fast-relief"].max() / slow["site of fast-relief"].max() == pytest.approx(1.0, abs=0.25)
