"""Final balance of the demo: messages published and acknowledged against those on disk. Reads closed files."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gateway.adapters import EMBEDDED
from gateway.clock import SystemClock
from gateway.domain.reading import Batch
from gateway.domain.record import RecordKind
from gateway.expected_stores import DATABASE, JOURNAL
from gateway.journal import JournalReader
from gateway.latency import quantile
from gateway.registry import Registry
from gateway.store import AlarmFilter, Database, OrderFilter, Queries, SqlRegistryStore

CHARGER = ("gun_temp", "voltage", "current", "power", "energy", "status", "fault_code")
VEHICLE = ("soc", "speed", "odometer", "ignition", "lat", "lon", "battery_temp")
SENSOR = ("pressure",)
Identity = tuple[int, int, int]


@dataclass(slots=True)
class MessageAccount:
    """Counts of the whole demo, over all starts of the gateway; latencies in ms."""

    published: int = 0
    polled: int = 0
    journaled: int = 0
    stored: int = 0
    rejected: int = 0
    lost: int = 0
    alarms_raised: int = 0
    orders_created: int = 0
    orders: list[Any] = field(default_factory=list)
    reading_ms: list[float] = field(default_factory=list)
    timer_ms: list[float] = field(default_factory=list)

    def p(self, values: list[float], share: float) -> float | None:
        """Quantile in ms, None without values."""
        value = quantile([round(v * 1000) for v in values], share)
        return None if value is None else round(value, 1)


def take_account(data: Path, ledger: Path, tenant: str, down: tuple[int, int]) -> MessageAccount:
    """Read all files and count. Messages published within `down` = (kill, ready) µs are left out of the latencies."""
    clock, account = SystemClock(), MessageAccount()
    database = Database.at(data / DATABASE)
    store = EMBEDDED.build(data, EMBEDDED.config(), clock)
    journal = JournalReader(data / JOURNAL)
    try:
        registry = Registry(SqlRegistryStore(database, clock, tenant), tenant, clock)
        stored = {identity for batch in store.scan(0, 2**62) for identity in _identities(batch)}
        account.stored = len(stored)
        account.published, wanted = _published(ledger, registry)
        polled = _journaled(journal, account)
        account.polled = len({(device, at) for device, _, at in polled})
        account.lost = len((wanted | polled) - stored)
        _orders(Queries(database, tenant), account, down)
    finally:
        journal.close()
        store.close()
        database.close()
    return account


def _identities(batch: Batch) -> Iterator[Identity]:
    return zip(batch.device.tolist(), batch.point.tolist(), batch.at.tolist(), strict=True)


def _published(folder: Path, registry: Registry) -> tuple[int, set[Identity]]:
    """Identities and number of all acknowledged messages. Every line of the ledgers is one message, with all its
    points."""
    count, wanted = 0, set()
    for path in sorted(folder.glob("*.ledger")):
        for line in path.read_text("utf-8").splitlines():
            _, topic, ts, gun = line.split(" ")
            kind, code, _ = topic.split("/")
            device = registry.device(code)
            assert device is not None
            points = registry.points(device.profile)
            names = [(name, int(gun)) for name in CHARGER] + [("cabinet_temp", 0)] if kind == "charger" else []
            names += [(name, 0) for name in VEHICLE] if kind == "vehicle" else []
            names += [(name, 0) for name in SENSOR] if kind == "pressure" else []
            wanted |= {(device.id, points[name].id, int(ts) * 1000) for name in names}
            count += 1
    return count, wanted


def _journaled(journal: JournalReader, account: MessageAccount) -> set[Identity]:
    """Identities of all readings in the journal, including those of finished Modbus polls."""
    after, found = 0, set()
    while records := journal.read(journal.partition, after, 512):
        after = records[-1].seq
        for record in records:
            if isinstance(record.body, Batch):
                account.journaled += len(np.unique(record.body.frame))
                found |= set(_identities(record.body))
            account.rejected += record.kind is RecordKind.RAW
    return found


def _orders(queries: Queries, account: MessageAccount, down: tuple[int, int]) -> None:
    account.orders = list(queries.orders(OrderFilter(), limit=200).items)
    account.orders_created = len(account.orders)
    account.alarms_raised = len(queries.alarms(AlarmFilter(), limit=500).items)
    for order in account.orders:
        first = min(queries.alarms_of(order.no), key=lambda alarm: alarm.raised_at)
        readings = [reading.at for reading in first.evidence.readings]
        if first.imported or any(down[0] <= at <= down[1] for at in (*readings, first.raised_at)):
            continue
        by_reading = first.raised_at in readings
        (account.reading_ms if by_reading else account.timer_ms).append((order.created_at - first.raised_at) / 1000)
