"""Batches of commands made offline: each counts by itself and by its time; a batch sent again has the same result."""

from typing import Any

import postgres_kit
import pytest
from depth import examples
from desk_kit import NOW, World, new_world, transition
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select

from gateway.domain.duration import DAY, MINUTE
from gateway.domain.errors import StoreError
from gateway.domain.offline_command import CommandResult
from gateway.domain.workorder import Act, Actor, Command, OrderState, Role
from gateway.store import AuditTrail, delete_expired, tables
from gateway.store.refused_tables import refused_command

LATER = NOW + DAY
ZHANG = Actor("zhang", Role.ENGINEER)


def two_orders(world: World) -> list[str]:
    world.apply(transition(1, device=1), transition(2, device=2))
    numbers = sorted(order.no for order in world.queries.orders().items)
    for no in numbers:
        world.act(no, Act.ASSIGN, assignee="zhang")
    return numbers


def command(no: str, act: Act, id_: str, at: int, **fields: Any) -> Command:
    return Command(no, act, ZHANG, id_, occurred_at=NOW + at * MINUTE, **fields)


def visit(no: str) -> list[Command]:
    """What an engineer did without a connection."""
    return [
        command(no, Act.ACCEPT, f"{no}-1", 2),
        command(no, Act.START, f"{no}-2", 3),
        command(no, Act.RESOLVE, f"{no}-3", 30, fault="E07", cause="fan", remedy="replaced"),
    ]


def codes(results: list[CommandResult]) -> list[tuple[int, str]]:
    return [(one.status, one.refusal.code if one.refusal else "") for one in results]


def test_a_batch_counts_by_time_and_one_refusal_stops_no_other(world: World) -> None:
    first, second = two_orders(world)
    batch = [*reversed(visit(first)), command(second, Act.START, "early", 1), *visit(second)]
    batch.append(command("WO-9", Act.ACCEPT, "nobody", 1))
    batch.append(command(second, Act.COMMENT, "stale", 40, note="x", expected_version=2))
    results = world.desk.commands(batch, LATER)
    assert [one.command for one in results] == batch
    done = (200, "")
    assert codes(results) == [done] * 3 + [(409, "illegal_move")] + [done] * 3 + [
        (404, "unknown_order"),
        (409, "stale"),
    ]
    orders = world.queries.orders_numbered([first, second])
    assert {order.state for order in orders} == {OrderState.RESOLVED}
    resolved = [a.occurred_at for no in (first, second) for a in world.queries.audit(no) if a.type == "resolved"]
    assert resolved == [NOW + 30 * MINUTE] * 2
    refusal = results[3].refusal
    assert refusal is not None
    assert (refusal.state, refusal.text_en != refusal.text_zh) == ("assigned", True)
    assert "accept" in {one.act for one in refusal.possible}


def test_a_batch_sent_again_has_the_same_result_and_changes_nothing(world: World) -> None:
    first, second = two_orders(world)
    early = command(first, Act.HOLD, "early", 1, reason="waiting_parts")  # allowed later, not when it happened
    batch = [early, *visit(first)[:2], command(second, Act.START, "early-2", 1), *visit(second)]
    results = world.desk.commands(batch, LATER)
    rows = AuditTrail(world.database).head()
    assert world.desk.commands(batch, LATER + DAY) == results
    assert world.another().commands(list(reversed(batch)), LATER + DAY) == list(reversed(results))
    assert AuditTrail(world.database).head() == rows
    other = command(first, Act.HOLD, "early", 1, reason="waiting_access")
    assert codes(world.desk.commands([other], LATER)) == [(409, "command_reused")]
    again = world.desk.commands([command(first, Act.HOLD, "new", 5, reason="waiting_parts")], LATER)
    assert codes(again) == [(200, "")]
    delete_expired(world.database, LATER + DAY)
    assert world.database.query(lambda c: c.scalar(select(func.count()).select_from(refused_command))) == 0


def test_a_store_that_fails_in_the_middle_keeps_whole_chunks_and_the_batch_is_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two_orders(world)
    batch = [*visit(first), *visit(second)]
    monkeypatch.setattr("gateway.desk.desk.OFFLINE_CHUNK", 2)
    left = [40]

    def fails(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise StoreError("the disk is gone")

    event.listen(world.database._writer, "before_cursor_execute", fails)
    with pytest.raises(StoreError, match="disk is gone"):
        world.desk.commands(batch, LATER)
    event.remove(world.database._writer, "before_cursor_execute", fails)
    kept = world.database.query(lambda c: c.scalar(select(func.count()).select_from(tables.command)))
    assert kept in {4, 6}, "two of assigning, and whole chunks of two"
    assert codes(world.desk.commands(batch, LATER)) == [(200, "")] * 6
    assert AuditTrail(world.database).check().broken is None
    assert AuditTrail(world.database).head().number == 4 + 6


acts = st.sampled_from([Act.ACCEPT, Act.START, Act.HOLD, Act.RESUME, Act.COMMENT, Act.ARRIVE, Act.RESOLVE, Act.REJECT])
made = st.lists(
    st.tuples(acts, st.integers(0, 1), st.integers(0, 4), st.sampled_from([None, None, None, 2, 3])),
    min_size=1,
    max_size=8,
)


def commands_of(story: list[tuple[Act, int, int, int | None]], numbers: list[str]) -> list[Command]:
    fields: dict[Act, dict[str, str]] = {
        Act.HOLD: {"reason": "waiting_parts"},
        Act.COMMENT: {"note": "seen"},
        Act.REJECT: {"reason": "ill"},
        Act.RESOLVE: {"fault": "E07", "cause": "fan", "remedy": "replaced"},
    }
    return [
        command(numbers[which], act, f"c{n}", at, expected_version=version, **fields.get(act, {}))
        for n, (act, which, at, version) in enumerate(story)
    ]


def state(world: World, numbers: list[str]) -> list[object]:
    audits = [(a.type, a.before, a.after, a.occurred_at, a.data) for no in numbers for a in world.queries.audit(no)]
    return [*sorted(world.queries.orders_numbered(numbers), key=lambda order: order.no), *audits]


def same_state(story: list[tuple[Act, int, int, int | None]], data: st.DataObject, database: str) -> None:
    with new_world(database) as once, new_world(database) as other:
        numbers = two_orders(once)
        assert two_orders(other) == numbers
        batch = commands_of(story, numbers)
        results = once.desk.commands(batch, LATER)
        shuffled = data.draw(st.permutations([*batch, *data.draw(st.lists(st.sampled_from(batch), max_size=4))]))
        by_id = {one.command.command_id: one for one in results}
        for _ in range(2):
            assert other.desk.commands(shuffled, LATER) == [by_id[one.command_id] for one in shuffled]
            assert state(other, numbers) == state(once, numbers)
        assert AuditTrail(other.database).check().broken is None
        events = [[(e["type"], e["subject"]) for e in world.events()] for world in (once, other)]
        assert events[0] == events[1]


@settings(max_examples=examples(10), deadline=None)
@given(made, st.data())
def test_duplicates_and_any_order_give_the_same_state(
    story: list[tuple[Act, int, int, int | None]], data: st.DataObject
) -> None:
    same_state(story, data, "sqlite")


@postgres_kit.needed
@settings(max_examples=3, deadline=None)
@given(made, st.data())
def test_duplicates_and_any_order_give_the_same_state_on_a_server(
    story: list[tuple[Act, int, int, int | None]], data: st.DataObject
) -> None:
    same_state(story, data, "postgresql")
