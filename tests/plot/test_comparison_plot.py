"""The figure of a comparison: what is on it, that its numbers are those of the simulation, and how it is saved."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figures import clashes, panels, words
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text

import pkpd
from pkpd.comparing import course
from pkpd.comparison import JOINT_STATES, Comparison
from pkpd.dosing.prescription import parse
from pkpd.errors import SimulationError, UnknownName
from pkpd.moments import course_times, window
from pkpd.plot import style
from pkpd.plot.comparison import draw, save
from pkpd.plot.curves import SHARES, follow, gather, rate_steps, relief_times
from pkpd.times import TICKS_PER_HOUR
from pkpd.units import HYDROCHLORIDE_TO_BASE

HOUR, DAY = TICKS_PER_HOUR, 24 * TICKS_PER_HOUR
MODEL = "kamp2020-ketamine"
STUDY = {
    "Sigtermans 2009": "s-ketamine 5 mg/h/70kg iv over 6 h then 10 mg/h/70kg over 6 h then 15 mg/h/70kg over 6 h "
    "then 20 mg/h/70kg over 82 h",
    "Schwartzman 2009": "ketamine 0.35 mg/kg/h iv over 4 h every 24 h for 10 doses, at most 25 mg/h",
    "Goldberg 2010, upper range": "ketamine 10 mg/h iv over 1 h then 20 mg/h over 1 h then 30 mg/h over 1 h then "
    "40 mg/h over 117 h",
    "single infusion": "0.5 mg/kg iv over 40 min",
    "placebo": "no treatment",
}
SINGLE = {"only one": "0.5 mg/kg iv over 40 min"}
MANY = {
    **STUDY,
    "boluses of a long and $odd$ name": "ketamine hcl 20 mg iv bolus every 168 h for 4 doses",
    "load and infusion": "s-ketamine 0.3 mg/kg iv bolus and s-ketamine 10 mg/h iv over 24 h",
}
FAR = {"push": "0.3 mg/kg iv over 1 min", "slow": "ketamine 1 mg/h iv over 48 h"}


def compared(regimens: dict[str, str], patients: int = 60, **options: Any) -> Comparison:
    return pkpd.compare(pkpd.load(MODEL), regimens, patients, seed=1, **options)


@pytest.fixture(scope="module")
def study() -> Comparison:
    return compared(STUDY, title="Ketamine infusions in complex regional pain syndrome")


@pytest.fixture(scope="module")
def whole(study: Comparison) -> Any:
    return study.plot()


def test_every_panel_and_every_name_is_there(study: Comparison, whole: Any) -> None:
    names = panels(whole)
    for arm in STUDY:
        for kind in ("dose", "levels", "chances"):
            assert (f"{kind}: {arm}" in names) == (arm != "placebo")
    assert {"relief", "states"} <= set(names)
    for expected in (
        *STUDY,
        *JOINT_STATES,
        "psychotomimetic (asked)",
        "mild sedation",
        "unresponsive",
        "50 %",
        "90 % of patients, n = 60",
        "threshold 50 ng/mL",
        "S-ketamine in plasma (ng/mL)",
        "racemate",
        "Not for dosing patients.",
        MODEL,
        study.title,
        "95 % interval of the mean",
    ):
        assert expected in words(whole).replace("\xa0", " ")
    marks = study.arms[0].individuals.model.marks()
    assert f"{marks['assumed']} of {sum(marks.values())} parameters are assumed" in words(whole).replace("\xa0", " ")
    assert whole.get_size_inches()[0] == pytest.approx(7.1)
    assert 8 < whole.get_size_inches()[1] < 9.3


def test_notes_are_on_the_figure() -> None:
    comparison = compared(SINGLE)
    noted = Comparison(
        **{
            **{name: getattr(comparison, name) for name in comparison.__dataclass_fields__},
            "notes": ("Outside the limits of the model: 3 % of arm.",),
        }
    )
    assert "Outside the limits of the model: 3 % of arm." in words(noted.plot("plasma")).replace("\xa0", " ")


def test_levels_share_a_logarithmic_axis_without_zero(whole: Any) -> None:
    axes = [axes for name, axes in panels(whole).items() if name.startswith("levels")]
    assert len({one.get_ylim() for one in axes}) == 1
    for one in axes:
        assert one.get_yscale() == "log"
        assert one.get_ylim()[0] > 0
        mantissas = {f"{tick / 10 ** math.floor(math.log10(tick) + 1e-9):.3g}" for tick in one.get_yticks()}
        assert mantissas == {"1", "3"}


def test_a_regimen_has_one_colour_everywhere(study: Comparison, whole: Any) -> None:
    looks = style.looks(study.arms)
    assert [look.colour for look in looks.values()] == [*style.PALETTE[:4], style.UNTREATED[0]]
    axes = panels(whole)
    for name, look in looks.items():
        if name != "placebo":
            assert to_hex(axes[f"dose: {name}"].lines[0].get_color()).upper() == look.colour
            assert look.colour in {to_hex(line.get_color()).upper() for line in axes[f"levels: {name}"].lines}
            assert look.colour in {to_hex(line.get_color()).upper() for line in axes[f"chances: {name}"].lines}
        assert look.colour in {to_hex(line.get_color()).upper() for line in axes["relief"].lines}
        shown = study.marked(name, short=True)
        titles = [
            text
            for text in whole.findobj(Text)
            if len(text.get_text()) > 5 and shown.startswith(text.get_text().replace("\xa0", " "))
        ]
        assert len(titles) >= 2
        assert {to_hex(title.get_color()) for title in titles} == {style.ink(look.colour)}


def test_bands_are_the_quantiles_of_patients(study: Comparison, whole: Any) -> None:
    arm = study.arm("single infusion")
    times = course_times(arm.regimen, 6 * HOUR)
    expected = np.quantile(course(arm, times)["S-ketamine"], (0.05, 0.25, 0.5, 0.75, 0.95), axis=1)
    axes = panels(whole)["levels: single infusion"]
    above = expected[2] > axes.get_ylim()[0]
    median = max(axes.lines, key=lambda line: len(line.get_xdata()))
    np.testing.assert_allclose(median.get_xdata(), times / HOUR)
    np.testing.assert_allclose(np.asarray(median.get_ydata())[above], expected[2][above])
    bands = [axes_part for axes_part in axes.collections if isinstance(axes_part, PolyCollection)]
    assert len(bands) == 2
    for band, low, high in zip(bands, expected[[0, 1]], expected[[4, 3]], strict=True):
        heights = band.get_paths()[0].vertices[:, 1]
        assert np.isin(np.round(high[above], 9), np.round(heights, 9)).all()
        assert np.isin(np.round(low[low > axes.get_ylim()[0]], 9), np.round(heights, 9)).all()
    assert SHARES == (0.05, 0.25, 0.5, 0.75, 0.95)


def test_probabilities_and_relief_agree_with_the_table(study: Comparison) -> None:
    curves = gather(study, ("plasma", "side effects", "relief"), together=False)
    for one in curves.relief:
        for place, when in ((0, "end of treatment"), (-1, "12 weeks")):
            expected = study.summary(one.arm.name, "pain relief", when)
            assert one.mean[place] == pytest.approx(expected.value, abs=1e-9)
            assert one.half[place] == pytest.approx(1.96 * expected.error, rel=1e-3)
    for one in curves.courses:
        peak = study.arm(one.arm.name).outcome("peak S-ketamine in plasma").values
        assert one.bands[2].max() == pytest.approx(np.median(peak), rel=0.02)
        assert set(one.chances) == {"psychotomimetic-asked", "mild-sedation", "unresponsive"}
        assert one.floors["psychotomimetic-asked"] == pytest.approx(0.12)
        assert one.chances["psychotomimetic-asked"][0] == pytest.approx(0.12)


def test_bars_are_the_joint_states(study: Comparison, whole: Any) -> None:
    widths = [patch.get_width() for patch in panels(whole)["states"].patches]
    expected = [100 * study.summary(arm, state, "1 week").value for arm in STUDY for state in JOINT_STATES]
    np.testing.assert_allclose(widths, expected, atol=1e-9)


@pytest.mark.parametrize("regimens", [STUDY, SINGLE, MANY, FAR, {"nothing": "no treatment"}], ids=lambda r: str(len(r)))
def test_no_text_overlaps_another_or_is_cut(regimens: dict[str, str]) -> None:
    assert clashes(compared(regimens).plot()) == []


@pytest.mark.parametrize(
    "chosen",
    [
        ("plasma",),
        ("side effects",),
        ("relief",),
        ("states",),
        ("relief", "states"),
        ("plasma", "side effects"),
        ("states", "plasma"),
    ],
)
def test_panels_alone(study: Comparison, chosen: tuple[str, ...]) -> None:
    figure = study.plot(*chosen)
    assert clashes(figure) == []
    kinds = {name.split(":")[0].split(",")[0] for name in panels(figure)}
    assert ("levels" in kinds) == ("plasma" in chosen)
    assert ("chances" in kinds) == ("side effects" in chosen)
    assert {"relief", "states"} & kinds == {"relief", "states"} & set(chosen)


def test_plasma_alone_has_all_regimens_and_their_first_hours(study: Comparison) -> None:
    axes = panels(study.plot("plasma"))
    assert list(axes) == ["levels, first hours", "levels"]
    assert axes["levels, first hours"].get_xlim() == (0, 6)
    assert axes["levels"].get_xlim() == (0, 11 * 24)
    assert set(style.PALETTE[:4]) <= {to_hex(line.get_color()).upper() for line in axes["levels"].lines}
    assert list(panels(compared(SINGLE).plot("plasma"))) == ["levels"]


def test_a_model_without_effects_has_doses_and_levels() -> None:
    regimens = {"slow": "0.5 mg/kg iv over 40 min", "push": "0.3 mg/kg iv bolus"}
    comparison = pkpd.compare(pkpd.load("domino1984-ketamine"), regimens, 60, effects=[])
    figure = comparison.plot()
    assert clashes(figure) == []
    assert set(panels(figure)) == {"dose: slow", "levels: slow", "dose: push", "levels: push"}
    assert "ketamine in plasma (ng/mL)" in words(figure)
    with pytest.raises(SimulationError, match="no side effect"):
        comparison.plot("side effects")
    with pytest.raises(SimulationError, match="no pain"):
        comparison.plot("plasma", "relief")
    with pytest.raises(SimulationError, match="no joint states"):
        comparison.plot("states")


def test_many_regimens_stand_in_rows() -> None:
    regimens = {
        f"{dose} mg/kg over {length} min": f"{dose} mg/kg iv over {length} min"
        for dose in (0.1, 0.25, 0.5)
        for length in (5, 40, 100)
    }
    figure = compared({**regimens, "placebo": "no treatment"}).plot()
    assert clashes(figure) == []
    places = {name: axes.get_position() for name, axes in panels(figure).items() if name.startswith("levels")}
    assert len(places) == 9
    assert len({round(place.y0, 6) for place in places.values()}) == 2
    assert len({round(place.width, 6) for place in places.values()}) == 1
    assert len({axes.get_ylim() for name, axes in panels(figure).items() if name.startswith("levels")}) == 1


def test_measures_are_drawn_in_their_unit() -> None:
    effects = [pkpd.load_effect(name) for name in ("mean-arterial-pressure", "heart-rate", "cardiac-output")]
    regimens = {"slow": "0.5 mg/kg iv over 40 min", "push": "0.3 mg/kg iv over 1 min"}
    comparison = compared(regimens, effects=effects)
    figure = comparison.plot()
    assert clashes(figure) == []
    for effect in effects:
        axes = [panels(figure)[f"{effect.id}: {name}"] for name in regimens]
        assert len({one.get_ylim() for one in axes}) == 1
        assert axes[0].get_ylabel().endswith("(%)")
        assert effect.endpoint in words(figure).replace("\xa0", " ")
        peak = comparison.arm("push").outcome(f"peak {effect.id}").values
        (line,) = axes[1].lines
        assert max(line.get_ydata()) == pytest.approx(np.median(peak), rel=0.03)
        assert max(line.get_ydata()) < axes[1].get_ylim()[1]
    with pytest.raises(SimulationError, match="no measure"):
        compared(SINGLE).plot("measures")
    fourth = compared(SINGLE, effects=[*effects, pkpd.load_effect("schuttler1987-eeg-s")]).plot("measures")
    assert "In the table and not drawn: schuttler1987-eeg-s." in words(fourth).replace("\xa0", " ")


def test_every_number_leads_to_its_source(study: Comparison, whole: Any) -> None:
    said = words(whole).replace("\xa0", " ")
    assert f"Sources: pkpd show ID, where ID is {MODEL}, " in said
    for effect in study.arms[0].individuals.model.effects:
        assert effect.id in said
    assert "Doses:" not in said  # these stand in the script
    shipped = pkpd.load_study("perioperative-chronic-pain").with_patients(20).run().plot("plasma")
    assert "Doses: pkpd show perioperative-chronic-pain." in words(shipped).replace("\xa0", " ")
    with_another = compared({"both": ("0.5 mg/kg iv over 40 min", "lorazepam")}).plot("plasma")
    assert "lorazepam." in words(with_another).replace("\xa0", " ")


def test_a_passed_limit_is_beside_its_arm_and_told_once() -> None:
    comparison = pkpd.compare(
        pkpd.load("ashraf2018-s-ketamine"),
        {"small": "s-ketamine 14 mg oral", "long": "s-ketamine 10 mg/h iv over 100 h"},
        pkpd.Population(40, weight="70 kg", seed=1),
        indication="crps",
    )
    figure = comparison.plot()
    assert clashes(figure) == []
    said = words(figure).replace("\xa0", " ")
    limits = [flag for flag in comparison.flags if flag.kind == "limit"]
    assert {flag.of for flag in limits} == {"long"}
    assert "long (!1" in said
    assert "small (!1" not in said
    for flag in limits:
        assert said.count(flag.text) == 1
    others = [flag for flag in comparison.flags if flag.kind not in ("limit", "conversion")]
    assert others
    assert not any(flag.text in said for flag in others)


def test_a_short_course_has_no_states_and_a_short_relief() -> None:
    comparison = compared(
        {"push": "0.3 mg/kg iv bolus", "slow": "0.3 mg/kg iv over 15 min", "none": "no treatment"}, until="90 min"
    )
    figure = comparison.plot()
    assert clashes(figure) == []
    axes = panels(figure)
    assert "states" not in axes
    assert axes["relief"].get_xlim()[1] == pytest.approx(1.5)
    assert axes["chances: push"].get_xlabel() == "Time (min)"
    with pytest.raises(SimulationError, match="ends before 1 week"):
        comparison.plot("states")
    assert "relief" not in panels(compared({"long": "10 mg/h iv over 24 h"}, until="12 h").plot())


def test_one_patient_has_no_interval() -> None:
    figure = compared(STUDY, patients=1).plot()
    assert clashes(figure) == []
    assert "SE ≤" not in words(figure)
    assert "1 virtual patient," in words(figure).replace("\xa0", " ")


def test_a_course_of_no_length_has_no_figure() -> None:
    with pytest.raises(SimulationError, match="nothing to draw: the course has no length"):
        compared(SINGLE, until="0 h").plot()


def test_only_untreated_arms_leave_relief_and_states() -> None:
    comparison = compared({"nothing": "no treatment"})
    assert set(panels(comparison.plot())) == {"relief", "states"}
    with pytest.raises(SimulationError, match="no arm has a treatment"):
        comparison.plot("plasma")


def test_an_unknown_panel_is_named(study: Comparison) -> None:
    with pytest.raises(UnknownName, match='panel "plasmas" is not known.*Did you mean "plasma"'):
        study.plot("plasmas")


def test_saving_is_deterministic(study: Comparison, tmp_path: Path) -> None:
    first = save(draw(study, "states"), tmp_path / "a.b")
    second = save(draw(study, "states"), str(tmp_path / "c"))
    assert [path.name for path in (*first, *second)] == ["a.b.png", "a.b.svg", "c.png", "c.svg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.b.png", "a.b.svg", "c.png", "c.svg"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert first[0].read_bytes().startswith(b"\x89PNG")
    assert b"<dc:date>" not in first[1].read_bytes()


def test_saving_leaves_nothing_half_written(study: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"before")

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        save(draw(study, "states"), tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"before"


def test_nothing_slow_is_loaded_before_drawing_and_pyplot_never() -> None:
    code = (
        "import sys, pkpd.plot.comparison; print([m for m in ('matplotlib', 'numba') if m in sys.modules]);"
        "import pkpd.plot.page; print('matplotlib.figure' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True False"]


def test_overlapping_text_is_found(study: Comparison) -> None:
    figure = study.plot("states")
    figure.text(0.5, 0.5, "over the bars, over and over")
    assert clashes(figure)


def test_many_doses_are_seen_between_them() -> None:
    regimen = parse("s-ketamine 10 mg oral every 8 h for 84 doses")
    times = course_times(regimen, window(regimen.end, 90 * DAY))
    starts = regimen.doses[0].starts
    for start, after in pairwise(starts):
        inside = (times > start + HOUR // 4) & (times < after - 1)
        assert inside.sum() >= 5
    comparison = pkpd.compare(pkpd.load("perezruixo2021-esketamine"), {"thrice a day": regimen}, 20, effects=[])
    course = follow(comparison, comparison.arms[0], window(regimen.end, 90 * DAY))
    first, last = (course.hours >= 24) & (course.hours < 32), (course.hours >= 640) & (course.hours < 648)
    assert course.bands[2][last].max() == pytest.approx(course.bands[2][first].max(), rel=0.25)


def test_windows_and_times() -> None:
    assert window(40 * HOUR // 60, 90 * DAY) == 6 * HOUR
    assert window(220 * HOUR, 90 * DAY) == 11 * DAY
    assert window(100 * HOUR, 90 * DAY) == 5 * DAY
    assert window(100 * HOUR, 3 * DAY) == 3 * DAY
    regimen = parse(MANY["boluses of a long and $odd$ name"])
    times = course_times(regimen, window(regimen.end, 90 * DAY))
    assert (np.diff(times) > 0).all()
    assert times[0] == 0
    assert len(times) < 260
    assert {start - 1 for start in regimen.doses[0].starts[1:]} | set(regimen.doses[0].starts) <= set(times.tolist())
    for text in STUDY.values():
        assert len(course_times(parse(text), window(parse(text).end, 90 * DAY))) < 260
    assert len(relief_times(5 * DAY, 5 * DAY)) == 0
    assert relief_times(5 * DAY, 10 * DAY)[[0, -1]].tolist() == [5 * DAY, 10 * DAY]


def test_infusion_rates_are_steps_that_add_up() -> None:
    text = "ketamine 10 mg/h iv over 2 h and s-ketamine hcl 5 mg/h iv over 1 h every 2 h for 2 doses"
    arm = compared({"two": text}).arms[0]
    hours, rates = rate_steps(arm.regimen, arm.individuals.weight, 4 * HOUR)
    base = 5 * HYDROCHLORIDE_TO_BASE
    np.testing.assert_allclose(hours, [0, 1, 2, 3, 4])
    np.testing.assert_allclose(rates, [10 + base, 10, base, 0, 0], rtol=1e-12)
    total = float((rates[:-1] * np.diff(hours)).sum())
    assert total == pytest.approx(arm.outcome("cumulative dose").values.mean())


def test_side_effects_start_at_their_level_without_drug() -> None:
    comparison = compared({"push": "0.3 mg/kg iv bolus"})
    found = follow(comparison, comparison.arms[0], 5 * HOUR)
    for name, values in found.chances.items():
        assert values[0] == pytest.approx(found.floors[name])
        assert values.max() > found.floors[name]


def test_no_peak_is_missed_in_a_long_course() -> None:
    text = "20 mg iv bolus every 24 h for 60 doses and 30 mg iv over 2 min every 168 h for 8 doses"
    comparison = compared({"many": text})
    arm = comparison.arms[0]
    shown = follow(comparison, arm, window(arm.end, comparison.horizon))
    fine = course(arm, np.arange(0, 20 * HOUR // 60, HOUR // 240, dtype=np.int64) + 21 * DAY)
    for name, values in shown.chances.items():
        assert values.max() == pytest.approx(fine[name].mean(axis=1).max(), rel=0.03, abs=0.01)


def test_labels_are_spread_without_overlap_and_near() -> None:
    placed = style.spread([0.0, 0.1, 0.1, 5.0], [1.0, 1.0, 2.0, 1.0], -1.0, 6.0)
    gaps = [upper - lower for lower, upper in pairwise(placed)]
    assert all(gap >= least - 1e-12 for gap, least in zip(gaps, (1.0, 1.5, 1.5), strict=True))
    assert placed[0] >= -0.5
    assert placed[-1] == pytest.approx(5.0)
    assert style.spread([3.0], [1.0], 0.0, 10.0) == [3.0]


def test_text_is_broken_to_fit_and_keeps_units() -> None:
    lines = style.wrap("ketamine 0.35 mg/kg/h iv over 4 h, at most 25 mg/h of it", 1.0, 6.0)
    assert all(style.text_width(line, 6.0) <= 1.0 for line in lines)
    assert " ".join(lines).replace("\xa0", " ") == "ketamine 0.35 mg/kg/h iv over 4 h, at most 25 mg/h of it"
    assert not any(line.endswith(("0.35", "4", "25")) for line in lines)
    assert all(style.text_width(line, 6.0) <= 0.5 for line in style.wrap("W" * 40, 0.5, 6.0))
    assert style.wrap("one two three four", 0.4, 6.0, most=1)[-1].endswith("…")


def test_time_axes() -> None:
    assert [style.time_scale(hours)[0] for hours in (1, 2.9, 3, 48, 49)] == ["min", "min", "h", "h", "d"]
    assert style.time_scale(84 * 24, weeks=True) == ("weeks", 168.0)
    assert style.time_ticks(6, "h", 6) == [0, 1, 2, 3, 4, 5, 6]
    assert style.time_ticks(11, "d", 6.3) == [0, 2, 4, 6, 8, 10]
    assert style.time_ticks(90, "min", 6) == [0, 15, 30, 45, 60, 75, 90]


def test_text_has_contrast_on_white() -> None:
    assert style.ink(style.PALETTE[0]) == style.PALETTE[0].lower()
    for colour in (*style.PALETTE, *style.UNTREATED):
        red, green, blue = (int(style.ink(colour)[k : k + 2], 16) / 255 for k in (1, 3, 5))
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
        assert 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05) >= 4.4
