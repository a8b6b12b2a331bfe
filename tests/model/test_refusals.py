"""What is wrong in a model or effect file is refused with its line, its key and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

import pkpd
from pkpd.errors import ModelFileError
from pkpd.model.modelfile import read, read_effect, read_model

DATA = Path(__file__).parent / "data"
MODEL = (DATA / "example-ketamine.toml").read_text()
EFFECT = (DATA / "example-relief.toml").read_text()


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize(
    ("old", "new", "key", "what"),
    [
        (
            'mark   = "assumed"\n\n[parameters.ka]',
            "[parameters.ka]",
            "[parameters.CL_ratio_R]",
            '"mark" is missing. Every number needs',
        ),
        ('source  = "author2000"\nmark    = "primary"', 'mark = "primary"', "[parameters.V1]", '"source" is missing'),
        ('unit    = "L"\n', "", "[parameters.V1]", '"unit" is missing'),
        ("value   = 25\n", "", "[parameters.V1]", '"value" is missing'),
        ("value   = 25", "value = nan", "[parameters.V1.value]", "nan is not a finite number"),
        ("value   = 25", "value = true", "[parameters.V1.value]", "true is not a number"),
        ("value   = 25", 'value = "25 L"', "[parameters.V1.value]", "'25 L' is not a number"),
        ("value   = 25", "value = -25", "[parameters.V1.between.kind]", "a log-normal spread needs a value above 0"),
        ("value   = 25", "value = 25\nrequired = true", "[parameters.V1.value]", "given by the user"),
        ("value   = 25", "valeu = 25", "[parameters.V1.valeu]", 'key "valeu" is not known.*Did you mean "value"'),
        (
            'unit    = "L"',
            'unit = "L/h"',
            "[parameters.V1.unit]",
            'V1 of "one-compartment": unit "L/h" is not one of volume. Units',
        ),
        ('unit    = "L"', 'unit = "litre"', "[parameters.V1.unit]", '"litre" is not a unit.*Did you mean "liter"'),
        (
            'mark    = "primary"\nbetween',
            'mark = "first"\nbetween',
            "[parameters.V1.mark]",
            "Allowed: assumed, derived, primary, secondary",
        ),
        ('where   = "table 2"', "where = 2", "[parameters.CL.where]", "2 is not a text"),
        (
            'source  = "author2000"\nwhere',
            'source = "autor2000"\nwhere',
            "[parameters.CL.source]",
            'Did you mean "author2000"',
        ),
        (
            'covariate = "weight"',
            'covariate = "age"',
            "[parameters.CL.scale.covariate]",
            "not declared under [covariates]",
        ),
        ("reference = 70", "reference = 0", "[parameters.CL.scale.reference]", "must be above 0"),
        ("cv = 0.3", "cv = 0.3, sd = 0.3", "[parameters.CL.between.sd]", "one of var, sd, cv; here: sd, cv"),
        ("cv = 0.3, ", "", "[parameters.CL.between]", "one of var, sd, cv; here: none"),
        ("cv = 0.3", "cv = -0.3", "[parameters.CL.between.cv]", "must be above 0"),
        ("cv = 0.3", "cv = 0.3, at_least = 1", "[parameters.CL.between.at_least]", 'only a spread of kind "normal"'),
        (
            "at_least = 0.05",
            "at_least = 2",
            "[parameters.F_oral.between.at_least]",
            "at_least 2 is not below at_most 1",
        ),
        (
            "ci95 = [1200, 1600]",
            "ci95 = [1600, 1200]",
            "[parameters.CL.uncertainty.ci95]",
            "the first number must be below",
        ),
        ("ci95 = [1200, 1600]", "sd = 3", "[parameters.CL.uncertainty.sd]", "Allowed: ci95, rse, se"),
        ("scan    = [1100, 1700]", "scan = 1100", "[parameters.CL.scan]", "write [low, high]"),
        ("[parameters.ka]", "[parameters.exp]", "[parameters.exp]", '"exp" cannot be a name'),
        ("[parameters.ka]", "[parameters.lambda]", "[parameters.lambda]", '"lambda" cannot be a name'),
        ("[parameters.ka]", "[parameters.weight]", "[parameters.weight]", "is the name of a parameter, covariate"),
        ("[parameters.ka]", "[parameters.kA]", "[structures]", 'ka of "first-order-absorption" is missing'),
        ('of     = ["CL", "V1"]', 'of = ["CL", "ka"]', "[covariances.of]", '"ka" has no spread'),
        (
            'of     = ["CL", "V1"]',
            'of = ["CL", "V9"]',
            "[covariances.of]",
            '"V9" is not a parameter.*Did you mean "V1"',
        ),
        ('of     = ["CL", "V1"]', 'of = ["CL"]', "[covariances.of]", "name two different parameters"),
        ("value  = 0.02\n", "value = 0.2\n", "[covariances.value]", "of CL and V1 makes their correlation 2.27"),
        ('CL_R = "CL', 'CL_R = "CL_R2 * CL', "[derived.CL_R2]", "circle: CL_R2 -> CL_R -> CL_R2"),
        ('CL_R = "CL', 'CL_R = "S_central * CL', "[derived.CL_R]", '"S_central" is not known here'),
        ('CL_R = "CL_ratio_R', 'CL_R = "CL_ratio', "[derived.CL_R]", 'Did you mean "CL_ratio_R"'),
        ('CL_R = "CL_ratio_R * CL"', 'CL_R = "CL_ratio_R + CL"', "[derived.CL_R]", "only like can be added"),
        ('CL_R = "CL_ratio_R * CL"', 'CL_R = "0.86 * CL"', "[derived.CL_R]", "the number 0.86 stands in an expression"),
        (
            'CL_R = "CL_ratio_R * CL"',
            'CL_R = "V1"',
            "[structures.with.CL]",
            r'"CL_R" is L (volume); CL of "one-compartment" needs L/h (cl',
        ),
        ('use    = "one-compartment"', 'use = "one-comp"', "[structures.use]", 'Did you mean "one-compartment"'),
        (
            'with   = { CL = "CL_R" }',
            'with = { Cl = "CL_R" }',
            "[structures]",
            'parameter "Cl" is not known. Allowed: CL, V1. Did',
        ),
        ('prefix = "R_"', 'prefix = "S_"', "[structures.prefix]", '"S_central" is the name of a parameter, cov'),
        ('to  = "S_central"', 'to = "central"', "[structures.to]", 'state "central" is not known.*Did you mean'),
        ('to  = "S_central"', "", "[structures]", 'needs "to"'),
        (
            'cleared = "CL / V1 * S_central"',
            'cleared = "CL * S_central"',
            "[odes.cleared]",
            'the equation of the state "cleared" needs mg/h',
        ),
        (
            'cleared = "CL / V1 * S_central"',
            'cleared = "CL / V * S_central"',
            "[odes.cleared]",
            '"V" is not known here',
        ),
        (
            'cleared = "CL / V1 * S_central"',
            'CL_R2 = "CL / V1 * S_central"',
            "[odes.CL_R2]",
            "is the name of a parameter",
        ),
        (
            'expression = "S_central / V1"',
            'expression = "S_central"',
            "[outputs.S-ketamine.expression]",
            'its unit "ng/mL" needs mg/L',
        ),
        (
            'into           = "depot"',
            'into = "dept"',
            "[routes.oral.into]",
            'state "dept" is not known.*Did you mean "depot"',
        ),
        (
            'into = { S = "S_central", R',
            'into = { T = "S_central", R',
            "[routes.iv.into.T]",
            'moiety "T" is not known. Allowed: R, S',
        ),
        (
            'into = { S = "S_central", R = "R_central" }',
            'into = { S = "S_central" }',
            "[routes.iv.into]",
            "no compartment for R",
        ),
        (
            'bioavailability = "F_oral"',
            'bioavailability = "ka"',
            "[routes.oral.bioavailability]",
            "needs a plain number",
        ),
        ('lag            = "lag_oral"', 'lag = "F_oral"', "[routes.oral.lag]", "lag needs h (time)"),
        ("R = 0.5", "R = 0.6", "[forms.racemate]", "add up to at most 1; here: 1.1"),
        ("S        = { S", "T = { S", "[forms.T]", "Allowed: R, S, racemate"),
        ('[residual."S-ketamine"]', "[residual.S]", "[residual.S]", 'output "S" is not known'),
        (
            'sd = 2, unit = "ng/mL"',
            'sd = 2, unit = "ng"',
            "[residual.S-ketamine.additive.unit]",
            '"S-ketamine" is mg/L',
        ),
        ("min = 40", "min = 400", "[validity.weight.min]", "min 400 is not below max 150"),
        ("duration      = { max", "time = { max", "[validity.time]", 'key "time" is not known'),
        ('of = "S-ketamine", max', 'of = "S", max', "[validity.concentration.of]", '"S" is not known'),
        (
            'duration      = { max = 2, unit = "d"',
            'duration = { max = 2, unit = "kg"',
            "[validity.duration.unit]",
            "duration needs h",
        ),
        ('quantity = "parameter"', 'quantity = "param"', "[check.quantity]", 'Did you mean "parameter"'),
        (
            'expression = "CL / V1"\n',
            "",
            "[check]",
            '"expression" is missing; the quantity "parameter" needs expression',
        ),
        ('expression = "CL / V1"\n', 'expression = "CL"\n', "[check.unit]", "this parameter is L/h (clearance)"),
        ("within   = 0.01\n", "", "[check]", "give one of within"),
        ('until    = "100 h"', 'until = "100"', "[check.until]", "has no unit"),
        ('of       = "S-ketamine"', 'of = "ketamine"', "[check.of]", 'output "ketamine" is not known'),
        ('kind     = "observation"', 'kind = "seen"', "[check.kind]", "Allowed: arithmetic, observation"),
        ('id            = "example-ketamine"', 'id = "Example"', "[id]", "lower-case words"),
        (
            'sampling_site = "venous"',
            'sampling_site = "vein"',
            "[sampling_site]",
            "Allowed: arterial, not stated, pooled, venous",
        ),
        ('drug          = "ketamine"\n', "", "", '"drug" is missing'),
        ("[odes]", "[ode]", "[ode]", 'table "ode" is not known.*Did you mean "odes"'),
        ('kind          = "pk"', 'kind = "pd"', "[kind]", "Allowed: effect, modifier, pk"),
    ],
)
def test_refused_with_line_and_key(old: str, new: str, key: str, what: str) -> None:
    text = changed(MODEL, (old, new))
    with pytest.raises(ModelFileError) as caught:
        read_model(text, "example.toml")
    message = str(caught.value)
    before, *after = what.split(".*")
    assert f"{key}: " in message if key else message.startswith("example.toml line 1: ")
    assert before in message and all(part in message for part in after), message
    line = int(message.split(" line ")[1].split(",")[0].split(":")[0])
    shown = text.split("\n")[line - 1]
    assert not key or any(word in shown for word in key.strip("[]").split(".")), (shown, message)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("value   = 25", "value = = 25"),
        ("[parameters.ka]", "[parameters.ka"),
        ("[parameters.ka]", "[parameters.V1]"),
    ],
)
def test_text_that_is_not_toml(old: str, new: str) -> None:
    line = MODEL[: MODEL.index(old)].count("\n") + 1
    with pytest.raises(ModelFileError, match=rf"^m.toml line {line}, column \d+: not valid TOML: "):
        read_model(changed(MODEL, (old, new)), "m.toml")


def test_three_random_effects_that_cannot_go_together() -> None:
    spread = 'between = { kind = "lognormal", var = 0.04, source = "author2000", mark = "assumed" }\n'
    more = "".join(
        f'[[covariances]]\nof = ["{a}", "{b}"]\nvalue = {value}\nsource = "author2000"\nmark = "assumed"\n\n'
        for a, b, value in (("CL", "ka", 0.05), ("V1", "ka", -0.05))
    )
    with pytest.raises(ModelFileError, match=r"random effects of CL, V1, ka are not positive definite"):
        read_model(
            changed(
                MODEL,
                ('unit   = "1/h"\n', 'unit   = "1/h"\n' + spread),
                ("[derived]", more + "[derived]"),
                ("value  = 0.02\n", "value = 0.07\n"),
            )
        )


def test_wrong_unit_names_the_line_of_the_parameter() -> None:
    line = MODEL[: MODEL.index('unit    = "L"')].count("\n") + 1
    with pytest.raises(
        ModelFileError, match=rf"^m.toml line {line}, \[parameters.V1.unit\]: V1 of .* Units that fit: L, mL"
    ):
        read_model(changed(MODEL, ('unit    = "L"', 'unit    = "L/kg"')), "m.toml")


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (
            'role     = "relief"',
            'role = "placebo"',
            r"\[driver\]: an effect of role \"placebo\" follows no concentration",
        ),
        ('[driver]\nanalyte   = "S-ketamine"\nhalf_life = "equilibration"\n', "", r"\[driver\] is missing"),
        ('half_life = "equilibration"', 'half_life = "C50"', r"half_life needs h \(time\)"),
        ('form = "sigmoid-emax"', 'form = "sigmoid"', 'Did you mean "sigmoid-emax"'),
        (
            "[parameters.Hill]",
            "[parameters.hill]",
            r'\[curve\]: "Hill" is missing; the form "sigmoid-emax" needs Emax, C50, Hill',
        ),
        ('C50  = "C50"', 'C50 = "top"', r"C50 needs mg/L \(concentration\)"),
        ('C50  = "C50"', 'C50 = "C50"\nslope = "top"', r'key "slope" is not known'),
        ("value  = 0.57", "value = 1.57", "probability is a probability, from 0 to 1"),
        ("rho    = 0.5", "rho = 1.5", "must lie between -1 and 1"),
        ('with   = "other-effect.C50"', 'with = "C50"', 'write it like "other-effect.C50"'),
        ('of     = "C50"', 'of = "Hill"', '"Hill" has no spread'),
        ('concentration = "100 ng/mL"', 'concentration = "100 mg"', "not one of concentration"),
        ('unit          = ""', 'unit = "mg/L"', r'unit "mg/L" is mg/L \(concentration\); this curve is a plain number'),
        ("default  = true", 'default = "yes"', "neither true nor false"),
    ],
)
def test_effect_refused(old: str, new: str, what: str) -> None:
    with pytest.raises(ModelFileError, match=f"^e.toml line .*{what}"):
        read_effect(changed(EFFECT, (old, new)), "e.toml")


@pytest.mark.parametrize("text", [MODEL, EFFECT], ids=["model", "effect"])
def test_whatever_is_wrong_is_a_refusal(text: str) -> None:
    lines = text.split("\n")
    spoilt = ["", "true", "-1", "0", "1e400", '""', '"x"', "[]", '["x", 1]', "[[1]]", "{}", "{ x = 1 }", "1979-05-27"]
    for index, line in enumerate(lines):
        key, equals, _ = line.partition("=")
        for value in spoilt if equals else [""]:
            changed_line = f"{key}= {value}" if value else ""
            try:
                read("\n".join([*lines[:index], changed_line, *lines[index + 1 :]]), "m.toml")
            except ModelFileError as error:
                assert str(error).startswith("m.toml line "), error


CHECKED = """
[[check]]
quantity   = "parameter"
expression = "CL"
value      = 1
unit       = "L/h"
within     = 1
source     = "author2000"
mark       = "derived"
kind       = "arithmetic"
"""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[of_dose]\nshare = "dose / V1"\n', None),
        ('[of_dose]\nshare = "doses / V1"\n', '"doses" is not known here.*Did you mean "dose"'),
        ('[of_dose]\nCL = "dose / V1"\n', '"CL" is the name of a parameter'),
        ('[of_dose]\ndose = "V1"\n', '"dose" is the name of a parameter'),
        ('[of_dose]\na = "b"\nb = "a"\n', "dose-dependent values go in a circle: a -> b -> a"),
        ('[of_dose]\nshare = "dose + V1"\n', "only like can be added"),
        (CHECKED + "covariates = { weight = 3 }\n", "the weight of a check has a key of its own"),
        (CHECKED + 'covariates = { hight = "3 m" }\n', '"hight" is not known'),
        (CHECKED + 'dose = "10 mg iv"\n', None),
    ],
)
def test_values_of_a_dose_and_persons_of_checks(text: str, what: str | None) -> None:
    if what is None:
        read_model(MODEL + "\n" + text)
        return
    with pytest.raises(ModelFileError, match=what):
        read_model(MODEL + "\n" + text)


def test_routes_by_dose() -> None:
    own = '[of_dose]\nshare = "F_oral * dose / dose"\namount = "dose"\n'
    read_model(MODEL.replace('"F_oral"', '"share"', 1) + own)
    with pytest.raises(ModelFileError, match='"amount" is mg .*; bioavailability needs a plain number'):
        read_model(MODEL.replace('"F_oral"', '"amount"', 1) + own)
    with pytest.raises(ModelFileError, match='unit_dose.*"F_oral" is a plain number; unit_dose needs mg'):
        read_model(MODEL.replace("bioavailability", 'unit_dose = "F_oral"\nbioavailability', 1))


@pytest.mark.parametrize(
    ("values", "told"),
    [({"CL": "-84 L/h"}, "CL is -84 L/h; it is 0 or more"), ({"V1": "0 L"}, "V1 is 0 L; it is above 0")],
)
def test_values_no_model_can_have_are_refused(values, told):
    with pytest.raises(ModelFileError, match=f'model "kamp2020-ketamine": {told}'):
        pkpd.load("kamp2020-ketamine").with_values(**values)
