"""Equations of model files: formulas, starting values, units of states, time; and what is refused in them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pkpd import units
from pkpd.errors import ModelFileError
from pkpd.model import library
from pkpd.model.effectfile import effect_from
from pkpd.model.modelfile import read_model
from pkpd.model.tomltext import Document

TEXT = (Path(__file__).parent / "data" / "example-nonlinear.toml").read_text()
RELIEF = (Path(__file__).parent / "data" / "example-relief.toml").read_text()


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


def test_formulas_are_written_out() -> None:
    model = read_model(TEXT)
    assert model.states["central"].equation.text == "-(Vmax * (central / V1) / (Km + central / V1))"
    assert model.states["response"].equation.names == {"kin", "kout", "IC50", "V1", "central", "response", "night", "t"}
    assert model.formulas["inhibition"].names == {"central", "V1", "IC50"}
    assert model.outputs["drug"].expression.text == "central / V1"
    values = {"kin": 3.0, "kout": 0.5, "IC50": 0.1, "V1": 25.0, "central": 7.5, "response": 4.0, "night": 12.0}
    equation = model.states["response"].equation
    assert equation.evaluate({**values, "t": 1.0}) == pytest.approx(3 * (1 - 0.75) - 2, rel=1e-14)
    assert equation.evaluate({**values, "t": 13.0}) == pytest.approx(3 - 2, rel=1e-14)


def test_a_state_has_its_unit_and_its_start() -> None:
    states = read_model(TEXT).states
    response, central = states["response"], states["central"]
    assert (response.unit, response.dimension) == ("point", units.analyse("point")[1])
    assert response.initial is not None
    assert response.initial.text == "baseline"
    assert (central.unit, central.dimension, central.initial) == ("mg", units.analyse("mg")[1], None)


def test_a_structure_takes_unit_and_start_from_states() -> None:
    text = changed(
        TEXT,
        ('response = "kin * (1 - inhibition * awake) - kout * response"\n', ""),
        ('initial = "baseline"', 'initial = "2 * baseline"'),
        ("[outputs.drug]", '[[structures]]\nuse = "indirect-response-1"\nwith = { Imax = "awake" }\n[outputs.drug]'),
    )
    state = read_model(text).states["response"]
    assert state.unit == "point"
    assert state.initial is not None
    assert state.initial.text == "2 * baseline"
    assert "t" in state.equation.names


def test_a_structure_reads_a_default_only_where_the_file_has_no_such_name() -> None:
    model = library.load("two-compartment-indirect-response")
    assert "Hill" in model.states["response"].equation.names
    assert "start" not in library.load("one-compartment-gamma-transit").states["depot"].equation.names


def test_zero_may_stand_where_any_dimension_is_asked_for() -> None:
    text = changed(TEXT, ('central  = "-Vmax * C / (Km + C)"', 'central = "0"'), ('"baseline"', '"0"'))
    assert read_model(text).states["central"].equation.is_zero


def test_formulas_that_grow_are_refused_and_large_ones_are_quick() -> None:
    def chain(length: int) -> str:
        lines = "".join(f'f{n} = "f{n - 1} * f{n - 1} / (f{n - 1} + 1)"\n' for n in range(1, length + 1))
        return changed(
            TEXT,
            ("[states.response]", f'f0 = "C / Km"\n{lines}[states.response]'),
            ("(1 - inhibition * awake)", f"(1 - f{length})"),
        )

    began = time.perf_counter()
    equation = read_model(chain(9)).states["response"].equation
    slope = equation.derivative("central")
    assert time.perf_counter() - began < 10
    at = {"kin": 3.0, "kout": 0.5, "V1": 25.0, "Km": 0.5, "response": 1.0, "central": 60.0}
    step = 1e-4
    rise = equation.evaluate({**at, "central": 60 + step}) - equation.evaluate({**at, "central": 60 - step})
    assert slope.evaluate(at) == pytest.approx(rise / (2 * step), rel=1e-6)
    with pytest.raises(ModelFileError, match=r"line \d+, \[formulas.f\d+\]: .*grows too large when its names are"):
        read_model(chain(40))


def test_a_long_chain_of_formulas_is_refused_before_it_is_too_deep() -> None:
    lines = "".join(f'f{n} = "exp(-f{n - 1})"\n' for n in range(1, 400))
    text = changed(TEXT, ("[states.response]", f'f0 = "C / Km"\n{lines}[states.response]'))
    with pytest.raises(ModelFileError, match="levels; at most 200000 in 150"):
        read_model(text)


def test_routes_have_a_rate_or_a_duration_and_several_ways() -> None:
    further = '\nduration = "night"\n[[routes.iv.also]]\ninto = "central"\nrate = "Vmax"\nlag = "night"\n'
    route = read_model(changed(TEXT, ('into = "central"', 'into = "central"' + further))).routes["iv"]
    assert (route.duration, route.rate, route.lag) == ("night", None, None)
    (also,) = route.also
    assert (also.into, also.rate, also.duration, also.lag) == ({"*": "central"}, "Vmax", None, "night")


ROUTE = 'into = "central"'


@pytest.mark.parametrize(
    ("old", "new", "place", "what"),
    [
        # unknown names
        ("-Vmax * C /", "-Vmax * Cc /", "[odes.central]", '"Cc" is not known here.*Did you mean "C"'),
        ("C / (IC50", "C / (IC5 ", "[formulas.inhibition]", '"IC5" is not known here.*Did you mean "IC50"'),
        ('"baseline"', '"baselin"', "[states.response.initial]", '"baselin" is not known.*Did you mean "baseline"'),
        ("[states.response]", "[states.respons]", "[states.respons]", 'state "respons" is not known.*"response"'),
        # dimensions
        (
            "-Vmax * C /",
            "-V1 * C /",
            "[odes.central]",
            'is L (volume); the equation of the state "central" needs mg/h (dose rate)',
        ),
        ("(Km + C)", "(Vmax + C)", "[odes.central]", 'expression "-Vmax * C / (Vmax + C)": "Vmax" is mg/h (dose rate)'),
        (
            'unit    = "point"',
            'unit = "mg/L"',
            "[states.response.initial]",
            'the starting value "baseline" is point; the state "response" is mg/L',
        ),
        ('unit    = "point"', 'unit = "pints"', "[states.response.unit]", '"pints" is not a unit'),
        ("(IC50 + C)", "(Vmax + C)", "[formulas.inhibition]", '"Vmax" is mg/h (dose rate) and "C" is mg/L'),
        ("step(night - t)", "step(night - C)", "[formulas.awake]", '"night" is h (time) and "C" is mg/L'),
        (
            'expression = "C"',
            'expression = "central"',
            "[outputs.drug.expression]",
            'its unit "ng/mL" needs mg/L (concentration)',
        ),
        # starting values
        (
            'initial = "baseline"',
            'initial = "kin"',
            "[states.response.initial]",
            '"kin" is point/h; the state "response" is point',
        ),
        (
            'initial = "baseline"',
            'initial = "baseline * C / Km"',
            "[states.response.initial]",
            'reads "C", which changes with time',
        ),
        (
            'initial = "baseline"',
            'initial = "baseline * t / night"',
            "[states.response.initial]",
            'reads "t", which changes with time',
        ),
        # circles
        (
            '"central / V1"',
            '"inhibition * IC50"',
            "[formulas.inhibition]",
            "go in a circle: inhibition -> C -> inhibition",
        ),
        ('"central / V1"', '"C"', "[formulas.C]", "formulas go in a circle: C -> C"),
        # reserved and taken names
        ("[parameters.night]", "[parameters.t]", "[parameters.t]", '"t" is the time since the start of the occasion'),
        ("awake      =", "t =", "[formulas.t]", '"t" is the time since the start'),
        ('central  = "-', 't = "-', "[odes.t]", '"t" is the time since the start'),
        ("awake      =", "step =", "[formulas.step]", '"step" cannot be a name'),
        ("awake      =", "kin =", "[formulas.kin]", '"kin" is the name of a parameter'),
        ('baseline = "kin / kout"', 'baseline = "kin * t"', "[derived.baseline]", '"t" is not known here'),
        # divisors
        (
            "value   = 25\n",
            "value   = 0\n",
            "[parameters.V1.value]",
            "V1 is 0, and line 65, [formulas.C] divides by V1",
        ),
        (
            "value   = 0.5\n",
            "value   = 0.5\nscan = [0, 1]\n",
            "[parameters.kout.scan]",
            "the range of kout holds 0, and line 62, [derived.baseline] divides by kout",
        ),
        (
            "value   = 25\n",
            'value   = 25\nbetween = { kind = "normal", sd = 3, source = "author2000", mark = "assumed" }\n',
            "[parameters.V1.between]",
            "the normal spread of V1 reaches 0 (it needs at_least above 0)",
        ),
        (
            "value   = 25\n",
            'value   = -25\nbetween = { kind = "normal", sd = 3, source = "author2000", mark = "assumed" }\n',
            "[parameters.V1.between]",
            "the normal spread of V1 reaches 0 (it needs at_most below 0)",
        ),
        (
            "-Vmax * C / (Km + C)",
            "-Vmax * C / (Km - Km + C) * night / t",
            "[odes.central]",
            "divides by t, which is 0 at",
        ),
        ("(Km + C)", "(IC50 - Km / 5)", "[odes.central]", 'divides by "IC50 - Km / 5", which is 0 for the typical'),
        ("kin / kout", "kin * kout ** -1 * (kin / kin - 1) ** -1", "[derived.baseline]", 'divides by "kin / kin - 1"'),
        # doses
        (
            ROUTE,
            'into = "response"',
            "[routes.iv.into]",
            'a dose is mg (mass), but the state "response" is point. States that are amounts of drug: central',
        ),
        (
            ROUTE,
            ROUTE + '\nduration = "kout"',
            "[routes.iv.duration]",
            '"kout" is 1/h (rate constant); duration needs h',
        ),
        (ROUTE, ROUTE + '\nrate = "night"', "[routes.iv.rate]", '"night" is h (time); rate needs mg/h (dose rate)'),
        (ROUTE, ROUTE + '\nrate = "Vmx"', "[routes.iv.rate]", 'parameter "Vmx" is not known.*"Vmax"'),
        (
            ROUTE,
            ROUTE + '\nrate = "Vmax"\nduration = "night"',
            "[routes.iv.duration]",
            "a route has a rate or a duration, not both",
        ),
        (
            ROUTE,
            ROUTE + '\n[[routes.iv.also]]\ninto = "response"',
            "[routes.iv.also.into]",
            'the state "response" is point',
        ),
        (
            ROUTE,
            ROUTE + '\n[[routes.iv.also]]\ninto = "centre"',
            "[routes.iv.also.into]",
            'state "centre" is not known',
        ),
    ],
)
def test_refused_with_line_and_key(old: str, new: str, place: str, what: str) -> None:
    text = changed(TEXT, (old, new))
    with pytest.raises(ModelFileError) as caught:
        read_model(text, "example.toml")
    message = str(caught.value)
    assert message.startswith("example.toml line ")
    assert f", {place}: " in message
    line = int(message.split()[2].rstrip(",:"))
    table, _, key = place.strip("[]").rpartition(".")
    shown = text.splitlines()[line - 1]
    assert key in shown or shown in (f"[{place.strip('[]')}]", f"[[{table}]]"), (message, shown)
    for part in what.split(".*"):
        assert part in message


STRUCTURE = '[[structures]]\nuse = "{use}"\n{more}[outputs.drug]'


@pytest.mark.parametrize(
    ("use", "more", "place", "what"),
    [
        (
            "effect-compartment",
            "",
            "[structures]",
            'ke0 of "effect-compartment" is missing. Add [parameters.ke0], or say',
        ),
        (
            "effect-compartment",
            'with = { ke0 = "night" }\n',
            "[parameters.night.unit]",
            'unit "h" is not one of rate constant',
        ),
        ("effect-compartment", 'with = { ke0 = "kout", C = "Cp" }\n', "[structures.with.C]", '"Cp" is not known here'),
        ("effect-compartment", 'to = "central"\n', "[structures]", 'option "to" is not known'),
        ("weibull-absorption", 'with = { td = "night", beta = "kin / kin" }\n', "[structures]", 'needs "to"'),
        (
            "onset-offset",
            'with = { k_onset = "kout", k_offset = "kout", signal = "C" }\nprefix = "x_"\n',
            "[structures.use]",
            '"C" is mg/L (concentration) and "x_response" is a plain number',
        ),
        (
            "indirect-response-1",
            'prefix = "x_"\nwith = { Imax = "1", kin = "kin * awake" }\n',
            "[structures.use]",
            'the starting value "kin * awake / kout" of the state "x_response" reads "awake"',
        ),
        (
            "one-compartment-target-quasi-steady",
            'prefix = "x_"\nwith = { CL = "V1*kout", ksyn = "Km*kout", kdeg = "kout", kint = "kout", KSS = "V1" }\n',
            "[parameters.V1.unit]",
            'KSS of "one-compartment-target-quasi-steady": unit "L" is not one of concentration',
        ),
        (
            "two-compartment-target",
            'prefix = "x_"\nwith = { CL = "V1 * kout", Q2 = "V1 * kout", V2 = "V1", ksyn = "Km * kout", kdeg = "kout", '
            'kint = "kout", kon = "kout", koff = "kout" }\n',
            "[parameters.kout.unit]",
            'kon of "two-compartment-target" needs L/mg/h',
        ),
    ],
)
def test_structures_refused(use: str, more: str, place: str, what: str) -> None:
    text = changed(TEXT, ("[outputs.drug]", STRUCTURE.format(use=use, more=more)))
    with pytest.raises(ModelFileError) as caught:
        read_model(text, "example.toml")
    assert str(caught.value).startswith("example.toml line ")
    assert f", {place}: " in str(caught.value)
    assert what in str(caught.value)


def test_names_of_a_structure_s_formulas_must_be_free() -> None:
    more = 'with = { CL = "V1 * kout", ksyn = "Km * kout", kdeg = "kout", kint = "kout", KSS = "Km" }\n'
    text = changed(
        TEXT,
        ("[outputs.drug]", STRUCTURE.format(use="one-compartment-target-quasi-steady", more=more)),
        ('central  = "-Vmax * C / (Km + C)"\n', ""),
        ("awake      =", "free = "),
        ("inhibition * awake", "inhibition * free"),
    )
    with pytest.raises(
        ModelFileError, match=r'\[formulas.free\]: "free" is the name of a parameter, .* formula already'
    ):
        read_model(text)


def test_effect_files_divide_by_nothing_that_is_zero_either() -> None:
    text = RELIEF + '\n[derived]\nwrong = "1 / nought"\n[parameters.nought]\nvalue = 0\nunit = "1"\n'
    source = text[text.index("[sources.") + 9 :].split("]")[0]
    text += f'source = "{source}"\nmark = "assumed"\n'
    with pytest.raises(
        ModelFileError, match=r"\[parameters.nought.value\]: nought is 0, and line \d+, \[derived.wrong\]"
    ):
        effect_from(Document.open(text))
