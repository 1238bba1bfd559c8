"""Rounds, dates that people skip or postpone: each with its reason, each once."""

from functools import partial

import pytest
from desk_kit import BOSS, World
from plan_kit import at, cycles, day, monthly, orders, states, things, tick, use

from gateway.desk.plans import Basis
from gateway.desk.plans.commands import PlanAct, PlanCommands
from gateway.domain.errors import CommandError
from gateway.domain.maintenance import PlanScope, StopState
from gateway.domain.workorder import Act, Actor, OrderState, Role

ZHANG = Actor("zhang", Role.ENGINEER)


def planner(world: World) -> PlanCommands:
    return PlanCommands(world.desk.writer, "default")


def skip(world: World, command: str, when: str, reason: str = "closed for works", device: int = 101) -> None:
    call = partial(planner(world).skip, act=PlanAct("care", device, "", reason, BOSS, command))
    world.desk.execute(at(when), call)


def postpone(world: World, until: str, command: str = "p1", reason: str = "no access") -> None:
    call = partial(planner(world).postpone, act=PlanAct("care", 101, "", reason, BOSS, command), until=at(until))
    world.desk.execute(at("2026-12-01 13:00"), call)


def test_a_skipped_date_has_no_order(world: World) -> None:
    use(world, monthly())
    tick(world, "2026-12-01 12:00")
    for _ in range(2):
        skip(world, "s1", "2026-12-01 13:00")
    tick(world, "2026-12-05 12:00")
    assert orders(world) == []
    assert states(world) == [("2026-12-05", "skipped")]
    [skipped] = [one for one in cycles(world) if one.device == 101]
    assert (skipped.by, skipped.note) == ("boss", "closed for works")
    assert day(things(world)[0].due_at) == "2027-01-05"


def test_a_skip_counts_as_work_where_work_counts(world: World) -> None:
    use(world, monthly("FREQ=MONTHLY;INTERVAL=2", basis=Basis.COMPLETED))
    tick(world, "2026-12-01 12:00")
    due = day(things(world)[0].due_at)
    skip(world, "s1", "2026-12-01 13:00")
    assert (due, day(things(world)[0].due_at)) == ("2027-01-05", "2027-03-05")


def test_a_postponed_date_is_the_same_cycle(world: World) -> None:
    use(world, monthly())
    tick(world, "2026-12-01 12:00")
    postpone(world, "2026-12-10 08:00")
    tick(world, "2026-12-09 12:00")
    assert orders(world) == []
    tick(world, "2026-12-10 08:00")
    [cycle] = [one for one in cycles(world) if one.device == 101]
    assert (cycle.cycle, cycle.due_at) == (str(at("2026-12-05 08:00")), at("2026-12-10 08:00"))
    assert day(things(world)[0].due_at) == "2027-01-05"


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        (partial(postpone, until="2026-12-04 08:00"), 422, "postpone_until"),
        (partial(postpone, until="2026-12-10 08:00", reason=" "), 422, "plan_reason"),
        (partial(skip, command="x", when="2026-12-01 13:00", reason=""), 422, "plan_reason"),
        (partial(skip, command="x", when="2026-12-01 13:00", device=7), 404, "unknown_plan"),
        (partial(skip, command="", when="2026-12-01 13:00"), 422, "command_id"),
    ],
)
def test_what_is_refused(world: World, call: partial[None], status: int, code: str) -> None:
    use(world, monthly())
    tick(world, "2026-12-01 12:00")
    with pytest.raises(CommandError) as refused:
        call(world)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert day(things(world)[0].due_at) == "2026-12-05"


def test_a_round_is_resolved_when_every_device_was_seen(world: World) -> None:
    use(world, monthly(scope=PlanScope(kinds=("meter",), by_route=True)))
    tick(world, "2026-12-01 12:00")
    tick(world, "2026-12-05 12:00")
    [order] = world.queries.orders().items
    for act, fields in ((Act.ASSIGN, {"assignee": "zhang"}), (Act.ACCEPT, {}), (Act.START, {})):
        world.act(order.no, act, now=at("2026-12-05 13:00"), **fields)

    def stop(device: int, state: StopState, note: str = "", actor: Actor = ZHANG, command: str = "") -> None:
        call = partial(
            planner(world).stop,
            no=order.no,
            device=device,
            state=state,
            note=note,
            actor=actor,
            command_id=command or f"{device}-{state}",
        )
        world.desk.execute(at("2026-12-05 14:00"), call)

    done = {"fault": "-", "cause": "-", "remedy": "seen"}
    with pytest.raises(CommandError, match="2 of its devices"):
        world.act(order.no, Act.RESOLVE, now=at("2026-12-05 14:00"), **done)
    stop(101, StopState.DONE)
    stop(101, StopState.DONE)  # repeated: nothing new
    for wrong, status in (((7, StopState.DONE), 404), ((102, StopState.SKIPPED), 422)):
        with pytest.raises(CommandError) as refused:
            stop(*wrong)
        assert refused.value.status == status
    with pytest.raises(CommandError) as refused:
        stop(102, StopState.DONE, actor=Actor("li", Role.ENGINEER), command="li")
    assert refused.value.status == 403
    with pytest.raises(CommandError, match="1 of its devices"):
        world.act(order.no, Act.RESOLVE, now=at("2026-12-05 14:00"), **done)
    stop(102, StopState.SKIPPED, "gate locked")
    assert world.act(order.no, Act.RESOLVE, now=at("2026-12-05 15:00"), **done).state is OrderState.RESOLVED
    audit = [one for one in world.queries.audit(order.no) if one.type == "updated"]
    assert len(audit) == 2
