"""One order a cycle, one open order a thing; nothing is lost while the gateway is off or a plan is edited."""

from datetime import date

from desk_kit import World
from plan_kit import at, cycles, day, monthly, orders, states, things, tick, use

from gateway.desk.plans import Basis
from gateway.domain.device import Device, Life
from gateway.domain.duration import DAY
from gateway.domain.maintenance import PlanScope, StopState
from gateway.domain.workorder import Act, OrderState
from gateway.ports import RegistryContents
from gateway.store import SqlRegistryStore
from gateway.store.plan_rows import PlanReads


class Clock:
    def now(self) -> int:
        return at("2026-11-22 14:00")


def done(world: World, no: str, when: str, upto: Act = Act.CLOSE) -> None:
    """Assign, accept, start, resolve, close at this time."""
    steps = [(Act.ASSIGN, {"assignee": "zhang"}), (Act.ACCEPT, {}), (Act.START, {})]
    steps += [(Act.RESOLVE, {"fault": "-", "cause": "-", "remedy": "serviced"}), (Act.CLOSE, {})]
    for act, fields in steps:
        world.act(no, act, now=at(when), **fields)
        if act is upto:
            return


def test_an_order_opens_on_its_date_once(world: World) -> None:
    use(world, monthly())
    tick(world, "2026-12-01 12:00")
    assert [day(one.due_at) for one in things(world)] == ["2026-12-05", "2026-12-05"]
    assert orders(world) == []
    tick(world, "2026-12-05 07:59")
    assert orders(world) == []
    for _ in range(3):
        tick(world, "2026-12-05 08:00")
        use(world, monthly())  # a restart
    [order] = orders(world)
    assert (order.state, order.source, order.type, order.fault, order.skill) == (
        OrderState.NEW,
        "plan",
        "maintenance",
        "care",
        "meter",
    )
    assert (order.title_en, order.title_zh) == ("Monthly service", "月度保养")
    assert order.why == "planned for 2026-12-05: Monthly service"
    assert order.why_zh == "计划日期 2026-12-05：月度保养"
    assert states(world) == [("2026-12-05", "open")]
    assert world.kinds() == ["workorder.created", "workorder.created"]
    done(world, order.no, "2026-12-05 16:00")
    assert states(world) == [("2026-12-05", "done")]
    assert [day(one.due_at) for one in things(world)] == ["2027-01-05", "2027-01-05"]
    tick(world, "2027-01-05 09:00")
    assert [one.related_to for one in orders(world)] == ["", order.no]


def test_a_lead_opens_the_order_before_its_date(world: World) -> None:
    use(world, monthly(lead=7 * DAY))
    tick(world, "2026-11-28 07:59")
    assert orders(world) == []
    tick(world, "2026-11-28 08:00")
    assert states(world) == [("2026-12-05", "open")]


def test_a_date_that_comes_while_the_order_is_open_is_done_with_it(world: World) -> None:
    use(world, monthly())
    tick(world, "2026-12-01 12:00")
    for month in ("2026-12-05 09:00", "2027-01-05 09:00", "2027-02-05 09:00"):
        tick(world, month)
    [order] = orders(world)
    assert states(world) == [("2026-12-05", "open"), ("2027-01-05", "merged"), ("2027-02-05", "merged")]
    notes = [one["data"].get("note", "") for one in world.events() if one["subject"] == order.no]
    assert any("2027-01-05" in note for note in notes)
    done(world, order.no, "2027-02-06 10:00")
    assert {one.done_at for one in cycles(world) if one.device == 101} == {at("2027-02-06 10:00")}
    assert day(things(world)[0].due_at) == "2027-03-05"


def test_dates_that_fell_while_the_gateway_was_off_make_one_order(world: World) -> None:
    use(world, monthly())
    tick(world, "2026-12-01 12:00")
    tick(world, "2027-03-10 12:00")
    assert states(world) == [
        ("2026-12-05", "missed"),
        ("2027-01-05", "missed"),
        ("2027-02-05", "missed"),
        ("2027-03-05", "open"),
    ]
    assert len(orders(world)) == 1
    assert day(things(world)[0].due_at) == "2027-04-05"


def test_from_the_day_of_the_work(world: World) -> None:
    use(world, monthly(basis=Basis.COMPLETED))
    tick(world, "2026-12-01 12:00")
    tick(world, "2026-12-05 08:00")
    [order] = orders(world)
    assert [one.due_at for one in things(world)] == [None, None]
    done(world, order.no, "2026-12-20 16:00", Act.RESOLVE)
    assert day(things(world)[0].due_at) == "2027-01-20"
    world.act(order.no, Act.REOPEN, now=at("2026-12-21 09:00"), reason="leaks")
    assert things(world)[0].due_at is None
    assert states(world) == [("2026-12-05", "open")]
    world.act(
        order.no,
        Act.RESOLVE,
        now=at("2026-12-24 16:00"),
        fault="-",
        cause="-",
        remedy="-",
        occurred_at=at("2026-12-23 11:00"),
    )
    assert day(things(world)[0].due_at) == "2027-01-23"
    world.act(order.no, Act.CLOSE, now=at("2026-12-30 16:00"))
    assert day(things(world)[0].due_at) == "2027-01-23"
    tick(world, "2027-01-23 08:00")
    assert states(world) == [("2026-12-05", "done"), ("2027-01-23", "open")]
    world.act(orders(world)[1].no, Act.CANCEL, now=at("2027-01-25 10:00"), reason="customer")
    assert states(world)[1] == ("2027-01-23", "cancelled")
    assert day(things(world)[0].due_at) == "2027-02-23"


def test_an_edited_plan_counts_anew_and_keeps_open_orders(world: World) -> None:
    use(world, monthly())
    tick(world, "2026-12-01 12:00")
    tick(world, "2026-12-05 08:00")
    use(world, monthly("FREQ=WEEKLY", revision="r2"))
    tick(world, "2026-12-05 09:00")
    assert day(things(world)[0].due_at) == "2026-12-07"
    assert len(orders(world)) == 1
    use(world)
    tick(world, "2026-12-05 10:00")
    assert things(world) == []
    done(world, orders(world)[0].no, "2026-12-06 10:00")
    assert states(world) == [("2026-12-05", "done")]


def test_devices_come_and_go(world: World) -> None:
    use(world, monthly(scope=PlanScope(kinds=("meter",), areas=("east",))))
    tick(world, "2026-12-01 12:00")
    assert [one.device for one in things(world)] == [102]
    registry = SqlRegistryStore(world.database, Clock())
    more = Device(103, "M-0103", "p", "meter", site="NB-001", tags=("new",))
    registry.save(RegistryContents([], [], [more], []), ())
    tick(world, "2026-12-01 12:01")
    assert [one.device for one in things(world)] == [102, 103]
    gone = Device(102, "M-0102", "p", "meter", site="NB-001", life=Life.RETIRED)
    registry.save(RegistryContents([], [], [gone], []), ())
    tick(world, "2026-12-01 12:02")
    assert [one.device for one in things(world)] == [103]
    use(world, monthly(scope=PlanScope(tags=("new",)), revision="r2"))
    tick(world, "2026-12-01 12:03")
    assert [one.device for one in things(world)] == [103]


def test_a_start_by_attribute(world: World) -> None:
    attrs: dict[str, str | float | bool] = {"installed_on": "2025-03-20"}
    dated = Device(103, "M-0103", "p", "meter", site="NB-001", attrs=attrs)
    SqlRegistryStore(world.database, Clock()).save(RegistryContents([], [], [dated], []), ())
    use(world, monthly("FREQ=YEARLY", start="installed_on"))
    tick(world, "2026-12-01 12:00")
    assert {one.device: day(one.due_at) for one in things(world)} == {101: "", 102: "", 103: "2027-03-20"}


def test_many_things_open_in_pieces(world: World) -> None:
    devices = [Device(1000 + i, f"X-{i:04d}", "p", "valve", site="NB-001") for i in range(1200)]
    SqlRegistryStore(world.database, Clock()).save(RegistryContents([], [], devices, []), ())
    use(world, monthly(scope=PlanScope(kinds=("valve",))))
    tick(world, "2026-12-01 12:00")
    assert len(things(world)) == 1200
    assert tick(world, "2026-12-05 12:00") == 1200
    assert tick(world, "2026-12-05 12:01") == 0
    rows = cycles(world)
    assert len({one.order for one in rows}) == len(rows) == 1200


def test_a_round_is_one_order_with_the_devices_of_the_route(world: World) -> None:
    use(world, monthly(scope=PlanScope(kinds=("meter",), by_route=True), start=date(2026, 1, 5)))
    tick(world, "2026-12-01 12:00")
    tick(world, "2026-12-05 12:00")
    [order] = world.queries.orders().items
    assert (order.device, order.group) == (0, "R1")
    stops = world.database.query(lambda c: PlanReads(c).plan_stops(order.id))
    assert [(one.device, one.state) for one in stops] == [(101, StopState.OPEN), (102, StopState.OPEN)]
