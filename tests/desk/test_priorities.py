"""Priority: a table that can be read from the top, a floor for safety, and a reason in both languages."""

from dataclasses import replace
from itertools import pairwise

import pytest
from desk_kit import BOSS, NOW, World, transition
from hypothesis import given
from hypothesis import strategies as st

from gateway.desk.priorities import PRIORITIES, URGENCIES, PriorityMatrix, PriorityRow
from gateway.domain.alarm import Level
from gateway.domain.device import Customer, Device
from gateway.domain.errors import CommandError
from gateway.domain.workorder import Act, FaultReport, WorkOrder
from gateway.ports import RegistryContents
from gateway.store import SqlRegistryStore


class Clock:
    def now(self) -> int:
        return NOW


def order(level: Level = Level.MINOR, urgency: str = "normal", customer: int = 0, kind: str = "repair") -> WorkOrder:
    from gateway.domain.workorder import OrderState

    return WorkOrder(
        "id",
        "default",
        "WO-1",
        "key",
        kind,
        "E",
        "alarm",
        "t",
        "t",
        "",
        1,
        0,
        "",
        OrderState.NEW,
        level,
        "",
        "",
        "",
        "",
        0,
        0,
        0,
        0,
        urgency=urgency,
        customer_level=customer,
    )


@pytest.mark.parametrize(
    ("given", "safety", "grade", "reason", "reason_zh"),
    [
        (order(Level.CRITICAL), False, "P1", "level critical", "级别紧急"),
        (order(Level.MINOR), False, "P3", "level minor", "级别一般"),
        (order(Level.MINOR, "urgent"), False, "P2", "level minor, urgent", "级别一般，紧急"),
        (order(Level.NOTICE, "low"), False, "P4", "level notice, not urgent", "级别提示，不紧急"),
        (order(Level.MINOR, "urgent", 5), False, "P1", "level minor, urgent, customer of level 5", None),
        (order(Level.MINOR), True, "P1", "level minor, safety: at least P1", "级别一般，安全类：不低于 P1"),
    ],
)
def test_without_a_table(given: WorkOrder, safety: bool, grade: str, reason: str, reason_zh: str | None) -> None:
    found = PriorityMatrix().rank(given, safety=safety)
    assert found[:2] == (grade, reason)
    assert reason_zh is None or found[2] == reason_zh


def test_the_first_line_that_fits_decides() -> None:
    matrix = PriorityMatrix(
        (
            PriorityRow("P1", levels=frozenset({Level.MAJOR}), customer_from=4),
            PriorityRow("P2", urgencies=frozenset({"urgent"})),
            PriorityRow("P4", types=frozenset({"patrol"})),
        ),
        safety="P2",
    )
    assert matrix.rank(order(Level.MAJOR, "urgent", 4), safety=False)[0] == "P1"
    assert matrix.rank(order(Level.MAJOR, "urgent", 3), safety=False)[:2] == (
        "P2",
        "level major, urgent, customer of level 3, line 2 of desk.priority",
    )
    assert matrix.rank(order(Level.CRITICAL, kind="patrol"), safety=False)[0] == "P4"
    assert matrix.rank(order(Level.CRITICAL, kind="patrol"), safety=True)[0] == "P2"
    assert matrix.rank(order(Level.MINOR), safety=False)[0] == "P3"


@given(st.sampled_from(URGENCIES), st.integers(0, 5), st.booleans())
def test_more_severe_more_urgent_higher_customer_never_lowers(urgency: str, customer: int, safety: bool) -> None:
    matrix = PriorityMatrix()

    def grade(**fields: object) -> str:
        base = {"level": Level.MINOR, "urgency": urgency, "customer": customer}
        return matrix.rank(order(**{**base, **fields}), safety=safety)[0]  # type: ignore[arg-type]

    for name, values in (("level", sorted(Level)), ("urgency", URGENCIES), ("customer", range(6))):
        found = [grade(**{name: value}) for value in values]
        assert all(later <= earlier for earlier, later in pairwise(found)), (name, found)
        assert set(found) <= set(PRIORITIES)


def test_an_order_has_its_priority_from_level_customer_and_urgency(world: World) -> None:
    attrs: dict[str, str | float | bool] = {"level": 5.0}
    customer = Customer("V1", "Vip", "13800000009", "zh", attrs=attrs)
    device = Device(300, "V-1", "p", "charger", site="HZ-003", customer="V1")
    SqlRegistryStore(world.database, Clock()).save(RegistryContents([], [customer], [device], []), ())
    world.apply(transition(1, device=300, level=Level.MINOR))
    made = world.order()
    assert (made.priority, made.customer_level, made.priority_reason_zh) == ("P2", 5, "级别一般，5 级客户")
    after = world.act(made.no, Act.SET_URGENCY, urgency="urgent", reason="guests wait")
    assert (after.priority, after.urgency) == ("P1", "urgent")
    [event] = [one for one in world.events() if one["data"].get("changed") == ["urgency"]]
    assert event["data"]["workOrder"]["priorityReason"]["en"] == "level minor, urgent, customer of level 5"
    with pytest.raises(CommandError, match="low, normal, urgent"):
        world.act(made.no, Act.SET_URGENCY, urgency="now", reason="x")
    with pytest.raises(CommandError):
        world.act(made.no, Act.SET_URGENCY, urgency="low")


def test_a_safety_type_never_lies_below_its_floor(world: World) -> None:
    world.policy = replace(world.policy, priorities=PriorityMatrix(safety="P2"))
    world.desk = world.another()
    world.apply(transition(1, kind="gas", level=Level.NOTICE))
    assert world.order().priority == "P2"
    world.act(world.order().no, Act.SET_URGENCY, urgency="low", reason="x")
    assert (world.order().priority, world.order().priority_reason) == (
        "P2",
        "level notice, not urgent, safety: at least P2",
    )


def test_an_urgent_report_makes_the_open_order_urgent(world: World) -> None:
    def report(command: str, urgency: str) -> WorkOrder:
        one = FaultReport(1, "E07", "Hot", "热", BOSS, command, component=1, urgency=urgency)
        return world.desk.report(one, NOW)

    assert report("a", "normal").priority == "P3"
    assert report("b", "urgent").priority == "P2"
    assert report("c", "low").urgency == "urgent"
