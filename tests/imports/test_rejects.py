"""Rejected rows are opened in a spreadsheet: nothing in them may be calculated there."""

import csv
from pathlib import Path

import pytest

from gateway.imports.rejects import Rejects, without_formula


@pytest.mark.parametrize(
    "cell", ["=1+1", "=cmd|' /C calc'!A0", "@SUM(A1)", "+HYPERLINK(1)", "-2+3", "\t=1", "\r=1", " =1", "＝1+1", "--1"]
)
def test_a_formula_is_shown_not_calculated(cell: str) -> None:
    assert without_formula(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-5.25", "+3", "-1,234.5", "-1e-3", "", "G-1=7", "2026-01-01", "表号"])
def test_numbers_and_texts_stay(cell: str) -> None:
    assert without_formula(cell) == cell


def test_the_file_holds_no_formula(tmp_path: Path) -> None:
    rejects = Rejects(tmp_path / "r.csv", header=("@code", "value"))
    rejects.add(2, "code", "import.file.no_rows", ["=1+1", "-7.5"])
    rejects.close()
    with (tmp_path / "r.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    assert rows[0][:2] == ["'@code", "value"]
    assert rows[1][:2] == ["'=1+1", "-7.5"]
