"""Whatever comes, every alarm is accounted for: in an order, in a parent's, waiting with a reason, or a record only."""

from contextlib import suppress
from typing import Any

import postgres_kit
from depth import examples
from desk_kit import BOSS, NOW, World, new_world, transition
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.alarm import Change, Level, NoticePlan, Parent, Thing
from gateway.domain.duration import DAY, HOUR, MINUTE
from gateway.domain.errors import CommandError
from gateway.domain.workorder import Act, Alarm, AlarmState, Command, DeadlineReason
from gateway.store import AlarmFilter, OrderFilter

WAITS = {
    DeadlineReason.AFTER,
    DeadlineReason.IMPORT,
    DeadlineReason.QUIET,
    DeadlineReason.COOLDOWN,
    DeadlineReason.BATCH,
}
PLANS: list[dict[str, Any]] = [
    {}, {"cooldown": 3 * HOUR}, {"after": HOUR}, {"reopen_within": HOUR},
    {"batch_by": "area", "batch_every": DAY, "cooldown": HOUR},
]  # fmt: skip
MARKS: list[dict[str, Any]] = [
    {}, {}, {"limited": "alarms_per_rule"}, {"limited": "orders_per_site"}, {"stale": True}, {"muted": True},
    {"unstable": True, "count": 4}, {"live": False}, {"held": HOUR},
    {"held": 30 * MINUTE, "limited": "orders_per_site"},
]  # fmt: skip
CHANGES = [Change.RAISED] * 4 + [
    Change.CLEARED, Change.CLEARED, Change.LEVEL_UP, Change.LEVEL_DOWN, Change.WITHDRAWN, Change.MERGED, Change.MERGED,
]  # fmt: skip
change = st.tuples(
    st.sampled_from(CHANGES), st.sampled_from([1, 2, 101]), st.integers(0, 4), st.sampled_from(Level),
    st.sampled_from(MARKS),
)  # fmt: skip
act = st.tuples(st.integers(0, 5), st.sampled_from([Act.CANCEL, Act.ASSIGN, Act.ACCEPT, Act.START]))
pause = st.sampled_from([MINUTE, 20 * MINUTE, 2 * HOUR, DAY])
outage = st.sampled_from(["down", "up", "up"])  # the parent of what is merged comes and goes
steps = st.lists(st.one_of(change, change, change, outage, act, pause), min_size=4, max_size=20)


class Story:
    """Plays steps on a desk, as an engine and people would."""

    def __init__(self, world: World) -> None:
        self.world, self.seq, self.now = world, 0, NOW

    def play(self, step: Any) -> None:
        self.now += MINUTE
        if isinstance(step, int):
            self.now += step
            self.world.desk.tick(self.now)
        elif isinstance(step, str):
            self.seq += 1
            change = Change.RAISED if step == "down" else Change.CLEARED
            one = transition(self.seq, change, device=50, rule="outage", fault="OUT", at=self.now)
            self.world.desk.apply([one], self.seq, (), self.now)
        elif len(step) == 2:
            self.act(*step)
        else:
            self.change(*step)

    def act(self, pick: int, act: Act) -> None:
        orders = self.world.queries.orders(OrderFilter(open=True)).items
        if orders:
            order = orders[pick % len(orders)]
            command = Command(order.no, act, BOSS, f"c{self.now}", assignee="zhang", reason="duplicate")
            with suppress(CommandError):  # not possible in its state: nothing happened
                self.world.desk.command(command, self.now)

    def change(self, change: Change, device: int, plan: int, level: Level, marks: dict[str, Any]) -> None:
        self.seq += 1
        marks = dict(marks)
        held = marks.pop("held", 0)
        marks["held_until"] = self.now + held if held else 0
        parent = Parent("outage", Thing(50, 1)) if change is Change.MERGED else None
        one = transition(
            self.seq,
            change,
            device=device,
            rule=f"r{plan}",
            fault="F" if plan < 3 else f"F{plan}",
            level=level,
            at=self.now,
            notice=NoticePlan("owner", "overtemp", remind=HOUR, max=3),
            parent=parent,
            **PLANS[plan],
            **marks,
        )
        self.world.desk.apply([one], self.seq, (), self.now)


def check(world: World) -> None:
    alarms = {alarm.id: alarm for alarm in world.queries.alarms(limit=500).items}
    for alarm in alarms.values():
        accounted(world, alarm, alarms)
    open_ = [order.key for order in world.queries.orders(OrderFilter(open=True)).items]
    assert len(open_) == len(set(open_)), "one open order per key"
    for order in world.queries.orders(limit=500).items:
        assert [audit.seq for audit in world.queries.audit(order.no)] == list(range(1, order.version + 1))
        assert order.causes
        listed = world.queries.alarms_of(order.no)
        assert listed
        if order.closed_at is None:
            raised = [a for a in listed if a.cleared_at is None and a.order == order.id]
            assert (order.condition_cleared_at is None) == bool(raised), order.no


def accounted(world: World, alarm: Alarm, alarms: dict[str, Alarm]) -> None:
    if alarm.cleared_at is not None:
        left = {d.reason for d in world.queries.deadlines(alarm.id)}
        assert left <= {DeadlineReason.DIGEST}, "nothing waits for what is over, but for the digest that tells of it"
    elif alarm.state is AlarmState.MERGED:
        assert alarms[alarm.parent].cleared_at is None, "it ends with its parent"
    elif alarm.counts:
        waits = {d.reason for d in world.queries.deadlines(alarm.id)} & WAITS
        assert alarm.order or waits, "lost"
    seen = world.queries.alarms(AlarmFilter(raised=True), limit=500).items
    assert len({a.key for a in seen}) == len(seen)


@settings(max_examples=examples(10), deadline=None, derandomize=True)
@given(steps)
def test_every_alarm_is_accounted_for(story: list[Any]) -> None:
    accounted_for(story, "sqlite")


@postgres_kit.needed
@settings(max_examples=2, deadline=None, derandomize=True)
@given(steps)
def test_every_alarm_is_accounted_for_on_a_server(story: list[Any]) -> None:
    accounted_for(story, "postgresql")


def accounted_for(story: list[Any], database: str) -> None:
    with new_world(database) as world:
        playing = Story(world)
        for step in ("down", *story):
            playing.play(step)
            if not isinstance(step, tuple):
                check(world)
        for _ in range(4):
            playing.play(DAY)
        check(world)
        subjects: dict[str, list[int]] = {}
        for event in world.events():
            subjects.setdefault(event["subject"], []).append(int(event["sequence"]))
        for subject, found in subjects.items():
            assert found == sorted(set(found)), subject
