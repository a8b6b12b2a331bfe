"""What a comparison of models gives back: one regimen through every model that takes it, and how far they are apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd.disagreement.observed import Point
from pkpd.dosing.regimen import Regimen
from pkpd.errors import unknown
from pkpd.flags import Flag

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

SLOW = 24.0  # h: effect sites with a longer half-life follow a course of treatment, not a dose

COLUMNS = (
    "what",
    "model",
    "reading",
    "bioavailability",
    "site",
    "population",
    "regimen",
    "analyte",
    "half_life_of_equilibration_h",
    "peak_ng_per_mL",
    "time_of_peak_h",
    "area_ng_per_mL_h",
    "at_end_ng_per_mL",
    "terminal_half_life_h",
    "flags",
    "source",
)


@dataclass(frozen=True)
class Curve:
    """The typical person's course under one model.

    model           : id of the model
    reading         : which published reading of its evidence; "" for the file's own
    bioavailability : the end of its range that was taken, a fraction; None for the model's own value
    site            : where the samples came from that the model was made from
    population      : whom it was made from; "not stated" where the file does not say
    analyte         : the model's output that was followed
    regimen         : what was given to the model; half of a racemate where it takes S-ketamine alone
    hours, levels   : (times) from the start, and ng/mL
    later           : (checkpoints) ng/mL at the checkpoints of the disagreement
    peak            : highest level, ng/mL
    peak_hours      : when, h
    area            : under the course from 0 to its end, ng/mL h
    half_life       : terminal half-life of the analyte, h; nan where the model is not linear
    flags           : what to mind: limits passed, conversions
    same            : other readings of the model that give the same course
    """

    model: str
    reading: str
    bioavailability: float | None
    site: str
    population: str
    analyte: str
    regimen: Regimen
    hours: Floats
    levels: Floats
    later: Floats
    peak: float
    peak_hours: float
    area: float
    half_life: float
    flags: tuple[Flag, ...] = ()
    same: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Curve({self.name}: {self.analyte}, {len(self.hours)} times, peak {self.peak:.4g} ng/mL)"

    @property
    def name(self) -> str:
        """The model with its reading and its bioavailability, such as "example-ketamine, F 8 %"."""
        parts = [self.model]
        if self.reading:
            parts.append(self.reading)
        if self.bioavailability is not None:
            parts.append(f"F {100 * self.bioavailability:.3g} %")
        return ", ".join(parts)

    @property
    def last(self) -> float:
        """Level at the end of the course, ng/mL."""
        return float(self.levels[-1])

    @property
    def outside(self) -> bool:
        """Whether the person or the regimen lies outside the model's limits."""
        return any(flag.kind == "limit" for flag in self.flags)


@dataclass(frozen=True)
class SitePeak:
    """The highest level at an effect site.

    half_life  : of equilibration with plasma, h
    of         : ids of the effects that have it, or the names it was given under
    end        : "low" or "high" where it is an end of the range worth trying; "" for the value itself
    peak       : ng/mL
    peak_hours : when, h
    """

    half_life: float
    of: tuple[str, ...]
    end: str
    peak: float
    peak_hours: float


@dataclass(frozen=True)
class Fold:
    """How far the models inside their limits are apart.

    what       : "peak", "area" or a time, such as "3 h after the end"
    fold       : highest over lowest
    low, high  : ng/mL, or ng/mL h of the area
    lowest     : the curve that is lowest, by name
    highest    : the curve that is highest, by name
    """

    what: str
    fold: float
    low: float
    high: float
    lowest: str
    highest: str


@dataclass(frozen=True)
class Disagreement:
    """One regimen through every model that takes it.

    regimen     : what is given
    analyte     : what is followed
    weight, age : of the typical person, kg and years; age None where nobody said
    horizon     : end of the course, h
    checkpoints : text -> h: times at which the models are held against each other
    curves      : one a model, and one more for each reading and each end of a range of bioavailability
    left_out    : model -> why it is not among them
    sites       : peaks at effect sites, by half-life; "" in `site_model` where there are none
    site_model  : the model the sites are fed by
    points      : what was observed under the same regimen, or under one that differs by its dose alone
    """

    regimen: Regimen
    analyte: str
    weight: float
    age: float | None
    horizon: float
    checkpoints: Mapping[str, float]
    curves: tuple[Curve, ...]
    left_out: Mapping[str, str]
    sites: tuple[SitePeak, ...]
    site_model: str
    points: tuple[Point, ...]

    def __repr__(self) -> str:
        return f"Disagreement({self.regimen}; {self.analyte}; {len(self.curves)} curves, {len(self.points)} points)"

    def curve(self, name: str) -> Curve:
        """One curve by its name.

        Raises UnknownName listing what there is.
        """
        for curve in self.curves:
            if curve.name == name:
                return curve
        raise unknown("disagreement", "curve", name, [curve.name for curve in self.curves])

    @property
    def inside(self) -> tuple[Curve, ...]:
        """The curves of models inside their limits."""
        return tuple(curve for curve in self.curves if not curve.outside)

    @property
    def folds(self) -> tuple[Fold, ...]:
        """Highest over lowest among the curves inside limits: at the peak, at the checkpoints, of the area.

        Without two of them there is nothing to tell.
        """
        if len(self.inside) < 2:
            return ()
        values = {"peak": [curve.peak for curve in self.inside]}
        for number, when in enumerate(self.checkpoints):
            values[when] = [float(curve.later[number]) for curve in self.inside]
        values["area"] = [curve.area for curve in self.inside]
        return tuple(
            Fold(
                what,
                max(found) / min(found),
                min(found),
                max(found),
                self.inside[int(np.argmin(found))].name,
                self.inside[int(np.argmax(found))].name,
            )
            for what, found in values.items()
            if found and min(found) > 0
        )

    @property
    def site_fold(self) -> float:
        """Highest over lowest peak among the effect sites that follow within a day; nan without two of them."""
        peaks = [site.peak for site in self.sites if site.half_life < SLOW]
        return max(peaks) / min(peaks) if len(peaks) > 1 and min(peaks) > 0 else float("nan")

    def rows(self) -> list[tuple[str | float, ...]]:
        """Every curve, effect site and observed point as tuples in the order of COLUMNS; nan and "" for what is not."""
        missing = float("nan")
        found: list[tuple[str | float, ...]] = [
            (
                "model",
                curve.model,
                curve.reading,
                missing if curve.bioavailability is None else curve.bioavailability,
                curve.site,
                curve.population,
                str(curve.regimen),
                curve.analyte,
                missing,
                curve.peak,
                curve.peak_hours,
                curve.area,
                curve.last,
                curve.half_life,
                " ".join([*(flag.text for flag in curve.flags), *(f"The same as {name}." for name in curve.same)]),
                f"pkpd show {curve.model}",
            )
            for curve in self.curves
        ]
        found += [
            (
                "effect site",
                self.site_model,
                ", ".join(site.of) + (f" ({site.end} end of its range)" if site.end else ""),
                missing,
                "effect site",
                "",
                str(self.regimen),
                self.analyte,
                site.half_life,
                site.peak,
                site.peak_hours,
                missing,
                missing,
                missing,
                "",
                f"pkpd show {site.of[0]}",
            )
            for site in self.sites
        ]
        found += [
            (
                f"observed {point.metric}",
                "",
                point.study,
                missing,
                point.site,
                f"{point.population}, n = {point.n}" if point.n else point.population,
                point.regimen,
                point.analyte,
                missing,
                missing if point.metric == "area" else point.value,
                point.hours,
                point.value if point.metric == "area" else missing,
                missing,
                missing,
                point.remark,
                point.citation,
            )
            for point in self.points
        ]
        found += [
            ("left out", model, "", missing, "", "", "", "", *([missing] * 6), why, f"pkpd show {model}")
            for model, why in self.left_out.items()
        ]
        return found

    def table(self) -> pandas.DataFrame:
        """The whole of it as a pandas frame, a row for each curve, effect site, observed point and model left out."""
        import pandas

        return pandas.DataFrame([dict(zip(COLUMNS, row, strict=True)) for row in self.rows()])

    def plot(self) -> Any:
        """A matplotlib figure: doses, every curve with what was observed, and the peaks at effect sites."""
        from importlib import import_module

        return import_module("pkpd.plot.disagreement").draw(self)


def by_reason(left_out: Mapping[str, str]) -> list[str]:
    """Who is left out and why, one text a reason.

    left_out : model -> reason
    """
    return [
        f"{', '.join(name for name, why in left_out.items() if why == reason)}: {reason}"
        for reason in dict.fromkeys(left_out.values())
    ]


def hours_text(hours: float) -> str:
    """A time with the unit that suits it."""
    for size, unit in ((24.0, "d"), (1.0, "h"), (1 / 60, "min")):
        if hours >= size:
            return f"{hours / size:.3g} {unit}"
    return f"{3600 * hours:.3g} s"
