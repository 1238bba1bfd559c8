"""Conditions from inside: hours, state for others, memory, what rules share."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from depth import examples
from engine_lab import POINTS, SPECS, T0, Lab, S, brief, charger, meter, rule, rules_of, told
from hypothesis import example, given, settings
from hypothesis import strategies as st
from row_by_row import RowEngine

from gateway.domain.alarm import Change, Level
from gateway.domain.code_table import CodeEntry, CodeTable
from gateway.domain.device import Life, Site
from gateway.domain.duration import DAY, HOUR, MINUTE, from_us, to_us
from gateway.domain.record import Closed, CycleDone, DeviceSet, MeterExchanged, SiteSet, Tick
from gateway.domain.workdays import WorkCalendar
from rules.compiled import Active, Names
from rules.conditions.counter_multiple.multiples import multiples
from rules.engine.conditions.base import ConditionEvaluator, EngineContext
from rules.engine.conditions.factory import evaluator_of
from rules.engine.state.active_hours import ActiveHours, instant
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.transitions import Emitter
from rules.format import compile_source, load_text

ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago")
MINUTES = st.integers(0, 1439)
CALENDAR = WorkCalendar(
    "t", (2026,), (date(2026, 1, 1), date(2026, 5, 1), date(2026, 10, 1), date(2026, 10, 2)), (date(2026, 10, 10),)
)
actives = st.builds(
    Active,
    st.lists(st.tuples(MINUTES, MINUTES), min_size=1, max_size=3, unique=True).map(lambda found: tuple(sorted(found))),
    st.lists(st.integers(0, 6), unique=True).map(lambda days: tuple(sorted(days))),
    st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), max_size=2).map(tuple),
    st.booleans(),
    st.booleans(),
    st.just(CALENDAR),
)


def alone(one: object, devices: int = 1) -> ConditionEvaluator:
    """A runner of a rule on a space of its own, without an engine."""
    common = EngineContext(Emitter(0, "lab"))
    for number in range(1, devices + 1):
        common.world.set_device(charger(number))
    space = common.world.space("charger")
    runner = evaluator_of(one, "UTC", space, common)  # type: ignore[arg-type]
    runner.refresh(range(len(space)), T0, "")
    return runner


# --- hours
@settings(max_examples=examples(50), deadline=None, derandomize=True)
@given(actives, st.sampled_from(ZONES), st.integers(T0, T0 + 400 * DAY))
@example(Active(((1, 1),), (), (), False, False, CALENDAR), "UTC", T0)  # whole days from 00:01 on
@example(Active(((0, 0),), (5, 6), (), True, False, CALENDAR), "UTC", T0 + 366 * DAY)  # and no holiday that is known
def test_hours_fit_together(active: Active, zone: str, at: int) -> None:
    schedule = ActiveHours(active)
    following = schedule.next_opening(zone, at)
    if schedule.always:
        assert schedule.inside(zone, at)
        assert following == NEVER
        return
    assert schedule.opening(zone, at) <= at < following
    closing = schedule.closing(zone, at)
    assert schedule.inside(zone, at) == (closing > at)
    if at < closing < NEVER:
        assert not schedule.inside(zone, closing)
        assert schedule.inside(zone, closing - 1)
    if following < NEVER:
        assert schedule.inside(zone, following)
        assert not schedule.inside(zone, following - 1)
        assert schedule.opening(zone, following) == following


@settings(max_examples=examples(50), deadline=None, derandomize=True)
@given(actives, st.sampled_from(ZONES), st.integers(T0, T0 + 400 * DAY))
def test_inside_is_what_the_day_and_the_hour_say(active: Active, zone: str, at: int) -> None:
    """An interval holds a moment when it began on an allowed day, today or yesterday, at or before it."""
    local = from_us(at).astimezone(ZoneInfo(zone))
    found = False
    for back in (0, 1, 2):
        day = local.date() - timedelta(days=back)
        weekday = day.weekday() in active.days
        worked = active.workday and ((day.weekday() < 5 and day not in CALENDAR.holidays) or day in CALENDAR.workdays)
        free = active.holiday and day in CALENDAR.holidays
        every = not (active.days or active.workday or active.holiday)
        months = {m for first, last in active.months for m in _months(first, last)}
        if (weekday or worked or free or every) and (not active.months or day.month in months):
            for begin, end in active.spans:
                ends = (day, end) if end > begin else (day + timedelta(days=1), end)
                found |= instant(zone, day, begin) <= at < instant(zone, *ends)
    assert ActiveHours(active).inside(zone, at) == found


def _months(first: int, last: int) -> list[int]:
    return [1 + (first - 1 + k) % 12 for k in range((last - first) % 12 + 1)]


def test_a_winter_of_five_months_is_one_interval() -> None:
    winter = ActiveHours(Active(months=((11, 3),)))
    christmas = to_us(datetime(2026, 12, 25, tzinfo=UTC))
    assert winter.opening("UTC", christmas) == to_us(datetime(2026, 11, 1, tzinfo=UTC))
    assert winter.closing("UTC", christmas) == to_us(datetime(2027, 4, 1, tzinfo=UTC))
    assert winter.next_opening("UTC", christmas) == to_us(datetime(2027, 11, 1, tzinfo=UTC))


def test_no_holiday_in_sight_is_no_opening() -> None:
    holidays = ActiveHours(Active(holiday=True, calendar=CALENDAR))
    assert holidays.next_opening("UTC", to_us(datetime(2026, 10, 5, tzinfo=UTC))) == NEVER
    assert holidays.opening("UTC", to_us(datetime(2029, 1, 1, tzinfo=UTC))) == LONG_AGO


@pytest.mark.parametrize(
    ("active", "always"),
    [
        (Active(), True),
        (Active(days=(0, 1, 2, 3, 4, 5, 6)), True),
        (Active(months=((1, 12),)), True),
        (Active(months=((4, 9), (10, 3))), True),
        (Active(((0, 720), (720, 0))), True),
        (Active(((360, 1320), (1320, 360))), True),
        (Active(((0, 719), (720, 0))), False),
        (Active(days=(5, 6), workday=True, holiday=True, calendar=CALENDAR), True),
        (Active(days=(5,), workday=True, holiday=True, calendar=CALENDAR), False),
        (Active(months=((1, 11),)), False),
    ],
)
def test_in_force_all_the_time(active: Active, always: bool) -> None:
    assert ActiveHours(active).always == always


def test_s26_a_day_of_23_hours_has_shorter_hours() -> None:
    schedule = ActiveHours(Active(((22 * 60, 6 * 60),)))
    evening = T0 + 86 * DAY + 21 * HOUR + MINUTE  # 2026-03-28 22:01 in Berlin
    opened = schedule.opening("Europe/Berlin", evening)
    assert (schedule.closing("Europe/Berlin", evening) - opened) == 7 * HOUR


def test_days_that_touch_are_one_interval() -> None:
    schedule = ActiveHours(Active(days=(5, 6)))
    saturday = T0 + 2 * DAY
    assert schedule.closing("UTC", saturday + HOUR) == saturday + 2 * DAY
    openings = [schedule.opening("UTC", saturday + k * 7 * DAY) for k in range(3)]
    assert {b - a for a, b in pairwise(openings)} == {7 * DAY}


def test_a_minute_of_a_local_day() -> None:
    assert instant("Asia/Shanghai", date(2026, 1, 1), 9 * 60) == T0 + HOUR


# --- what others ask of a runner
FORMS = rules_of("""
format: 1
rules:
- id: a
  title: t
  why: w
  watch: {kind: charger, each: connector}
  when: "gun_temp > 80 degC"
  then: {order: {type: repair}}
- id: b
  title: t
  why: w
  watch: {kind: charger, each: connector}
  when: "gun_temp > 80 degC"
  hold: 10s
  then: {order: {type: repair}}
- id: c
  title: t
  why: w
  watch: {kind: charger, each: connector}
  when: {votes: {of: "gun_temp > 80 degC", need: 1, last: 3}}
  then: {order: {type: repair}}
- id: d
  title: t
  why: w
  watch: {kind: charger, each: connector}
  when: {streak: {of: "gun_temp > 80 degC", length: 2}}
  then: {order: {type: repair}}
- id: e
  title: t
  why: w
  watch: {kind: charger, each: connector}
  when: "gun_temp > 80 degC"
  identity: [status]
  then: {order: {type: repair}}
- id: f
  title: t
  why: w
  watch: {kind: charger, each: connector}
  sequence: [{see: "gun_temp > 80 degC"}, {see: "current < 5 A", within: 30s}]
  then: {order: {type: repair}}
""")


def book(lab: Lab, rule_id: str) -> ConditionEvaluator:
    """The runner of a rule in the engine of a lab."""
    assert lab.engine is not None
    (runner,) = lab.engine.evaluators.main.installed.evaluators[rule_id]
    return runner


def hot(lab: Lab) -> None:
    """Connector 1 of charger 1 is hot three times: every form raises."""
    for at in (0, 10, 20):
        lab.read([told(1, "gun_temp", at, 90, 1), told(1, "status", at, 2, 1), told(1, "current", at, 1, 1)])


@pytest.mark.parametrize("form", FORMS, ids=lambda one: str(one.id))
def test_a_row_moves_with_its_whole_state(form: object) -> None:
    one, other = Lab([form], [charger(1)]), Lab([form], [charger(2), charger(1)])  # type: ignore[list-item]
    hot(one)
    mine, theirs = book(one, form.id), book(other, form.id)  # type: ignore[attr-defined]
    row, thing = 1, 4
    assert theirs.space.things[thing].device == 1
    assert mine.is_on(row) == 2
    assert not theirs.is_on(thing)
    theirs.take_row(thing, mine, row)
    assert (theirs.is_on(thing), theirs.on(thing)) == (2, mine.on(row))
    other.got.clear()
    other.read([told(1, "gun_temp", 30, 90, 1), told(1, "status", 30, 2, 1)])
    assert not other.got, "what is on is not raised again"


def test_the_identity_of_what_is_on() -> None:
    lab = Lab([FORMS[4]], [charger(1)])
    hot(lab)
    assert book(lab, "e").on(1) == ((("fault",), 2),)
    assert book(lab, "e").on(2) == ()


@pytest.mark.parametrize(("number", "most"), [(0, 4), (1, 20)])
def test_state_of_a_rule_without_a_hold_is_three_bytes(number: int, most: int) -> None:
    runner = alone(FORMS[number], 300)
    assert runner.memory() / runner.space.capacity <= most


def test_rules_that_watch_the_same_share_what_they_watch() -> None:
    lab = Lab(FORMS, [charger(number) for number in range(1, 100)])
    lab.read([told(1, "gun_temp", 0, 20, 1)])
    masks = {id(book(lab, one.id).watched) for one in FORMS}
    assert len(masks) == 1
    lab.write(DeviceSet(charger(3, life=Life.RETIRED)), 1)
    lab.write(Tick(T0 + 2 * S), 2)
    after = [book(lab, one.id).watched for one in FORMS]
    assert len({id(mask) for mask in after}) == 1
    assert int(after[0].sum()) == 2 * 98


def test_a_site_of_many_devices_changes_for_all_of_them() -> None:
    one = rule('  when: "gun_temp > 80 degC"', "{kind: charger, each: connector, where: \"owner == 'us'\"}")
    devices = [charger(number, site="A") for number in range(1, 101)]
    lab = Lab([one], devices, [Site("A", attrs={"owner": "them"})])
    lab.read([told(7, "gun_temp", 0, 90, 1)])
    assert not lab.got
    lab.write(SiteSet(Site("A", attrs={"owner": "us"})), 1)
    assert brief(lab.got) == [("raised", 1)]
    assert int(book(lab, "r").watched.sum()) == 200


# --- facts
def test_an_alarm_of_closed_work_does_not_come_back_by_itself() -> None:
    one = rule("  every: {counter: volume, step: 5 m3}", "{kind: gas_meter}")
    lab = Lab([one], [meter(7)])
    for at, value in ((0, 1.0), (10, 5.0)):
        lab.read([told(7, "volume", at, value)])
    lab.write(Closed("r", 7, 0, "W1"), 20)
    lab.read([told(7, "volume", 30, 9.9)])
    lab.read([told(7, "volume", 40, 10.0)])
    lab.write(CycleDone("r", 7, 0, 11.0), 50)
    lab.read([told(7, "volume", 60, 15.9)])
    lab.read([told(7, "volume", 70, 16.0)])
    assert brief(lab.got) == [("raised", 10), ("cleared", 20), ("raised", 40), ("cleared", 50), ("raised", 70)]
    assert [one.reason for one in lab.got if one.change is Change.CLEARED] == ["closed", "cycle"]


def test_marks_of_a_day_are_those_of_one_reading_after_the_other() -> None:
    one = rule("  every: {counter: volume, step: 5 m3}", "{kind: gas_meter}")
    lab = Lab([one], [meter(number) for number in range(1, 30)])
    for hour in range(0, 24 * 8, 8):
        frames = [[told(number, "volume", hour * 3600 + number, hour / (30 + number))] for number in range(1, 30)]
        lab.read(*frames[: 29 - hour % 3], at=hour * 3600 + 30)
    slow = RowEngine(0, compile_source, "lab")
    for record in lab.records:
        slow.step(record)
    columns, scalars = book(lab, "r").state(), slow.evaluators.main.installed.evaluators["r"][0].state()
    assert (columns["mark_at"][0] > LONG_AGO).all()
    for name in ("mark_at", "mark_run", "mark_reported"):
        np.testing.assert_array_equal(columns[name], scalars[name])


def test_hours_run_on_the_old_meter_stay() -> None:
    one = rule("  every: {counter: volume, step: 5 m3}", "{kind: gas_meter}")
    lab = Lab([one], [meter(7)])
    lab.read([told(7, "volume", 0, 3.0)])
    lab.write(MeterExchanged(7, POINTS["gas_meter", "volume", 0].id, T0 + 5 * S, 0.0), 5)
    lab.read([told(7, "volume", 10, 1.9)])
    assert not lab.got
    lab.read([told(7, "volume", 20, 2.0)])
    assert brief(lab.got) == [("raised", 20)]


@pytest.mark.parametrize(("run", "step", "whole"), [(0.3, 0.1, 3), (499.9, 500, 0), (1750.0, 500, 3), (-5.0, 10, 0)])
def test_multiples(run: float, step: float, whole: int) -> None:
    assert multiples(run, step) == whole


def test_more_identities_than_slots_are_counted() -> None:
    runner = alone(FORMS[4])
    for number in range(70):
        runner.slots.take(1, (f"code {number}",))  # type: ignore[attr-defined]
    assert (len(runner.slots), runner.slots.overflow) == (64, 6)  # type: ignore[attr-defined]


CODES = CodeTable("faults", {
    "fault": CodeEntry("relay", Level.CRITICAL, "power"), "charging": CodeEntry("fan", Level.MINOR),
    "idle": CodeEntry("ok"),
})  # fmt: skip
BY_CODE = """
format: 1
rules:
- id: r
  title: t
  why: w
  watch: {kind: charger, each: connector}
  let: {code: {code_of: status, table: faults}}
  when: "gun_temp > 80 degC or code.level >= 'minor'"
  then: {order: {type: repair, level: code.level, skill: code.skill}}
"""


def test_level_and_skill_of_an_order_hang_on_the_code() -> None:
    loaded = load_text(BY_CODE, "lab.yaml", Names(SPECS, {"faults": CODES}))
    assert not loaded.problems, [problem.render() for problem in loaded.problems]
    lab = Lab(loaded.rules, [charger(1)])
    lab.read([told(1, "gun_temp", 0, 90, 1)])  # no code yet: nothing is held back for that
    lab.read([told(1, "status", 10, 2, 1)])
    lab.read([told(1, "status", 20, 0, 1), told(1, "gun_temp", 20, 60, 1)])
    lab.read([told(1, "status", 30, 2, 1)])
    said = [(one.change.value, one.level, one.plan.order.skill if one.plan.order else None) for one in lab.got]
    assert said == [("raised", 2, ""), ("level_up", 4, "power"), ("cleared", 4, ""), ("raised", 4, "power")]


def test_arrays_of_a_level_rule() -> None:
    assert [*alone(FORMS[0]).state()] == ["phase", "alarm", "gate"]
    assert np.asarray(alone(FORMS[1]).state()["since"]).shape == (1, 3)
