"""However the journal is cut, repeated or interrupted, the desk ends in the same state, byte for byte."""

from typing import Any

import postgres_kit
import pytest
from depth import examples
from desk_kit import NOW, World, new_world, transition
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from gateway.domain.alarm import Change, Level, NoticePlan, Parent, Thing, Transition
from gateway.domain.duration import DAY, HOUR
from gateway.domain.errors import StoreUnavailable
from gateway.domain.record import Fact, ImportMark, RuleRemoved, RuleSet
from gateway.store import AuditTrail
from gateway.store.columns import metadata

TABLES = (
    "alarm",
    "work_order",
    "wo_alarm",
    "audit",
    "outbox",
    "delivery",
    "notice",
    "deadline",
    "cursor",
    "order_counter",
)
SALTED = {"prev_hash", "hash", "digest", "salt"}


class Crash(Exception):
    """The process dies here."""


def contents(world: World) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of the desk, without what comes of the random salts of the audit."""

    def work(c: Connection) -> dict[str, list[tuple[object, ...]]]:
        found = {}
        for name in TABLES:
            columns = ", ".join(f'"{one.name}"' for one in metadata.tables[name].c if one.name not in SALTED)
            found[name] = sorted(map(tuple, c.execute(text(f"SELECT {columns} FROM {name}"))), key=repr)
        return found

    return world.database.query(work)


MARKS: list[dict[str, Any]] = [
    {}, {"limited": "alarms_per_rule"}, {"limited": "orders_per_site"}, {"held_until": NOW + HOUR}, {"stale": True},
    {"held_until": NOW + 3 * HOUR}, {"unstable": True, "count": 5}, {"cooldown": 5 * HOUR}, {"muted": True},
    {"batch_by": "area", "batch_every": DAY},
]  # fmt: skip
step = st.tuples(
    st.sampled_from([Change.RAISED, Change.RAISED, Change.CLEARED, Change.LEVEL_UP, Change.WITHDRAWN, Change.MERGED]),
    st.integers(1, 2),
    st.sampled_from("ab"),
    st.sampled_from(Level),
    st.sampled_from([0, HOUR]),
    st.booleans(),
    st.sampled_from(MARKS),
)
SWITCHES = [RuleSet("a", "r2", b'{"rule": {"mode": "off"}}', "UTC"), RuleRemoved("b")]
stories = st.lists(st.one_of(step, step, st.booleans(), st.sampled_from(SWITCHES)), min_size=1, max_size=14)


def build(story: list[Any]) -> tuple[list[Transition], list[tuple[int, Fact]]]:
    transitions: list[Transition] = []
    facts: list[tuple[int, Fact]] = []
    for seq, item in enumerate(story, 1):
        if isinstance(item, bool):
            facts.append((seq, ImportMark("i", "x.csv", item)))
            continue
        if isinstance(item, RuleSet | RuleRemoved):
            facts.append((seq, item))
            continue
        change, device, name, level, within, imported, marks = item
        transitions.append(
            transition(
                seq,
                change,
                device=device,
                rule=name,
                level=level,
                reopen_within=within,
                imported=imported,
                notice=NoticePlan("list", "overtemp", remind=HOUR, max=2),
                after=HOUR if name == "b" and device == 2 else 0,
                parent=Parent("b", Thing(1, 1)) if change is Change.MERGED else None,
                **marks,
            )
        )
    return transitions, facts


def feed(world: World, transitions: list[Transition], facts: list[tuple[int, Fact]], start: int, cursor: int) -> None:
    """What lies in (start, cursor], as a consumer hands it over."""
    part = [t for t in transitions if start < t.seq <= cursor]
    world.desk.apply(part, cursor, [f for f in facts if start < f[0] <= cursor], NOW + 2 * HOUR)


@settings(max_examples=examples(15), deadline=None, derandomize=True)
@given(stories, st.data())
def test_any_cut_any_repeat_any_crash_gives_the_same_rows(story: list[object], data: st.DataObject) -> None:
    same_rows(story, data, "sqlite")


@postgres_kit.needed
@settings(max_examples=3, deadline=None, derandomize=True)
@given(stories, st.data())
def test_any_cut_any_repeat_any_crash_gives_the_same_rows_on_a_server(story: list[object], data: st.DataObject) -> None:
    same_rows(story, data, "postgresql")


def same_rows(story: list[object], data: st.DataObject, database: str) -> None:
    transitions, facts = build(story)
    end = len(story)
    with new_world(database) as once, new_world(database) as broken:
        feed(once, transitions, facts, 0, end)
        done = 0
        while done < end:
            cursor = data.draw(st.integers(done + 1, end), label="cursor")
            back = data.draw(st.integers(0, done), label="replayed from")
            crash_at = data.draw(st.integers(0, 12), label="crash at statement")
            countdown = [crash_at]

            def crash(*_: object, countdown: list[int] = countdown) -> None:
                countdown[0] -= 1
                if countdown[0] == 0:
                    raise Crash

            event.listen(broken.database._writer, "before_cursor_execute", crash)
            try:
                feed(broken, transitions, facts, back, cursor)
            except Crash:
                assert broken.desk is not None
            finally:
                event.remove(broken.database._writer, "before_cursor_execute", crash)
            broken.desk = broken.another()  # a new process knows only what is on disk
            feed(broken, transitions, facts, 0, cursor)
            done = cursor
        for now in (NOW + 2 * HOUR, NOW + 6 * HOUR, NOW + 2 * DAY):
            broken.desk.tick(now)
            once.desk.tick(now)
        left, right = contents(once), contents(broken)
        for name in TABLES:
            assert left[name] == right[name], name
        chains = [AuditTrail(world.database).check() for world in (once, broken)]
        assert [(chain.rows, chain.broken) for chain in chains] == [(len(left["audit"]), None)] * 2


def test_a_locked_database_keeps_nothing_and_says_so(world: World) -> None:
    before = contents(world)

    def locked(*_: object) -> None:
        raise OperationalError("", {}, Exception("database is locked"))

    event.listen(world.database._writer, "commit", locked)
    try:
        with pytest.raises(StoreUnavailable, match="locked"):
            world.apply(transition(1))
    finally:
        event.remove(world.database._writer, "commit", locked)
    assert contents(world) == before
    assert len(world.apply(transition(1)).created) == 1


def test_a_commit_whose_answer_is_lost_is_repeated_without_a_trace(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.apply(transition(1))
    dialect = world.database._writer.dialect
    commit = dialect.do_commit

    def lost(connection: Any) -> None:
        commit(connection)
        raise dialect.loaded_dbapi.OperationalError("connection reset by peer")

    monkeypatch.setattr(dialect, "do_commit", lost)
    with pytest.raises(StoreUnavailable):
        world.apply(transition(2, device=2))
    monkeypatch.undo()
    before = contents(world)
    assert len(before["work_order"]) == 2
    again = world.apply(transition(2, device=2))
    assert (again.created, again.dropped) == ([], 1)
    assert contents(world) == before
