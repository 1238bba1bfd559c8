"""Monthly increase of real hourly gas meters against what was worked out by hand from their files."""

import csv
import gzip
import io
import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gateway.domain.device import Device, Point, PointKind, PointSpec
from gateway.domain.duration import HOUR, to_us
from gateway.domain.reading import Batch
from gateway.domain.record import Body, DeviceSet, PointDefined, Record, RuleSet
from rules.compiled import Names
from rules.engine import Engine
from rules.format import compile_source, load_text

DATA = Path(__file__).parents[3] / "shared" / "vectors" / "data"
ZONE = "Asia/Shanghai"
RULE = """
format: 1
rules:
- id: gas.month
  title: {en: t, zh: 题}
  why: w
  watch: {kind: gas_meter}
  let: {used: {increase: volume, per: month, coverage: 0.2}}
  when: "used > 1.5 * before(used)"
  then: {order: {type: verify_meter}}
"""


@pytest.mark.skipif(not DATA.is_dir(), reason="the sample vectors are not beside the checkout")
@pytest.mark.parametrize("name", ["gas_meter_01", "gas_meter_02", "gas_meter_03", "gas_meter_04"])
def test_months_of_a_real_meter(name: str) -> None:
    expected = json.loads((DATA / "gas_expected.json").read_text())[name]
    at, value = _rows(DATA / f"{name}.csv.gz")
    spec = PointSpec("volume", PointKind.COUNTER, "m3", HOUR)
    rule = load_text(RULE, "m.yaml", Names({"gas_meter": {"volume": spec}})).rules[0]
    closed: dict[str, tuple[float, float]] = {}

    def observe(_: str, __: tuple[int, int], ___: str, used: float, start: int, end: int, cover: float) -> None:
        local = datetime.fromtimestamp(start / 1e6, ZoneInfo(ZONE))
        closed[local.strftime("%Y-%m")] = (used, cover)

    engine = Engine(0, compile_source, "t", observe=observe)
    bodies: tuple[Body, ...] = (
        PointDefined("t", Point(1, "g", "volume", 0, PointKind.COUNTER, "m3", HOUR)),
        DeviceSet(Device(1, "m", "g", "gas_meter")),
        RuleSet(rule.id, rule.revision, rule.source, ZONE),
    )
    for seq, body in enumerate(bodies, 1):
        engine.step(Record(seq, 0, body))
    raised = []
    for seq, part in enumerate(np.array_split(np.arange(len(at)), 60), 4):
        raised += engine.step(Record(seq, int(at[part][-1]), _batch(at[part], value[part])))
    months = list(expected["monthly_usage_m3"].items())
    known = [month for month, _ in months[1:-1] if not np.isnan(closed[month][0])]
    assert len(known) >= len(months) - 6
    for month, used in months[1:-1]:
        mine, cover = closed[month]
        if cover == 1.0 and closed.get(_before(month), (0.0, 0.0))[1] == 1.0:
            assert mine == pytest.approx(used, abs=0.001), month
    total = sum(used for used, _ in closed.values() if used == used)
    booked = value.max() - value.min()
    assert total <= booked + 1e-6
    assert raised


def _before(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year - (number == 1)}-{12 if number == 1 else number - 1:02d}"


def _rows(path: Path) -> tuple[np.ndarray, np.ndarray]:
    zone = ZoneInfo(ZONE)
    text = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    rows = sorted(
        (to_us(datetime.fromisoformat(row["CreateDate"]).replace(tzinfo=zone)), float(row["BTotal"]))
        for row in csv.DictReader(io.StringIO(text))
        if row["BTotal"]
    )
    return np.array([at for at, _ in rows], np.int64), np.array([value for _, value in rows])


def _batch(at: np.ndarray, value: np.ndarray) -> Batch:
    n = len(at)
    return Batch(
        np.ones(n, np.int32),
        np.ones(n, np.int32),
        at,
        value,
        np.full(n, 2, np.uint8),
        np.zeros(n, np.uint8),
        np.arange(n, dtype=np.int32),
        at,
    )
