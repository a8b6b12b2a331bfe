"""The rules of data sets as `docs/events.md` tells them: its example runs, every difference between modes shows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from event_models import depot_and_central

import pkpd

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
GIVEN = {"CL": 3.0, "V": 10.0, "KA": 1.25}
K = 0.3
HEAD = "ID,TIME,EVID,AMT,CMT,RATE,II,ADDL,SS"


def test_the_example_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    shared: dict[str, object] = {}
    exec(compile(block, "events.md", "exec"), shared)
    assert list(shared["frame"]) == ["ID", "TIME", "row", "drug (ng/mL)"]  # type: ignore[call-overload]
    assert shared["dataset"].records[2].covariates == {"WT": 72.0}  # type: ignore[attr-defined]


def read(lines: list[str], mode: str, timed: bool = False, **more: float) -> float:
    """Amount at the last record, mg."""
    text = "\n".join([HEAD, *(f"1,{line}" for line in lines), ""])
    dataset = pkpd.read_dataset(text, mode=mode)  # type: ignore[arg-type]
    return float(pkpd.predict(depot_and_central(timed), dataset, GIVEN | more)["drug (ng/mL)"].iloc[-1]) / 100


BOLUS, LATER = "0,1,40,2,0,0,0,0", "5,0,0,0,0,0,0,0"

# Line of the table -> records, parameters, amount at the last record by NONMEM's rules and by ours.
DIFFERENCES = {
    "records of one time": (["0,0,0,0,0,0,0,0", "0,1,40,2,0,0,0,0", "0,6,0.5,2,0,0,0,0"], {}, 20.0, 40.0),
    "several SS 1 doses at one time": (
        ["0,1,40,2,0,8,0,1", "0,1,10,2,0,8,0,1"], {}, 10 / -np.expm1(-8 * K), 50 / -np.expm1(-8 * K),
    ),
    "RATE above 0 under bioavailability": (
        ["0,1,40,2,10,0,0,0", LATER], {"share": 0.5},
        10 / K * -np.expm1(-2 * K) * np.exp(-3 * K), 5 / K * -np.expm1(-4 * K) * np.exp(-1 * K),
    ),
    "plateau of a constant infusion": (["0,1,0,2,10,0,0,1"], {"share": 0.5}, 10 / K, 5 / K),
    "a route with its own rate or duration": (
        [BOLUS, LATER], {"length": 4.0}, 40 * np.exp(-5 * K), 10 / K * -np.expm1(-4 * K) * np.exp(-1 * K),
    ),
}  # fmt: skip

# Those whose parameters change stand in tests/test_predict.py, where they are worked out.
ELSEWHERE = {"a covariate", "parameters of additional doses"}


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_a_difference_between_the_modes(difference: str) -> None:
    lines, given, nonmem, ours = DIFFERENCES[difference]
    timed = "length" in given
    assert read(lines, "nonmem", timed, **given) == pytest.approx(nonmem, rel=1e-12)
    assert read(lines, "default", timed, **given) == pytest.approx(ours, rel=1e-12)


def test_every_difference_told_is_tested() -> None:
    table = TEXT[TEXT.index("## Where the modes differ") :]
    told = re.findall(r"^\| ([^|`]+?) \|", table, re.MULTILINE)
    assert set(told) == set(DIFFERENCES) | ELSEWHERE
