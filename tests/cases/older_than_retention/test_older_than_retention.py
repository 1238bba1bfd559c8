"""B7: event times older than the retention were acknowledged, stored nowhere, and no dead letter told of them."""

import gzip
from pathlib import Path

import import_kit
import numpy as np
import pytest
from mqtt_kit import CHARGER, NOW, SIMPLE, Registry, config, run_map, said

from gateway.domain.clocks import YEAR_2000, older_than_retention
from gateway.domain.duration import DAY, SECOND
from gateway.imports.job import DryRunTarget, prepare
from gateway.settings import load_project
from protocols.mapping.mapper import Mapped, Mapper

YEAR = 365 * DAY
T = "charger/c1/telemetry"


def mapped(*bodies: object, **more: object) -> Mapped:
    return run_map(
        Mapper("src", config([SIMPLE | more]), Registry({"c1": "charger"}, CHARGER), retention=YEAR),
        *(said(T, b) for b in bodies),
    )


def at(moment: int, temp: float = 20.0) -> dict[str, float]:
    return {"ts": moment // 1000, "temp": temp}


def test_a_message_of_too_long_ago_is_a_dead_letter_with_its_payload() -> None:
    got = mapped(at(NOW - YEAR - SECOND, 1.0), at(NOW - YEAR + SECOND, 2.0), at(0, 3.0))
    assert got.batch.value.tolist() == [2.0, 3.0]  # a clock that was never set is put right by intake, as before
    (letter,) = got.rejected
    assert (letter.reason, letter.address) == ("older_than_retention", T)
    assert letter.payload == said(T, at(NOW - YEAR - SECOND, 1.0)).payload
    assert letter.detail.startswith("of 2025-03-25T")
    assert (got.batch.frames, got.partial, got.bad_elements) == (2, (), 0)


def test_of_a_buffered_list_only_what_is_too_old_is_left_out() -> None:
    rows = [at(NOW - 2 * YEAR, 1.0), at(NOW - DAY, 2.0)]
    got = mapped({"data": rows}, each="data[*]")
    assert got.batch.value.tolist() == [2.0]
    assert got.rejected == ()
    (letter,) = got.partial
    assert letter.reason == "older_than_retention"
    assert letter.payload == said(T, {"data": rows}).payload
    assert got.bad_elements == 1


@pytest.mark.parametrize(
    ("age", "retention", "old"),
    [(YEAR, YEAR, False), (YEAR + 1, YEAR, True), (90 * YEAR, YEAR, False), (20 * YEAR, 0, False)],
)
def test_what_is_too_old(age: int, retention: int, old: bool) -> None:
    found = older_than_retention(np.array([NOW - age]), np.array([NOW]), retention)
    assert (found is not None) is old
    assert NOW - 90 * YEAR < YEAR_2000  # such a clock was never set


async def test_rows_of_an_import_are_rejected_and_kept(tmp_path: Path) -> None:
    paper = DryRunTarget(load_project(import_kit.project(tmp_path)).declared, NOW - YEAR)
    file, map_file = import_kit.write(
        tmp_path, "表号,时间,用量\nGM-1,2020-01-01 00:00:00,1\nGM-1,2026-01-01 00:00:00,2\n", import_kit.MAP
    )
    done = await prepare(file, map_file, paper, "en", NOW)
    assert list(done.columns.value) == [2.0]
    kept = done.rejected_file.read_bytes()
    text = (gzip.decompress(kept) if kept[:2] == b"\x1f\x8b" else kept).decode("utf-8-sig")
    assert "2020-01-01 00:00:00" in text
    assert "older than what is kept" in text
