"""Model and effect files: what a file says arrives in canonical units, and verbs on models make new ones."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path

import pytest

from pkpd.errors import ModelFileError, UnitError, UnknownName
from pkpd.model.effect import Effect
from pkpd.model.model import Model
from pkpd.model.modelfile import read, read_effect, read_model
from pkpd.model.tomltext import key_lines

DATA = Path(__file__).parent / "data"
MODEL = (DATA / "example-ketamine.toml").read_text()
EFFECT = (DATA / "example-relief.toml").read_text()


def model(*changes: tuple[str, str]) -> Model:
    return read_model(changed(MODEL, *changes))


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


def test_numbers_arrive_in_canonical_units() -> None:
    made = model()
    clearance = made.parameters["CL"]
    assert clearance.value == pytest.approx(84)
    assert (clearance.written, clearance.unit, clearance.mark, clearance.where) == (
        1400,
        "mL/min",
        "secondary",
        "table 2",
    )
    assert clearance.scan == pytest.approx((66, 102))
    assert clearance.uncertainty is not None
    assert clearance.uncertainty["ci95"] == pytest.approx((72, 96))
    assert clearance.scale is not None
    assert (clearance.scale.covariate, clearance.scale.reference, clearance.scale.exponent) == ("weight", 70, 0.75)
    assert clearance.between is not None
    assert clearance.between.variance == pytest.approx(math.log(1.09))
    assert made.parameters["CL_ratio_R"].value == pytest.approx(0.86)
    assert dict(made.parameters["lag_oral"].uncertainty or {}) == pytest.approx({"se": 0.05})
    truncated = made.parameters["F_oral"].between
    assert truncated is not None
    assert (truncated.kind, truncated.at_least, truncated.at_most) == ("normal", 0.05, 1)
    assert truncated.variance == pytest.approx(0.0025)
    limits = {limit.name: limit for limit in made.validity}
    assert limits["duration"].maximum == 48
    assert limits["duration"].minimum is None
    assert limits["concentration"].maximum == pytest.approx(0.5)
    residual = made.residual["S-ketamine"]
    assert residual.additive is not None
    assert residual.additive.sd == pytest.approx(0.002)


def test_structure_of_the_model() -> None:
    made = model()
    assert list(made.states) == ["S_central", "R_central", "depot", "cleared"]
    assert list(made.derived) == ["CL_R", "CL_R2"]
    assert made.states["S_central"].equation.key == "depot * ka - CL * S_central / V1"
    assert made.routes["iv"].into == {"S": "S_central", "R": "R_central"}
    oral = made.routes["oral"]
    assert (oral.into, oral.bioavailability, oral.lag) == ({"*": "depot"}, "F_oral", "lag_oral")
    assert made.forms["racemate"].parts == {"S": 0.5, "R": 0.5}
    assert made.outputs["S-ketamine"].unit == "ng/mL"
    assert made.notes == ("a first remark, [bracketed", "a second")
    first, second = made.checks
    assert (first.quantity, first.options["expression"], first.within, first.weight) == (
        "parameter",
        "CL / V1",
        0.01,
        70,
    )
    assert MODEL.splitlines()[second.line - 1] == "[[check]]"
    assert second.value == pytest.approx(0.12)
    assert second.within_absolute == pytest.approx(0.0005)
    assert (second.weight, second.kind) == (80, "observation")


def test_marks_are_counted() -> None:
    assert model().marks() == {"primary": 3, "secondary": 4, "derived": 0, "assumed": 8}
    assert model().with_effects(read_effect(EFFECT)).marks() == {
        "primary": 4,
        "secondary": 4,
        "derived": 3,
        "assumed": 11,
    }


def test_lines_of_keys() -> None:
    lines = key_lines(
        'a = 1\n[b."c d"]\nx = """\ny = 2\n[z]\n"""\nf = [\n  "[q]", # ]\n]\ng.h = { i = 1 }\n'
        '[[t]]\nu = 1\n[[t]]\nu = "#"\n'
    )
    assert lines == {
        ("a",): 1,
        ("b", "c d"): 2,
        ("b", "c d", "x"): 3,
        ("b", "c d", "f"): 7,
        ("b", "c d", "g", "h"): 10,
        ("t", 0): 11,
        ("t", 0, "u"): 12,
        ("t", 1): 13,
        ("t", 1, "u"): 14,
    }


def test_a_parameter_the_user_must_give() -> None:
    made = model(
        ('value  = 1.5\nunit   = "1/h"\nsource = "author2000"\nmark   = "assumed"', 'required = true\nunit = "1/h"')
    )
    assert made.parameters["ka"].value is None
    assert made.parameters["ka"].required
    given = made.with_values(ka="0.02 1/min").parameters["ka"]
    assert given.value == pytest.approx(1.2)
    assert not given.required


def test_values_are_replaced_with_their_mark() -> None:
    made = model()
    new = made.with_values(V1="30000 mL", F_oral=0.5, CL=(90, "L/h"))
    assert made.parameters["V1"].value == 25
    volume = new.parameters["V1"]
    assert volume.value == pytest.approx(30)
    assert (volume.written, volume.unit, volume.mark, volume.source) == (30000, "mL", "assumed", "user")
    assert volume.between == made.parameters["V1"].between
    assert new.parameters["CL"].scale == made.parameters["CL"].scale
    assert new.parameters["CL"].uncertainty is None
    assert new.parameters["F_oral"].value == 0.5
    assert "user" in new.sources


@pytest.mark.parametrize(
    ("name", "value", "error", "what"),
    [
        ("V1", 25, UnitError, r'V1: 25 has no unit; it needs L \(volume\), like "25 L"'),
        ("V1", "25", UnitError, "25 has no unit"),
        ("V1", "25 kg", UnitError, r'unit "kg" is kg \(weight\); it needs L'),
        ("V1", "25 litre", UnitError, '"litre" is not a unit'),
        ("V1", "many", UnitError, "is not a quantity"),
        ("V1", None, UnitError, "None is not a quantity"),
        ("F_oral", math.inf, UnitError, "not a finite number"),
        ("V_1", "25 L", UnknownName, 'parameter "V_1" is not known.*Did you mean "V1"'),
        ("CL_R", "25 L/h", UnknownName, 'model "example-ketamine": parameter "CL_R" is not known'),
    ],
)
def test_values_refused(name: str, value: object, error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what):
        model().with_values(**{name: value})


def test_an_effect() -> None:
    effect = read_effect(EFFECT)
    assert effect.default
    assert effect.driver is not None
    assert (effect.driver.analyte, effect.driver.half_life, effect.driver.multiply) == (
        "S-ketamine",
        "equilibration",
        None,
    )
    assert effect.curve.parameters == {"Emax": "top", "C50": "C50", "Hill": "Hill"}
    assert effect.responder == "P_responder"
    assert effect.parameters["C50"].value == pytest.approx(0.1)
    (correlation,) = effect.correlations
    assert (correlation.of, correlation.other, correlation.rho, correlation.scan) == (
        "C50",
        "other-effect.C50",
        0.5,
        (0, 1),
    )
    assert effect.checks[0].options == {"concentration": "100 ng/mL"}
    assert effect.with_values(C50="50 ng/mL").parameters["C50"].value == pytest.approx(0.05)


def test_effects_are_attached() -> None:
    effect, made = read_effect(EFFECT), model()
    both = made.with_effects(effect)
    assert both.effects == (effect,)
    assert made.effects == ()
    with pytest.raises(ModelFileError, match='effect "example-relief" is attached twice'):
        both.with_effects(effect)


def test_an_effect_without_its_analyte_is_refused() -> None:
    effect = read_effect(changed(EFFECT, ('"S-ketamine"', '"ketamine"')))
    with pytest.raises(
        UnknownName, match='follows the analyte "ketamine".*Allowed: R-ketamine, S-ketamine. Did you mean'
    ):
        model().with_effects(effect)


def test_a_share_needs_its_whole() -> None:
    whole = read_effect(EFFECT)
    text = (
        EFFECT.split("[driver]")[0]
        + '[curve]\nform = "share"\nof = "example-relief"\nshare = "top"\n\n[parameters.top]\n'
        'value = 0.24\nunit = ""\nsource = "author2000"\nmark = "derived"\n'
    )
    share = read_effect(text.replace('id       = "example-relief"', 'id = "a-share"'))
    assert share.driver is None
    with pytest.raises(UnknownName, match='"a-share" is a share of the effect "example-relief"'):
        model().with_effects(share)
    assert len(model().with_effects(share, whole).effects) == 2


def test_a_file_bears_its_id(tmp_path: Path) -> None:
    path = tmp_path / "example-ketamine.toml"
    path.write_text(MODEL)
    assert read_model(path).path == str(path)
    assert isinstance(read(str(path)), Model)
    other = tmp_path / "other.toml"
    other.write_text(MODEL)
    with pytest.raises(ModelFileError, match='"example-ketamine" is not the file\'s name, "other"'):
        read_model(other)
    with pytest.raises(ModelFileError, match="the file cannot be read"):
        read_model(tmp_path / "missing.toml")


def test_kinds_are_not_confused() -> None:
    assert isinstance(read(EFFECT), Effect)
    with pytest.raises(ModelFileError, match="is an effect, not a kinetic model"):
        read_model(EFFECT)
    with pytest.raises(ModelFileError, match="is a kinetic model, not an effect"):
        read_effect(MODEL)


def test_models_travel() -> None:
    made = model().with_effects(read_effect(EFFECT))
    for copied in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        assert copied.parameters == made.parameters
        assert copied.states == made.states
    assert isinstance(hash(made), int)
