"""One fault, one order, each event once: under concurrent raises, long bursts, and a failure at every statement."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from desk_kit import BOSS, NOW, World, transition
from sqlalchemy import Connection, event, func, select

from gateway.desk import Desk
from gateway.domain.alarm import Change, NoticePlan
from gateway.domain.duration import SECOND
from gateway.domain.workorder import AlarmState, FaultReport
from gateway.store import AuditTrail, Database, SqlDeskStore, tables

RAISES = 50
CONNECTIONS = 8
THINGS, TURNS = 100, 50
WHOLE = 500
NOTICE = NoticePlan("list", "overtemp")


def rows(world: World, *names: str) -> list[int]:
    """Rows of these tables."""

    def work(c: Connection) -> list[int]:
        counts = (select(func.count()).select_from(tables.metadata.tables[name]) for name in names)
        return [c.scalar(count) or 0 for count in counts]

    return world.database.query(work)


def test_fifty_concurrent_raises_of_one_fault_make_one_order(world: World) -> None:
    """Fifty rules see the same fault of the same thing, in fifty partitions, at once."""
    databases = [connected(world) for _ in range(CONNECTIONS)]

    def raised(number: int) -> int:
        desk = Desk(SqlDeskStore(databases[number % CONNECTIONS]), world.policy, routes=world.routes, partition=number)
        one = transition(1, device=1, rule=f"rule{number}", partition=number)
        return len(desk.apply([one], 1, (), NOW).created)

    try:
        with ThreadPoolExecutor(RAISES) as pool:
            made = list(pool.map(raised, range(1, RAISES + 1)))
    finally:
        for database in databases:
            database.close()
    assert sum(made) == 1
    order = world.order()
    assert order.count == RAISES
    assert len(world.queries.alarms_of(order.no)) == RAISES
    kinds = Counter(world.kinds())
    assert kinds["workorder.created"] == 1
    assert [audit.seq for audit in world.queries.audit(order.no)] == list(range(1, order.version + 1))
    assert AuditTrail(world.database).check().broken is None


def connected(world: World) -> Database:
    """Another connection to the world's database."""
    return Database.at(world.path) if isinstance(world.path, Path) else Database(world.path)


def test_concurrent_reports_of_people_join_one_order(world: World) -> None:
    def told(number: int) -> str:
        report = FaultReport(1, "E07", "smells", "异味", BOSS, f"report-{number}", 1)
        return world.another(partition=number).report(report, NOW).no

    with ThreadPoolExecutor(RAISES) as pool:
        assert len(set(pool.map(told, range(1, RAISES + 1)))) == 1
    assert world.order().count == RAISES


def test_a_burst_is_absorbed_in_order(world: World) -> None:
    """5,000 transitions in one call: 100 things, each raised and cleared in turn."""
    burst = [
        transition(
            1 + turn * THINGS + thing,
            Change.CLEARED if turn % 2 else Change.RAISED,
            device=1 + thing % 50,
            component=1 + thing // 50,
            reopen_within=WHOLE * SECOND,
        )
        for turn in range(TURNS)
        for thing in range(THINGS)
    ]
    applied = world.apply(*burst)
    assert (applied.fresh, applied.raised, applied.cleared) == (
        THINGS * TURNS,
        THINGS * TURNS // 2,
        THINGS * TURNS // 2,
    )
    assert world.desk.cursor() == THINGS * TURNS
    orders = world.queries.orders(limit=500).items
    assert len(orders) == THINGS
    assert {order.count for order in orders} == {TURNS // 2}
    for order in orders[:5]:
        alarms = world.queries.alarms_of(order.no)
        assert [alarm.state for alarm in alarms] == [AlarmState.CLEARED] * (TURNS // 2)
        assert len({alarm.raised_at for alarm in alarms}) == TURNS // 2
    newest: dict[str, int] = {}
    for one in world.events():
        number = int(one["sequence"])
        assert number > newest.get(one["subject"], 0)
        newest[one["subject"]] = number
    assert AuditTrail(world.database).check().broken is None


class Crash(Exception):
    """The process dies here."""


@contextmanager
def crash_at(database: Database, statement: int, moment: str) -> Iterator[list[int]]:
    """Raise Crash at that statement of the writer, `before` it is executed, `after` it, or at its `commit`; yields the
    number of statements so far."""
    count = [0]

    def step(*_: object) -> None:
        count[0] += 1
        if count[0] == statement:
            raise Crash

    name = "commit" if moment == "commit" else f"{moment}_cursor_execute"
    event.listen(database._writer, name, step)
    try:
        yield count
    finally:
        event.remove(database._writer, name, step)


@pytest.mark.parametrize("moment", ["before", "after", "commit"])
def test_a_crash_at_every_statement_of_raise_order_and_outbox(world: World, moment: str) -> None:
    crashed, number = True, 0
    while crashed:
        number += 1
        one = transition(number, device=number, notice=NOTICE)
        with crash_at(world.database, number, moment) as statements:
            try:
                world.apply(one)
                crashed = False
            except Crash:
                assert statements[0] == number
        world.desk = world.another()  # a new process knows only what is on disk
        world.apply(one)
        world.apply(one)
        assert [order.device for order in world.queries.orders(limit=500).items].count(number) == 1
        counts = rows(world, "work_order", "audit", "notice", "outbox", "delivery")
        assert counts == [number, number, 2 * number, 4 * number, 3 * number], "events of alarm and order, two notices"
    assert number > (1 if moment == "commit" else 15)
    kinds = Counter(world.kinds())
    assert kinds["workorder.created"] == number
    assert AuditTrail(world.database).check().rows == number
