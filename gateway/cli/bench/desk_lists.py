"""Benchmark of the lists of the desk: a database of years, and the time of each list and count."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select, text, update

from gateway.cli.bench import desk as load
from gateway.desk.desk import CHUNK
from gateway.domain.duration import DAY, HOUR
from gateway.domain.workorder import OrderState
from gateway.store import AlarmFilter, AuditTrail, Database, DeliveryFilter, OrderFilter, Queries, TrailFilter
from gateway.store import tables as t

ORDERS: Final = 100_000
OPEN_SHARE: Final = 20
"""One order of so many is open."""
TURNS: Final = 3
PEOPLE: Final = 40
YEARS: Final = 730 * DAY


def fill(database: Database, folder: Path, orders: int) -> None:
    """Orders made by the desk, then spread over two years, most of them done; their alarms and messages likewise."""
    made = load.Load(load.desk_on(database, folder))
    while made.seq < orders:
        made.chunk(min(CHUNK, orders - made.seq))
    database.transact(_spread)
    if database.server is None:
        database.refresh_statistics()
    else:  # it does so by itself within minutes
        database.transact(lambda c: c.execute(text("ANALYZE")))


def _spread(c: Connection) -> None:
    o, a, d, k = t.work_order.c, t.alarm.c, t.delivery.c, t.sla_clock.c
    step = YEARS // ORDERS
    numbered = enumerate(c.execute(select(o.id, o.alarm).order_by(o.created_at, o.no)).all())
    rows = [_old(n, id_, alarm, load.START - YEARS + n * step) for n, (id_, alarm) in numbered]
    fields = ("created_at", "updated_at", "first_seen", "last_seen", "state", "closed_at", "assignee", "level", "type")
    names: dict[str, Any] = {name: bindparam(f"b_{name}") for name in fields}
    c.execute(update(t.work_order).where(o.id == bindparam("b_id")).values(names), rows)
    times: dict[str, Any] = {"raised_at": bindparam("b_created_at"), "cleared_at": bindparam("b_closed_at")}
    c.execute(update(t.alarm).where(a.id == bindparam("b_alarm")).values(times), rows)
    done = select(o.id).where(o.closed_at.is_not(None))
    c.execute(update(t.delivery).where(d.id % 50 != 0).values(state="delivered", settled_at=d.created_at))
    c.execute(delete(t.deadline).where(t.deadline.c.subject.in_(done)))
    c.execute(update(t.sla_clock).where(k.order.in_(done)).values(running_since=None, ended_at=k.started_at + HOUR))


def _old(number: int, id_: str, alarm: str, at: int) -> dict[str, Any]:
    """Values of the order of this number, made at `at`."""
    open_ = number % OPEN_SHARE == 0
    state = ("new", "assigned", "in_progress")[number // OPEN_SHARE % 3] if open_ else "closed"
    value = {"id": id_, "alarm": alarm, "created_at": at, "updated_at": at + HOUR, "first_seen": at, "last_seen": at}
    value |= {"state": state, "closed_at": None if open_ else at + 5 * HOUR, "assignee": f"P{number % PEOPLE}"}
    value |= {"level": 1 + number % 4, "type": "repair" if number % 10 else "patrol"}
    return {f"b_{name}": one for name, one in value.items()}


def lists(database: Database) -> Mapping[str, Callable[[], object]]:
    """Name -> a list or count as the API asks for it."""
    q, trail = Queries(database), AuditTrail(database)
    second = q.orders().next
    late = q.orders(OrderFilter(until=load.START - YEARS // 2)).next
    order = q.orders(OrderFilter(open=True)).items[0]
    device = order.device
    return {
        "orders": q.orders,
        "orders_page_2": lambda: q.orders(after=second),
        "orders_in_the_middle": lambda: q.orders(after=late),
        "orders_open": lambda: q.orders(OrderFilter(open=True)),
        "orders_new": lambda: q.orders(OrderFilter(states=(OrderState.NEW,))),
        "orders_of_two_states": lambda: q.orders(OrderFilter(states=(OrderState.NEW, OrderState.ASSIGNED))),
        "orders_of_no_state": lambda: q.orders(OrderFilter(states=(OrderState.ON_HOLD,))),
        "orders_of_site": lambda: q.orders(OrderFilter(site="S0007")),
        "orders_of_site_open": lambda: q.orders(OrderFilter(site="S0007", open=True)),
        "orders_of_no_site": lambda: q.orders(OrderFilter(site="nothing")),
        "orders_of_device": lambda: q.orders(OrderFilter(device=device)),
        "orders_of_person": lambda: q.orders(OrderFilter(assignee="P7")),
        "orders_of_person_open": lambda: q.orders(OrderFilter(assignee="P7", open=True)),
        "orders_of_nobody": lambda: q.orders(OrderFilter(assignee="nobody")),
        "orders_of_fault": lambda: q.orders(OrderFilter(fault="E01")),
        "orders_of_no_fault": lambda: q.orders(OrderFilter(fault="nothing")),
        "orders_of_no_type": lambda: q.orders(OrderFilter(type="nothing")),
        "orders_urgent": lambda: q.orders(OrderFilter(level=4)),
        "orders_urgent_open": lambda: q.orders(OrderFilter(level=4, open=True)),
        "orders_of_a_month": lambda: q.orders(OrderFilter(since=load.START - 60 * DAY, until=load.START - 30 * DAY)),
        "orders_changed": lambda: q.orders(OrderFilter(updated_after=load.START - 2 * HOUR)),
        "order_by_number": lambda: (q.order(order.no), q.alarms_of(order.no), q.audit(order.no), q.notices(order.no)),
        "alarms": q.alarms,
        "alarms_raised": lambda: q.alarms(AlarmFilter(raised=True)),
        "alarms_of_device": lambda: q.alarms(AlarmFilter(device=device)),
        "alarms_of_no_rule": lambda: q.alarms(AlarmFilter(rule="nothing")),
        "alarms_of_order": lambda: q.alarms(AlarmFilter(order=order.id)),
        "deliveries": lambda: q.deliveries(DeliveryFilter()),
        "deliveries_waiting": lambda: q.deliveries(DeliveryFilter(state="pending")),
        "deliveries_dead": lambda: q.deliveries(DeliveryFilter(state="dead")),
        "deliveries_of_order": lambda: q.deliveries(DeliveryFilter(subject=order.no)),
        "feed": lambda: q.feed(10, 100),
        "counts": q.counts,
        "audit": lambda: trail.rows(TrailFilter(), 50),
        "audit_of_nobody": lambda: trail.rows(TrailFilter(actor="nobody"), 50),
        "audit_of_order": lambda: trail.rows(TrailFilter(order=order.no), 50),
    }


def measure(kind: str, orders: int = ORDERS) -> dict[str, Any]:
    """{"slowest_list_ms", "lists_ms": name -> the slowest of a few turns, …}."""
    with TemporaryDirectory() as scratch, load.database_of(kind, Path(scratch)) as database:
        begun = perf_counter()
        fill(database, Path(scratch), orders)
        filled = perf_counter() - begun
        took = {name: max(_seconds(call) for _ in range(TURNS)) for name, call in lists(database).items()}
        begun = perf_counter()
        report = AuditTrail(database).check()
        verified = perf_counter() - begun
    if report.broken is not None or report.rows != orders:
        raise RuntimeError(f"the audit has {report.rows} whole rows of {orders}")
    slowest = max(took, key=lambda name: took[name])
    return {
        "slowest_list_ms": round(took[slowest] * 1_000, 1),
        "slowest_list": slowest,
        "database": kind,
        "orders": orders,
        "devices": load.DEVICES,
        "fill_seconds": round(filled, 1),
        "verify_seconds": round(verified, 2),
        "lists_ms": {name: round(seconds * 1_000, 1) for name, seconds in took.items()},
    }


def _seconds(call: Callable[[], object]) -> float:
    begun = perf_counter()
    call()
    return perf_counter() - begun
