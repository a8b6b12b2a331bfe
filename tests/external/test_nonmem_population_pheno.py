"""Phenobarbital in 59 newborns: many doses each, typical and individual, against NONMEM's predictions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pkpd

Rows = list[dict[str, str]]


@pytest.mark.parametrize(("expected", "suffix"), [("ipred", ""), ("pred", "_typical")], ids=["individual", "typical"])
def test_every_subject(
    expected: str, suffix: str, case_table: Callable[[str, str], Rows], worst: Callable[..., None]
) -> None:
    rows = case_table("nonmem_population_pheno", "expected.csv")
    subjects = case_table("nonmem_population_pheno", "subjects.csv")
    lines = [f"{row['id']},{row['time']},{row['amt']},{row['wgt']},{row['apgr']}" for row in rows]
    dataset = pkpd.read_dataset("\n".join(["ID,TIME,AMT,WGT,APGR", *lines, ""]), mode="nonmem")
    clearance = {int(one["id"]): float(one[f"CL{suffix}"]) for one in subjects}
    volume = {int(one["id"]): float(one[f"V{suffix}"]) for one in subjects}
    model = pkpd.load("one-compartment")
    found = pkpd.predict(model, dataset, {"CL": clearance, "V1": volume})["drug (ng/mL)"].to_numpy() / 1000
    assert [record.gives for record in dataset.records] == [row["evid"] == "1" for row in rows]
    error = np.abs(found / np.array([float(row[expected]) for row in rows]) - 1)
    assert len(subjects) == 59
    worst(float(error.max()), 1e-4)
