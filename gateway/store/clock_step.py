"""The gateway's clock was set back: times that decide and that lie after it (decision 070)."""

from sqlalchemy import Connection, case, update

from gateway.store import tables as t


def step_back(connection: Connection, frm: int, to: int) -> None:
    """Set back from `frm` to `to`, both µs: due-times come forward by what their rows are ahead, never before `to`.

    Rows of alarms and orders stay as they are, except the times that decide: when an open alarm was raised,
    when an order was made or ended. A second call changes nothing that matters.
    """
    d, w, a, o, v = t.delivery.c, t.deadline.c, t.alarm.c, t.work_order.c, t.device.c
    later = d.next_at - (frm - to)
    connection.execute(
        update(t.delivery)
        .where(d.settled_at.is_(None), d.next_at > to)
        .values(next_at=case((later > to, later), else_=to))
    )
    connection.execute(
        update(t.deadline).where(w.created_at > to).values(due_at=w.due_at - (w.created_at - to), created_at=to)
    )
    for table, column in ((t.work_order, o.created_at), (t.work_order, o.closed_at), (t.device, v.registered)):
        connection.execute(update(table).where(column > to).values({column.key: to}))
    s = t.sla_clock.c
    for since in (s.running_since, s.paused_since):  # counted anew by the desk, which finds no revision
        connection.execute(update(t.sla_clock).where(since > to).values({since.key: to, "revision": ""}))
    connection.execute(update(t.alarm).where(a.raised_at > to, a.cleared_at.is_(None)).values(raised_at=to))
