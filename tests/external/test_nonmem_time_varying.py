"""Covariates that change between records: NONMEM's rule, and the same course handed over step by step by ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from event_models import clearance_by

import pkpd

Rows = list[dict[str, str]]


def weights(rows: Rows, _: Mapping[str, Any]) -> str:
    names = ("id", "time", "evid", "amt", "cmt", "ss", "ii", "addl", "rate")
    lines = [",".join([*(row[name] for name in names), row["wt"]]) for row in rows]
    return "\n".join([",".join([*names, "wt"]), *lines, ""])


def clearances(rows: Rows, model: Mapping[str, Any]) -> str:
    """The first of the two rows at 0 is the dose."""
    dose = model["dose"]
    given = f"{dose['amt']},{dose['cmt']},{dose['ii']},{dose['addl']}"
    lines = [
        f"{row['id']},{row['time']},{'1,' + given if number == 0 else '0,0,2,0,0'},{row['crcl']}"
        for number, row in enumerate(rows)
    ]
    return "\n".join(["id,time,evid,amt,cmt,ii,addl,crcl", *lines, ""])


CASES = {
    "weight": ("model.json", "weight_records.csv", weights),
    "crcl": ("crcl_model.json", "crcl_expected_only.csv", clearances),
}


@pytest.mark.parametrize("covariate", CASES)
def test_value_of_the_record_that_ends_the_interval(
    covariate: str,
    case_table: Callable[[str, str], Rows],
    case_json: Callable[[str, str], Any],
    worst: Callable[..., None],
) -> None:
    own, table, text = CASES[covariate]
    model, rows = case_json("nonmem_time_varying", own), case_table("nonmem_time_varying", table)
    given = model["parameters"]
    parameters = {"CL_70": given["TVCL"], "V": given["V"], "KA": given["KA"]}
    expected = np.array([float(row["nonmem_cp"]) for row in rows])

    def error(text: str, mode: Any) -> float:
        dataset = pkpd.read_dataset(text, mode=mode)
        found = pkpd.predict(clearance_by(covariate), dataset, parameters)["drug (ng/mL)"].to_numpy()
        return float((np.abs(found - expected) / np.where(expected == 0, 1.0, expected))[1:].max())

    written = text(rows, model)
    worst(error(written, "nonmem"), 1e-4)
    # By default a value holds from its record on, so each record must carry what the next one says.
    lines = written.splitlines()
    values = [line.rsplit(",", 1)[1] for line in lines[1:]]
    times = [float(line.split(",")[1]) for line in lines[1:]]
    later = [next((v for v, t in zip(values, times, strict=True) if t > at), values[-1]) for at in times]
    shifted = [f"{line.rsplit(',', 1)[0]},{value}" for line, value in zip(lines[1:], later, strict=True)]
    worst(error("\n".join([lines[0], *shifted, ""]), "default"), 1e-4, f"{covariate}, as a function of time")
    assert error(written, "default") > 1e-2
