"""A rule file becomes rules, or all its problems with line, path and what to write."""

import pytest
from language import NAMES
from row_by_row import scalar_of

from gateway.domain.alarm import Level, NoticePlan, OrderPlan
from gateway.domain.device import CounterModel, PointKind
from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from rules.compiled import Calendar, Expression, Hold, Levels, Period, Rule, SlotKind
from rules.conditions.silence.condition import Silence
from rules.conditions.streak.condition import Streak
from rules.engine.transitions import plan_of
from rules.format import References, load_text, merge, references

OVERTEMP = """
format: 1
defaults: {lateness: 0s, missing: keep, downtime: pause}
rules:
- id: charger.overtemp
  title: {en: Connector over temperature, zh: 枪头过温}
  why: a hot connector damages the cable and may burn; shown in the order
  watch: {kind: charger, each: connector, where: "life == 'in_service'"}
  levels:
    critical: {when: "gun_temp >= attr('temp_trip', 95 degC)", hold: 10s, clear: "gun_temp < 80 degC",
               auto_clear: false}
    major:    {when: "gun_temp >= 85 degC", hold: {for: 2m, gap: 30s}, clear: "gun_temp < 75 degC", clear_hold: 3m}
  then:
    order: {type: repair, fault: E07, skill: power_electronics, sla: repair_4h}
    notice: {audience: site_ops, template: charger_overtemp}
  test:
  - say: two minutes above
    every: 10s
    series: {gun_temp: "84 86*14"}
    expect:
    - {at: 2m10s, is: raised, level: major}
"""


def rule(body: str) -> Rule:
    """The only rule of a file whose rule has the keys of `body`."""
    lines = "".join(f"  {line}\n" for line in body.strip().splitlines())
    loaded = load_text(f"format: 1\nrules:\n- id: r\n{lines}", "r.yaml", NAMES)
    assert [problem.render() for problem in loaded.problems] == []
    return loaded.rules[0]


GUN = "watch: {kind: charger, each: connector}\n"
GAS = "watch: {kind: gas_meter}\n"
VAN = "watch: {kind: vehicle}\n"


def test_the_first_example_of_the_manual() -> None:
    loaded = load_text(OVERTEMP, "charger.yaml", NAMES)
    assert loaded.problems == ()
    (found,) = loaded.rules
    assert found.title == {"en": "Connector over temperature", "zh": "枪头过温"}
    assert (found.mode, found.downtime, found.clear_after, found.points) == ("live", "pause", 0, ("gun_temp",))
    assert (found.watch.kinds, found.watch.each, found.watch.where_text) == (("charger",), True, "life == 'in_service'")
    assert found.watch.where is not None
    assert found.watch.where({"life": "planned"}) is False
    assert isinstance(found.condition, Levels)
    major, critical = found.condition.levels
    assert (major.level, major.hold, major.clear_hold, major.auto_clear) == (
        Level.MAJOR,
        Hold(2 * MINUTE, 30 * SECOND),
        3 * MINUTE,
        True,
    )
    assert (critical.level, critical.hold, critical.auto_clear) == (Level.CRITICAL, Hold(10 * SECOND), False)
    assert critical.clear is not None
    assert critical.clear.text == "gun_temp < 80 degC"
    assert found.order == OrderPlan("repair", "E07", "power_electronics", "repair_4h")
    assert found.notice == NoticePlan("site_ops", "charger_overtemp")
    names = References("repair", ("power_electronics",), "repair_4h", "site_ops", "charger_overtemp")
    assert references(found) == names
    (case,) = loaded.tests.cases
    assert (case.rule, case.path, case.line) == ("charger.overtemp", "rules[0].test[0]", 17)
    assert case.data["expect"] == [{"at": "2m10s", "is": "raised", "level": "major"}]
    assert case.problem("expect[0].at", "rules.value.duration").line == 21


def test_a_plain_rule_and_its_defaults() -> None:
    found = rule(GUN + 'when: "gun_temp >= 85 degC"\nhold: 2m\nmissing: clear_after 7d\ndowntime: count\nmode: off')
    assert isinstance(found.condition, Levels)
    (level,) = found.condition.levels
    assert (level.level, level.hold, level.clear) == (Level.MINOR, Hold(2 * MINUTE), None)
    assert (found.title["zh"], found.mode, found.clear_after, found.downtime) == ("r", "off", 7 * DAY, "count")
    assert (found.order, found.notice) == (None, None)


@pytest.mark.parametrize(
    ("written", "en", "zh"),
    [
        ("", "", ""),
        ("why: it burns", "it burns", "it burns"),
        ("why: {en: it burns, zh: 会起火}", "it burns", "会起火"),
        ("why: {zh: 会起火}", "会起火", "会起火"),
    ],
)
def test_why_in_one_language_or_in_both(written: str, en: str, zh: str) -> None:
    found = rule(GUN + f'when: "gun_temp >= 85 degC"\n{written}')
    assert found.why == {"en": en, "zh": zh}
    plan = plan_of(found)
    assert (plan.why, plan.why_zh, plan.why_in("zh")) == (en, zh, zh)


def test_defaults_of_the_file_count_where_the_rule_is_silent() -> None:
    text = (
        "format: 1\ndefaults: {missing: clear_after 1d, downtime: reset}\nrules:\n"
        "- {id: a, watch: {kind: vehicle}, when: 'soc < 5 pct'}\n"
        "- {id: b, watch: {kind: vehicle}, when: 'soc < 5 pct', missing: keep, downtime: pause}\n"
    )
    a, b = load_text(text, "r.yaml", NAMES).rules
    assert (a.clear_after, a.downtime, b.clear_after, b.downtime) == (DAY, "reset", 0, "pause")


def test_level_fault_and_times_of_the_order() -> None:
    found = rule(
        VAN + "when: 'soc < 5 pct'\nthen: {order: {type: tow, level: critical, assign: nearest, after: 1h, "
        "reopen_within: 4h}, notice: {audience: a, template: t, class: safety, remind: 3d, max: 3}}"
    )
    assert isinstance(found.condition, Levels)
    assert found.condition.levels[0].level is Level.CRITICAL
    assert found.order == OrderPlan("tow", "r", assign="nearest", after=HOUR, reopen_within=4 * HOUR)
    assert found.notice == NoticePlan("a", "t", "safety", 3 * DAY, 3)


def test_all_and_any() -> None:
    found = rule(VAN + "when: {all: ['soc < 5 pct', {any: ['speed > 1 km/h', \"ignition == 'on'\"]}]}")
    assert isinstance(found.condition, Levels)
    when = found.condition.levels[0].when
    assert when.text == "(soc < 5 pct) and ((speed > 1 km/h) or (ignition == 'on'))"
    assert [slot.name for slot in when.slots] == ["soc", "speed", "ignition", "ignition"]
    assert scalar_of(when)([4.0, 0.0, 1.0, 1.0]) == 1.0


def test_silence() -> None:
    found = rule(VAN + "silent: {any_of: [soc, lat], longer_than: 15m}\nthen: {order: {type: check, level: major}}")
    assert found.condition == Silence(("soc", "lat"), False, 15 * MINUTE, Level.MAJOR)
    assert found.points == ("lat", "soc")
    other = rule(VAN + 'when: {silent: {all_of: soc, longer_than: "ignition ? 15m : 26h"}}')
    assert isinstance(other.condition, Silence)
    assert other.condition.all_of
    assert isinstance(other.condition.longer_than, Expression)
    assert scalar_of(other.condition.longer_than)([1.0, 1.0]) == 0.25
    assert other.points == ("ignition", "soc")


def test_streak_of_months() -> None:
    found = rule(
        GAS + "let: {used: {increase: volume_total, per: month, counter: {rollover: 99999.999}}}\n"
        'when: {streak: {of: "used <= 0.001 m3", length: 3, unknown: skips, max_span: 200d}}'
    )
    assert isinstance(found.condition, Streak)
    assert (found.condition.length, found.condition.unknown_skips, found.condition.max_span) == (3, True, 200 * DAY)
    (signal,) = found.signals
    assert (signal.point, signal.window, signal.coverage, signal.unit) == (
        "volume_total",
        Calendar(Period.MONTH),
        0.9,
        "m3",
    )
    assert signal.counter == CounterModel(99999.999, "swap", 0.01), "what the rule leaves out is the profile's"


@pytest.mark.parametrize(
    ("written", "calendar"),
    [
        ("hour", Calendar(Period.HOUR)),
        ("week", Calendar(Period.WEEK)),
        ('"month(from: 26)"', Calendar(Period.MONTH, 26)),
        ("month(from:26)", Calendar(Period.MONTH, 26)),
    ],
)
def test_calendars(written: str, calendar: Calendar) -> None:
    found = rule(GAS + f"let: {{u: {{increase: volume_total, per: {written}, coverage: 1}}}}\nwhen: 'u > 3 m3'")
    assert (found.signals[0].window, found.signals[0].coverage, found.signals[0].counter) == (calendar, 1.0, None)


def test_per_day_is_a_rate() -> None:
    found = rule(
        GAS + "let: {rate: {increase: volume_total, per: month, scale: per_day}}\n"
        'when: "rate > 1.5 * before(rate) and rate - before(rate) > 0.24 m3/day"'
    )
    assert isinstance(found.condition, Levels)
    assert found.signals[0].unit == "m3/h"
    assert found.condition.levels[0].when.limits[0].value == pytest.approx(0.01)
    assert [slot.kind for slot in found.condition.levels[0].when.slots] == [SlotKind.SIGNAL, SlotKind.BEFORE]


def test_ids_are_unique_over_files() -> None:
    files = [load_text(OVERTEMP, name, NAMES) for name in ("a.yaml", "b.yaml")]
    rules, found = merge(files)
    assert len(rules) == 2
    (problem,) = found
    assert (problem.file, problem.path, problem.fields["where"]) == ("b.yaml", "rules[0].id", "a.yaml:5")


def test_merge_says_nothing_twice() -> None:
    text = "format: 1\nrules:\n- {id: a, watch: {kind: vehicle}, when: 'soc < 5'}\n- {id: a, when: 'soc < 5 pct'}\n"
    one = load_text(text, "a.yaml", NAMES)
    assert merge([one])[1] == one.problems


TESTS = """
rules:
- id: hot
  watch: {kind: charger, each: connector}
  when: "gun_temp > 80"
use: [../charger.yaml]
profiles:
  charger:
    points:
      gun_temp: {every: 10s}
      status: {values: [idle, charging, fault]}
      energy:
        {unit: Wh, kind: counter, counter: {rollover: 1000}, plausible: {min: 0, max: 5, max_rate: 2, stuck_after: 1h}}
sites: {s1: {timezone: Asia/Shanghai, area: west, tags: [a], attrs: {class: A, floor: 3}}}
test:
- rule: hot
  say: something
  device: {site: s1, component: 1}
  expect: []
"""


def test_a_file_of_tests_stands_alone() -> None:
    loaded = load_text(TESTS, "t.yaml", NAMES)
    assert [problem.render() for problem in loaded.problems] == []
    tests = loaded.tests
    assert (tests.own, tests.use, list(tests.vocabulary)) == (True, ("../charger.yaml",), ["charger"])
    points = tests.vocabulary["charger"]
    assert (points["gun_temp"].unit, points["gun_temp"].every) == ("", 10 * SECOND)
    assert (points["status"].kind, points["status"].values) == (PointKind.STATE, ("idle", "charging", "fault"))
    assert (points["energy"].unit, tests.units["charger"]["energy"]) == ("kWh", "Wh")
    assert points["energy"].counter.rollover == pytest.approx(1.0), "in the canonical unit"
    assert points["energy"].plausible.max == pytest.approx(0.005)
    assert (tests.sites[0].timezone, tests.sites[0].attrs, tests.sites[0].tags) == (
        "Asia/Shanghai",
        {"class": "A", "floor": 3.0},
        ("a",),
    )
    (case,) = tests.cases
    assert (case.rule, case.line, case.data["say"], "rule" in case.data) == ("hot", 16, "something", False)
    assert loaded.rules[0].id == "hot"
