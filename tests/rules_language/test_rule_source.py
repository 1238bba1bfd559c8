"""The journal's form of a rule: compiled again it is the same rule; an edit says what it does to the state."""

import json

import pytest
from language import NAMES

from gateway.domain.device import PointSpec
from gateway.domain.errors import ConfigError
from rules.compiled import Levels, Names, Rule
from rules.compiled.edits import Edit, classify
from rules.format import compile_source, edit, load_text

HOT = """
- id: hot
  title: {en: Hot, zh: 热}
  why: it burns
  watch: {kind: charger, each: connector, where: "life == 'in_service'"}
  levels:
    major: {when: "gun_temp >= 85 degC", hold: {for: 2m, gap: 30s}, clear: "gun_temp < 75 degC", clear_hold: 3m}
    critical: {when: "gun_temp >= attr('temp_trip', 95 degC)", hold: 10s, auto_clear: false}
  then: {order: {type: repair, fault: E07}}
"""
MONTHS = """
- id: months
  watch: {kind: gas_meter}
  let: {used: {increase: volume_total, per: "month(from: 26)", counter: {rollover: 99999.999}}}
  when: {streak: {of: "used <= 0.001 m3 and before(used, 2) > 0.1 m3", length: 3}}
  missing: clear_after 7d
"""
SILENT = """
- id: silent
  watch: {kind: vehicle, where: "not tag('stored')"}
  silent: {any_of: [soc, lat], longer_than: "ignition ? 15m : 26h"}
"""
FAULT = """
- id: fault
  watch: {kind: charger, each: connector}
  when: {any: ["status == 'fault'", "fault_code in ['E07', 'E08']", {all: ["has(voltage)", "changed(status)"]}]}
"""


def load(body: str, head: str = "format: 1\n") -> Rule:
    loaded = load_text(f"{head}rules:{body}", "r.yaml", NAMES)
    assert [problem.render() for problem in loaded.problems] == []
    return loaded.rules[0]


@pytest.mark.parametrize("body", [HOT, MONTHS, SILENT, FAULT])
def test_compiled_again_it_is_the_same_rule(body: str) -> None:
    rule = load(body)
    again = compile_source(rule.source)
    assert again == rule
    assert again.revision == rule.revision
    assert len(rule.revision) == 12
    assert classify(rule, again) is Edit.SAME


def test_the_source_explains_itself() -> None:
    found = json.loads(load(HOT).source)
    assert set(found) == {"format", "rule", "points"}
    assert list(found["points"]) == ["charger"]
    assert list(found["points"]["charger"]) == ["gun_temp"]
    assert found["points"]["charger"]["gun_temp"]["unit"] == "degC"
    assert (found["rule"]["missing"], found["rule"]["downtime"]) == ("keep", "pause")


def test_the_profile_may_change_meanwhile() -> None:
    rule = load(HOT)
    other = {"charger": {"gun_temp": PointSpec("gun_temp", unit="V")}}
    assert load_text(f"format: 1\nrules:{HOT}", "r.yaml", Names(other)).rules == ()
    assert compile_source(rule.source) == rule


def test_defaults_of_the_file_are_in_the_source() -> None:
    rule = load(SILENT, "format: 1\ndefaults: {missing: clear_after 2d, downtime: count}\n")
    assert compile_source(rule.source) == rule
    assert rule.downtime == "count"


def test_tests_are_not_in_the_source() -> None:
    plain, tested = load(HOT), load(HOT + "  test: [{say: x, expect: []}]\n")
    assert tested.source == plain.source


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"format":2,"rule":{},"points":{}}',
        b'{"format":1,"rule":{},"points":{}}',
        b"\xff\xfe",
        b'{"format":1,"rule":{"id":"a","watch":{"kind":"x"},"when":"y > 3"},"points":{"x":{}}}',
    ],
)
def test_damaged_sources(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"rule source|damaged"):
        compile_source(damaged)


SAME_MEANING = {"Very hot", "it hurts", "{en: it burns, zh: 会起火}", "gun_temp>=185 degF", "hold: {for: 10000ms}"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{en: Hot, zh: 热}", "Very hot", Edit.TEXT),
        ("it burns", "it hurts", Edit.TEXT),
        ("it burns", "{en: it burns, zh: 会起火}", Edit.TEXT),
        ("gun_temp >= 85 degC", "gun_temp>=185 degF", Edit.TEXT),
        ("hold: 10s", "hold: {for: 10000ms}", Edit.SAME),
        ("fault: E07", "fault: E08", Edit.TEXT),
        ("type: repair", "type: repair, sla: repair_4h", Edit.TEXT),
        ("why:", "mode: shadow\n  why:", Edit.RESTART_SILENT),
        ("85 degC", "84 degC", Edit.THRESHOLD),
        ("for: 2m", "for: 3m", Edit.THRESHOLD),
        ("gap: 30s", "gap: 40s", Edit.THRESHOLD),
        ("clear_hold: 3m", "clear_hold: 4m", Edit.THRESHOLD),
        ("75 degC", "74 degC", Edit.THRESHOLD),
        ("auto_clear: false", "auto_clear: true", Edit.THRESHOLD),
        ("'temp_trip', 95", "'temp_trip', 96", Edit.THRESHOLD),
        ("why:", "missing: clear_after 1d\n  why:", Edit.THRESHOLD),
        ("why:", "downtime: count\n  why:", Edit.THRESHOLD),
        ("in_service", "planned", Edit.GENERATION),
        (", where: \"life == 'in_service'\"", "", Edit.GENERATION),
        ("gun_temp >= attr('temp_trip', 95 degC)", "voltage >= 950 V", Edit.GENERATION),
    ],
)
def test_what_an_edit_does(old: str, new: str, expected: Edit) -> None:
    assert old in HOT
    text = HOT.replace(old, new)
    before, after = load(HOT), load(text)
    assert classify(before, after) is expected
    assert (before.revision == after.revision) is (new in SAME_MEANING)


def test_a_changed_window_is_a_new_generation() -> None:
    other = load(MONTHS.replace("from: 26", "from: 1"))
    assert classify(load(MONTHS), other) is Edit.GENERATION


def test_the_order_of_keys_and_kinds_means_nothing() -> None:
    one = load("\n- {id: a, watch: {kind: [gas_meter, water_meter]}, when: 'battery < 3 V', hold: 2m}")
    other = load("\n- {hold: 120s, when: 'battery<3 V', watch: {kind: [water_meter, gas_meter]}, id: a}")
    assert one.revision == other.revision


def test_edit_merges_by_key() -> None:
    rule = load(HOT)
    patch = {"levels": {"major": {"when": "gun_temp >= 80 degC"}}, "why": None}
    new = edit(rule, patch, NAMES, "t.yaml", "test[0].events[0].edit")
    assert isinstance(new.condition, Levels)
    assert new.condition.levels[0].when.text == "gun_temp >= 80 degC"
    assert len(new.condition.levels) == 2
    assert new.condition.levels[0].clear_hold == 180_000_000
    assert (new.why["en"], rule.why["en"]) == ("", "it burns")
    assert classify(rule, new) is Edit.THRESHOLD


def test_an_edit_that_does_not_load_says_where() -> None:
    with pytest.raises(ConfigError) as caught:
        edit(load(HOT), {"levels": {"major": {"when": "gun_temp >= 80"}}}, NAMES, "t.yaml", "test[0].edit", 7)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.path) == ("t.yaml", 7, "test[0].edit.levels.major.when")
