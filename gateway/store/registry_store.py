"""Registry rows: sites, customers, devices, points of one tenant (port RegistryStore)."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Row, Table, insert, select

from gateway.domain.device import Customer, Device, Point, Site
from gateway.domain.record import Fact, encode_body
from gateway.ports import Clock, LastIds, RegistryChange, RegistryContents
from gateway.store import registry_counters
from gateway.store import tables as t
from gateway.store.database import Database, upsert
from gateway.store.row_mapping import columns, json_text
from gateway.store.security_audit import AuditedAct, record

S = TypeVar("S", Site, Customer, Device, Point)
CONFIGURATION = "configuration"
"""Actor of changes that come from the configuration files."""
_JSON = {"attrs", "tags", "sites", "values", "plausible", "counter", "quiet", "brought"}


class SqlRegistryStore:
    """`clock` dates the facts it queues."""

    def __init__(self, database: Database, clock: Clock, tenant: str = "default") -> None:
        self._database = database
        self._clock = clock
        self._tenant = tenant

    def load(self) -> RegistryContents:
        """All rows of this tenant, ordered by id or code."""
        return self._database.query(self._contents)

    def change(
        self, revision: int, decide: Callable[[RegistryContents | None, LastIds], RegistryChange]
    ) -> tuple[RegistryChange, int]:
        """Implements RegistryStore.change."""

        def work(c: Connection) -> tuple[RegistryChange, int]:
            newest, last = registry_counters.lock(c)
            change = decide(None if newest == revision else self._contents(c), last)
            if not change:
                return change, newest
            self._write(c, change.rows, change.facts)
            registry_counters.advance(c, newest + 1, last.after(change.rows))
            return change, newest + 1

        return self._database.transact(work)

    def save(self, rows: RegistryContents, facts: Sequence[Fact]) -> None:
        """Insert or update rows whose ids were given before, and queue facts: one transaction. For recovery."""

        def work(c: Connection) -> None:
            newest, last = registry_counters.lock(c)
            self._write(c, rows, facts)
            registry_counters.advance(c, newest + 1, last.after(rows))

        self._database.transact(work)

    def _contents(self, c: Connection) -> RegistryContents:
        return RegistryContents(
            self._rows(c, t.site, Site),
            self._rows(c, t.customer, Customer),
            self._rows(c, t.device, Device),
            self._rows(c, t.point, Point),
            registry_counters.revision(c),
        )

    def _write(self, c: Connection, changed: RegistryContents, facts: Sequence[Fact]) -> None:
        for table, values in (
            (t.site, changed.sites), (t.customer, changed.customers), (t.device, changed.devices),
            (t.point, changed.points),
        ):  # fmt: skip
            upsert(c, table, [self._row(value) for value in values])
        if not facts:
            return
        now = self._clock.now()
        c.execute(
            insert(t.control_outbox),
            [{"tenant": self._tenant, "fact": encode_body(fact), "created_at": now} for fact in facts],
        )
        counts = {
            "sites": len(changed.sites),
            "customers": len(changed.customers),
            "devices": len(changed.devices),
            "points": len(changed.points),
        }
        summary = ", ".join(f"{kind}: {count}" for kind, count in counts.items() if count)
        record(c, self._tenant, AuditedAct(now, CONFIGURATION, "", "registry.change", "", summary))

    def _row(self, value: Site | Customer | Device | Point) -> dict[str, Any]:
        row = msgspec.structs.asdict(value)
        return {"tenant": self._tenant, **{k: json_text(v) if k in _JSON else v for k, v in row.items()}}

    def _rows(self, c: Connection, table: Table, kind: type[S]) -> list[S]:
        order = table.c.id if "id" in table.c else table.c.code
        rows = c.execute(select(table).where(table.c.tenant == self._tenant).order_by(order))
        names = columns(table)
        return [_value(kind, names, row) for row in rows]


def _value(kind: type[S], names: tuple[str, ...], row: Row[Any]) -> S:
    fields = {
        name: msgspec.json.decode(value) if name in _JSON else value
        for name, value in zip(names, row, strict=True)
        if name != "tenant"
    }
    return msgspec.convert(fields, kind)
