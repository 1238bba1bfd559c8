"""Leases: one per subject and endpoint, oldest first, back again when the holder dies."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import postgres_kit
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import event, select

from gateway.domain.alarm import Level
from gateway.domain.delivery import Delivery
from gateway.domain.desk_changes import Changes
from gateway.domain.notice import Notice, NoticeState, OutboxEvent
from gateway.domain.workorder import QueuedDelivery
from gateway.ports import LeaseRequest, Settled
from gateway.store import Database, DeliveryFilter, Queries, SqlDeliveryQueue, SqlDeskStore

SENT = Settled("delivered", status=200, reference="OA-1")
DEAD = Settled("dead", "no route")


def put(
    database: Database,
    subject: str,
    seq: int,
    endpoints: Sequence[str] = ("oa",),
    at: int = 0,
    level: Level = Level.MINOR,
) -> str:
    made = OutboxEvent(f"evt_{subject}{seq}", "default", "event", "t", subject, seq, b"{}", "application/json", at)
    changes = Changes(
        events=[made], deliveries=[QueuedDelivery("default", e, made.id, subject, at, level) for e in endpoints]
    )
    write(database, changes, at)
    return made.id


def write(database: Database, changes: Changes, at: int = 0) -> None:
    SqlDeskStore(database).transact(lambda unit: unit.write(changes, at))


@pytest.fixture
def queue(database: Database) -> SqlDeliveryQueue:
    return SqlDeliveryQueue(database)


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.id for delivery in deliveries]


def state(database: Database) -> dict[str, str]:
    return {row.event: row.state for row in Queries(database).deliveries(DeliveryFilter(), limit=500).items}


def test_events_of_one_subject_go_one_after_the_other(database: Database, queue: SqlDeliveryQueue) -> None:
    for seq in (1, 2):
        put(database, "a", seq)
        put(database, "b", seq)
    first = queue.lease("r1", 10, 100, 10, "oa")
    assert ids(first) == ["evt_a1", "evt_b1"]
    assert queue.lease("r1", 10, 100, 10, "oa") == []
    queue.settle(first[0], SENT, 20)
    assert ids(queue.lease("r1", 20, 100, 10, "oa")) == ["evt_a2"]
    queue.settle(first[1], Settled("retry", "503", 503, next_at=500), 20)
    assert queue.lease("r1", 499, 600, 10, "oa")[0].id == "evt_a2", "its lease has ended at 100"
    assert ids(queue.lease("r1", 500, 600, 10, "oa")) == ["evt_b1"]


def test_after_a_kill_nothing_waits_for_a_lease_to_run_out(database: Database, queue: SqlDeliveryQueue) -> None:
    put(database, "a", 1)
    put(database, "b", 1)
    lost = queue.lease("killed", 10, 60_000_000, 1, "oa")[0]
    assert queue.reclaim(20) == 1
    again = {d.id: d for d in queue.lease("next", 20, 99, 10, "oa")}
    assert again.keys() == {"evt_a1", "evt_b1"}
    assert again[lost.id].attempt == 2, "what became of the first attempt is unknown: it counts"


def test_a_dead_relay_gives_its_leases_back_and_cannot_undo_what_its_successor_did(
    database: Database, queue: SqlDeliveryQueue
) -> None:
    put(database, "a", 1)
    lost = queue.lease("r1", 10, 100, 10, "oa")[0]
    assert queue.next_due(20, ["oa"]) == 100
    assert queue.lease("r2", 99, 200, 10, "oa") == []
    again = queue.lease("r2", 100, 200, 10, "oa")[0]
    assert (lost.attempt, again.attempt) == (1, 2)
    queue.settle(lost, Settled("retry", "timeout", next_at=5_000), 150)
    assert state(database) == {"evt_a1": "leased"}, "the zombie's word counts for nothing"
    queue.settle(again, SENT, 160)
    queue.settle(lost, DEAD, 170)
    assert state(database) == {"evt_a1": "delivered"}
    row = Queries(database).deliveries(DeliveryFilter()).items[0]
    assert [a.state for a in Queries(database).attempts(row.id)] == ["retry", "delivered", "dead"]
    assert (row.reference, queue.next_due(0, ["oa"])) == ("OA-1", None)


def test_a_zombie_that_was_heard_ends_it(database: Database, queue: SqlDeliveryQueue) -> None:
    put(database, "a", 1)
    slow = queue.lease("r1", 10, 100, 10, "oa")[0]
    again = queue.lease("r2", 100, 200, 10, "oa")[0]
    queue.settle(slow, SENT, 150)
    queue.settle(again, Settled("retry", "409", next_at=300), 160)
    assert state(database) == {"evt_a1": "delivered"}


def test_an_open_breaker_burns_no_attempts(database: Database, queue: SqlDeliveryQueue) -> None:
    put(database, "a", 1)
    for now in (10, 20, 30):
        delivery = queue.lease("r", now, now + 5, 1, "oa")[0]
        assert delivery.attempt == 1
        queue.settle(delivery, Settled("retry", "breaker", next_at=now + 10, charge=False), now)
    delivery = queue.lease("r", 40, 45, 1, "oa")[0]
    queue.settle(delivery, Settled("retry", "500", 500, next_at=50), 41)
    assert queue.lease("r", 50, 55, 1, "oa")[0].attempt == 2


def test_next_due_ignores_what_is_blocked_behind_a_retry(database: Database, queue: SqlDeliveryQueue) -> None:
    put(database, "a", 1)
    put(database, "a", 2)
    assert queue.next_due(7, ["oa"]) is None, "what is due already is leased by whoever asks"
    queue.settle(queue.lease("r", 10, 20, 1, "oa")[0], Settled("retry", "503", next_at=900), 11)
    put(database, "a", 3, at=12)
    assert queue.next_due(12, ["oa", "erp"]) == 900
    put(database, "b", 1, ("erp",), at=13)
    assert queue.next_due(12, ["oa", "erp"]) == 13
    assert queue.next_due(12, ["oa"]) == 900


def test_the_highest_level_goes_first_and_lifts_what_stands_before_it(
    database: Database, queue: SqlDeliveryQueue
) -> None:
    for n in range(20):
        put(database, f"s{n}", 1, at=n)
    put(database, "s15", 2, at=30)
    put(database, "s15", 3, at=31, level=Level.CRITICAL)
    put(database, "x", 1, at=32, level=Level.MAJOR)
    sent = []
    for _ in range(5):
        (one,) = queue.lease("r", 100, 200, 1, "oa")
        queue.settle(one, SENT, 100)
        sent.append(one.id)
    assert sent == ["evt_s151", "evt_s152", "evt_s153", "evt_x1", "evt_s01"]


def test_a_probe_takes_what_waits_longest_whatever_its_level(database: Database, queue: SqlDeliveryQueue) -> None:
    for n, level in enumerate((Level.MINOR, Level.CRITICAL, Level.NOTICE)):
        put(database, f"s{n}", 1, at=n, level=level)
    sent, now = [], 100
    for _ in range(6):  # none of them gets through; each goes behind the others
        (one,) = queue.exchange("r", now, now + 50, (), {"oa": LeaseRequest(1, longest=True)})["oa"]
        now += 10
        queue.settle(one, Settled("retry", "connect", next_at=now, charge=False), now)
        sent.append(one.subject)
    assert sent == ["s0", "s1", "s2"] * 2


def test_one_transaction_records_and_leases(database: Database, queue: SqlDeliveryQueue) -> None:
    for subject in "abc":
        put(database, subject, 1)
        put(database, subject, 2)
    first = queue.lease("r", 10, 100, 5, "oa")
    again = Settled("retry", "503", 503, next_at=500)
    back = Settled("retry", next_at=20, charge=False, tried=False)
    done = list(zip(first, (SENT, again, back), strict=True))
    assert ids(queue.exchange("r", 20, 100, done, {"oa": LeaseRequest(5)})["oa"]) == ["evt_a2", "evt_c1"]
    rows = {row.event: row for row in Queries(database).deliveries(DeliveryFilter()).items}
    assert (rows["evt_b1"].state, rows["evt_b1"].reason, rows["evt_b1"].attempt) == ("pending", "503", 1)
    assert (rows["evt_c1"].state, rows["evt_c1"].reason, rows["evt_c1"].attempt) == ("leased", "", 1)
    assert [len(Queries(database).attempts(rows[f"evt_{s}1"].id)) for s in "abc"] == [1, 1, 0]


def test_dead_letters_let_the_next_pass_and_come_back_on_demand(database: Database, queue: SqlDeliveryQueue) -> None:
    put(database, "a", 1)
    put(database, "a", 2)
    queue.settle(queue.lease("r", 10, 20, 1, "oa")[0], DEAD, 11)
    dead = Queries(database).deliveries(DeliveryFilter(state="dead")).items
    assert [(d.event, d.reason) for d in dead] == [("evt_a1", "no route")]
    queue.settle(queue.lease("r", 12, 20, 1, "oa")[0], SENT, 13)
    assert queue.redeliver([dead[0].id, 999], 50) == 1
    assert [(d.id, d.attempt) for d in queue.lease("r", 50, 60, 5, "oa")] == [("evt_a1", 1)]


def test_a_gone_endpoint_waits_for_a_person_and_others_go_on(database: Database, queue: SqlDeliveryQueue) -> None:
    put(database, "a", 1, ("oa", "erp"))
    queue.disable("oa", "410 Gone", 5)
    assert queue.lease("r", 10, 20, 10, "oa") == []
    assert [d.endpoint for d in queue.lease("r", 10, 20, 10, "erp")] == ["erp"]
    assert queue.disabled() == {"oa": "410 Gone"}
    queue.enable("oa")
    assert [d.endpoint for d in queue.lease("r", 11, 20, 10, "oa")] == ["oa"]


def test_the_notice_learns_what_became_of_it(database: Database, queue: SqlDeliveryQueue) -> None:
    for n, result in enumerate((SENT, DEAD)):
        sent = put(database, f"n{n}", 1, ("sms",))
        notice = Notice(
            f"id{n}",
            "default",
            "order",
            "0-1-0",
            "ops",
            f"C{n}",
            "t",
            1,
            "service",
            "zh",
            "{}",
            NoticeState.QUEUED,
            "",
            sent,
            0,
            0,
        )
        write(database, Changes(notices=[notice]))
        queue.settle(queue.lease("r", 10, 20, 1, "sms")[0], result, 11)
    from gateway.store.tables import notice as table

    rows = database.query(lambda c: c.execute(select(table.c.state, table.c.reason).order_by(table.c.id)).all())
    assert [tuple(row) for row in rows] == [("sent", ""), ("failed", "no route")]


def test_purge_keeps_what_has_not_arrived_and_never_reuses_a_row_number(
    database: Database, queue: SqlDeliveryQueue
) -> None:
    put(database, "a", 1)
    put(database, "b", 1)
    put(database, "c", 1)
    one, two, three = queue.lease("r", 10, 20, 3, "oa")
    queue.settle(one, SENT, 11)
    queue.settle(two, DEAD, 11)
    newest = Queries(database).feed()[-1][0]
    assert queue.purge(1) == 1
    queue.settle(three, SENT, 12)
    assert (queue.purge(0), queue.purge(1)) == (0, 1)
    assert state(database) == {"evt_b1": "dead"}
    put(database, "d", 1, at=50)
    assert [e.id for _, e in Queries(database).feed(newest)] == ["evt_d1"], "a follower of the feed misses nothing"


@contextmanager
def new_file() -> Iterator[Database]:
    with TemporaryDirectory() as folder:
        database = Database.at(Path(folder) / "q.db")
        database.upgrade()
        yield database
        database.close()


@contextmanager
def new_on_server() -> Iterator[Database]:
    config = postgres_kit.copy()
    database = Database(config)
    yield database
    database.close()
    postgres_kit.drop(config)


class Relays(RuleBasedStateMachine):
    """Two relays, one of which may die at any time; a receiver that writes down what it accepted."""

    new_database = staticmethod(new_file)

    def __init__(self) -> None:
        super().__init__()
        self.left = ExitStack()
        self.database = self.left.enter_context(self.new_database())
        self.queue = SqlDeliveryQueue(self.database)
        self.now = 0
        self.made: Counter[str] = Counter()
        self.held: list[tuple[Delivery, int]] = []
        self.got: dict[str, list[int]] = {}
        self.dead: set[str] = set()

    @rule(subject=st.sampled_from("abc"))
    def happen(self, subject: str) -> None:
        self.made[subject] += 1
        put(self.database, subject, self.made[subject], at=self.now)

    @rule(size=st.integers(1, 3), owner=st.sampled_from(["r1", "r2"]))
    def lease(self, size: int, owner: str) -> None:
        self.now += 1
        leased = self.queue.lease(owner, self.now, self.now + 10, size, "oa")
        live = {d.subject for d, until in self.held if until > self.now}
        assert len({d.subject for d in leased}) == len(leased)
        assert not live & {d.subject for d in leased}, "two relays hold one subject"
        self.held += [(delivery, self.now + 10) for delivery in leased]

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 9), what=st.sampled_from(["delivered", "retry", "dead", "crash", "heard and crash"]))
    def finish(self, pick: int, what: str) -> None:
        delivery, until = self.held.pop(pick % len(self.held))
        self.now += 1
        expired = until <= self.now
        if what in {"delivered", "heard and crash"} and not expired:
            self.got.setdefault(delivery.subject, []).append(int(delivery.id[5:]))
        if what == "delivered" and not expired:
            self.queue.settle(delivery, SENT, self.now)
        elif what == "retry":
            self.queue.settle(delivery, Settled("retry", "500", next_at=self.now + 3), self.now)
        elif what == "dead" and not expired:
            self.queue.settle(delivery, DEAD, self.now)
            self.dead.add(delivery.id)

    @rule(step=st.integers(1, 15))
    def wait(self, step: int) -> None:
        self.now += step

    @invariant()
    def each_subject_arrives_in_order(self) -> None:
        for numbers in self.got.values():
            assert numbers == sorted(numbers), "a repeat is allowed, a step back is not"

    def teardown(self) -> None:
        self.held.clear()
        for _ in range(1_000):
            self.now += 20
            leased = self.queue.lease("last", self.now, self.now + 10, 10, "oa")
            for delivery in leased:
                self.got.setdefault(delivery.subject, []).append(int(delivery.id[5:]))
                self.queue.settle(delivery, SENT, self.now)
            if not leased and self.queue.next_due(self.now, ["oa"]) is None:
                break
        for subject, number in self.made.items():
            missing = set(range(1, number + 1)) - set(self.got.get(subject, ()))
            assert {f"evt_{subject}{n}" for n in missing} <= self.dead, "nothing is lost but what was given up"
        self.each_subject_arrives_in_order()
        self.left.close()


class RelaysOnServer(Relays):
    new_database = staticmethod(new_on_server)


TestRelays = Relays.TestCase
TestRelaysOnServer = postgres_kit.needed(RelaysOnServer.TestCase)
TestRelaysOnServer.settings = settings(max_examples=1, stateful_step_count=30, deadline=None, derandomize=True)
TestRelays.settings = settings(max_examples=6, stateful_step_count=30, deadline=None, derandomize=True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_long_backlog_is_read_through_the_partial_indexes(database: Database, queue: SqlDeliveryQueue) -> None:
    statements: list[tuple[str, Any]] = []
    event.listen(database._writer, "before_cursor_execute", lambda *a: statements.append((a[2], a[3])))
    event.listen(database._reader, "before_cursor_execute", lambda *a: statements.append((a[2], a[3])))
    put(database, "a", 1, level=Level.MAJOR)
    one = queue.lease("r", 10, 20, 5, "oa")[0]
    queue.exchange("r", 10, 20, [(one, Settled("retry", next_at=11))], {"oa": LeaseRequest(1, longest=True)})
    queue.settle(queue.lease("r", 12, 20, 5, "oa")[0], SENT, 13)
    queue.next_due(10, ["oa"])
    with database._writer.begin() as c:
        plans = {
            sql: " | ".join(str(row[-1]) for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given).all())
            for sql, given in ((sql, given[0] if isinstance(given, list) else given) for sql, given in statements)
            if sql.startswith(("SELECT", "UPDATE"))
        }
    for sql, plan in plans.items():
        assert "SCAN" not in plan.replace("SCAN endpoint_state", "of a few rows"), f"{sql}: {plan}"
        assert "TEMP B-TREE" not in plan, "limit stops the walk early"
    used = " ".join(plans.values())
    for index in ("urgent", "due", "subject", "event"):
        assert f"ix_delivery_{index}" in used
    assert "ix_notice_event" in used
