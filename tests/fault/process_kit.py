"""The parts of an installation as real processes: its folder, the gateway, an OA system, and what must be on disk in
the end: every message once, one order per hot device."""

import csv
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from hostile_kit import simulator, spawn

from gateway.clock import SystemClock
from gateway.domain.reading import Batch
from gateway.journal import SqliteJournal
from gateway.registry import Registry
from gateway.store import Database, OrderFilter, Queries, SqlRegistryStore
from simulators.servers import mosquitto_binary
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore

DEVICES, HOT = 400, 10
"""Devices that send; the first of each HOT of them is hot."""
SECRET = "whsec_" + "a2lsbC10ZXN0LXNlY3JldC1vZi0zMi1ieXRlcyEhISE="
NEEDS_MOSQUITTO = [
    pytest.mark.fault,
    pytest.mark.server,
    pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed (apt-get install mosquitto)"),
]

CONFIG = """\
name: kill
timezone: Asia/Shanghai
language: en
data_dir: var
registry: {{devices: devices.csv}}
profiles: profiles
rules: rules
log: {{level: warning}}
api: {{port: {api}}}
health: {{port: 0}}
desk: {{order_types: {{repair: {{}}}}}}
sources:
  broker:
    type: mqtt
    url: mqtt://127.0.0.1:{broker}
    client_id: kill-gateway
    protocol: {protocol}
    reconnect: {{min: 50ms, max: 200ms}}
    routes:
    - filter: "kill/{{device}}/telemetry"
      device: "{{device}}"
      time: {{path: ts, unit: ms}}
      points: {{gun_temp: {{path: temp}}, voltage: {{path: u}}, current: {{path: i}}, power: {{path: p}}}}
endpoints:
  oa: {{type: webhook, url: "http://127.0.0.1:{oa}/hooks/oa", secret: {secret}, allow: [127.0.0.0/8]}}
"""
PROFILE = """\
id: kill
kind: charger
source: this test
points:
  gun_temp: {unit: degC, every: 1s}
  voltage: {unit: V, every: 1s}
  current: {unit: A, every: 1s}
  power: {unit: kW, every: 1s}
"""
RULES = """\
format: 1
rules:
- id: kill.hot
  title: {en: Hot, zh: 过热}
  watch: {kind: charger}
  when: "gun_temp >= 90 degC"
  clear: "gun_temp < 0 degC"
  then: {order: {type: repair, fault: E07, level: major}}
- id: kill.hot-too
  title: {en: Hot as well, zh: 同样过热}
  watch: {kind: charger}
  when: "gun_temp >= 92 degC and current > 0 A"
  clear: "gun_temp < 0 degC"
  then: {order: {type: repair, fault: E07, level: minor}}
"""


def project(folder: Path, broker: int, api: int, oa: int, protocol: str = "auto") -> Path:
    for name in ("profiles", "rules"):
        (folder / name).mkdir(parents=True)
    (folder / "gateway.yaml").write_text(CONFIG.format(broker=broker, api=api, oa=oa, secret=SECRET, protocol=protocol))
    (folder / "profiles" / "kill.yaml").write_text(PROFILE)
    (folder / "rules" / "kill.yaml").write_text(RULES)
    with (folder / "devices.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["code", "profile"], *([f"D{n:05d}", "kill"] for n in range(DEVICES))])
    return folder / "gateway.yaml"


def start_gateway(config: Path, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as out:
        return spawn("-m", "gateway", "run", "-c", str(config), "--lang", "en", stdout=out, stderr=out)


def wait_until(true: Callable[[], bool], seconds: float, what: str, log: Path | None = None) -> None:
    until = time.monotonic() + seconds
    while not true():
        tail = log.read_text("utf-8", "replace")[-2000:] if log and time.monotonic() >= until else ""
        assert time.monotonic() < until, f"not within {seconds} s: {what}\n{tail}"
        time.sleep(0.02)


@contextmanager
def oa_system(folder: Path) -> Iterator[int]:
    with simulator(folder, "oa", SECRET, "--actions", "") as port:
        yield port


def stored_lag(metrics: str) -> int:
    """Records that rules or series have not taken, ticks aside."""
    text = httpx.get(metrics).text
    lags = [line for line in text.splitlines() if line.startswith("fieldgate_lag_records") and "desk" not in line]
    return int(sum(float(line.rsplit(" ", 1)[1]) > 1 for line in lags))


def outbox(data: Path) -> list[tuple[str, str]]:
    database = Database(f"sqlite:///{data / 'fieldgate.sqlite'}")
    try:
        return [(event.type, event.subject) for _, event in Queries(database).feed(0, 100_000)]
    finally:
        database.close()


def check(data: Path, sent: int, orders: int) -> None:
    """Every message once in the store with its four points, and the journal says the same; one order per hot device."""
    clock = SystemClock()
    database = Database(f"sqlite:///{data / 'fieldgate.sqlite'}")
    store = DuckDbStore(data / "series", DuckDbConfig(), clock)
    journal = SqliteJournal(data / "journal.sqlite", partition=0)
    try:
        rows = [identity for batch in store.scan(0, 2**62) for identity in identities(batch)]
        assert len(rows) == len(set(rows)) == sent * 4
        assert store.stats().rows == sent * 4, "nothing stored twice underneath"
        journaled: list[tuple[int, int, int]] = []
        after = 0
        while records := journal.read(0, after, 512):
            after = records[-1].seq
            for record in records:
                if isinstance(record.body, Batch):
                    journaled += identities(record.body)
        assert set(journaled) == set(rows)
        assert len(journaled) == len(rows), "nothing journaled twice"
        known = Registry(SqlRegistryStore(database, clock), "default", clock)
        listed = Queries(database).orders(OrderFilter(), limit=200).items
        assert len(listed) == orders
        hot = {f"D{n:05d}" for n in range(0, DEVICES, HOT)}
        codes = [device.code for order in listed if (device := known.device_by_id(order.device)) is not None]
        assert sorted(codes) == sorted(hot)
    finally:
        journal.close()
        store.close()
        database.close()


def identities(batch: Batch) -> list[tuple[int, int, int]]:
    return list(zip(batch.device.tolist(), batch.point.tolist(), batch.at.tolist(), strict=True))
