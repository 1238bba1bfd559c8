"""The audit of orders: a chain that shows each change, removal and insertion, and a database that refuses them."""

import msgspec
import pytest
from desk_kit import BOSS, NOW, World, transition
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, text

from gateway.desk.keys import Origin
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.audit_chain import FIRST, ChainedAudit, ChainHead, chained, checked
from gateway.domain.errors import StoreError
from gateway.domain.workorder import Act, Audit
from gateway.store import AuditedAct, AuditTrail, Database, TrailFilter, erase_customer, tables

words = st.text("ab电\"\\'\n", max_size=4)
entries = st.lists(
    st.builds(
        Audit,
        words,
        st.just("t"),
        st.integers(1, 9),
        words,
        words,
        words,
        words,
        words,
        words,
        st.integers(0, 2**53),
        st.integers(0, 2**53),
    ),
    min_size=1,
    max_size=6,
)


def chain(rows: list[Audit]) -> tuple[list[ChainedAudit], ChainHead]:
    made = chained(rows, [f"salt{n}" for n in range(len(rows))], ChainHead())
    return made, ChainHead(made[-1].link.number, made[-1].link.hash)


@given(entries, st.data())
def test_a_chain_made_in_parts_is_that_made_at_once_and_agrees(rows: list[Audit], data: st.DataObject) -> None:
    whole, head = chain(rows)
    cut = data.draw(st.integers(0, len(rows)))
    salts = [f"salt{n}" for n in range(len(rows))]
    first = chained(rows[:cut], salts[:cut], ChainHead())
    middle = ChainHead(cut, first[-1].link.hash) if cut else ChainHead()
    assert [*first, *chained(rows[cut:], salts[cut:], middle)] == whole
    report = checked(whole, head, noted=ChainHead(whole[0].link.number, whole[0].link.hash))
    assert (report.rows, report.erased, report.head, report.broken) == (len(rows), 0, head, None)


@given(entries, st.data())
def test_each_changed_field_is_found_at_its_row(rows: list[Audit], data: st.DataObject) -> None:
    whole, head = chain(rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    row = whole[at]
    part = data.draw(st.sampled_from(["entry", "link"]))
    value = getattr(row, part)
    fields = [n for n in value.__struct_fields__ if n != "number"]
    name = data.draw(st.sampled_from(fields))
    before = getattr(value, name)
    after = before + 1 if isinstance(before, int) else before + "x"
    whole[at] = msgspec.structs.replace(row, **{part: msgspec.structs.replace(value, **{name: after})})
    report = checked(whole, head)
    assert report.broken is not None
    assert (report.broken.number, report.rows) == (at + 1, at)
    assert report.broken.why.text("en") != report.broken.why.text("zh")


@given(entries, st.data())
def test_rows_removed_repeated_or_exchanged_are_found(rows: list[Audit], data: st.DataObject) -> None:
    whole, head = chain(rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    removed = checked(whole[:at] + whole[at + 1 :], head)
    assert removed.broken is not None
    assert removed.broken.number == (at + 2 if at + 1 < len(rows) else at + 1)
    assert removed.broken.why.key == ("audit.gap" if at + 1 < len(rows) else "audit.end")
    assert removed.broken.why.fields == {"first": at + 1, "last": at + 1}
    repeated = checked(whole[: at + 1] + whole[at:], head)
    assert repeated.broken is not None
    longer = checked(whole, whole[at - 1].link and ChainHead(at, whole[at - 1].link.hash) if at else ChainHead())
    assert longer.broken is not None, "a row after the kept newest one"
    if len(rows) > 1:
        exchanged = checked([whole[1], whole[0], *whole[2:]], head)
        assert exchanged.broken is not None


def test_a_chain_written_anew_is_found_by_what_was_noted() -> None:
    rows = [Audit("o", "t", n, "updated", "a", "admin", "new", "new", "{}", n, n) for n in range(1, 4)]
    whole, head = chain(rows)
    other, new_head = chain([msgspec.structs.replace(rows[0], actor="b"), *rows[1:]])
    assert checked(other, new_head).broken is None
    found = checked(other, new_head, noted=head)
    assert found.broken is not None
    assert found.broken.why.key == "audit.noted"
    shorter, short_head = chain(rows[:2])
    missing = checked(shorter, short_head, noted=head)
    assert missing.broken is not None
    assert missing.broken.why.key == "audit.end"
    assert whole[0].link.prev_hash == FIRST


def filled(world: World) -> AuditTrail:
    """Two orders with seven rows of audit."""
    for seq in (1, 2):
        world.apply(transition(seq, device=seq))
    first, second = world.queries.orders().items
    for no in (first.no, second.no):
        world.act(no, Act.ASSIGN, assignee="zhang")
        world.act(no, Act.COMMENT, note="ask Ann, 13800000002")
    world.act(first.no, Act.ACCEPT)
    return AuditTrail(world.database)


def change(database: Database, statement: str) -> None:
    database.transact(lambda c: c.execute(text(statement)))


def unguarded(database: Database, statement: str) -> None:
    """Change rows as one who owns the database can: without the triggers."""

    def work(c: Connection) -> None:
        if database.server is None:
            rows = c.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            for name in rows:
                c.execute(text(f"DROP TRIGGER {name}"))
        else:
            c.execute(text("SET LOCAL session_replication_role = replica"))
        c.execute(text(statement))

    database.transact(work)


def test_every_act_is_a_row_of_one_chain(world: World) -> None:
    trail = filled(world)
    report = trail.check()
    assert (report.rows, report.broken) == (7, None)
    assert report.head == trail.head()
    rows = trail.rows(TrailFilter(), 10)
    assert [one.row.link.number for one in rows] == [7, 6, 5, 4, 3, 2, 1]
    assert [one.row.link.prev_hash for one in rows[:-1]] == [one.row.link.hash for one in rows[1:]]
    assert {one.no for one in rows} == {order.no for order in world.queries.orders().items}
    (assigned, _) = trail.rows(TrailFilter(type="assigned"), 10)
    assert (assigned.row.entry.actor, assigned.row.entry.after) == ("boss", "assigned")
    assert [one.row.link.number for one in trail.rows(TrailFilter(before=4), 2)] == [3, 2]
    at = rows[3].row.entry.at
    assert all(one.row.entry.at >= at for one in trail.rows(TrailFilter(since=at), 10))
    assert [e.seq for e in world.queries.audit(rows[0].no)] == sorted(
        one.row.entry.seq for one in rows if one.no == rows[0].no
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody' WHERE seq = 2",
        'UPDATE audit SET data = \'{"note": "x"}\' WHERE seq = 2',
        "UPDATE audit SET data = '{}', salt = '', actor = 'nobody'",
        "DELETE FROM audit",
        "UPDATE audit_head SET number = 1",
        "UPDATE audit_head SET hash = 'x'",
        "DELETE FROM audit_head",
    ],
)
def test_the_database_refuses_to_change_the_audit(world: World, statement: str) -> None:
    trail = filled(world)
    with pytest.raises(StoreError, match="never changed"):
        change(world.database, statement)
    assert trail.check().rows == 7
    if world.database.server is not None and statement.startswith("DELETE"):
        with pytest.raises(StoreError, match="never changed"):
            change(world.database, statement.replace("DELETE FROM", "TRUNCATE"))


@pytest.mark.parametrize(
    ("statement", "number", "why"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE number = 3", 3, "audit.row"),
        ('UPDATE audit SET data = \'{"note": "ok"}\' WHERE number = 4', 4, "audit.text"),
        ("UPDATE audit SET data = '{\"note\": \"ok\"}', salt = '' WHERE number = 4", 4, "audit.text"),
        ("DELETE FROM audit WHERE number = 1", 2, "audit.gap"),
        ("DELETE FROM audit WHERE number >= 6", 6, "audit.end"),
        ("DELETE FROM audit", 1, "audit.end"),
        ("UPDATE audit SET number = 100 WHERE number = 2", 3, "audit.gap"),
        ("UPDATE audit_head SET number = 5", 7, "audit.head"),
        ("DELETE FROM audit_head", 7, "audit.head"),
    ],
)
def test_a_change_by_the_owner_of_the_database_is_found(world: World, statement: str, number: int, why: str) -> None:
    trail = filled(world)
    unguarded(world.database, statement)
    broken = trail.check().broken
    assert broken is not None
    assert (broken.number, broken.why.key) == (number, why)


def test_a_row_with_hashes_put_at_the_end_is_found(world: World) -> None:
    trail = filled(world)
    newest = trail.rows(TrailFilter(), 1)[0].row
    entry = msgspec.structs.replace(newest.entry, seq=99, actor="nobody")
    (forged,) = chained([entry], ["salt"], trail.head())
    row = msgspec.structs.asdict(forged.entry) | msgspec.structs.asdict(forged.link)
    world.database.transact(lambda c: c.execute(insert(tables.audit), [row]))
    broken = trail.check().broken
    assert broken is not None
    assert (broken.number, broken.why.key) == (8, "audit.head")


def test_text_that_names_an_erased_customer_goes_and_the_chain_stays(world: World) -> None:
    trail = filled(world)
    before = trail.head()
    erased = erase_customer(world.database, "default", "C2", AuditedAct(NOW, "boss", "", "customer.erase", "C2"))
    assert erased.texts == 2
    report = trail.check(noted=before)
    assert (report.rows, report.erased, report.broken) == (7, 2, None)
    texts = world.database.query(lambda c: "".join(c.scalars(select(tables.audit.c.data))))
    assert "Ann" not in texts
    assert "zhang" in texts
    comments = [one.row for one in trail.rows(TrailFilter(type="comment_added"), 9)]
    assert [(row.erased, row.entry.actor, row.entry.data) for row in comments] == [(True, "boss", "{}")] * 2
    world.act(world.queries.orders().items[0].no, Act.COMMENT, note="goes on")
    assert trail.check(noted=before).rows == 8


def test_tenants_have_chains_of_their_own(world: World) -> None:
    world.apply(transition(1), msgspec.structs.replace(transition(2, device=2), tenant="north"))
    for tenant in ("default", "north"):
        report = AuditTrail(world.database, tenant).check()
        assert (report.rows, report.head.number, report.broken) == (1, 1, None)


def test_a_transaction_that_fails_leaves_no_gap(world: World) -> None:
    trail = filled(world)
    order = world.queries.orders().items[0]

    def fails(work: UnitOfWork) -> None:
        work.load_orders([order])
        world.desk.writer.save_version(work, order, "updated", BOSS, {}, Origin("x", NOW))
        work.write()
        raise StoreError("the disk is gone")

    with pytest.raises(StoreError, match="disk is gone"):
        world.desk.execute(NOW, fails)
    assert trail.check().rows == 7
    world.act(order.no, Act.COMMENT, note="kept")
    assert (trail.check().rows, trail.check().broken) == (8, None)
