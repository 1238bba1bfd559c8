"""Scenario 17: one bus, and everything that goes wrong on it. The whole gateway reads it.

Each broken meter waits for itself alone, the sound one keeps its schedule. What could not be read is bad, not a value;
no error of communication becomes a work order, except that nothing came for long (`silent`).
"""

import asyncio
import struct
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hostile_kit import live, until, write_project

from gateway.app.lifecycle import App
from gateway.domain.reading import Batch, Quality, Reading
from protocols.modbus.slave import Presence

pytestmark = pytest.mark.fault
HANGS, WRONG, SHORT, STUCK, SWAPPED, PARTLY = 2, 3, 4, 5, 6, 7
EXCEPTIONS = {11: 1, 12: 2, 13: 3, 14: 4, 16: 6}
UNITS = [1, HANGS, WRONG, SHORT, STUCK, SWAPPED, PARTLY, *EXCEPTIONS]
SILENT = [HANGS, WRONG, SHORT]
"""Meters that give no answer that could be theirs."""
CONFIG = """\
name: bus
timezone: UTC
language: en
data_dir: var
registry: {devices: devices.csv}
profiles: profiles
rules: rules
api: {port: 0}
journal: {free_space_floor: 0B, ballast: 0B}
desk: {order_types: {repair: {}}}
sources:
  meters:
    type: modbus
    every: 100ms
    links: {bus: {tcp: "127.0.0.1:@modbus@", timeout: 100ms}}
    backoff: {min: 400ms, max: 800ms}
    devices:
"""
PROFILE = """\
id: hostile
kind: meter
source: this test
points:
  flow: {unit: m3/h, every: 1s, plausible: {min: 0, max: 10}}
  pressure: {unit: kPa, every: 1s, plausible: {min: 0, max: 20}}
modbus:
  table: holding
  points:
    pressure: {at: 0, type: u16, scale: 0.01, unit: kPa}
    flow: {at: 100, type: f32, unit: m3/h}
"""
RULES = """\
format: 1
rules:
- id: pressure.low
  title: {en: Low, zh: 低}
  watch: {kind: meter}
  when: "pressure < 1 kPa"
  then: {order: {type: repair, fault: P01, level: major}}
- id: flow.odd
  title: {en: Odd, zh: 异常}
  watch: {kind: meter}
  when: "flow > 5 m3/h"
  then: {order: {type: repair, fault: P02, level: major}}
- id: meter.silent
  title: {en: Silent, zh: 失联}
  watch: {kind: meter}
  silent: {any_of: [pressure, flow], longer_than: 2s}
  then: {order: {type: repair, fault: P03, level: major}}
"""
PRESSURE, FLOW = bytes([0, 200]), bytes.fromhex("3fc07f00")  # 2 kPa, 1.504 m3/h; with swapped words 1.7e38


class Bus:
    """Meters behind one serial gateway; counts what each is asked."""

    def __init__(self) -> None:
        self.requested: Counter[int] = Counter()
        self.turns: list[int] = []
        self.faulty = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(7)
                body = await reader.readexactly(int.from_bytes(head[4:6], "big") - 1)
                self.requested[head[6]] += 1
                if self.turns[-1:] != [head[6]]:
                    self.turns.append(head[6])
                if answer := self.answer(head, body):
                    writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def answer(self, head: bytes, body: bytes) -> bytes:
        unit, function, address = head[6], body[0], int.from_bytes(body[1:3], "big")
        data = PRESSURE if address == 0 else FLOW
        if unit == 1 and address == 0:
            data = bytes([0, 200 + self.requested[1] // 2 % 2])
        if self.faulty and unit == SWAPPED and address == 100:
            data = FLOW[2:] + FLOW[:2]
        said = bytes([function, len(data)]) + data
        if not self.faulty:
            return head[:4] + (len(said) + 1).to_bytes(2, "big") + head[6:7] + said
        if unit == HANGS:
            return b""
        if code := EXCEPTIONS.get(unit, 2 if unit == PARTLY and address == 100 else 0):
            said = bytes([function | 0x80, code])
        if unit == SHORT:
            return head[:4] + (len(said) + 1).to_bytes(2, "big") + head[6:7] + said[:-1]
        return head[:4] + (len(said) + 1).to_bytes(2, "big") + bytes([99 if unit == WRONG else unit]) + said


def readings(app: App, after: int = 0) -> dict[int, list[Reading]]:
    """What the journal has of each meter, by unit."""
    units = {}
    for unit in UNITS:
        device = app.stores.registry.device(f"GM-{unit}")
        assert device is not None
        units[device.id] = unit
    found: dict[int, list[Reading]] = {unit: [] for unit in UNITS}
    for record in app.stores.journal.read(0, after, 100_000):
        if isinstance(record.body, Batch):
            for reading in record.body.readings():
                found[units[reading.device]].append(reading)
    return found


async def test_errors_of_a_bus(tmp_path: Path) -> None:
    bus = Bus()
    server = await asyncio.start_server(bus.serve, "127.0.0.1", 0)
    placed = "".join(f"    - {{device: GM-{unit}, link: bus, unit: {unit}}}\n" for unit in UNITS)
    config = write_project(
        tmp_path,
        devices=[f"GM-{unit}" for unit in UNITS],
        config=CONFIG + placed,
        files={"profiles/hostile.yaml": PROFILE, "rules/hostile.yaml": RULES},
        modbus=server.sockets[0].getsockname()[1],
    )
    async with live(config) as app:
        stats = app.ingest.sources.running["meters"].stats  # type: ignore[attr-defined]
        await until(lambda: all(readings(app).values()), "every meter was read once")
        bus.faulty, head = True, app.stores.journal.head(0)
        bus.requested.clear()
        bus.turns.clear()
        began = asyncio.get_running_loop().time()
        orders = lambda: app.stores.sql.queries.orders(limit=100).items  # noqa: E731
        await until(lambda: len(orders()) >= len(SILENT), "the silent ones are told", 30)
        passed = asyncio.get_running_loop().time() - began
        requested, turns = dict(bus.requested), list(bus.turns)
        slaves = {unit: stats.slaves["bus", unit] for unit in UNITS}
        found = readings(app, head)
        codes = {app.stores.registry.device(f"GM-{unit}").id: unit for unit in UNITS}  # type: ignore[union-attr]
        told = Counter((codes[order.device], order.fault) for order in orders())
    server.close()
    await server.wait_closed()
    assert told == Counter((unit, "P03") for unit in SILENT), "silence alone makes an order, one of each"
    for unit in SILENT:
        assert slaves[unit].presence is Presence.DOWN
        assert slaves[unit].rests > 0
        assert requested[unit] <= 3 + passed / 0.72, "it is left alone between two probes: 400 ms, then 800 (± 10 %)"
    assert set(stats.exceptions) == set(EXCEPTIONS.values())
    seen = {unit: {(reading.value, reading.quality) for reading in found[unit][4:]} for unit in UNITS}
    for unit in SILENT:
        assert seen[unit] == set()
    for unit in EXCEPTIONS:
        assert {quality for _, quality in seen[unit]} == {Quality.BAD}, "it is there, and said no"
    flow = (struct.unpack(">f", FLOW)[0], Quality.GOOD)
    assert seen[STUCK] == {(2.0, Quality.GOOD), flow}, "what never moves is a value: only a rule can know better"
    assert seen[1] == {(2.0, Quality.GOOD), (2.01, Quality.GOOD), flow}
    assert {one for one in seen[PARTLY] if one[1] is Quality.GOOD} == {(2.0, Quality.GOOD)}, "what answers is read"
    assert {quality for _, quality in seen[PARTLY]} == {Quality.GOOD, Quality.BAD}
    (odd,) = seen[SWAPPED] - {(2.0, Quality.GOOD)}
    assert odd[1] is Quality.UNCERTAIN, "no meter has such a flow, and no rule goes by it"
    mine = [place for place, unit in enumerate(turns) if unit == 1]
    between = [Counter(turns[start + 1 : end]) for start, end in pairwise(mine)]
    assert len(between) >= 5
    assert max(max(others.values(), default=0) for others in between) <= 2, "the sound one keeps its turn"
    assert len(mine) >= 0.8 * max(turns.count(unit) for unit in UNITS)
