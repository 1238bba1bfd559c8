"""Every finding there is: a rule that has it, what to write instead, and a rule without any."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from depth import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from lint_cases import FINE, NEVER
from lint_lab import NAMES, TEST, around, checked, codes, heard, lists, look, only, rule

from gateway.domain.device import Device, Life
from gateway.domain.duration import DAY
from gateway.domain.text import catalogue
from gateway.domain.workdays import NO_CALENDAR
from rules.format import load_text
from rules.lint import CODES, CheckedFile, Severity, is_alone, lint

GOOD = '  when: "temp >= 85 degC"\n  hold: {for: 2m, gap: 30s}\n  clear: "temp < 75 degC"'
NOTICE = "  then: {{order: {{type: repair, level: {level}, sla: s}}, notice: {{audience: ops, template: t{more}}}}}"
HOURS = "\n  active: {days: [workday]}"
QUIET = "quiet: [{where: \"site == 's1'\", from: 2026-01-01T00:00Z, until: 2026-01-02T00:00Z, why: works}]\n"
SILENT = "  test: [{say: nothing, series: {temp: '20*9'}, expect: []}]\n"
NO_NOTICE = "  then: {notice: {audience: ops, template: t, class: safety}}"

CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    # code, a part of what to write, rule, what is around
    ("no-hysteresis", 'clear: "temp < 80 degC"', rule('  when: "temp >= 85 degC"\n  hold: 1m'), {}),
    ("no-hysteresis", 'clear: "temp < 80 degC"', rule('  when: "temp >= 85 degC"\n  clear: "temp < 85 degC"'), {}),
    (
        "no-hysteresis", "clear: \"temp < attr('trip', 90 degC) - 5 degC\"",
        rule("  when: \"temp >= attr('trip', 90 degC)\"\n  hold: 1m"), {},
    ),
    ("no-hysteresis", 'clear: "flow >', rule('  when: "flow < 10 m3/h"', "{kind: meter}"), {}),
    ("hold-below-interval", "hold: 20s", rule(GOOD.replace("2m", "5s")), {}),
    ("gap-below-interval", "hold: {for: 2m, gap: 30s}", rule(GOOD.replace("30s", "9s")), {}),
    ("gap-unknown", "gap: 1m", rule('  when: "jolt > 0.5"\n  hold: 1m\n  clear: "jolt < 0.2"'), {}),
    (
        "level-weaker", "max(attr('trip', 70 degC), 85 degC)",
        rule("""  levels:
    major: {when: "temp >= 85 degC", clear: "temp < 75 degC"}
    critical: {when: "temp >= attr('trip', 70 degC)", clear: "temp < 60 degC"}"""), {},
    ),
    ("never-true", "", rule('  when: "temp > 80 degC and temp < 70 degC"\n  clear: "temp < 60 degC"'), {}),
    ("never-true", "", rule('  when: "temp > 300 degC"\n  clear: "temp < 60 degC"'), {}),
    ("never-true", "", rule("  when: \"mode == 'idle' and mode == 'fault'\""), {}),
    ("unless-never", "", rule(GOOD + '\n  unless: "temp < 50 degC"'), {}),
    ("unless-always", "", rule(GOOD + '\n  unless: "temp > 50 degC"'), {}),
    ("missing-below-interval", "clear_after 30s", rule(GOOD + "\n  missing: clear_after 15s"), {}),
    ("silent-below-interval", "longer_than: 30s", rule("  silent: {any_of: temp, longer_than: 20s}"), {}),
    (
        "silent-below-interval", "mode == 'idle' ? 30s : 1h",
        rule("  silent: {any_of: temp, longer_than: \"mode == 'idle' ? 20s : 1h\"}"), {},
    ),
    ("identity-unbounded", "code_of: code", rule("  when: \"code != 'none'\"\n  hold: 1m\n  identity: [code]"), {}),
    (
        "quorum-unreachable", "at_least: 2",
        rule('  when: {members: {of: "pressure < 1 kPa", at_least: 3}}', "{kind: sensor, group: site}"), {},
    ),
    (
        "window-few-readings", "over: 1m40s",
        rule('  let: {m: {mean: temp, over: 15s}}\n  when: "m > 80 degC"\n  clear: "m < 70 degC"'), {},
    ),
    (
        "window-few-readings", "per: day",
        rule('  let: {m: {mean: flow, per: hour}}\n  when: "m > 8 m3/h"', "{kind: meter}"), {},
    ),
    (
        "window-beyond-retention", "retention: 124d",
        rule('  let: {u: {increase: volume, per: month}}\n  when: "u > 2 * before(u, 1)"', "{kind: meter}"),
        {"retention": 40 * DAY},
    ),
    (
        "streak-beyond-retention", "retention: 180d",
        rule('  let: {u: {increase: volume, per: day}}\n  streak: {of: "u == 0 m3", length: 90}', "{kind: meter}"),
        {"retention": 40 * DAY},
    ),
    (
        "baseline-cold", "warmup: 7d",
        rule('  let: {z: {zscore: temp, half_life: 6h}}\n  when: "z > 4"\n  clear: "z < 2"'), {},
    ),
    ("no-device", "mode: off", rule(GOOD, "{kind: charger, where: \"site == 'nowhere'\"}"), {}),
    ("point-never-seen", "", rule(GOOD), {"seen": heard(1, "temp", None)}),
    (
        "point-not-everywhere", "", rule(GOOD, "{kind: charger}"),
        {"inventory": lists(Device(1, "C1", "charger", "charger"), Device(2, "C2", "other", "charger"))},
    ),
    (
        "peers-alone", "",
        rule("""  let: {others: {peers: {median: temp, of: bay}}}
  when: "temp > others + 15 degC"
  clear: "temp < others + 10 degC\""""), {},
    ),
    ("attribute-nowhere", "", rule("  due: {date: insured, stages: {minor: -14d}}"), {}),
    ("attribute-nowhere", "", rule("  when: \"temp > attr('limit')\"\n  clear: \"temp < 10 degC\""), {}),
    ("overlap", "inhibit: {by: a, same: [code]", rule(GOOD, rule_id="a") + rule(GOOD.replace("85", "90")), {}),
    ("no-why", "why:", rule(GOOD).replace("  why: w\n", ""), {}),
    ("one-language", "title: {en: t, zh: t}", rule(GOOD).replace("{en: t, zh: 题}", "{en: t}"), {}),
    ("one-language", "why: {en: w, zh: w}", rule(GOOD).replace("why: w", "why: {en: w}"), {}),
    ("no-action", "then:", rule(GOOD, order="  owner: me"), {}),
    ("latched-alone", "then:", rule(GOOD + "\n  auto_clear: false", order=NO_NOTICE), {}),
    ("critical-once", "remind: 30m", rule(GOOD, order=NOTICE.format(level="critical", more="")), {}),
    (
        "critical-no-sla", "sla:",
        rule(GOOD, order="  then: {order: {type: repair, level: critical}}"), {},
    ),
    (
        "batch-critical", "order: {type: repair}",
        rule(GOOD, order="  then: {order: {type: repair, level: critical, sla: s, batch: {by: area, every: 7d}}}"), {},
    ),
    (
        "safety-hours", "class: service",
        rule(GOOD + "\n  active: {daily: 08:00-18:00}", order=NOTICE.format(level="major", more=", class: safety")), {},
    ),
    (
        "safety-delayed", "after: 0s",
        rule(GOOD, order=NOTICE.format(level="major, after: 5m", more=", class: safety")), {},
    ),
    (
        "parent-not-live", "mode: live",
        rule(GOOD, rule_id="a").replace("  why", "  mode: shadow\n  why")
        + rule(GOOD + "\n  inhibit: {by: a, same: [code]}"), {},
    ),
    ("calendar-year", "", rule(GOOD + HOURS), {"today": date(2027, 10, 1)}),
    ("calendar-provisional", "", rule(GOOD + HOURS), {"today": date(2026, 10, 1)}),
    ("no-test", "test:", rule(GOOD, test=""), {}),
    ("silent-tests", "expect:", rule(GOOD, test=SILENT), {}),
    ("accept-unknown", "# lint: ok", rule(GOOD + "\n  # lint: ok no-such because"), {}),
    ("accept-reason", "no-test", rule(GOOD + "\n  # lint: ok no-test"), {}),
    ("accept-unused", "", rule(GOOD + "\n  # lint: ok no-test it has one"), {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "write", "text", "more"),
    [*CASES, *NEVER],
    ids=[f"{n}-{case[0]}" for n, case in enumerate([*CASES, *NEVER])],
)
def test_finding(code: str, write: str, text: str, more: dict[str, Any]) -> None:
    found = look(text, **more)
    one = only(found, code)
    assert write in one.write if write else not one.write
    assert one.line > 0
    assert "{" not in one.text("en").replace("{{", "") or one.fields
    assert one.text("zh") != one.text("en")
    assert one.code in one.render("zh")


def test_every_code_has_a_case_and_texts() -> None:
    assert {case[0] for case in [*CASES, *NEVER]} | {"safety-quiet", "calendar-none"} == set(CODES)
    assert all(f"lint.{code}" in catalogue() for code in CODES)


def test_workdays_without_a_calendar() -> None:
    text = f"format: 1\nrules:\n{rule(GOOD + HOURS)}"
    found = lint([CheckedFile(load_text(text, "lab.yaml", replace(NAMES, calendar=NO_CALENDAR)), text)], around())
    assert codes(found) == ["calendar-none"]


def test_a_quiet_does_not_hold_safety() -> None:
    text = rule(GOOD, order=NOTICE.format(level="major", more=", class: safety"))
    assert codes(look(text)) == []
    assert codes(look(text, head=QUIET)) == ["safety-quiet"]


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (rule(GOOD), {}),
        (rule(GOOD + HOURS), {}),
        (rule('  when: "temp >= 85 degC"\n  auto_clear: false'), {}),  # a person ends it
        (rule("  when: \"mode == 'fault'\"\n  hold: 1m"), {}),
        (rule('  when: "jolt >= 3"'), {}),  # moves in steps
        (rule('  let: {u: {increase: volume, per: day}}\n  when: "u > 5 m3"', "{kind: meter}"), {}),
        (rule('  let: {m: {mean: flow, per: day}}\n  when: "m > 5 m3/h"', "{kind: meter}"), {}),
        (rule(GOOD + "\n  unless: \"mode == 'charging'\""), {}),
        (rule('  when: "temp > 80 degC and temp < 90 degC"\n  clear: "temp < 60 degC"'), {}),
        (rule("  silent: {all_of: [temp, mode], longer_than: 5m}"), {}),
        (rule(GOOD, rule_id="a") + rule(GOOD.replace("85", "90") + "\n  inhibit: {by: a, same: [code]}"), {}),
        (rule(GOOD, rule_id="a") + rule('  when: "temp < -20 degC"\n  clear: "temp > -10 degC"'), {}),
        (rule('  when: {members: {of: "pressure < 1 kPa", at_least: 2}}', "{kind: sensor, group: site}"), {}),
        *FINE,
    ],
)
def test_nothing_to_say(text: str, more: dict[str, Any]) -> None:
    assert codes(look(text, **more)) == []


def test_rules_that_watch_different_devices_do_not_overlap() -> None:
    first = rule(GOOD, "{kind: charger, where: \"code == 'C1'\"}", rule_id="a")
    second = rule(GOOD, "{kind: charger, where: \"code == 'C2'\"}")
    one, two = (Device(n, f"C{n}", "charger", "charger") for n in (1, 2))
    assert codes(look(first, second, inventory=lists(one, two))) == []
    again = rule(GOOD, "{kind: charger, where: \"code in ['C1', 'C2']\"}")
    found = only(look(first, again, inventory=lists(one, two)), "overlap")
    assert found.fields["other"] == "a"


def test_rules_in_force_beside_those_that_are_checked() -> None:
    draft = checked(rule(GOOD.replace("85", "90"), rule_id="mine"), file="draft.yaml")
    edited = checked(rule(GOOD.replace("85", "90"), rule_id="theirs"), file="draft.yaml")
    force = replace(checked(rule(GOOD, rule_id="theirs", test=""), file="force.yaml"), in_force_only=True)
    found = lint([draft, force], around())
    [one] = found.findings  # nothing is said of the rule in force itself
    assert (one.code, one.file, one.rule, one.fields["other"]) == ("overlap", "draft.yaml", "mine", "theirs")
    assert [cost.rule for cost in found.costs] == ["mine"]
    assert codes(lint([edited, force], around())) == []  # a new version of it


def test_an_own_clear_hold_makes_it_an_info() -> None:
    found = only(look(rule('  when: "temp >= 85 degC"\n  clear_hold: 5m')), "no-hysteresis")
    assert found.severity is Severity.INFO


def test_devices_that_are_planned_are_waited_for() -> None:
    planned = Device(1, "C1", "charger", "charger", life=Life.PLANNED)
    watch = "{kind: charger, where: \"life == 'in_service'\"}"
    found = only(look(rule(GOOD, watch), inventory=lists(planned)), "no-device")
    assert (found.severity, found.write) == (Severity.INFO, "")


def test_what_is_not_known_is_not_checked() -> None:
    found = look(rule(GOOD, "{kind: charger, where: \"site == 'x'\"}"), inventory=None, retention=None, seen=None)
    assert codes(found) == []
    assert found.unchecked == ("fleet", "retention", "seen")


def test_a_line_is_that_of_the_key() -> None:
    text = rule('  when: "temp >= 85 degC"\n  hold: 5s\n  clear: "temp < 75 degC"')
    assert only(look(text), "hold-below-interval").line == 8


class TestRemarks:
    """`# lint: ok CODE why`."""

    REMARK = "# lint: ok no-test it is a copy of the one above"

    @pytest.mark.parametrize("place", ["inside", "above", "beside"])
    def test_accepted(self, place: str) -> None:
        text = rule(GOOD, test="")
        text = {
            "inside": text + f"  {self.REMARK}\n",
            "above": f"{self.REMARK}\n{text}",
            "beside": text.replace("why: w", f"why: w  {self.REMARK}"),
        }[place]
        found = look(
            rule(GOOD.replace(">=", ">"), "{kind: charger, where: \"site == 's1'\"}", "a", order=NO_NOTICE), text
        )
        assert "no-test" not in codes(found)
        assert [(one.code, one.rule, why) for one, why in found.accepted] == [
            ("no-test", "r", "it is a copy of the one above")
        ]

    def test_of_its_own_rule_only(self) -> None:
        text = rule(GOOD, rule_id="a") + f"{self.REMARK}\n" + rule("  when: \"mode == 'fault'\"", test="")
        assert codes(look(text)) == []
        text = rule(GOOD, rule_id="a", test="") + f"{self.REMARK}\n" + rule("  when: \"mode == 'fault'\"", test="")
        assert codes(look(text)) == ["no-test"]


def test_stand_alone_files_are_examples() -> None:
    text = (
        "profiles: {charger: {points: {temp: {unit: degC, every: 10s}}}}\nrules:\n"
        + rule(GOOD, test="")
        + "test:\n- {rule: r, say: s, series: {temp: '20'}, expect: []}\n"
    )
    assert is_alone(text)
    loaded = load_text(text, "alone.yaml", NAMES)
    found = lint(
        [CheckedFile(loaded, text, stand_alone=True)], around(inventory=lists(Device(1, "M", "meter", "meter")))
    )
    assert (codes(found), found.costs) == ([], ())


WORDS = st.sampled_from([
    "temp >= 85 degC", "temp < -0 degC", "temp > 1e300 degC", "not (temp > 1 degC)", "temp == temp", "temp in [1, 2]",
    "mode in ['idle']", "mode != 'idle'", "energy > 5 kWh", "changed(code)", "age(temp) > 5 min", "has(jolt)",
    "temp > attr('x')", "temp > attr('x', -5 degC)", "-5 degC < temp", "temp > 0 degC ? mode == 'idle' : has(temp)",
    "abs(temp) > 5 degC", "temp - 5 degC > 10 degC", "jolt > 0",
])  # fmt: skip
LEAF = st.one_of(
    WORDS,
    st.builds(lambda word, of: {word: of}, st.sampled_from(["all", "any"]), st.lists(WORDS, min_size=1, max_size=3)),
)
TIMES = st.sampled_from(["0s", "1us", "5s", "1m", "400d"])


@settings(max_examples=examples(50), deadline=None)
@given(
    when=LEAF,
    clear=st.none() | WORDS,
    unless=st.none() | LEAF,
    hold=TIMES,
    gap=st.none() | TIMES,
    quiet=TIMES,
    where=st.sampled_from(["", ", where: \"site == 's1'\"", ", group: site"]),
    known=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_linting_never_raises(
    when: object,
    clear: str | None,
    unless: object,
    hold: str,
    gap: str | None,
    quiet: str,
    where: str,
    known: tuple[bool, bool, bool],
) -> None:
    keys = {"when": when, "hold": hold if gap is None else {"for": hold, "gap": gap}, "clear": clear, "unless": unless}
    body = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in keys.items() if value is not None)
    text = "format: 1\nrules:\n" + rule(body, f"{{kind: charger{where}}}")
    loaded = load_text(text.replace("why: w", f"missing: clear_after {quiet}"), "any.yaml", NAMES)
    for_all: dict[str, Any] = {"inventory": lists(), "retention": DAY, "seen": {}}
    given_ = {key: value for (key, value), give in zip(for_all.items(), known, strict=True) if give}
    found = lint([CheckedFile(loaded, text)], around(**({"inventory": None, "retention": None, "seen": None} | given_)))
    for one in found.findings:
        assert one.render("en")
        assert one.render("zh")


def test_lab_loads() -> None:
    assert checked(rule(GOOD)).loaded.rules
    assert TEST
