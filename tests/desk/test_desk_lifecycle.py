"""The life of an order: every legal line, every refusal, and a machine that tries everything in any order."""

from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import msgspec
import postgres_kit
import pytest
from desk_kit import BOSS, NOW, World, new_world, transition
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.desk import MOVES, legal
from gateway.desk.lifecycle import MoveContext, Refusal, decide
from gateway.domain.alarm import Change, Level
from gateway.domain.duration import HOUR, MINUTE
from gateway.domain.errors import CommandError
from gateway.domain.record import Closed, CycleDone, Unlatch
from gateway.domain.text import localize
from gateway.domain.workorder import Act, Actor, Command, FaultReport, OrderState, Role, WorkOrder
from gateway.store import AlarmFilter, OrderFilter, SqlControlOutbox

FULL: dict[str, Any] = {
    "assignee": "zhang",
    "reason": "duplicate",
    "fault": "E07",
    "cause": "fan",
    "remedy": "replaced",
    "note": "seen",
    "urgency": "urgent",
    "into": "WO-2",
}
ALONE = [act for act in Act if act is not Act.MERGE]  # acts that need no other order
ENGINEER = Actor("zhang", Role.ENGINEER)


def full(act: Act) -> dict[str, Any]:
    """All that any act needs."""
    return FULL | {"reason": "weather"} if act is Act.HOLD else FULL


# from, act -> to; every pair that is not here is illegal (reference: workorders 5.2)
TABLE = {
    ("new", "assign"): "assigned", ("assigned", "assign"): "assigned", ("accepted", "assign"): "assigned",
    ("in_progress", "assign"): "assigned", ("on_hold", "assign"): "assigned", ("assigned", "accept"): "accepted",
    ("assigned", "reject"): "new", ("accepted", "arrive"): "accepted", ("accepted", "start"): "in_progress",
    ("in_progress", "hold"): "on_hold",
    ("on_hold", "resume"): "in_progress", ("in_progress", "resolve"): "resolved", ("resolved", "close"): "closed",
    ("resolved", "reopen"): "in_progress", ("closed", "reopen"): "assigned",
} | {(s, "cancel"): "cancelled" for s in ("new", "assigned", "accepted", "in_progress", "on_hold")} | {
    (s.value, "comment"): s.value for s in OrderState
} | {(s, "merge"): "cancelled" for s in ("new", "assigned", "accepted", "in_progress", "on_hold")} | {
    (s, "set_urgency"): s for s in ("new", "assigned", "accepted", "in_progress", "on_hold")}  # fmt: skip


BOSS_ADMIN = Actor("root", Role.ADMIN)
SAMPLE = WorkOrder(
    "id",
    "default",
    "WO-1",
    "key",
    "repair",
    "E07",
    "alarm",
    "en",
    "zh",
    "",
    1,
    1,
    "",
    OrderState.NEW,
    Level.MAJOR,
    "P2",
    "",
    "overtemp",
    "0-1-0",
    NOW,
    NOW,
    NOW,
    NOW,
)


@given(st.sampled_from(OrderState), st.sampled_from(Act))
def test_the_table_is_complete(state: OrderState, act: Act) -> None:
    order = msgspec.structs.replace(SAMPLE, state=state, assignee="zhang")
    result = decide(MoveContext(order, Command("WO", act, BOSS_ADMIN, "1", **full(act)), 0))
    expected = TABLE.get((state.value, act.value))
    if expected is None:
        assert isinstance(result, Refusal)
        assert result.status in {403, 409}
    else:
        assert not isinstance(result, Refusal)
        assert result.state == expected


def refused(world: World, no: str, act: Act, actor: Actor = BOSS, **fields: Any) -> CommandError:
    before = (world.queries.order(no), world.events(), world.queries.audit(no))
    with pytest.raises(CommandError) as error:
        world.act(no, act, actor, **fields)
    assert (world.queries.order(no), world.events(), world.queries.audit(no)) == before, "a refusal leaves no trace"
    said: Any = error.value.extra["fields"]
    assert localize(str(error.value.extra["key"]), "zh", **said) != error.value.detail
    return error.value


def test_an_arrival_is_recorded_once_and_who_starts_is_there(world: World) -> None:
    world.apply(transition(1))
    no = world.order().no
    world.work_through(no, Act.ACCEPT)
    there = world.act(no, Act.ARRIVE, now=NOW + 2 * MINUTE)
    assert (there.state, there.arrived_at) == (OrderState.ACCEPTED, NOW + 2 * MINUTE)
    assert refused(world, no, Act.ARRIVE).code == "arrived"
    assert world.act(no, Act.START, now=NOW + 3 * MINUTE).arrived_at == NOW + 2 * MINUTE
    away = world.act(no, Act.ASSIGN, assignee="li", now=NOW + 4 * MINUTE)  # another engineer is not there yet
    assert away.arrived_at is None
    world.act(no, Act.ACCEPT)
    assert world.act(no, Act.START, now=NOW + 9 * MINUTE).arrived_at == NOW + 9 * MINUTE


def test_a_whole_life_leaves_one_audit_row_and_one_event_per_move(world: World) -> None:
    world.apply(transition(1))
    no = world.order().no
    world.act(no, Act.ASSIGN, assignee="zhang")
    world.act(no, Act.ACCEPT, ENGINEER, occurred_at=NOW - HOUR)
    world.act(no, Act.START, ENGINEER)
    world.act(no, Act.HOLD, ENGINEER, reason="等待备件", note="part ordered")
    assert world.order().hold_reason == "waiting_parts"
    world.act(no, Act.RESUME, ENGINEER)
    world.act(no, Act.RESOLVE, ENGINEER, fault="E07", cause="fan", remedy="replaced")
    world.apply(transition(2, Change.CLEARED))
    order = world.act(no, Act.CLOSE)
    kinds = [k.removeprefix("workorder.") for k in world.kinds() if k.startswith("workorder.")]
    assert kinds == ["created", "assigned", "accepted", "started", "held", "resumed", "resolved", "updated", "closed"]
    audit = world.queries.audit(no)
    assert [a.type for a in audit] == kinds
    assert [a.seq for a in audit] == list(range(1, order.version + 1))
    assert (audit[2].occurred_at, audit[2].before, audit[2].after, audit[2].role) == (
        NOW - HOUR,
        "assigned",
        "accepted",
        "engineer",
    )
    assert [e["sequence"] for e in world.events() if e["subject"] == no] == [f"{n:08d}" for n in range(1, 10)]


def test_refusals(world: World) -> None:
    world.apply(transition(1))
    no = world.order().no
    assert refused(world, no, Act.START).status == 409
    assert refused(world, no, Act.ASSIGN).status == 422
    assert refused(world, no, Act.ASSIGN, ENGINEER, assignee="zhang").status == 403
    assert refused(world, no, Act.CLOSE, reason="x").status == 403, "only the desk itself closes what nobody accepted"
    assert refused(world, no, Act.COMMENT, Actor("v", Role.VIEWER), note="hi").status == 403
    assert refused(world, no, Act.CANCEL, reason="because").code == "cancel_reason"
    world.act(no, Act.ASSIGN, assignee="zhang")
    assert refused(world, no, Act.ACCEPT, Actor("wang", Role.ENGINEER)).code == "not_assignee"
    world.act(no, Act.ACCEPT, ENGINEER)
    world.act(no, Act.START, ENGINEER)
    assert refused(world, no, Act.RESOLVE, ENGINEER, fault="E07", cause=" ").code == "missing"
    world.act(no, Act.RESOLVE, ENGINEER, fault="E07", cause="fan", remedy="replaced")
    assert refused(world, no, Act.CLOSE).code == "close_needs_reason"
    world.act(no, Act.CLOSE, reason="customer agrees")
    assert refused(world, no, Act.CLOSE, reason="again").status == 409
    with pytest.raises(CommandError) as unknown:
        world.act("WO-19990101-00001", Act.START)
    assert unknown.value.status == 404


def test_a_command_sent_twice_is_done_once_and_a_reused_id_is_refused(world: World) -> None:
    world.apply(transition(1))
    command = Command(world.order().no, Act.ASSIGN, BOSS, "same", assignee="zhang")
    first = world.desk.command(command, NOW)
    assert world.desk.command(command, NOW + HOUR) == first
    assert len(world.queries.audit(first.no)) == 2
    with pytest.raises(CommandError) as reused:
        world.desk.command(Command(first.no, Act.ASSIGN, BOSS, "same", assignee="wang"), NOW)
    assert reused.value.code == "command_reused"
    with pytest.raises(CommandError) as missing:
        world.desk.command(Command(first.no, Act.ASSIGN, BOSS, "", assignee="wang"), NOW)
    assert missing.value.status == 422


def test_a_stale_version_is_refused_with_the_present_one(world: World) -> None:
    world.apply(transition(1))
    no = world.order().no
    world.act(no, Act.ASSIGN, assignee="zhang", expected_version=1)
    error = refused(world, no, Act.ACCEPT, expected_version=1)
    assert (error.status, error.extra["version"], error.extra["state"]) == (409, 2, "assigned")


def test_reject_counts_and_gives_the_order_back(world: World) -> None:
    world.apply(transition(1))
    no = world.order().no
    world.act(no, Act.ASSIGN, assignee="zhang")
    order = world.act(no, Act.REJECT, ENGINEER, reason="on leave")
    assert (order.state, order.assignee, order.rejections) == (OrderState.NEW, "", 1)


def test_a_person_cannot_reopen_while_the_fault_has_another_open_order(world: World) -> None:
    world.apply(transition(1), transition(2, Change.CLEARED))
    first = world.work_through(world.order().no)
    world.apply(transition(3), now=NOW + HOUR)
    error = refused(world, first.no, Act.REOPEN, reason="not fixed")
    assert (error.status, error.code) == (409, "other_open")


def test_closing_and_unlatching_become_facts_for_the_rules(world: World) -> None:
    world.apply(transition(1), transition(2, rule="vendor"))
    order = world.order()
    world.desk.unlatch("0-1-0", BOSS, "u1", NOW)
    world.desk.unlatch("0-1-0", BOSS, "u1", NOW)
    world.work_through(order.no, Act.CLOSE, reason="ok")
    outbox = SqlControlOutbox(world.database)
    facts = [fact for _, fact in outbox.pending(10)]
    done = world.order().resolved_at or 0
    assert facts == [
        Unlatch("overtemp", 1, 1, "boss"),
        CycleDone("overtemp", 1, 1, None, "boss", done, order.no),
        CycleDone("vendor", 1, 1, None, "boss", done, order.no),
        Closed("overtemp", 1, 1, order.no, "boss"),
        Closed("vendor", 1, 1, order.no, "boss"),
    ]
    assert "alarm_unlatched" in [a.type for a in world.queries.audit(order.no)]
    world.apply(transition(3, Change.CLEARED))
    with pytest.raises(CommandError) as late:
        world.desk.unlatch("0-1-0", BOSS, "u2", NOW)
    assert late.value.code == "not_raised"
    rows = {row: 100 + row for row, _ in outbox.pending(10)}
    outbox.journaled(rows)
    assert (outbox.pending(10), outbox.sequence(min(rows))) == ([], 100 + min(rows))


def test_a_report_joins_the_open_order_and_is_never_closed_by_the_desk(world: World) -> None:
    caller = Actor("hotline", Role.OPERATOR)
    report = FaultReport(
        1, "E07", "smells hot", "有焦味", caller, "r1", component=1, type="patrol", note="smells hot", source="customer"
    )
    order = world.desk.report(report, NOW)
    assert world.desk.report(report, NOW + HOUR).no == order.no
    assert (order.source, order.count) == ("customer", 1)
    world.apply(transition(1, kind="patrol"), transition(2, Change.CLEARED, kind="patrol"))
    assert (world.order().state, world.order().count) == (OrderState.NEW, 2)
    assert world.order().causes == ("customer", "overtemp")
    with pytest.raises(CommandError) as unknown:
        world.desk.report(FaultReport(999, "E07", "a", "b", caller, "r2"), NOW)
    assert unknown.value.status == 404


def test_what_the_console_may_offer(world: World) -> None:
    world.apply(transition(1))
    assert set(legal(world.order(), BOSS)) == {Act.ASSIGN, Act.CANCEL, Act.MERGE, Act.COMMENT, Act.SET_URGENCY}
    world.act(world.order().no, Act.ASSIGN, assignee="zhang")
    assert set(legal(world.order(), ENGINEER)) == {Act.ACCEPT, Act.REJECT, Act.COMMENT}
    assert set(legal(world.order(), Actor("wang", Role.ENGINEER))) == {Act.COMMENT}
    assert legal(world.order(), Actor("v", Role.VIEWER)) == ()


def test_every_act_has_a_line() -> None:
    assert {move.act for move in MOVES} == set(Act)


class Life(RuleBasedStateMachine):
    """Alarms come, go and come again while people do everything they can think of."""

    database = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.left = ExitStack()
        self.world = self.left.enter_context(new_world(self.database))
        self.seq = 0
        self.now = NOW
        self.raised: set[tuple[int, str]] = set()

    @initialize()
    def first(self) -> None:
        self.change(1, "a", Change.RAISED)

    def change(self, device: int, name: str, change: Change, level: Level = Level.MAJOR) -> None:
        self.seq += 1
        self.now += MINUTE
        kind = "patrol" if device == 2 else "repair"
        plan = {"device": device, "rule": name, "kind": kind, "reopen_within": 20 * MINUTE, "level": level}
        one = transition(self.seq, change, **plan)  # type: ignore[arg-type]
        for _ in range(2):  # every transition arrives twice
            self.world.desk.apply([one], self.seq, (), self.now)
        if change in {Change.CLEARED, Change.WITHDRAWN}:
            self.raised.discard((device, name))
        else:
            self.raised.add((device, name))

    @rule(device=st.integers(1, 2), name=st.sampled_from("ab"), level=st.sampled_from(Level))
    def raise_(self, device: int, name: str, level: Level) -> None:
        self.change(device, name, Change.RAISED, level)

    @precondition(lambda self: self.raised)
    @rule(
        pick=st.integers(0, 9),
        change=st.sampled_from([Change.CLEARED, Change.WITHDRAWN, Change.LEVEL_UP, Change.LEVEL_DOWN]),
    )
    def go_on(self, pick: int, change: Change) -> None:
        device, name = sorted(self.raised)[pick % len(self.raised)]
        self.change(device, name, change, Level.CRITICAL if change is Change.LEVEL_UP else Level.MINOR)

    @rule(
        pick=st.integers(0, 9),
        act=st.sampled_from(ALONE),
        role=st.sampled_from(Role),
    )
    def do(self, pick: int, act: Act, role: Role) -> None:
        orders = self.world.queries.orders().items
        order = orders[pick % len(orders)]
        actor = Actor("zhang", role)
        self.now += MINUTE
        command = Command(order.no, act, actor, f"c{self.now}", **full(act))
        result = decide(MoveContext(order, command, 0))
        if isinstance(result, Refusal):
            with pytest.raises(CommandError):
                self.world.desk.command(command, self.now)
        elif act is Act.REOPEN and order.closed_at is not None and self.blocked(order):
            with pytest.raises(CommandError, match="other_open"):
                self.world.desk.command(command, self.now)
        else:
            assert self.world.desk.command(command, self.now).version == order.version + 1

    @rule(pick=st.integers(0, 9), other=st.integers(0, 9))
    def merge(self, pick: int, other: int) -> None:
        orders = self.world.queries.orders().items
        order, target = orders[pick % len(orders)], orders[other % len(orders)]
        ended = {OrderState.RESOLVED, OrderState.CLOSED, OrderState.CANCELLED}
        self.now += MINUTE
        command = Command(order.no, Act.MERGE, BOSS, f"c{self.now}", into=target.no)
        if order.id == target.id or order.state in ended or target.state in ended:
            with pytest.raises(CommandError):
                self.world.desk.command(command, self.now)
            return
        mine = {a.id for a in self.world.queries.alarms_of(order.no)}
        for _ in range(2):  # every command arrives twice
            assert self.world.desk.command(command, self.now).merged_into == target.no
        assert mine <= {a.id for a in self.world.queries.alarms_of(target.no)}

    def blocked(self, order: WorkOrder) -> bool:
        return any(o.key == order.key for o in self.world.queries.orders(OrderFilter(open=True)).items)

    @rule(step=st.sampled_from([MINUTE, 15 * MINUTE, 2 * HOUR]))
    def tick(self, step: int) -> None:
        self.now += step
        self.world.desk.tick(self.now)

    @invariant()
    def one_open_order_per_fault(self) -> None:
        orders = self.world.queries.orders(OrderFilter(open=True), limit=500).items
        assert len({order.key for order in orders}) == len(orders)
        raised = self.world.queries.alarms(AlarmFilter(raised=True), limit=500).items
        assert {(a.device, a.rule) for a in raised} == self.raised
        for order in orders:
            if order.alarm:
                assert (order.condition_cleared_at is None) == any(a.order == order.id for a in raised)

    def the_story_is_complete(self) -> None:
        orders = self.world.queries.orders(limit=500).items
        events = [e for e in self.world.events() if e["type"].startswith("com.fieldgate.workorder.")]
        for order in orders:
            audit = self.world.queries.audit(order.no)
            mine = [e for e in events if e["subject"] == order.no]
            assert [a.seq for a in audit] == list(range(1, order.version + 1))
            assert [int(e["sequence"]) for e in mine] == [a.seq for a in audit]
            assert all(a.after == b.before for a, b in pairwise(audit))
            assert audit[-1].after == order.state
            assert (order.closed_at is not None) == order.state.ended
        assert len({e["id"] for e in events}) == len(events)

    def teardown(self) -> None:
        self.the_story_is_complete()
        self.left.close()


class LifeOnServer(Life):
    database = "postgresql"


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=10,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
TestLifeOnServer = postgres_kit.needed(LifeOnServer.TestCase)
TestLifeOnServer.settings = settings(TestLife.settings, max_examples=1)


def test_open_orders_can_be_filtered(world: World) -> None:
    world.apply(transition(1), transition(2, device=2))
    world.work_through(world.queries.orders(OrderFilter(device=1)).items[0].no, Act.CLOSE, reason="x")
    assert [o.device for o in world.queries.orders(OrderFilter(open=True)).items] == [2]
    assert [o.device for o in world.queries.orders(OrderFilter(states=(OrderState.CLOSED,))).items] == [1]
    assert world.queries.orders(OrderFilter(site="nowhere")).items == []
    assert len(world.queries.orders(OrderFilter(site="HZ-003", level=Level.MAJOR, assignee="zhang")).items) == 1
