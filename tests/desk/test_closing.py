"""Resolved orders close by themselves once, after their time; safety never does."""

from dataclasses import replace

import pytest
from desk_kit import NOW, World, new_world, transition
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.desk import OrderType
from gateway.domain.alarm import Change
from gateway.domain.duration import HOUR, MINUTE
from gateway.domain.record import Closed
from gateway.domain.workorder import Act, OrderState
from gateway.store import SqlControlOutbox

LATER = NOW + 72 * HOUR + MINUTE  # World.act acts a minute after NOW


def resolved(world: World, kind: str = "repair") -> str:
    world.apply(transition(1, kind=kind), transition(2, Change.CLEARED, kind=kind))
    return world.work_through(world.order().no, Act.RESOLVE).no


def state(world: World) -> OrderState:
    return world.order().state


def test_it_closes_once_after_its_time(world: World) -> None:
    no = resolved(world)
    world.desk.tick(LATER - 1)
    assert state(world) is OrderState.RESOLVED
    for _ in range(2):
        world.desk.tick(LATER)
        world.desk = world.another()  # a restart
    order = world.order()
    assert (order.state, order.close_reason, order.closed_at) == (OrderState.CLOSED, "no_objection", LATER)
    assert [a.type for a in world.queries.audit(no)].count("closed") == 1
    assert world.kinds().count("workorder.closed") == 1
    facts = [fact for _, fact in SqlControlOutbox(world.database).pending(10)]
    assert [type(fact) for fact in facts].count(Closed) == 1


def test_an_objection_stops_the_time(world: World) -> None:
    no = resolved(world)
    world.act(no, Act.REOPEN, now=NOW + HOUR, reason="still hot")
    world.desk.tick(LATER)
    assert state(world) is OrderState.IN_PROGRESS
    world.act(no, Act.RESOLVE, now=LATER + HOUR, fault="E07", cause="fan", remedy="-")
    world.desk.tick(LATER + 72 * HOUR)
    assert state(world) is OrderState.RESOLVED
    world.desk.tick(LATER + 73 * HOUR)
    assert state(world) is OrderState.CLOSED


def test_not_under_a_raised_alarm(world: World) -> None:
    resolved(world)
    world.apply(transition(3))
    world.desk.tick(LATER)
    assert state(world) is OrderState.RESOLVED
    world.apply(transition(4, Change.CLEARED), now=LATER)
    world.desk.tick(LATER + HOUR)
    assert state(world) is OrderState.CLOSED


@pytest.mark.parametrize("kind", ["gas", "repair"])
def test_only_people_close_what_is_safety_or_has_no_time(world: World, kind: str) -> None:
    world.policy = replace(world.policy, close_after=72 * HOUR if kind == "gas" else 0)
    world.desk = world.another()
    no = resolved(world, kind)
    world.desk.tick(LATER + 1000 * HOUR)
    assert state(world) is OrderState.RESOLVED
    world.act(no, Act.CLOSE, now=LATER)
    assert state(world) is OrderState.CLOSED


def test_a_type_that_becomes_safety_meanwhile(world: World) -> None:
    resolved(world)
    world.policy = replace(world.policy, types={"repair": OrderType(safety=True)})
    world.desk = world.another()
    world.desk.tick(LATER)
    assert state(world) is OrderState.RESOLVED


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["raise", "clear", "withdraw", "tick", "work", "resolve"]), st.integers(1, 100)),
        max_size=12,
    )
)
def test_safety_is_never_closed_by_the_desk(steps: list[tuple[str, int]]) -> None:
    with new_world("sqlite") as world:
        seq, now = 1, NOW
        world.apply(transition(seq, kind="gas"))
        no = world.order().no
        for step, hours in steps:
            now += hours * HOUR
            seq += 1
            if step in {"raise", "clear"}:
                change = Change.RAISED if step == "raise" else Change.CLEARED
                world.apply(transition(seq, change, kind="gas"), now=now)
            elif step == "work" and world.order().state is OrderState.NEW:
                for act, fields in ((Act.ASSIGN, {"assignee": "zhang"}), (Act.ACCEPT, {}), (Act.START, {})):
                    world.act(no, act, now=now, **fields)
            elif step == "resolve" and world.order().state is OrderState.IN_PROGRESS:
                world.act(no, Act.RESOLVE, now=now, fault="-", cause="-", remedy="-")
            world.desk.tick(now)
        assert not world.order().state.ended
