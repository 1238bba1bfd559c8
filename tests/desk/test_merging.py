"""An order merged into another one: nothing of it is lost, and what comes later goes on there."""

from dataclasses import replace

import pytest
from desk_kit import BOSS, NOW, World, transition

from gateway.desk import OrderType
from gateway.domain.alarm import Change, Level
from gateway.domain.duration import HOUR, MINUTE
from gateway.domain.errors import CommandError
from gateway.domain.workorder import Act, Actor, Command, FaultReport, OrderState, Role, WorkOrder
from gateway.store.queries import OrderFilter


def of_device(world: World, device: int) -> WorkOrder:
    return world.queries.orders(OrderFilter(device=device)).items[0]


def two(world: World, **second: object) -> tuple[str, str]:
    """Orders of the devices 1 and 2."""
    world.apply(transition(1), transition(2, device=2, **second))  # type: ignore[arg-type]
    return of_device(world, 1).no, of_device(world, 2).no


def refusal(world: World, no: str, into: str) -> CommandError:
    with pytest.raises(CommandError) as error:
        world.act(no, Act.MERGE, into=into)
    return error.value


def test_alarms_level_and_count_go_on_in_the_target(world: World) -> None:
    first, second = two(world, level=Level.CRITICAL)
    world.act(second, Act.SET_URGENCY, urgency="urgent", reason="bus waits")
    merged = world.act(second, Act.MERGE, into=first, reason="one cable")
    assert (merged.state, merged.close_reason, merged.merged_into) == (OrderState.CANCELLED, "merged", first)
    target = of_device(world, 1)
    assert (target.level, target.urgency, target.count, target.version) == (Level.CRITICAL, "urgent", 2, 2)
    assert target.priority == "P1"
    assert {a.device for a in world.queries.alarms_of(first)} == {1, 2}
    assert {a.order for a in world.queries.alarms().items} == {target.id}
    assert world.kinds()[-2:] == ["workorder.updated", "workorder.merged"]
    assert world.events()[-1]["data"]["workOrder"]["mergedInto"] == first
    assert world.queries.audit(first)[-1].data.count(second) == 1


def test_the_condition_of_the_target_is_that_of_all_its_alarms(world: World) -> None:
    first, second = two(world)
    world.apply(transition(3, Change.CLEARED))
    assert of_device(world, 1).condition_cleared_at is not None
    world.act(second, Act.MERGE, into=first)
    assert of_device(world, 1).condition_cleared_at is None
    world.apply(transition(4, Change.CLEARED, device=2))
    assert of_device(world, 1).condition_cleared_at is not None


def test_the_next_alarm_and_report_of_the_fault_join_the_target(world: World) -> None:
    first, second = two(world)
    third = world.desk.report(FaultReport(3, "E09", "a", "b", BOSS, "r1"), NOW).no
    world.act(second, Act.MERGE, into=first)
    world.act(first, Act.MERGE, into=third)
    world.apply(transition(5, Change.CLEARED, device=2), transition(6, device=2))
    world.desk.report(FaultReport(2, "E07", "a", "b", BOSS, "r2", component=1), NOW + HOUR)
    (open_,) = world.queries.orders(OrderFilter(open=True)).items
    assert (open_.no, open_.count) == (third, 5)
    world.work_through(third, Act.CLOSE, reason="done")
    world.apply(transition(7, Change.CLEARED, device=2), transition(8, device=2))
    (fresh,) = world.queries.orders(OrderFilter(open=True)).items
    assert (fresh.device, fresh.version) == (2, 1), "the target has ended: the fault has an order of its own again"


def test_again_it_changes_nothing_and_a_stale_version_is_refused(world: World) -> None:
    first, second = two(world)
    stale = Command(second, Act.MERGE, BOSS, "m0", expected_version=9, into=first)
    with pytest.raises(CommandError) as error:
        world.desk.command(stale, NOW)
    assert error.value.code == "stale"
    command = Command(second, Act.MERGE, BOSS, "m1", into=first)
    for _ in range(2):
        world.desk.command(command, NOW)
        world.desk = world.another()
    assert (of_device(world, 1).version, of_device(world, 2).version) == (2, 2)
    with pytest.raises(CommandError) as reused:
        world.desk.command(Command(second, Act.MERGE, BOSS, "m1", into=second), NOW)
    assert reused.value.code == "command_reused"


def test_merges_made_offline_follow_each_other(world: World) -> None:
    first, second = two(world)
    world.apply(transition(3, device=3))
    third = of_device(world, 3).no
    batch = [
        Command(second, Act.MERGE, BOSS, "b", occurred_at=NOW + 2 * MINUTE, into=first),
        Command(third, Act.MERGE, BOSS, "a", occurred_at=NOW + MINUTE, into=second),
    ]
    assert [one.status for one in world.desk.commands(batch, NOW + HOUR)] == [200, 200]
    assert {a.device for a in world.queries.alarms_of(first)} == {1, 2, 3}
    assert of_device(world, 1).count == 3


def test_what_cannot_be_merged(world: World) -> None:
    first, second = two(world, kind="gas")
    assert (refusal(world, first, first).status, refusal(world, first, "").status) == (422, 422)
    assert refusal(world, first, "WO-0").code == "unknown_order"
    assert refusal(world, second, first).code == "merge_safety"
    with pytest.raises(CommandError) as error:
        world.act(first, Act.MERGE, Actor("zhang", Role.ENGINEER), into=second)
    assert error.value.status == 403
    world.act(first, Act.MERGE, into=second)
    world.desk.report(FaultReport(3, "E09", "a", "b", BOSS, "r1"), NOW)
    assert refusal(world, of_device(world, 3).no, first).code == "merge_target"
    world.work_through(second, Act.RESOLVE)
    assert refusal(world, of_device(world, 3).no, second).code == "merge_target"
    assert refusal(world, second, of_device(world, 3).no).code == "illegal_move"


def test_safety_stays_open_after_a_merge(world: World) -> None:
    world.policy = replace(world.policy, types={"repair": OrderType(True), "gas": OrderType(True, safety=True)})
    world.desk = world.another()
    first, second = two(world, kind="gas")
    world.act(first, Act.MERGE, into=second)
    world.apply(transition(3, Change.CLEARED), transition(4, Change.CLEARED, device=2))
    world.desk.tick(NOW + 1000 * HOUR)
    assert not of_device(world, 2).state.ended


def test_work_of_a_storm_is_not_merged(world: World) -> None:
    first, _ = two(world)
    world.apply(transition(5, device=4, level=Level.MINOR, limited="orders_per_site"))
    storm = next(one for one in world.queries.orders().items if one.source == "storm")
    assert refusal(world, storm.no, first).code == "merge_kind"
    world.act(first, Act.MERGE, into=storm.no)
    assert world.queries.orders(OrderFilter(device=1)).items[0].merged_into == storm.no
