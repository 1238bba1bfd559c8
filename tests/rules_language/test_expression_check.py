"""Names, units and types are judged at load, in the canonical unit, all at once."""

import math

import pytest
from language import CHARGER, VEHICLE, VOCABULARY
from row_by_row import scalar_of

from rules.compiled import ComparedNumber, Slot, SlotKind
from rules.expr.compile import condition, duration, meaning
from rules.expr.expression_error import ExpressionError
from rules.expr.name_scope import NameScope


def flaws(text: str, scope: NameScope = CHARGER) -> list[tuple[str, dict[str, object]]]:
    with pytest.raises(ExpressionError) as caught:
        condition(text, scope)
    return [(flaw.key.removeprefix("rules."), dict(flaw.fields)) for flaw in caught.value.flaws]


def limits(text: str, scope: NameScope = CHARGER) -> list[ComparedNumber]:
    return list(condition(text, scope)[0].limits)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("gun_temp >= 85 degC", 85.0, "degC"),
        ("gun_temp >= 85℃", 85.0, "degC"),
        ("gun_temp >= 185 degF", 85.0, "degC"),
        ("gun_temp >= -40 degF", -40.0, "degC"),
        ("gun_temp >= 358.15 K", 85.0, "degC"),
        ("energy > 500 Wh", 0.5, "kWh"),
        ("age(gun_temp) > 5 min", 5 / 60, "h"),
        ("age(gun_temp) > 1h30m", 1.5, "h"),
        ("daily > 48 kWh/day", 2.0, "kW"),
        ("starts > 3", 3.0, ""),
        ("gun_temp - cabinet_temp > 9 degF", 5.0, "degC"),
        ("gun_temp - cabinet_temp > 5 K", 5.0, "degC"),
        ("gun_temp > cabinet_temp + 9 degF", math.nan, ""),
        ("1.5 * gun_temp > 60", math.nan, "!"),
    ],
)
def test_literals_are_canonical(text: str, value: float, unit: str) -> None:
    if unit == "!":
        assert flaws(text)[0][0] == "expr.unitless"
    elif math.isnan(value):
        assert limits(text) == []
    else:
        (limit,) = limits(text)
        assert limit.value == pytest.approx(value)
        assert limit.unit == unit


def test_a_difference_of_temperatures_moves_without_the_offset() -> None:
    warmer, _ = condition("gun_temp > cabinet_temp + 9 degF", CHARGER)
    assert [scalar_of(warmer)([x, 20.0]) for x in (25.1, 24.9)] == [1.0, 0.0]
    colder, _ = condition("gun_temp - 9 degF > 20 degC", CHARGER)
    assert [scalar_of(colder)([x]) for x in (25.1, 24.9)] == [1.0, 0.0]


def test_slots_and_limits() -> None:
    text = "gun_temp >= attr('temp_trip', 203 degF) and status == 'charging' and age(status) < 1 h and changed(status)"
    expression, _ = condition(text, CHARGER)
    assert [(slot.kind, slot.name, slot.text, slot.unit) for slot in expression.slots] == [
        (SlotKind.POINT, "gun_temp", "", "degC"),
        (SlotKind.ATTR, "temp_trip", "", "degC"),
        (SlotKind.POINT, "status", "", ""),
        (SlotKind.CODE, "status", "charging", ""),
        (SlotKind.AGE, "status", "", "h"),
        (SlotKind.CHANGED, "status", "", ""),
    ]
    assert expression.slots[1].default == pytest.approx(95.0)
    first, second = expression.limits
    assert (first.slot, first.unit) == (1, "degC")
    assert second == ComparedNumber(1.0, "h")


def test_signals() -> None:
    expression, _ = condition("used > 1.5 * before(used) and before(used, 12) >= 0 kWh", CHARGER)
    assert expression.slots == (
        Slot(SlotKind.SIGNAL, "used", unit="kWh"),
        Slot(SlotKind.BEFORE, "used", n=1, unit="kWh"),
        Slot(SlotKind.BEFORE, "used", n=12, unit="kWh"),
    )


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("gun_temp > attr('x')", "degC"),
        ("attr('x') < gun_temp", "degC"),
        ("voltage > 1.5 * attr('x')", "V"),
        ("voltage > attr('x') / 2", "V"),
        ("min(attr('x'), voltage) > 3 V", "V"),
        ("(gun_temp > 5 degC ? attr('x') : voltage) > 3 V", "V"),
        ("starts > attr('x')", ""),
    ],
)
def test_an_attribute_without_default_takes_the_unit_of_the_other_side(text: str, unit: str) -> None:
    (slot,) = [slot for slot in condition(text, CHARGER)[0].slots if slot.kind is SlotKind.ATTR]
    assert slot.unit == unit
    assert math.isnan(slot.default)


@pytest.mark.parametrize(
    ("text", "key", "fields"),
    [
        ("gun_temp > 85", "expr.unitless", {"write": "85 degC", "unit": "degC"}),
        ("85 < gun_temp", "expr.unitless", {"write": "85 degC"}),
        ("age(gun_temp) > 5", "expr.unitless", {"write": "5 min"}),
        ("gun_temp > 85 kWh", "expr.wrong_unit", {"write": "85 degC"}),
        ("age(gun_temp) > 5 m", "expr.metre", {"write": "5 min"}),
        ("starts > 5 kWh", "expr.unit_for_nothing", {"write": "5"}),
        ("gun_temp > voltage", "expr.mismatch", {"first": "degC", "second": "V"}),
        ("gun_temp + voltage > 5 V", "expr.mismatch", {}),
        ("gun_temp in [85, 90 degC]", "expr.unitless", {"write": "85 degC"}),
        ("gun_tmp > 5 degC", "expr.unknown_near", {"near": "gun_temp"}),
        ("zzz > 5 degC", "expr.unknown", {"name": "zzz"}),
        ("status == 'chargin'", "expr.state_text", {"write": "charging"}),
        ("status == 'Charging'", "expr.state_text", {"write": "charging"}),
        ("fault_code == 'None'", "expr.state_text", {"write": "none"}),
        ("status in ['fault', 'idle']", "expr.state_text", {"text": "idle"}),
        ("status < 'fault'", "expr.state_order", {"operator": "<"}),
        ("status", "expr.not_truth", {"write": "status == 'fault'"}),
        ("status == 1", "expr.not_number", {"text": "status"}),
        ("gun_temp == 'hot'", "expr.not_state", {"write": "1 degC"}),
        ("'a' == 'b'", "expr.text_alone", {}),
        ("gun_temp", "expr.not_truth", {"write": "gun_temp > 0 degC"}),
        ("gun_temp and true", "expr.not_truth", {}),
        ("not voltage", "expr.not_truth", {}),
        ("has(gun_temp) > 3", "expr.not_number", {}),
        ("has(gun_temp) < has(voltage)", "expr.truth_order", {}),
        ("abs(has(voltage)) > 1", "expr.not_number", {}),
        ("max(has(voltage), has(current)) > 1", "expr.not_number", {}),
        ("has(gun_temp) + has(voltage) > 1", "expr.not_number", {}),
        ("1 > 0", "expr.constant", {}),
        ("attr('x', 5 V) > 3 V", "expr.constant", {}),
        ("attr('x') > 1 * voltage * attr('y')", "expr.attr_unit", {"name": "y"}),
        ("gun_temp > attr('x', 'hot')", "expr.attr_alone", {"write": "attr('x', 'hot') == 'hot'"}),
        ("gun_temp > attr('x', cabinet_temp)", "expr.attr_default", {"text": "cabinet_temp"}),
        ("gun_temp > attr(x)", "expr.quoted", {"text": "x"}),
        ("gun_temp > attr('x', 5)", "expr.mismatch", {"second": "1"}),
        ("before(gun_temp) > 3 degC", "expr.not_signal", {"known": "used"}),
        ("before(used, 0) > 3 kWh", "expr.periods", {"text": "0"}),
        ("before(used, 101) > 3 kWh", "expr.periods", {}),
        ("before(used, 1.5) > 3 kWh", "expr.periods", {}),
        ("age(used) > 5 min", "expr.point_wanted", {}),
        ("changed(3)", "expr.point_wanted", {}),
        ("has(3)", "expr.point_wanted", {}),
        ("minn(voltage, current) > 3", "expr.function_near", {"near": "min"}),
        ("frobnicate(voltage) > 3", "expr.function", {"name": "frobnicate"}),
        ("abs(voltage, current) > 3 V", "expr.arguments", {"count": 2}),
        ("tag('x')", "expr.constant", {}),
        ("hour() >= 22 and tag('x')", "expr.clock_alone", {}),
        ("hour() >= 22 h and voltage > 3 V", "expr.unit_for_nothing", {"write": "22"}),
        ("weekday() == 'friday' and voltage > 3 V", "expr.weekday_text", {"write": "fri"}),
        ("weekday() == '周六' and voltage > 3 V", "expr.weekday_text", {"write": "sat"}),
        ("contains(voltage, 'x')", "expr.no_text", {"text": "voltage"}),
        ("contains(status, fault)", "expr.quoted", {"text": "fault"}),
        ("contains(statu, 'x')", "expr.unknown_near", {"near": "status"}),
        ("contains(status)", "expr.arguments", {"count": 1}),
        ("contians(status, 'x')", "expr.function_near", {"near": "contains"}),
        ("tag(x)", "expr.quoted", {"write": "tag('name')"}),
        ("within(gun_temp, longitude, 'yard')", "expr.not_degrees", {"unit": "degC"}),
        ("within(latitude, longitude, 'yart')", "expr.fence_near", {"near": "yard"}),
        ("within(latitude, longitude, 'moon')", "expr.fence", {"known": "date_line, depot, yard"}),
        ("within(latitude, longitude, depot)", "expr.quoted", {"text": "depot"}),
        ("within(latitude, longitude)", "expr.arguments", {"count": 2}),
        ("code == 'ok'", "expr.code_field", {"known": "code.level, code.name, code.skill"}),
        ("code.advice == 'ok'", "expr.code_field", {"name": "code.advice"}),
        ("code.level >= 'severe'", "expr.level_text", {"write": "minor"}),
        ("code.level >= 'majr'", "expr.level_text", {"write": "major"}),
        ("code.name == 'overtmp'", "expr.code_text", {"write": "overtemp"}),
        ("code.name > 'ok'", "expr.state_order", {"name": "code.name"}),
        ("code.level", "expr.code_alone", {"write": "code.level >= 'minor'"}),
        ("code.level > 2", "expr.code_alone", {}),
        ("abs(code.level) > 2", "expr.code_alone", {}),
        ("changed(code.name)", "expr.point_wanted", {}),
        ("old.level >= 'minor'", "expr.dotted", {"prefix": "old"}),
        ("gun_temp > 5 degC and attr('class') > 'a'", "expr.state_order", {"operator": ">"}),
        ("gun_temp > 5 degC and attr('class', 5 V) == 'a'", "expr.not_state", {}),
        ("gun_temp > 5 degC and attr('class', 'a')", "expr.attr_alone", {}),
        ("before(daily) > 3 kW", "expr.before_sliding", {"name": "daily"}),
        ("voltage / 0 > 3 V", "expr.division", {}),
        ("voltage > 1 V / 0", "expr.division", {}),
        ("2 * 40 degF < gun_temp", "expr.offset", {"unit": "degF"}),
        ("gun_temp - cabinet_temp > attr('d', 5 K)", "expr.offset", {"unit": "K"}),
        ("voltage > 1e308 kV * 1000", "expr.number", {}),
    ],
)
def test_each_flaw_says_what_to_write(text: str, key: str, fields: dict[str, object]) -> None:
    (found,) = flaws(text)
    assert found[0] == key
    assert fields.items() <= found[1].items()


def test_all_flaws_of_an_expression_at_once() -> None:
    found = [key for key, _ in flaws("gun_tmp > 5 degC and voltage > 5 and (status == 'x' or abs(foo) > 3)")]
    assert found == ["expr.unknown_near", "expr.unitless", "expr.state_text", "expr.unknown"]


def test_a_switch_is_a_truth_value() -> None:
    plain, node = condition("ignition and speed > 5 km/h", VEHICLE)
    written, other = condition("ignition == 'on' and speed > 5 km/h", VEHICLE)
    assert meaning(plain, node) == meaning(written, other)


def test_several_kinds() -> None:
    both = NameScope({kind: VOCABULARY[kind] for kind in ("gas_meter", "water_meter")})
    assert condition("battery < 3.1 V", both)[0].slots[0].unit == "V"
    assert flaws("pressure < 3 kPa", both) == [("expr.not_everywhere", {"name": "pressure", "kind": "water_meter"})]
    mixed = NameScope({"a": {"p": VOCABULARY["gas_meter"]["battery"]}, "b": {"p": VOCABULARY["gas_meter"]["flow"]}})
    assert flaws("p > 3 V", mixed)[0][0] == "expr.differs"


@pytest.mark.parametrize(
    ("text", "key"),
    [("15 min", "constant_time"), ("speed", "not_time"), ("5 V", "not_time"), ("soc > 5 pct ? 5 : 6", "not_time")],
)
def test_durations(text: str, key: str) -> None:
    with pytest.raises(ExpressionError, match=f"rules.expr.{key}"):
        duration(text, VEHICLE)


def test_minutes_in_a_duration() -> None:
    expression, _ = duration("attr('quiet', 15m)", VEHICLE)
    assert expression.slots[0].default == 0.25


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gun_temp>=85 degC", "gun_temp >= 185 degF", True),
        ("85 degC <= gun_temp", "gun_temp >= 85 degC", True),
        ("(gun_temp > 1 degC)", "gun_temp > 1 degC", True),
        ("gun_temp > 1 degC", "gun_temp >= 1 degC", False),
        ("gun_temp > attr('a', 1 degC)", "gun_temp > attr('a', 2 degC)", False),
        ("gun_temp > attr('a')", "gun_temp > attr('a', 2 degC)", False),
        ("before(used, 1) > 1 kWh", "before(used, 2) > 1 kWh", False),
    ],
)
def test_meaning(one: str, other: str, same: bool) -> None:
    found = [meaning(*condition(text, CHARGER)) for text in (one, other)]
    assert (found[0] == found[1]) is same
