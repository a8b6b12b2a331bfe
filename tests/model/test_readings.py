"""Other readings of the same evidence: chosen by name, marked, never mixed; and what a file may not say of them."""

from __future__ import annotations

from pathlib import Path

import pytest

import pkpd
from pkpd.errors import ModelFileError, SimulationError, UnknownName
from pkpd.model import library
from pkpd.model.modelfile import read_model

EXAMPLE = (Path(__file__).parent / "data" / "example-ketamine.toml").read_text()
KAMP = pkpd.load("kamp2020-ketamine")
LINEAR = "linear weight scaling"


def with_reading(text: str) -> str:
    origin = 'source = "author2000"\nmark = "assumed"\n'
    return EXAMPLE + f'\n[readings."other"]\nabout = "Another."\n{origin}{text}\n'


@pytest.mark.parametrize("name", ["kamp2020-ketamine", "kamp2020-pooled"])
@pytest.mark.parametrize("weight", [50, 70, 100])
def test_clearances_in_proportion_to_weight(name: str, weight: int) -> None:
    """opentiva: CL, Q2, Q3 x weight / 70; at 70 kg nothing changes."""
    model = pkpd.load(name)
    output = next(iter(model.outputs))
    infusion = "s-ketamine 20 mg/h iv over 1000 h"
    people = pkpd.Population.typical(f"{weight} kg")
    own, other = (
        pkpd.simulate(one, infusion, people, ["1000 h"])[output][0, 0] for one in (model, model.reading(LINEAR))
    )
    assert own == pytest.approx(20 / (84 * (weight / 70) ** 0.75) * 1000, rel=1e-6)
    assert other == pytest.approx(20 / (84 * weight / 70) * 1000, rel=1e-6)


def test_a_reading_carries_its_source_and_mark_and_leaves_the_file_s_model_alone() -> None:
    other = KAMP.reading(LINEAR)
    assert (other.id, other.chosen_reading, KAMP.chosen_reading) == (KAMP.id, LINEAR, "")
    assert other.reading(LINEAR).chosen_reading == LINEAR
    scale = other.parameters["CL"].scale
    assert scale is not None
    assert (scale.exponent, scale.source, scale.mark) == (1, "opentiva", "secondary")
    assert KAMP.parameters["CL"].scale.exponent == 0.75  # type: ignore[union-attr]
    assert other.parameters["CLn"] == KAMP.parameters["CLn"]
    people = pkpd.Population(5, seed=3, weight="70 kg")
    assert other.readings == KAMP.readings
    first, second = (pkpd.simulate(one, "50 mg iv", people, ["1 h"])["S-ketamine"] for one in (KAMP, other))
    assert first == pytest.approx(second, rel=1e-12)  # the same people


def test_a_value_is_in_the_parameter_s_unit() -> None:
    model = read_model(with_reading("values = { CL = 1500 }"))
    before, after = model.parameters["CL"], model.reading("other").parameters["CL"]
    assert after.written == 1500
    assert after.value == pytest.approx(1500 * before.value / before.written)  # type: ignore[operator]
    assert before.mark != "assumed"
    assert (after.mark, after.where, after.uncertainty, after.scan) == ("assumed", 'reading "other"', None, None)
    assert after.between == before.between


def test_two_readings_are_not_mixed() -> None:
    model = read_model(with_reading("values = { CL = 1500 }") + with_reading("exponents = { CL = 1 }")[len(EXAMPLE) :]
                       .replace('"other"', '"third"'))  # fmt: skip
    with pytest.raises(SimulationError, match='the reading "other" is chosen already'):
        model.reading("other").reading("third")
    with pytest.raises(UnknownName, match='(?s)reading "thrid" is not known.*Did you mean "third"'):
        model.reading("thrid")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "a reading gives values, exponents or both"),
        ("values = { CLX = 3 }", '(?s)readings.other.values.CLX.*"CLX" is not known.*Did you mean "CL"'),
        ("exponents = { V1 = 1 }", '"V1" follows no covariate, so it has no exponent. Those that do: CL'),
        ("values = { V1 = 0 }", "a log-normal spread needs a value above 0; this one is 0"),
        ("values = { ka = 0 }\nexponent = { CL = 1 }", '"exponent" is not known.*Did you mean "exponents"'),
    ],
)
def test_refused(text: str, what: str) -> None:
    with pytest.raises(ModelFileError, match=what):
        read_model(with_reading(text))


def test_a_reading_may_not_divide_by_zero() -> None:
    text = EXAMPLE.replace("[parameters.V1]", "[parameters.half]\nvalue = 2\nunit = \"1\"\nsource = \"author2000\"\n"
                           "mark = \"assumed\"\n\n[parameters.V1]", 1)  # fmt: skip
    text = text.replace("[derived]", '[derived]\nhalved = "1 / half"', 1)
    origin = 'about = "x"\nsource = "author2000"\nmark = "assumed"'
    read_model(f"{text}\n[readings.a]\n{origin}\nvalues = {{ half = 1 }}\n")
    with pytest.raises(ModelFileError, match="half is 0, and .* divides by half"):
        read_model(f"{text}\n[readings.a]\n{origin}\nvalues = {{ half = 0 }}\n")


@pytest.mark.parametrize("name", [name for name in library.names("pk") if pkpd.load(name).readings])
def test_every_reading_of_the_library_can_be_simulated(name: str) -> None:
    model = pkpd.load(name)
    for reading in model.readings:
        other = model.reading(reading)
        assert other.marks() != {} and other.readings[reading].about.endswith(".")
        route = "oral" if "oral" in model.routes else "sublingual" if "sublingual" in model.routes else "iv"
        people = pkpd.Population.typical("90 kg")
        runs = [
            pkpd.simulate(one, f"s-ketamine 100 mg {route}", people, "0 to 12 h by 1 h").array for one in (model, other)
        ]
        assert not (abs(runs[0] - runs[1]) <= 1e-6 * runs[0]).all()
