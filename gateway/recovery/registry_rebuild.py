"""Restores the registry's rows from the journal and the other way round: an id must never be given twice."""

import re
from collections.abc import Iterator
from pathlib import Path

from gateway.clock import SystemClock
from gateway.domain.device import Customer, Device, Point, Site
from gateway.domain.record import (
    CustomerSet,
    DeviceSet,
    Fact,
    PointDefined,
    Record,
    RecordKind,
    SiteSet,
)
from gateway.journal import JournalReader
from gateway.ports import RegistryContents
from gateway.store import Database, SqlRegistryStore

READ = 5_000
_ALARM = re.compile(r"(\d+)-(\d+)-(\d+)")


def restore(database: Database, journal: Path, tenant: str) -> int:
    """Add rows that are in the journal and not in the database; returns how many."""
    store = SqlRegistryStore(database, SystemClock(), tenant)
    known, found = store.load(), _journaled(journal, tenant)
    codes, people = {one.code for one in known.sites}, {one.code for one in known.customers}
    devices, points = {one.id for one in known.devices}, {one.id for one in known.points}
    rows = RegistryContents(
        [one for one in found.sites if one.code not in codes],
        [one for one in found.customers if one.code not in people],
        [one for one in found.devices if one.id not in devices],
        [one for one in found.points if one.id not in points],
    )
    store.save(rows, ())
    return len(rows.sites) + len(rows.customers) + len(rows.devices) + len(rows.points)


def queue_facts(database: Database, tenant: str) -> int:
    """Queue all rows of the registry as facts for a journal that has lost them; returns how many."""
    store = SqlRegistryStore(database, SystemClock(), tenant)
    known = store.load()
    facts: list[Fact] = [*map(SiteSet, known.sites), *map(CustomerSet, known.customers), *map(DeviceSet, known.devices)]
    store.save(RegistryContents((), (), (), ()), facts)
    return len(facts)


def _journaled(journal: Path, tenant: str) -> RegistryContents:
    sites: dict[str, Site] = {}
    customers: dict[str, Customer] = {}
    devices: dict[int, Device] = {}
    points: dict[int, Point] = {}
    for kind in (RecordKind.DEFINE, RecordKind.FACT):
        for record in _all(journal, kind):
            body = record.body
            if isinstance(body, PointDefined) and body.tenant == tenant:
                points[body.point.id] = body.point
            elif isinstance(body, SiteSet):
                sites[body.site.code] = body.site
            elif isinstance(body, CustomerSet):
                customers[body.customer.code] = body.customer
            elif isinstance(body, DeviceSet):
                devices[body.device.id] = body.device
    return RegistryContents(
        tuple(sites.values()), tuple(customers.values()), tuple(devices.values()), tuple(points.values())
    )


def _all(journal: Path, kind: RecordKind) -> Iterator[Record]:
    reader, after = JournalReader(journal), 0
    try:
        while records := reader.kept(kind, after, READ):
            yield from records
            after = records[-1].seq
    finally:
        reader.close()


def newest_alarm(ids: list[str]) -> int:
    """The highest sequence number of these alarms; ids are `<partition>-<seq>-<ordinal>`."""
    return max((int(match[2]) for one in ids if (match := _ALARM.fullmatch(one))), default=0)
