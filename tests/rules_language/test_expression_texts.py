"""Codes, text attributes, tags, quorums, `unless`; levels and texts as answers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from language import CHARGER, CODES, VEHICLE, VOCABULARY
from row_by_row import scalar_of

from rules.compiled import Expression, Slot, SlotKind
from rules.expr.compile import condition, condition_of, meaning, number
from rules.expr.expression_error import ExpressionError
from rules.expr.level_and_text import level, text_of
from rules.expr.name_scope import Coded, NameScope, SignalType
from rules.expr.parse import parse
from rules.expr.syntax_tree import LogicNode, NotNode, QuorumNode

NAN = math.nan
LEVEL_OF = {"none": 0.0, "E07": 3.0, "E08": 4.0, "E12": 1.0, "*": 2.0}
NAMES = ("card_reader", "insulation", "ok", "overtemp", "unknown")


def agree(expression: Expression, row: list[float]) -> float:
    result = scalar_of(expression)(row)
    np.testing.assert_array_equal(expression.vector([np.array([value]) for value in row]), [result])
    return result


def keys(text: str, scope: NameScope = CHARGER) -> list[str]:
    with pytest.raises(ExpressionError) as caught:
        condition(text, scope)
    return [flaw.key for flaw in caught.value.flaws]


def test_a_level_of_a_code_is_a_number_of_its_table() -> None:
    expression, _ = condition("code.level >= 'minor'", CHARGER)
    (slot,) = expression.slots
    assert (slot.kind, slot.name, slot.text) == (SlotKind.FIELD, "fault_code", "charger_faults.level")
    assert dict(slot.mapping) == LEVEL_OF
    assert [agree(expression, [value]) for value in (0.0, 1.0, 2.0, 4.0)] == [0.0, 0.0, 1.0, 1.0]
    assert math.isnan(agree(expression, [NAN]))


@pytest.mark.parametrize(
    ("text", "true_for"),
    [
        ("code.level == 'critical'", {4}),
        ("code.level != 'critical'", {0, 1, 2, 3}),
        ("'minor' <= code.level", {2, 3, 4}),
        ("code.level in ['none', 'notice']", {0, 1}),
        ("code.level not in ['none', 'notice']", {2, 3, 4}),
    ],
)
def test_levels_are_ordered(text: str, true_for: set[int]) -> None:
    expression, _ = condition(text, CHARGER)
    assert {value for value in range(5) if agree(expression, [float(value)]) == 1.0} == true_for


def test_names_and_skills_are_numbered_in_order() -> None:
    expression, _ = condition("code.name == 'ok' or code.skill in ['network', '']", CHARGER)
    first, second = expression.slots
    assert dict(first.mapping) == {"none": 2.0, "E07": 3.0, "E08": 1.0, "E12": 0.0, "*": 4.0}
    assert dict(second.mapping) == {"none": 0.0, "E07": 2.0, "E08": 2.0, "E12": 1.0, "*": 0.0}
    assert [agree(expression, row) for row in ([2.0, 2.0], [3.0, 0.0], [3.0, 1.0], [3.0, 2.0])] == [1.0, 1.0, 1.0, 0.0]


def test_a_code_of_a_point_a_kind_lacks() -> None:
    scope = replace(CHARGER, codes={"code": Coded("nothing", CODES["charger_faults"])})
    assert keys("code.name == 'ok'", scope) == ["rules.expr.unknown"]


def test_a_changed_table_is_another_meaning() -> None:
    entries = dict(CODES["charger_faults"].entries)
    entries.pop("E12")
    other = replace(CHARGER, codes={"code": Coded("fault_code", type(CODES["charger_faults"])("t", entries))})
    renamed = replace(CHARGER, codes={"c": CHARGER.codes["code"]})
    first = meaning(*condition("code.level > 'minor'", CHARGER))
    assert first != meaning(*condition("code.level > 'minor'", other))
    assert first == meaning(*condition("c.level > 'minor'", renamed))


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("attr('class') == 'household'", [1.0], 1.0),
        ("attr('class') != 'household'", [1.0], 0.0),
        ("attr('class') == 'household'", [NAN], NAN),
        ("'household' == attr('class')", [0.0], 0.0),
        ("attr('class', 'household') == 'household'", [NAN], 1.0),
        ("attr('class', 'shop') == 'household'", [NAN], 0.0),
        ("attr('class', 'shop') != 'household'", [NAN], 1.0),
        ("attr('class', 'shop') == 'household'", [1.0], 1.0),
        ("attr('class') in ['household', 'shop']", [0.0, 1.0], 1.0),
        ("attr('class') in ['household', 'shop']", [NAN, NAN], NAN),
        ("tag('public')", [1.0], 1.0),
        ("not tag('public')", [1.0], 0.0),
        ("has(attr('class'))", [0.0], 1.0),
        ("has(attr('class'))", [NAN], 0.0),
    ],
)
def test_texts_of_the_device_list(text: str, values: list[float], expected: float) -> None:
    """The last input is the temperature, which is high."""
    expression, _ = condition(f"({text}) and gun_temp > 5 degC", CHARGER)
    assert expression.slots[-1].name == "gun_temp"
    np.testing.assert_equal(agree(expression, [*values, 9.0]), expected)


def test_the_slots_of_the_device_list() -> None:
    expression, _ = condition("attr('class') == 'shop' and tag('public') and gun_temp > 5 degC", CHARGER)
    assert expression.slots[:2] == (Slot(SlotKind.ATTR_TEXT, "class", "shop"), Slot(SlotKind.TAG, "public"))


def test_quorums_in_a_condition() -> None:
    scope = NameScope(CHARGER.vocabulary, {"mean_temp": SignalType("degC", group=True)}, group="site")
    tree = LogicNode("and", (QuorumNode(0), NotNode(QuorumNode(1)), parse("mean_temp > 60 degC")))
    expression, node = condition_of(tree, "two and not one", scope)
    assert [(slot.kind, slot.n) for slot in expression.slots[:2]] == [(SlotKind.QUORUM, 0), (SlotKind.QUORUM, 1)]
    assert [agree(expression, row) for row in ([1.0, 0.0, 61.0], [1.0, 1.0, 61.0], [0.0, NAN, NAN])] == [1.0, 0.0, 0.0]
    assert math.isnan(agree(expression, [1.0, NAN, 61.0]))
    other = LogicNode("and", (QuorumNode(1), NotNode(QuorumNode(0)), parse("mean_temp > 60 degC")))
    assert meaning(expression, node) != meaning(*condition_of(other, "", scope))
    alone, _ = condition_of(QuorumNode(0), "one", scope)
    assert agree(alone, [1.0]) == 1.0


def test_a_group_has_no_readings_of_its_own() -> None:
    signals = {"used": SignalType("kWh"), "all_used": SignalType("kWh", group=True)}
    group = NameScope(CHARGER.vocabulary, signals, CHARGER.codes, group="site")
    assert keys("gun_temp > 5 degC", group) == ["rules.expr.group_point"]
    assert keys("code.name == 'ok'", group) == ["rules.expr.group_point"]
    assert keys("used > 5 kWh", group) == ["rules.expr.group_signal"]
    assert keys("before(all_used) > 5 kWh", group) == ["rules.expr.before_group"]
    assert condition("all_used > attr('most', 5 kWh) and not tag('works')", group)[0].slots[0].name == "all_used"
    member = group.members()
    assert condition("used > 5 kWh and gun_temp > 5 degC", member)[0].boolean
    assert keys("all_used > 5 kWh", member) == ["rules.expr.unknown_near"]


def test_a_signal_needs_its_points_in_every_kind() -> None:
    scope = NameScope({"vehicle": {}}, {"used": SignalType("kWh", points=("energy",))})
    assert keys("used > 5 kWh", scope) == ["rules.expr.unknown"]


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("code.level", [3.0], 3.0),
        ("gun_temp > 90 degC ? 'critical' : 'major'", [91.0], 4.0),
        ("gun_temp > 90 degC ? 'critical' : 'major'", [NAN], NAN),
        ("gun_temp > 90 degC ? code.level : 'minor'", [91.0, 1.0], 1.0),
        ("max(code.level, 'minor')", [1.0], 2.0),
        ("min(code.level, 'minor', 'major')", [4.0], 2.0),
        ("tag('vip') ? 'critical' : 'minor'", [0.0], 2.0),
    ],
)
def test_levels_as_answers(text: str, row: list[float], expected: float) -> None:
    expression, _ = level(text, CHARGER)
    assert (expression.boolean, expression.unit, expression.text) == (False, "", text)
    np.testing.assert_equal(agree(expression, row), expected)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("'major'", "constant_level"),
        ("true ? 'major' : 'minor'", "constant_level"),
        ("gun_temp", "not_level"),
        ("code.name", "not_level"),
        ("3", "not_level"),
        ("gun_temp > 5 degC ? 'majr' : 'minor'", "level_text"),
        ("gun_temp > 5 ? 'major' : 'minor'", "unitless"),
        ("code.advice", "code_field"),
    ],
)
def test_what_is_no_level(text: str, key: str) -> None:
    with pytest.raises(ExpressionError, match=f"rules.expr.{key} "):
        level(text, CHARGER)


def test_texts_as_answers() -> None:
    plain, said = text_of("status", CHARGER)
    assert (plain.name, plain.point, plain.expression, said) == ("status", "status", None, "text:status")
    name, _ = text_of("code.name", CHARGER)
    assert (name.name, name.point, name.texts) == ("code.name", "", NAMES)
    assert name.expression is not None
    assert name.expression.slots[0].mapping == condition("code.name == 'ok'", CHARGER)[0].slots[0].mapping
    assert agree(name.expression, [3.0]) == 3.0
    mixed, said = text_of("gun_temp > 90 degC ? 'cooling' : code.skill", CHARGER)
    assert mixed.texts == ("", "cooling", "network", "power_electronics")
    assert mixed.expression is not None
    assert dict(mixed.expression.slots[1].mapping) == {"none": 0.0, "E07": 3.0, "E08": 3.0, "E12": 2.0, "*": 0.0}
    assert mixed.texts[int(agree(mixed.expression, [91.0, 2.0]))] == "cooling"
    assert mixed.texts[int(agree(mixed.expression, [80.0, 2.0]))] == "network"
    assert said != text_of("gun_temp > 91 degC ? 'cooling' : code.skill", CHARGER)[1]
    levels, _ = text_of("code.level", CHARGER)
    assert levels.texts == ("critical", "major", "minor", "none", "notice")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("gun_temp", "no_text_answer"),
        ("used", "no_text_answer"),
        ("gun_temp + cabinet_temp", "no_text_answer"),
        ("'power'", "constant_text"),
        ("gun_temp > 5 degC ? status : 'a'", "no_text_answer"),
        ("gun_tmp", "unknown_near"),
    ],
)
def test_what_is_no_text(text: str, key: str) -> None:
    with pytest.raises(ExpressionError, match=f"rules.expr.{key} "):
        text_of(text, CHARGER)


def test_numbers_with_their_type() -> None:
    expression, _, measure = number("gun_temp - cabinet_temp", CHARGER)
    assert (expression.unit, measure.delta) == ("degC", True)
    assert number("swing", CHARGER)[2].delta
    with pytest.raises(ExpressionError, match="constant_number"):
        number("attr('x', 3 V)", CHARGER)
    with pytest.raises(ExpressionError, match="not_number"):
        number("status", CHARGER)


def test_a_difference_as_signal_takes_kelvin_as_degrees() -> None:
    assert condition("swing > 5 K", CHARGER)[0].limits[0].value == 5.0
    assert condition("swing > 9 degF", CHARGER)[0].limits[0].value == pytest.approx(5.0)


def test_a_ratio_is_compared_with_per_cent() -> None:
    scope = replace(CHARGER, signals={"busy": SignalType()})
    for text in ("busy > 57 %", "57 % < busy", "busy > 0.57", "busy > 57 pct + 0 %"):
        found = condition(text, scope)[0]
        assert found.limits[0].value == 0.57
        assert [scalar_of(found)([value]) for value in (0.56, 0.58)] == [0.0, 1.0]
    found = condition("voltage / attr('rated', 400 V) > 110 %", CHARGER)[0]
    assert scalar_of(found)([441.0, 400.0]) == 1.0
    assert scalar_of(found)([439.0, 400.0]) == 0.0


def test_a_bare_number_is_no_per_cent() -> None:
    with pytest.raises(ExpressionError) as caught:
        condition("soc < 0.2", VEHICLE)
    assert caught.value.flaws[0].key == "rules.expr.unitless"


@pytest.mark.parametrize(
    ("text", "row", "truth"),
    [
        ("voltage * current > 60 kW", [400.0, 151.0], 1.0),
        ("voltage * current > 60 kVA", [400.0, 149.0], 0.0),
        ("60 kV*A < voltage * current", [400.0, 151.0], 1.0),
        ("voltage > 90 % * attr('rated', 400 V)", [361.0, 400.0], 1.0),
        ("voltage > 90 % * attr('rated', 400 V)", [359.0, 400.0], 0.0),
        ("daily + voltage * current > 61 kW", [1.0, 400.0, 151.0], 1.0),
    ],
)
def test_one_quantity_in_two_units(text: str, row: list[float], truth: float) -> None:
    found = condition(text, CHARGER)[0]
    assert scalar_of(found)(row) == truth
    assert found.vector([np.array([value]) for value in row])[0] == truth


def test_power_is_no_apparent_power_and_gas_at_normal_conditions_no_gas_as_it_flows() -> None:
    gas = NameScope({"gas_meter": VOCABULARY["gas_meter"]})
    for text, scope, key in (
        ("daily > 3 kVA", CHARGER, "wrong_unit"),
        ("flow > 3 Nm3/h", gas, "gas_volume"),
        ("flow > 3 标方/h", gas, "gas_volume"),
        ("flow > 3 kg/h", gas, "wrong_unit"),
    ):
        with pytest.raises(ExpressionError) as caught:
            condition(text, scope)
        assert caught.value.flaws[0].key == f"rules.expr.{key}"
