"""Two years of four industrial gas meters: the filter finds what is known to be wrong in them, and nothing else."""

import csv
import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from gateway.domain.device import Plausible, Point, PointKind
from gateway.domain.duration import to_us
from gateway.domain.plausible import Plausibility
from gateway.domain.reading import Batch

DATA = Path(__file__).parents[3] / "shared" / "vectors" / "data"
EXPECTED = DATA / "gas_expected.json"
METERS = ("gas_meter_01", "gas_meter_02", "gas_meter_03", "gas_meter_04")
POINTS = {
    1: Point(1, "p", "volume", kind=PointKind.COUNTER, plausible=Plausible(max_step=50_000, falls=False)),
    2: Point(2, "p", "pressure", plausible=Plausible(min=200.0, max=600.0, max_step=1000.0)),
}
pytestmark = pytest.mark.skipif(not EXPECTED.is_file(), reason="the data of real meters is not here")


class Points:
    version = 1

    def point_by_id(self, point: int) -> Point | None:
        return POINTS.get(point)

    def device_limits(self) -> Mapping[int, Point]:
        return {}


def readings(meter: str) -> tuple[list[int], list[float], list[float]]:
    """at (µs), total of the base volume (m3), absolute pressure (kPa), in order of time."""
    with gzip.open(DATA / f"{meter}.csv.gz", "rt", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["CreateDate"])
    at = [to_us(datetime.strptime(row["CreateDate"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)) for row in rows]
    return at, [float(row["BTotal"]) for row in rows], [float(row["Pa"]) for row in rows]


def marks(at: list[int], values: list[float], point: int, size: int = 997) -> list[tuple[int, str]]:
    """(row, reason) of the marks, fed in batches."""
    judge, moments = Plausibility(Points()), np.array(at, np.int64)
    found: list[tuple[int, str]] = []
    for begin in range(0, len(at), size):
        part = slice(begin, begin + size)
        rows = len(moments[part])
        judged = judge.judge(
            Batch(
                np.ones(rows, np.int32),
                np.full(rows, point, np.int32),
                moments[part],
                np.array(values[part], np.float64),
                np.full(rows, 2, np.uint8),
                np.zeros(rows, np.uint8),
                np.arange(rows, dtype=np.int32),
                moments[part],
            )
        )
        judge.keep(judged)
        found += [(int(np.searchsorted(moments, one.at)), REASONS[one.reason]) for one in judged.marks]
    return found


REASONS = {1: "below_min", 2: "above_max", 3: "too_fast", 4: "step", 5: "stuck", 6: "fell", 7: "spike"}


@pytest.mark.parametrize("meter", METERS)
def test_pressures_that_cannot_be_are_found(meter: str) -> None:
    expected = json.loads(EXPECTED.read_text("utf-8"))[meter]
    at, _, pressure = readings(meter)
    found = marks(at, pressure, 2)
    assert len(found) == expected["readings_with_abs_pressure_below_200kPa"]
    assert {reason for _, reason in found} <= {"below_min"}


@pytest.mark.parametrize("meter", METERS)
def test_a_real_counter_is_believed_and_wrong_readings_in_it_are_found(meter: str) -> None:
    """A row that was sent again, gaps of weeks and months without use are no faults."""
    at, volume, _ = readings(meter)
    assert not marks(at, volume, 1)
    middle = len(at) // 2
    wrong = list(volume)
    wrong[middle], wrong[middle + 40], wrong[middle + 80] = 0.0, volume[middle + 40] * 10, volume[middle + 80] - 1000
    assert marks(at, wrong, 1) == [(middle, "fell"), (middle + 40, "step"), (middle + 80, "fell")]
    swapped = [value - 9000 if number >= middle else value for number, value in enumerate(volume)]
    assert marks(at, swapped, 1) == [(middle + k, "fell") for k in range(3)], "believed after three"
