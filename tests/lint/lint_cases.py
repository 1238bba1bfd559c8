"""Rules that can never raise, never end, or raise at once; points told on change; two rules for one fault."""

from datetime import UTC, date, datetime
from typing import Any

from lint_lab import heard, lists, rule

from gateway.domain.device import Device
from gateway.domain.duration import MINUTE, to_us

HOT = '  when: "temp >= 85 degC"\n  hold: {for: 2m, gap: 30s}\n  clear: "temp < 75 degC"'
FAULT = "  when: \"mode == 'fault'\"\n"
OPEN = "  when: \"door == 'open'\"\n  hold: {for: 5m, gap: 5m}\n"
SENSORS = "{kind: sensor, group: site}"
LOW = '  when: {members: {of: "pressure < 1 kPa and pressure > 2 kPa", at_least: 2}}'
MEAN = "  let: {NAME: {mean: temp, over: 10m}}\n" + HOT.replace("temp", "NAME")
SERVICE = "  every: {counter: energy, step: 500 kWh}"
INSURED = "  due: {date: insured, stages: {minor: -14d, major: 10d}}"
TOLD = "  then: {notice: {audience: ops, template: t}}"
ONE_FAULT = "  then: {order: {type: repair, fault: F}}"


def _when(text: str) -> str:
    return f'  when: "{text}"\n'


def _insured(until: str) -> dict[str, Any]:
    device = Device(1, "C1", "charger", "charger", attrs={"insured": until})
    return {"today": date(2026, 11, 30), "inventory": lists(device)}


def _registered(*day: int) -> dict[str, Any]:
    at = to_us(datetime(*day, tzinfo=UTC))  # type: ignore[arg-type, misc]
    device = Device(1, "C1", "charger", "charger", registered=at)
    return {"today": date(2026, 11, 30), "inventory": lists(device)}


NEVER: list[tuple[str, str, str, dict[str, Any]]] = [
    ("percent-no-unit", 'when: "jolt > 0.9"', rule(_when("jolt > 90 %") + '  clear: "jolt < 0.5"'), {}),
    (
        "percent-no-unit", 'when: "0.005 < m"',
        rule("  let: {m: {mean: jolt, over: 1h}}\n" + _when("5 ‰ < m") + '  clear: "m < 0"'), {},
    ),
    ("percent-no-unit", "attr('most', 0.9)\"", rule(_when("jolt > attr('most', 90 %)") + '  clear: "jolt < 0.5"'), {}),
    ("never-true", "", rule("  let: {s: {share: \"mode == 'fault'\", over: 1h}}\n" + _when("s > 150 %")), {}),
    ("never-true", "", rule("  let: {p: {percentile(90): temp, over: 1h}}\n" + _when("p > 300 degC")), {}),
    ("never-true", "", rule("  let: {n: {times: \"mode == 'fault'\", over: 1m}}\n" + _when("n >= 5")), {}),
    ("never-true", "", rule('  streak: {of: "temp > 300 degC", length: 3}'), {}),
    ("never-true", "", rule(_when("hour() > 23 and mode == 'fault'")), {}),
    ("never-true", "", rule(LOW, SENSORS), {}),
    ("never-true", "", rule(_when("contains(mode, 'over')")), {}),
    ("always-true", "", rule(_when("temp > -50 degC") + "  clear_hold: 1m"), {}),
    ("always-true", "", rule("  let: {s: {share: \"mode == 'fault'\", over: 1h}}\n" + _when("s >= 0")), {}),
    ("always-true", "", rule(_when("age(temp) >= 0 s or temp > 80 degC")), {}),
    ("always-true", "", rule('  votes: {of: "temp < 300 degC", need: 3, last: 5}'), {}),
    ("clear-never", "", rule(_when("temp > 80 degC") + '  clear: "temp < -60 degC"'), {}),
    ("clear-never", "", rule(SERVICE + '\n  clear: "temp > 300 degC"'), {}),
    ("hold-beyond-active", "hold: 4h", rule(FAULT + "  hold: 8h\n  active: {daily: 22:00-06:00}"), {}),
    ("hold-beyond-active", "hold: 1d", rule(FAULT + "  hold: 50h\n  active: {days: [sat, sun]}"), {}),
    ("flap-never", "in: 50m", rule(HOT.replace("2m", "5m") + "\n  flap: {raises: 4, in: 20m, quiet: 1h}"), {}),
    ("streak-never", "max_span: 3m", rule('  streak: {of: "temp > 80 degC", length: 10, max_span: 80s}'), {}),
    (
        "wait-below-interval", "within: 30s",
        rule("  sequence: [{see: \"mode == 'charging'\"}, {not_see: \"mode == 'idle'\", within: 9s}]"), {},
    ),
    (
        "vote-below-interval", "within: 30s",
        rule(LOW.replace("and pressure > 2 kPa", "").replace("at_least: 2", "at_least: 2, within: 5s"), SENSORS), {},
    ),
    ("silent-on-change", "every: 1m", rule("  silent: {any_of: jolt, longer_than: 10m}"), {}),
    ("silent-on-change", "every: 1m", rule("  silent: {all_of: [temp, jolt], longer_than: 10m}"), {}),
    ("repeats-on-change", "hold:", rule("  votes: {of: \"door == 'open'\", need: 3, last: 3}"), {}),
    ("missing-on-change", "missing: keep", rule(OPEN + "  missing: clear_after 1h"), {}),
    ("coverage-unknown", "every: 1m", rule("  let: {m: {max: jolt, over: 1h}}\n" + HOT.replace("temp", "m")
                                           .replace(" degC", "")), {}),
    (
        "silent-without-point", "profile != 'other'", rule("  silent: {any_of: temp, longer_than: 10m}"),
        {"inventory": lists(Device(1, "C1", "charger", "charger"), Device(2, "C2", "other", "charger"))},
    ),
    ("silent-at-load", "", rule("  silent: {any_of: temp, longer_than: 10m}"), {"seen": heard(1, "temp", None)}),
    ("silent-at-load", "", rule("  silent: {any_of: temp, longer_than: 10m}"), {"seen": heard(1, "temp", 11 * MINUTE)}),
    ("age-at-load", "", rule(_when("age(temp) > 10 min")), {"seen": heard(1, "temp", 11 * MINUTE)}),
    (
        "no-end", "clear:",
        rule("  sequence: [{see: \"mode == 'idle'\"}, {see: \"mode == 'fault'\", within: 1m}]", order=TOLD), {},
    ),
    ("due-at-load", "", rule(INSURED), _insured("2026-11-19")),
    ("dates-overlap", "", rule(INSURED.replace("}}", "}, repeat: 3 weeks}")), {}),
    ("step-never", "", rule("  every: {counter: run_hours, step: 5000 h, or_after: 6 months}", "{kind: pump}"),
     {"inventory": lists(Device(1, "U1", "pump", "pump"))}),
    ("term-at-load", "", rule(SERVICE.replace("}", ", or_after: 1 year}")), _registered(2025, 11, 28)),
    (
        "overlap", "inhibit:",
        rule(HOT.replace(">= 85 degC", "> 80 degC and temp < 100 degC"), rule_id="a")
        + rule(HOT.replace(">= 85 degC", "> 90 degC and temp < 120 degC")), {},
    ),
    ("overlap", "inhibit:", rule(HOT, rule_id="a") + rule(_when("temp > 90 degC and mode == 'idle'")), {}),
    ("overlap", "inhibit:", rule(MEAN.replace("NAME", "a"), rule_id="a") + rule(MEAN.replace("NAME", "b")), {}),
    ("overlap", "inhibit:", rule(SERVICE, rule_id="a") + rule(SERVICE), {}),
    ("overlap-one-order", "levels:", rule(HOT, rule_id="a", order=ONE_FAULT)
     + rule(HOT.replace("85", "90"), order=ONE_FAULT), {}),
]  # fmt: skip
"""(code, a part of what to write, rule, what is around)."""

FINE: list[tuple[str, dict[str, Any]]] = [
    (
        rule(HOT.replace(">= 85 degC", "> 80 degC and temp <= 85 degC"), rule_id="a")
        + rule(HOT.replace(">=", ">")), {},
    ),  # one begins where the other ends
    (
        rule(_when("temp > 80 degC and mode == 'idle'"), rule_id="a")
        + rule(_when("temp > 80 degC and mode == 'charging'")), {},
    ),
    (rule(SERVICE, rule_id="a") + rule(SERVICE.replace("500", "2000")), {}),
    (rule("  let: {n: {times: \"mode == 'fault'\", over: 1m}}\n" + _when("n >= 3")), {}),
    (rule(FAULT + "  hold: 7h\n  active: {daily: 22:00-06:00}"), {}),
    (rule(FAULT + "  hold: 9h\n  active: {daily: [22:00-06:00, 06:00-12:00]}"), {}),
    (rule(FAULT + "  hold: 50h\n  active: {days: [workday]}"), {}),
    (rule("  silent: {any_of: [temp, jolt], longer_than: 10m}"), {}),
    (rule(OPEN), {}),
    (rule(_when("contains(mode, 'fau') or contains(code, 'over')")), {}),
    (rule("  let: {s: {share: \"door == 'open'\", over: 1h}}\n" + _when("s > 90 %") + '  clear: "s < 50 %"'), {}),
    (rule(_when("temp / temp > 90 %") + '  clear: "temp < 0 degC"'), {}),
    (rule(INSURED), _insured("2026-11-20")),
    (rule(INSURED.replace("}}", "}, repeat: 1 month}")), _insured("2026-12-20")),
    (rule(SERVICE.replace("}", ", or_after: 1 year}")), _registered(2025, 12, 1)),
    (rule("  silent: {any_of: temp, longer_than: 10m}"), {"seen": heard(1, "temp", 9 * MINUTE)}),
    (rule(_when("age(temp) > 10 min")), {"seen": heard(1, "temp", 9 * MINUTE)}),
]  # fmt: skip
