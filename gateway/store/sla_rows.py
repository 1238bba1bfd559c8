"""Rows of the clocks of orders and of their milestones that were reached."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update

from gateway.domain.sla import ClockKind, FiredMilestone, SlaChanges, SlaClock, Stretch
from gateway.store import tables as t
from gateway.store.database import bulk
from gateway.store.key_lists import among
from gateway.store.row_mapping import chunks, columns, json_text, plain_of

_IN = 500  # keys per IN list
_COLUMNS = columns(t.sla_clock)
_stretches = msgspec.json.Decoder(tuple[Stretch, ...])
_THING = ("tenant", "order", "kind")
_NEW = insert(t.sla_clock).values({name: bindparam(name) for name in _COLUMNS})
_CHANGED = (
    update(t.sla_clock)
    .where(*(t.sla_clock.c[name] == bindparam(f"b_{name}") for name in _THING))
    .values({name: bindparam(name) for name in _COLUMNS if name not in (*_THING, "started_at")})
)
_FIRED = insert(t.sla_milestone).values({name: bindparam(name) for name in columns(t.sla_milestone)})


def clock_of(row: Row[Any] | Sequence[Any]) -> SlaClock:
    """A clock, columns in the order of the table."""
    value = dict(zip(_COLUMNS, row, strict=True))
    return SlaClock(**{**value, "kind": ClockKind(value["kind"]), "stretches": _stretches.decode(value["stretches"])})


def clocks(connection: Connection, orders: Sequence[str]) -> list[SlaClock]:
    """The clocks of these orders, in the order of their kinds' life."""
    found: list[SlaClock] = []
    for chunk in chunks(orders, _IN):
        rows = select(t.sla_clock).where(among(t.sla_clock.c.order, chunk))
        found.extend(clock_of(row) for row in connection.execute(rows))
    kinds = list(ClockKind)
    return sorted(found, key=lambda clock: (clock.order, kinds.index(clock.kind)))


def fired_milestones(connection: Connection, orders: Sequence[str]) -> list[FiredMilestone]:
    """The milestones of these orders that were reached, in order."""
    c, found = t.sla_milestone.c, list[FiredMilestone]()
    for chunk in chunks(orders, _IN):
        rows = select(t.sla_milestone).where(among(c.order, chunk)).order_by(c.order, c.due_at, c.kind, c.name)
        found.extend(plain_of(FiredMilestone, t.sla_milestone, row) for row in connection.execute(rows))
    return found


def recountable(connection: Connection, revisions: Sequence[str], limit: int) -> list[str]:
    """Orders with a clock that is not over and was counted by another revision than these."""
    c = t.sla_clock.c
    still = or_(c.running_since.is_not(None), c.paused_since.is_not(None))
    rows = select(c.order).where(still, c.revision.not_in(revisions)).distinct().order_by(c.order).limit(limit)
    return list(connection.scalars(rows))


def write(connection: Connection, changes: SlaChanges) -> None:
    """Write the clocks of a transaction. A milestone that was reached before breaks its key."""
    bulk(connection, _NEW, [_row(clock) for clock in changes.new])
    bulk(connection, _CHANGED, [_row(clock) for clock in changes.changed])
    bulk(connection, _FIRED, [msgspec.structs.asdict(one) for one in changes.fired])


def _row(clock: SlaClock) -> dict[str, Any]:
    row = msgspec.structs.asdict(clock)
    row["stretches"] = json_text(clock.stretches) if clock.stretches else "[]"
    return row
