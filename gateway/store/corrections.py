"""Corrections of readings and exchanges of meters of one tenant: rows, with the fact for the journal and the audit in
the same transaction."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import numpy as np
from msgspec import Struct, structs
from sqlalchemy import Connection, Table, insert, select, tuple_, update

from gateway.domain.correction import Correction, CorrectionKind, MeterExchange, factor_before, unscaled
from gateway.domain.errors import Conflict
from gateway.domain.reading import Batch, encode_batch
from gateway.domain.record import Fact, MeterExchanged, ReadingsCorrected, encode_body
from gateway.store import tables as t
from gateway.store.database import Database
from gateway.store.security_audit import AuditedAct, record

Row = TypeVar("Row", Correction, MeterExchange)
_LISTED: Final = [column for column in t.correction.c if column.key != "originals"]


class ChangeFilter(Struct, frozen=True):
    """None = any. `before`: (µs, id) of the last row of the page before."""

    device: int | None = None
    point: int | None = None
    before: tuple[int, str] | None = None


ANY: Final = ChangeFilter()


class Corrections:
    """Reads may run in any thread, writes in the desk's thread. Each write that repeats an id changes nothing."""

    def __init__(self, database: Database, tenant: str = "default") -> None:
        self._database, self._tenant = database, tenant

    # --- reads
    def corrections(self, wanted: ChangeFilter, limit: int) -> list[Correction]:
        """Newest first, without the originals."""
        c = t.correction.c
        rows = self._matching(select(*_LISTED), t.correction, wanted).order_by(c.at.desc(), c.id.desc()).limit(limit)
        return self._database.query(lambda connection: [_correction(row) for row in connection.execute(rows)])

    def correction(self, key: str) -> Correction | None:
        """One with its originals."""
        return self._database.query(lambda connection: self._correction(connection, key))

    def of_readings(self, device: int, point: int, start: int, end: int) -> list[Correction]:
        """Those in force on readings of [start, end) µs, with originals, oldest first."""
        return self._database.query(lambda connection: self._of_readings(connection, device, point, start, end))

    def in_force(self) -> list[Correction]:
        """All that are not undone, oldest first, with originals: for intake at its start."""
        c = t.correction.c
        rows = select(t.correction).where(c.tenant == self._tenant, c.undone_at.is_(None)).order_by(c.at, c.id)
        return self._database.query(lambda connection: [_correction(row) for row in connection.execute(rows)])

    def exchanges(self, wanted: ChangeFilter, limit: int | None = None) -> list[MeterExchange]:
        """Newest exchange first."""
        c = t.meter_exchange.c
        rows = self._matching(select(t.meter_exchange), t.meter_exchange, wanted)
        rows = rows.order_by(c.at.desc(), c.id.desc()).limit(limit)
        return self._database.query(lambda connection: [_exchange(row) for row in connection.execute(rows)])

    def exchange(self, key: str) -> MeterExchange | None:
        """One exchange."""
        return self._database.query(lambda connection: self._exchange(connection, key))

    # --- writes
    def correct(self, made: Correction, act: AuditedAct) -> Correction:
        """Store a correction and queue its fact. Returns the stored one when the id was used before."""

        def work(connection: Connection) -> Correction:
            known = self._correction(connection, made.id)
            if known is None:
                self._insert_correction(connection, made)
                record(connection, self._tenant, act)
            return known or made

        return self._database.transact(work)

    def undo(self, key: str, by: str, why: str, now: int, act: AuditedAct) -> Correction | None:
        """Take a correction back; None = there is none. Raises Conflict when it belongs to an exchange, or when a
        later correction is in force on one of its readings: that one is taken back first."""

        def work(connection: Connection) -> Correction | None:
            found = self._correction(connection, key)
            if found is None or found.undone_at is not None:
                return found
            if found.exchange:
                fields = {"id": found.exchange}
                raise Conflict("of_exchange", ("undo_exchange",), key="api.of_exchange", fields=fields)
            self._undo_correction(connection, found, by, why, now)
            record(connection, self._tenant, act)
            return self._correction(connection, key)

        return self._database.transact(work)

    def exchange_meter(self, made: MeterExchange, scaled: Correction | None, act: AuditedAct) -> MeterExchange:
        """Store an exchange, and the correction of the readings that came since, and queue their facts. Raises Conflict
        when another one of this counter at this moment is in force."""

        def work(connection: Connection) -> MeterExchange:
            known = self._exchange(connection, made.id)
            if known is None:
                self._only_one(connection, made)
                row = structs.asdict(made) | {"tenant": self._tenant}
                connection.execute(insert(t.meter_exchange), [row])
                self._queue(connection, exchange_fact(made), made.known_at)
                if scaled is not None:
                    self._insert_correction(connection, scaled)
                record(connection, self._tenant, act)
            return known or made

        return self._database.transact(work)

    def undo_exchange(
        self, key: str, by: str, why: str, now: int, act: AuditedAct, stored: Sequence[Batch] = ()
    ) -> MeterExchange | None:
        """Take an exchange back, with the correction that belongs to it; None = there is none. `stored`: all readings
        of the new meter; those that came with the factor lose it. Raises Conflict as `undo` does, and when an exchange
        of this counter that was recorded later is in force and factors differ."""

        def work(connection: Connection) -> MeterExchange | None:
            found = self._exchange(connection, key)
            if found is None or found.undone_at is not None:
                return found
            c = t.correction.c
            rows = select(t.correction).where(c.tenant == self._tenant, c.exchange == key, c.undone_at.is_(None))
            mine = [_correction(row) for row in connection.execute(rows)]
            others = self._others(connection, found)
            ratio = found.factor / factor_before(found, others)
            if ratio != 1:
                _newest(found, others)
                self._unscale(connection, found, mine, stored, (ratio, by, now))
            for one in mine:
                self._undo_correction(connection, one, by, why, now)
            self._mark(connection, t.meter_exchange, key, by, why, now)
            self._queue(connection, structs.replace(exchange_fact(found), undone=True, actor=by), now)
            record(connection, self._tenant, act)
            return self._exchange(connection, key)

        return self._database.transact(work)

    # --- inside a transaction
    def _correction(self, connection: Connection, key: str) -> Correction | None:
        c = t.correction.c
        row = connection.execute(select(t.correction).where(c.tenant == self._tenant, c.id == key)).first()
        return None if row is None else _correction(row)

    def _exchange(self, connection: Connection, key: str) -> MeterExchange | None:
        c = t.meter_exchange.c
        row = connection.execute(select(t.meter_exchange).where(c.tenant == self._tenant, c.id == key)).first()
        return None if row is None else _exchange(row)

    def _of_readings(self, connection: Connection, device: int, point: int, start: int, end: int) -> list[Correction]:
        c = t.correction.c
        rows = (
            select(t.correction)
            .where(c.tenant == self._tenant, c.device == device, c.point == point, c.undone_at.is_(None))
            .where(c.start < end, c.end > start)
            .order_by(c.at, c.id)
        )
        return [_correction(row) for row in connection.execute(rows)]

    def _only_one(self, connection: Connection, made: MeterExchange) -> None:
        c = t.meter_exchange.c
        same = (c.tenant == self._tenant, c.device == made.device, c.point == made.point, c.at == made.at)
        other = connection.execute(select(c.id).where(*same, c.undone_at.is_(None))).scalar()
        if other is not None:
            raise Conflict("exchanged_then", ("undo_exchange",), key="api.exchanged_then", fields={"id": other})

    def _others(self, connection: Connection, found: MeterExchange) -> list[MeterExchange]:
        """Exchanges of the same counter in force."""
        c = t.meter_exchange.c
        same = (c.tenant == self._tenant, c.device == found.device, c.point == found.point, c.undone_at.is_(None))
        rows = select(t.meter_exchange).where(*same, c.id != found.id)
        return [_exchange(row) for row in connection.execute(rows)]

    def _unscale(
        self,
        connection: Connection,
        found: MeterExchange,
        mine: Sequence[Correction],
        stored: Sequence[Batch],
        how: tuple[float, str, int],
    ) -> None:
        """Readings that came since the exchange was recorded, as they were sent. Those of `mine` have their
        originals."""
        ratio, by, now = how
        known = [one.before().at for one in mine]
        moments = np.concatenate([np.zeros(0, np.int64), *known])
        for batch in stored:
            came = batch.select(~np.isin(batch.at, moments))
            if not len(came):
                continue
            span = int(came.at.min()), int(came.at.max()) + 1
            on_them = self._of_readings(connection, found.device, found.point, *span)
            _refuse([one for one in on_them if np.isin(one.before().at, came.at).any()])
            fact = ReadingsCorrected(f"{found.id}.factor", encode_batch(unscaled(came, ratio, now)), True, by)
            self._queue(connection, fact, now)

    def _insert_correction(self, connection: Connection, made: Correction) -> None:
        row = structs.asdict(made) | {"tenant": self._tenant, "kind": made.kind.value}
        connection.execute(insert(t.correction), [row])
        fact = ReadingsCorrected(made.id, encode_batch(made.after()), actor=made.actor)
        self._queue(connection, fact, made.at)

    def _undo_correction(self, connection: Connection, found: Correction, by: str, why: str, now: int) -> None:
        others = self._of_readings(connection, found.device, found.point, found.start, found.end)
        _refuse([one for one in others if (one.at, one.id) > (found.at, found.id) and _share(one, found)])
        self._mark(connection, t.correction, found.id, by, why, now)
        fact = ReadingsCorrected(found.id, encode_batch(found.restored(now)), undone=True, actor=by)
        self._queue(connection, fact, now)

    def _mark(self, connection: Connection, table: Table, key: str, by: str, why: str, now: int) -> None:
        mine = update(table).where(table.c.tenant == self._tenant, table.c.id == key)
        connection.execute(mine.values(undone_at=now, undone_by=by, undone_why=why))

    def _queue(self, connection: Connection, fact: Fact, now: int) -> None:
        row = {"tenant": self._tenant, "fact": encode_body(fact), "created_at": now}
        connection.execute(insert(t.control_outbox), [row])

    def _matching(self, rows: Any, table: Table, wanted: ChangeFilter) -> Any:
        rows = rows.where(table.c.tenant == self._tenant)
        if wanted.device is not None:
            rows = rows.where(table.c.device == wanted.device)
        if wanted.point is not None:
            rows = rows.where(table.c.point == wanted.point)
        if wanted.before is not None:
            rows = rows.where(tuple_(table.c.at, table.c.id) < tuple_(*wanted.before))
        return rows


def exchange_fact(made: MeterExchange) -> MeterExchanged:
    """The fact for the journal."""
    return MeterExchanged(made.device, made.point, made.at, made.start, made.actor, made.final, made.factor)


def _newest(found: MeterExchange, others: Sequence[MeterExchange]) -> None:
    """Raises Conflict when an exchange was recorded after `found`: what it multiplied was multiplied before."""
    later = [one for one in others if (one.known_at, one.id) > (found.known_at, found.id)]
    if later:
        last = max(later, key=lambda one: (one.known_at, one.id))
        raise Conflict("corrected_again", ("undo_exchange",), key="api.exchanged_again", fields={"id": last.id})


def _refuse(later: Sequence[Correction]) -> None:
    """Raises Conflict that names what is taken back first: the newest of these corrections, or its exchange."""
    if not later:
        return
    last = later[-1]
    if last.exchange:
        raise Conflict("corrected_again", ("undo_exchange",), key="api.exchanged_again", fields={"id": last.exchange})
    raise Conflict("corrected_again", ("undo_later",), key="api.corrected_again", fields={"id": last.id})


def _share(a: Correction, b: Correction) -> bool:
    """True if both are about one of the same readings."""
    return not set(a.before().at.tolist()).isdisjoint(b.before().at.tolist())


def _correction(row: Any) -> Correction:
    fields = {name: value for name, value in row._asdict().items() if name not in {"tenant", "tenant_id"}}
    return Correction(**fields | {"kind": CorrectionKind(fields["kind"])})


def _exchange(row: Any) -> MeterExchange:
    fields = {name: value for name, value in row._asdict().items() if name not in {"tenant", "tenant_id"}}
    return MeterExchange(**fields)


def facts_of_exchanges(exchanges: Sequence[MeterExchange]) -> list[MeterExchanged]:
    """The facts of those that are not undone, oldest first."""
    return [exchange_fact(one) for one in sorted(exchanges, key=lambda one: one.at) if one.undone_at is None]
