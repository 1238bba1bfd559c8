"""Deletes old rows. Orders, their audit and the alarms they list stay: they are the history of a device."""

from typing import Final

from sqlalchemy import Connection, delete, exists, not_, select

from gateway.domain.duration import DAY
from gateway.store import tables as t
from gateway.store.database import Database
from gateway.store.refused_tables import refused_command

AUDIT: Final = 400 * DAY
"""Additional time for which the security audit is kept."""


def delete_expired(database: Database, before: int) -> int:
    """Delete rows older than `before` (µs): ended alarms that no order lists (shadow mode, rules without orders),
    ids of commands that were carried out or refused, callbacks, carried out or parked, revoked API keys; `AUDIT`
    before that, rows of the security audit. Returns the number of rows deleted."""

    def work(c: Connection) -> int:
        listed = exists().where(t.wo_alarm.c.alarm == t.alarm.c.id)
        old = select(t.alarm.c.id).where(t.alarm.c.cleared_at < before, not_(listed))
        c.execute(delete(t.alarm_change).where(t.alarm_change.c.alarm.in_(old)))
        statements = (
            delete(t.alarm).where(t.alarm.c.cleared_at < before, not_(listed)),
            delete(t.command).where(t.command.c.at < before),
            delete(refused_command).where(refused_command.c.at < before),
            delete(t.inbox).where(t.inbox.c.received_at < before),
            delete(t.security_audit).where(t.security_audit.c.at < before - AUDIT),
            delete(t.api_key).where(t.api_key.c.revoked_at < before),
        )
        return sum(c.execute(statement).rowcount for statement in statements)

    return database.transact(work)
