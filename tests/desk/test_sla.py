"""Clocks of orders: started, paused, met, late, reopened; milestones once through restarts, late ticks, clock steps."""

import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import postgres_kit
import pytest
from depth import examples
from desk_kit import BOSS, NOW, World, new_world, transition
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.desk import DeskPolicy
from gateway.desk.config import DeskConfig
from gateway.desk.sla import SlaPolicies, explain
from gateway.desk.sla.clocks import consumed_at
from gateway.domain.alarm import Change, Level
from gateway.domain.duration import DAY, HOUR, MINUTE
from gateway.domain.record import ClockStep
from gateway.domain.sla import ClockKind, ClockState, SlaClock
from gateway.domain.workorder import Act, FaultReport, WorkOrder
from gateway.settings.sla import SlaReader
from gateway.settings.yaml_document import Document
from rules.format import work_calendar

ROOT = Path(__file__).parents[2]
CHINA, _ = work_calendar((ROOT / "config/calendars/cn.yaml").read_text("utf-8"), "cn.yaml", "cn")
SHANGHAI = ZoneInfo("Asia/Shanghai")
OFFICE = {"workday": ["08:30-12:00", "13:30-18:00"]}
FOUR: dict[str, Any] = {
    "respond": "30m", "arrive": "2h", "resolve": "4h", "pause_on": ["waiting_parts"],
    "milestones": [
        {"at": "50%"}, {"at": "4h", "notice": {"audience": "list", "template": "escalation"}},
        {"at": "80%", "of": "respond"},
    ],
}  # fmt: skip


def policies(hours: dict[str, Any] | None = None, **sla: Any) -> SlaPolicies:
    """Policies as the configuration has them."""
    assert CHINA is not None
    config = DeskConfig.model_validate(
        {"hours": hours or {}, "sla": sla, "audiences": {"list": ["C1"]}, "order_types": {"repair": {}}}
    )
    known: Any = {"escalation": None}
    found = SlaReader(Document("gateway.yaml"), "Asia/Shanghai", CHINA, ROOT / "config/calendars", known).read(config)
    assert not found.problems, [one.render() for one in found.problems]
    return found.policies


def desk_policy(sla: SlaPolicies) -> DeskPolicy:
    return DeskPolicy("gw-1", SHANGHAI, sla=sla, language="zh")


@pytest.fixture(params=postgres_kit.BOTH)
def world(request: pytest.FixtureRequest) -> Any:
    """On both databases."""
    with new_world(request.param, policy=desk_policy(policies(four=FOUR))) as world:
        yield world


def made(world: World, now: int = NOW, sla: str = "four", **fields: Any) -> WorkOrder:
    """An order of a person's report at `now`."""
    report = FaultReport(1, f"E{now}", "hot", "热", BOSS, f"report-{now}", sla=sla, **fields)
    return world.desk.report(report, now)


def clock(world: World, order: WorkOrder, kind: ClockKind = ClockKind.RESOLVE) -> SlaClock:
    return next(one for one in world.queries.clocks([order.id])[order.id] if one.kind is kind)


def state(world: World, order: WorkOrder) -> dict[str, str]:
    return {one.kind.value: one.state.value for one in world.queries.clocks([order.id])[order.id]}


def fired(world: World) -> list[tuple[str, str, str]]:
    """(event, clock, milestone) of all events about milestones, in order."""
    found = []
    for event in world.events():
        if told := event["data"].get("escalation"):
            found.append((event["type"].rpartition(".")[2], told["clock"], told["milestone"]))
    return found


ALL = [
    ("escalated", "respond", "80%"), ("sla_breached", "respond", "due"), ("sla_breached", "arrive", "due"),
    ("escalated", "resolve", "50%"), ("escalated", "resolve", "4h"), ("sla_breached", "resolve", "due"),
]  # fmt: skip


def test_clocks_stop_where_their_order_says(world: World) -> None:
    order = made(world)
    assert [clock(world, order, kind).due_at for kind in ClockKind] == [
        NOW + 30 * MINUTE,
        NOW + 2 * HOUR,
        NOW + 4 * HOUR,
    ]
    world.act(order.no, Act.ASSIGN, assignee="zhang", now=NOW + MINUTE)
    assert set(state(world, order).values()) == {"running"}
    world.act(order.no, Act.ACCEPT, now=NOW + 10 * MINUTE)
    assert state(world, order) == {"respond": "met", "arrive": "running", "resolve": "running"}
    world.act(order.no, Act.ARRIVE, now=NOW + HOUR)
    assert (clock(world, order, ClockKind.ARRIVE).met_at, clock(world, order, ClockKind.ARRIVE).consumed) == (
        NOW + HOUR,
        HOUR,
    )
    world.act(order.no, Act.START, now=NOW + 2 * HOUR)
    world.act(order.no, Act.RESOLVE, fault="E", cause="c", remedy="r", now=NOW + 3 * HOUR)
    assert state(world, order) == {"respond": "met", "arrive": "met", "resolve": "met"}
    world.desk.tick(NOW + DAY)
    assert fired(world) == [("escalated", "resolve", "50%")]  # reached before the end, though no tick came in time
    shown = {one["kind"]: one for one in world.events()[-1]["data"]["workOrder"]["clocks"]}
    assert (shown["resolve"]["consumedMs"], shown["resolve"]["remainingMs"]) == (3 * 3_600_000, 3_600_000)


def test_milestones_fire_once_each_in_order_however_late_the_tick_is(world: World) -> None:
    order = made(world)
    for _ in range(3):
        world.desk.tick(NOW + 9 * HOUR)
    assert fired(world) == ALL
    assert clock(world, order).breached_at == NOW + 4 * HOUR
    assert [one.name for one in world.queries.fired_milestones(order.id)] == ["80%", "due", "due", "50%", "4h", "due"]
    told = [event for event in world.events() if event["data"].get("escalation")]
    assert told[-1]["data"]["escalation"]["text"]["zh"] == "解决超时：2026-11-22 18:00 已达到时限 4 小时"
    world.desk.tick(NOW + 20 * HOUR)
    assert len(fired(world)) == len(ALL)


def test_killed_before_the_deadline_and_started_after_it_escalates_once(world: World) -> None:
    """The process is gone at 3:59 and back at 4:05, twice; an older one that comes back is fenced off."""
    order = made(world)
    world.desk.tick(NOW + 4 * HOUR - MINUTE)
    before = len(fired(world))
    for epoch in (1, 2):  # the same file, nothing in memory
        again = world.another(epoch=epoch)
        again.apply([], epoch, (), NOW + 4 * HOUR + 5 * MINUTE)
        again.tick(NOW + 4 * HOUR + 5 * MINUTE)
    assert fired(world)[before:] == [("escalated", "resolve", "4h"), ("sla_breached", "resolve", "due")]
    notices = world.queries.notices(order.no)
    assert [(one.recipient, one.template, one.n) for one in notices] == [
        ("C1", "escalation", 1),
        ("C2", "escalation", 1),
    ]
    assert [one["text"] for one in world.messages()] == [
        f"{order.no}：解决：2026-11-22 18:00 已用 4 小时，时限 4 小时（节点 4h）",
        f"{order.no}: resolution: 4 h of 4 h used up at 2026-11-22 18:00 (milestone 4h)",
    ]


def test_holds_pause_for_their_reason_only_and_count_working_time(world: World) -> None:
    order = made(world)
    world.work_through(order.no, Act.START)  # at +1 min
    world.act(order.no, Act.HOLD, reason="other", note="lunch", now=NOW + HOUR)
    assert clock(world, order).state is ClockState.RUNNING
    world.act(order.no, Act.RESUME, now=NOW + 2 * HOUR)
    world.act(order.no, Act.HOLD, reason=" Waiting for PARTS ", now=NOW + 3 * HOUR)
    held = clock(world, order)
    assert (held.state, held.consumed, held.due_at, held.next_at) == (ClockState.PAUSED, 3 * HOUR, None, None)
    world.desk.tick(NOW + 30 * HOUR)
    assert ("sla_breached", "resolve", "due") not in fired(world)
    world.act(order.no, Act.RESUME, now=NOW + 30 * HOUR)
    assert clock(world, order).due_at == NOW + 31 * HOUR  # not its start and 27 h of hold, but the hour that is left
    world.desk.tick(NOW + 31 * HOUR)
    assert fired(world)[-1] == ("sla_breached", "resolve", "due")


def test_reopened_goes_on_with_what_was_counted_and_ends_with_the_order(world: World) -> None:
    order = made(world)
    world.work_through(order.no, Act.START)
    world.act(order.no, Act.RESOLVE, fault="E", cause="c", remedy="r", now=NOW + HOUR)
    world.act(order.no, Act.CLOSE, now=NOW + 2 * HOUR)
    world.act(order.no, Act.REOPEN, reason="again", now=NOW + 10 * HOUR)
    again = clock(world, order)
    assert (again.state, again.consumed, again.due_at) == (ClockState.RUNNING, HOUR, NOW + 13 * HOUR)
    assert state(world, order)["respond"] == "met"  # the first answer counts
    world.act(order.no, Act.CANCEL, reason="duplicate", now=NOW + 11 * HOUR)
    assert (clock(world, order).state, clock(world, order).consumed) == (ClockState.ENDED, 2 * HOUR)
    world.desk.tick(NOW + DAY)
    assert "due" not in [name for _, kind, name in fired(world) if kind == "resolve"]


def test_what_happened_in_the_field_counts_when_it_happened(world: World) -> None:
    """An engineer without a network accepted in time; the report came late, after the breach had been told."""
    order = made(world)
    world.act(order.no, Act.ASSIGN, assignee="zhang")
    world.desk.tick(NOW + 40 * MINUTE)
    assert clock(world, order, ClockKind.RESPOND).breached_at == NOW + 30 * MINUTE
    world.act(order.no, Act.ACCEPT, occurred_at=NOW + 20 * MINUTE, now=NOW + HOUR)
    answered = clock(world, order, ClockKind.RESPOND)
    assert (answered.state, answered.met_at, answered.consumed) == (ClockState.MET, NOW + 20 * MINUTE, 20 * MINUTE)


def test_a_breach_that_no_tick_saw_is_told_before_the_answer(world: World) -> None:
    order = made(world)
    world.act(order.no, Act.ASSIGN, assignee="zhang")
    after = world.act(order.no, Act.ACCEPT, now=NOW + 45 * MINUTE)
    assert clock(world, order, ClockKind.RESPOND).state is ClockState.LATE
    assert world.kinds()[-3:] == ["workorder.escalated", "workorder.sla_breached", "workorder.accepted"]
    assert [event["data"]["workOrder"]["version"] for event in world.events()] == list(range(1, after.version + 1))


def test_an_edited_policy_or_calendar_counts_what_is_left(world: World) -> None:
    order = made(world)
    world.work_through(order.no, Act.START)
    world.act(order.no, Act.HOLD, reason="waiting_parts", now=NOW + HOUR)
    world.act(order.no, Act.RESUME, now=NOW + 2 * HOUR)
    # NOW is a Sunday, 14:00: by the hours of an office nothing counts since then; 5 h are left for Monday from 08:30
    for hours, due in (
        (None, NOW + 7 * HOUR),
        ({"office": OFFICE}, NOW + 18 * HOUR + 30 * MINUTE + 6 * HOUR + 30 * MINUTE),
    ):
        edited = {**FOUR, "resolve": "6h", "hours": "office" if hours else "always"}
        world.policy = desk_policy(policies(hours, four=edited))
        world.desk = world.another()
        world.desk.tick(NOW + 3 * HOUR)
        assert clock(world, order).due_at == due
    world.policy = desk_policy(policies(other=FOUR))  # the policy is gone: nothing is promised any more
    world.desk = world.another()
    world.desk.tick(NOW + 4 * HOUR)
    assert state(world, order)["resolve"] == "ended"
    assert ("sla_breached", "resolve", "due") not in fired(world)


def test_a_clock_set_back_takes_nothing_and_fires_nothing_twice(world: World) -> None:
    order = made(world, NOW + 10 * HOUR)  # the clock was ahead
    world.desk.tick(NOW + 10 * HOUR + 25 * MINUTE)
    assert fired(world) == ALL[:1]
    world.desk.apply([], 1, [(1, ClockStep(NOW + 11 * HOUR, NOW))], NOW)
    world.desk.tick(NOW)
    assert clock(world, order).due_at == NOW + 4 * HOUR
    world.desk.tick(NOW + DAY)
    assert fired(world) == ALL


def test_orders_that_name_no_policy_get_one_that_fits_and_a_higher_level_another(tmp_path: Path) -> None:
    sla = policies(urgent={"resolve": "1h", "priorities": ["P1"]}, usual={"resolve": "8h", "types": ["repair"]})
    world = World(tmp_path / "match.db", desk_policy(sla))
    world.apply(transition(1, level=Level.MAJOR))
    order = world.order()
    assert (clock(world, order).policy, clock(world, order).target) == ("usual", 8 * HOUR)
    world.apply(transition(2, Change.LEVEL_UP, level=Level.CRITICAL), now=NOW + 30 * MINUTE)
    raised = clock(world, order)
    assert (raised.policy, raised.due_at) == ("urgent", raised.started_at + HOUR)
    world.database.close()


def test_without_policies_orders_have_no_clocks(tmp_path: Path) -> None:
    world = World(tmp_path / "none.db", desk_policy(policies(bare={})))
    order = made(world, sla="bare")
    world.work_through(order.no)
    world.desk.tick(NOW + DAY)
    assert world.queries.clocks([order.id])[order.id] == []
    assert world.events()[-1]["data"]["workOrder"]["clocks"] == []
    world.database.close()


@settings(max_examples=examples(10))
@given(
    st.lists(st.tuples(st.sampled_from(["hold", "resume", "tick", "restart"]), st.integers(1, 7 * HOUR)), max_size=12)
)
def test_any_holds_ticks_and_restarts_give_the_same_milestones(steps: list[tuple[str, int]]) -> None:
    """Whatever happens when: each milestone once, in order, and what was counted is the time that it ran."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(
            Path(folder) / "any.db", desk_policy(policies({"office": OFFICE}, four={**FOUR, "hours": "office"}))
        )
        order = made(world, NOW + DAY)
        now, held, ran, since = NOW + DAY, False, 0, NOW + DAY
        time = world.policy.sla.by_name["four"].time
        for act, fields in ((Act.ASSIGN, {"assignee": "zhang"}), (Act.ACCEPT, {}), (Act.START, {})):
            world.act(order.no, act, now=now, **fields)
        for step, gap in steps:
            now += gap
            if step == "restart":
                world.desk = world.another()
            if step == "tick":
                world.desk.tick(now)
            elif step == ("resume" if held else "hold"):
                ran += 0 if held else time.consumed(since, now)
                since, held = now, not held
                why = {"reason": "waiting_parts"} if held else {}
                world.act(order.no, Act.HOLD if held else Act.RESUME, now=now, **why)
        world.desk.tick(now)
        found = clock(world, order)
        total = ran + (0 if held else time.consumed(since, now))
        assert consumed_at(found, world.policy.sla.by_name["four"], now) == total
        due = [name for name, after in (("50%", 2 * HOUR), ("4h", 4 * HOUR), ("due", 4 * HOUR)) if total >= after]
        assert [name for _, kind, name in fired(world) if kind == "resolve"] == due
        lines = explain(found, world.policy.sla.by_name["four"], now, SHANGHAI)
        assert all(line.text("en") and line.text("zh") for line in lines)
        world.database.close()
