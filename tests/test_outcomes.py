"""What a regimen does to each patient: measures with their units, side effects without a driver, shares of shares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pkpd
from pkpd.errors import ModelFileError, PkpdError, UnknownName
from pkpd.model import library
from pkpd.terminal.comparison import csv_text, print_comparison

KAMP = pkpd.load("kamp2020-ketamine")
ARMS = {"push": "0.3 mg/kg iv over 4 min", "slow": "0.3 mg/kg iv over 15 min", "none": "no treatment"}
EVENTS = [name for name in library.names("effect") if pkpd.load_effect(name).role == "side effect"]
MEASURES = [
    "mean-arterial-pressure",
    "heart-rate",
    "olofsen2012-pain",
    "jonkman2018-opioid-shift",
    "schuttler1987-eeg-s",
]


def event(name: str, curve: str, **parameters: float) -> pkpd.Effect:
    """A side effect without a driver of its own."""
    text = (
        f'id = "{name}"\nkind = "effect"\ntitle = "t"\nendpoint = "e"\nrole = "side effect"\nuse_for = "u"\n'
        f'not_for = "n"\n[sources.x]\ncitation = "c"\n[curve]\n{curve}\n'
    )
    for key, value in parameters.items():
        unit = "h" if key == "half_time" else "1"
        text += f'[parameters.{key}]\nvalue = {value}\nunit = "{unit}"\nsource = "x"\nmark = "assumed"\n'
    return pkpd.read_effect(text)


@pytest.fixture(scope="module")
def measured() -> pkpd.Comparison:
    return pkpd.compare(KAMP, ARMS, 200, seed=3, until="1 d", effects=[pkpd.load_effect(name) for name in MEASURES])


def test_measures_have_their_peak_and_their_value_at_the_end(measured: pkpd.Comparison) -> None:
    """Held against a course on a fine grid of the same patients."""
    units = {"mean-arterial-pressure": "%", "heart-rate": "%", "olofsen2012-pain": "point", "schuttler1987-eeg-s": "Hz"}
    for arm in measured.arms[:2]:
        end = arm.end / 3600e9
        hours = np.unique(np.append(np.linspace(0, 2, 1201), end))
        course = pkpd.simulate(arm.individuals.model, arm.regimen, pkpd.Population(200, seed=3), (hours, "h"))
        for name in MEASURES:
            peak, last = arm.outcome(f"peak {name}"), arm.outcome(name, "end of treatment")
            assert peak.unit == last.unit == units.get(name, "1")
            extreme = course[name].min(axis=0) if name == "olofsen2012-pain" else course[name].max(axis=0)
            assert peak.values == pytest.approx(extreme, rel=2e-3)
            assert last.values == pytest.approx(course[name][np.searchsorted(hours, end)], rel=1e-9)
            assert course.unit(name) == units.get(name, "")


def test_a_push_raises_pressure_more_than_an_infusion_and_nothing_does_nothing(measured: pkpd.Comparison) -> None:
    push, slow, none = (measured.summary(name, "peak mean-arterial-pressure").value for name in ARMS)
    assert push > slow > none == 0
    assert measured.summary("none", "peak jonkman2018-opioid-shift").value == 1
    line = next(s for s in measured.differences() if (s.regimen, s.quantity) == ("push", "peak mean-arterial-pressure"))
    assert line.value == pytest.approx(push - none)
    assert line.unit == "%"


def test_units_go_along_into_tables_and_frames(measured: pkpd.Comparison, capsys: pytest.CaptureFixture[str]) -> None:
    print_comparison(measured)
    printed = " ".join(capsys.readouterr().out.split())
    assert "Measure mean-arterial-pressure: mean" in printed
    for words in ("mean-arterial-pressure", "(%)", "(Hz)", "(point)"):
        assert words in printed
    row = next(line for line in csv_text(measured).splitlines() if line.startswith("push,peak schuttler1987-eeg-s,"))
    assert ",Hz," in row
    model = KAMP.with_effects(*(pkpd.load_effect(name) for name in MEASURES))
    result = pkpd.simulate(model, ARMS["push"], 3, ["5 min"])
    assert result.to_xarray()["mean-arterial-pressure"].attrs["units"] == "%"
    frame = result.to_frame()
    assert {"mean-arterial-pressure (%)", "schuttler1987-eeg-s (Hz)", "jonkman2018-opioid-shift"} <= set(frame.columns)
    assert 1 < frame["mean-arterial-pressure (%)"].iloc[0] < 30


def test_side_effects_of_constant_probability_need_no_driver() -> None:
    """And so do those that grow with time alone; both are the same under every regimen."""
    effects = [
        event("background", 'form = "constant"\nlevel = "level"', level=0.3),
        event("growing", 'form = "onset"\nsize = "size"\nhalf_time = "half_time"', size=0.8, half_time=12),
    ]
    made = pkpd.compare(KAMP, ARMS, 4000, until="1 d", effects=effects)
    for name in ARMS:
        assert made.summary(name, "background").value == pytest.approx(0.3, abs=0.03)
        assert made.summary(name, "growing").value == pytest.approx(0.6, abs=0.03)
    assert made.summary("push", "background").value == made.summary("none", "background").value


def test_a_share_of_a_share_happens_to_the_same_people() -> None:
    asked, reported = pkpd.load_effect("psychotomimetic-asked"), pkpd.load_effect("psychotomimetic-reported")
    inner = event("written-down", 'form = "share"\nshare = "share"\nof = "psychotomimetic-reported"', share=0.5)
    arm = pkpd.compare(KAMP, ARMS, 4000, until="1 d", effects=[inner, reported, asked]).arm("push")
    all_of, half, quarter = (
        arm.outcome(name).values for name in ("psychotomimetic-asked", "psychotomimetic-reported", "written-down")
    )
    assert (quarter <= half).all() and (half <= all_of).all()
    assert quarter.mean() == pytest.approx(half.mean() / 2, abs=0.02)
    course = pkpd.simulate(KAMP.with_effects(inner, reported, asked), ARMS["push"], 5, ["5 min"])
    assert course["written-down"] == pytest.approx(0.5 * 0.24 * course["psychotomimetic-asked"])


def test_shares_that_have_no_whole_are_refused() -> None:
    a, b = (event(x, f'form = "share"\nshare = "share"\nof = "{y}"', share=0.5) for x, y in (("a", "b"), ("b", "a")))
    with pytest.raises(UnknownName, match="circle: a -> b -> a"):
        KAMP.with_effects(a, b)
    of_relief = event("part", 'form = "share"\nshare = "share"\nof = "fast-relief"', share=0.5)
    with pytest.raises(ModelFileError, match='share of "fast-relief", which is of the role "relief"'):
        KAMP.with_effects(of_relief, pkpd.load_effect("fast-relief"))


def test_covariates_of_effects_reach_them() -> None:
    """From the population where it names them, else typical; in a table by column."""
    chosen = pkpd.load_effect("hypertension")
    old = pkpd.Population(50, seed=1, covariates={"age": pkpd.Spread(75, 0)})
    arms = [pkpd.simulate(KAMP.with_effects(chosen), ARMS["push"], who, ["10 min"]) for who in (old, 50)]
    assert (arms[0]["hypertension"] > arms[1]["hypertension"]).all()
    table = pkpd.simulate(KAMP.with_effects(chosen), ARMS["push"], {"age": [40.0, 64.0, 66.0]}, ["10 min"])
    young, middle, aged = table["hypertension"][0]
    assert young == middle < aged


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('unit   = "mmHg/%"', 'unit = "1"', '"shift" is mmHg; Emax of this curve makes it a plain number'),
        ("value  = 19", "value = 0", "sd is divided by"),
        ('potency   = "p"', 'potency = "C50"', "potency needs a plain number"),
        ('analyte = "S-norketamine"', 'analyte = "S-ketamine"', "drives this effect already"),
        ('potency   = "p"', 'potency = "p"\nmultiply = "p"', 'key "multiply" is not known'),
    ],
)
def test_effect_files_that_do_not_fit_are_refused(old: str, new: str, words: str) -> None:
    text = Path(pkpd.load_effect("hypertension").path).read_text(encoding="utf-8")
    text = text.replace("[curve]", '[[driver.also]]\nanalyte = "S-norketamine"\npotency   = "p"\n\n[curve]')
    text += '\n[parameters.p]\nvalue = 0\nunit = "1"\nsource = "label"\nmark = "assumed"\n'
    assert pkpd.read_effect(text, "e.toml").analytes == ("S-ketamine",)
    assert old in text
    with pytest.raises(PkpdError, match=rf"^e.toml line \d+.*({words})"):
        pkpd.read_effect(text.replace(old, new), "e.toml")


def test_a_measure_with_a_slope_of_unclear_unit_is_refused() -> None:
    text = Path(pkpd.load_effect("heart-rate").path).read_text(encoding="utf-8")
    with pytest.raises(ModelFileError, match='write the unit of a slope like "%/'):
        pkpd.read_effect(text.replace('"%/(ng/mL)"', '"mL/ng"').replace('unit            = "%"', 'unit = "1"'))
    assert pkpd.load_effect("heart-rate").with_values(slope="20 %/(ug/mL)").unit == "%"


def test_columns_that_do_not_fit_go_on_in_another_table(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = [one for one in map(pkpd.load_effect, EVENTS) if one.driver is None or one.driver.analyte == "S-ketamine"]
    made = pkpd.compare(KAMP, {"push": ARMS["push"]}, 20, until="1 d", effects=chosen)
    print_comparison(made)
    printed = capsys.readouterr().out
    assert "Side effects ever, % of patients" in printed and ", continued" in printed
    whole = "".join(printed.split())
    for one in chosen:
        assert one.id in whole
    blocks = printed.split("Side effects ever")[1:]
    shown = [line for block in blocks for line in block.splitlines() if line.startswith(" push")]
    assert sum(line.count("[") for line in shown) == len(chosen)


def test_a_probability_that_falls_with_the_drug_is_highest_without() -> None:
    text = (
        'id = "falling"\nkind = "effect"\ntitle = "t"\nendpoint = "e"\nrole = "side effect"\nuse_for = "u"\n'
        'not_for = "n"\n[sources.x]\ncitation = "c"\n[driver]\nanalyte = "S-ketamine"\n[curve]\nform = "probability"\n'
    )
    for key, value, unit in (("floor", 0.6, "1"), ("ceiling", 0.1, "1"), ("C50", 50, "ng/mL"), ("Hill", 2, "1")):
        text += f'[parameters.{key}]\nvalue = {value}\nunit = "{unit}"\nsource = "x"\nmark = "assumed"\n'
    arms = pkpd.compare(KAMP, ARMS, 400, until="1 d", effects=[pkpd.read_effect(text)]).arms
    happened = [arm.outcome("falling").values for arm in arms]
    assert all(np.array_equal(values, happened[-1]) for values in happened)
    assert np.array_equal(happened[-1] > 0, arms[0].individuals.draws["falling"] < 0.6)
