"""What may be forgotten. Orders, their audit and the alarms they list stay: they are the history of a device."""

from sqlalchemy import Connection, delete, exists, not_, select

from gateway.store import tables as t
from gateway.store.database import Database


def forget(database: Database, before: int) -> int:
    """Delete, of before `before` (µs): ended alarms that no order lists (shadow mode, no order asked), ids of commands,
    callbacks that were carried out, API keys revoked. Returns the rows deleted."""

    def work(c: Connection) -> int:
        listed = exists().where(t.wo_alarm.c.alarm == t.alarm.c.id)
        old = select(t.alarm.c.id).where(t.alarm.c.cleared_at < before, not_(listed))
        c.execute(delete(t.alarm_change).where(t.alarm_change.c.alarm.in_(old)))
        statements = (
            delete(t.alarm).where(t.alarm.c.cleared_at < before, not_(listed)),
            delete(t.command).where(t.command.c.at < before),
            delete(t.inbox).where(t.inbox.c.processed_at < before),
            delete(t.api_key).where(t.api_key.c.revoked_at < before),
        )
        return sum(c.execute(statement).rowcount for statement in statements)

    return database.transact(work)
