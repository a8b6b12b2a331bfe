"""120 subjects, two compartments, an injection each, against NONMEM's individual predictions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import pkpd

Rows = list[dict[str, str]]


def test_every_subject(case_table: Callable[[str, str], Rows], worst: Callable[..., None]) -> None:
    rows = case_table("nonmem_population_2cmt", "expected.csv")
    subjects = case_table("nonmem_population_2cmt", "subjects.csv")
    lines = [f"{row['id']},{row['time']},{row['evid']},{row['amt']}" for row in rows]
    dataset = pkpd.read_dataset("\n".join(["ID,TIME,EVID,AMT", *lines, ""]), mode="nonmem", amount="mcg")
    names = {"ID": "id", "CL": "cl", "V1": "v", "Q2": "q", "V2": "v2"}
    table = {name: [float(one[own]) for one in reversed(subjects)] for name, own in names.items()}
    found = pkpd.predict(pkpd.load("two-compartment"), dataset, table)
    assert found["ID"].tolist() == [int(row["id"]) for row in rows]
    expected = np.array([float(row["ipred"]) for row in rows])
    error = np.abs(found["drug (ng/mL)"].to_numpy() / expected - 1)
    assert len(set(found["ID"])) == 120
    worst(float(error.max()), 1e-4)
