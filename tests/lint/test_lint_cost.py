"""The estimate of state against the arrays of a real engine, and evaluations a second against the intervals."""

import pytest
from lint_lab import DEFINED, NAMES, around, checked, lists, look, rule

from gateway.domain.device import Device, Site
from gateway.domain.duration import HOUR, SECOND
from gateway.domain.reading import Reading, batch_of
from gateway.domain.record import Body, DeviceSet, PointDefined, Record, RuleSet, SiteSet
from rules.compiled import Rule
from rules.engine import Engine
from rules.format import compile_source, policy_source
from rules.lint import estimate, lint

T0 = 1_767_225_600 * SECOND
COUNT = 60
CHARGERS = [Device(n, f"C{n}", "charger", "charger", site=f"s{n % 3}", registered=T0) for n in range(1, COUNT + 1)]
METERS = [Device(n, f"M{n}", "meter", "meter", site="s0", registered=T0) for n in range(101, 101 + COUNT)]
SENSORS = [Device(n, f"P{n}", "sensor", "sensor", site=f"s{n % 3}", registered=T0) for n in range(201, 201 + COUNT)]
DEVICES = [*CHARGERS, *METERS, *SENSORS]
LISTS = lists(*DEVICES)
POINT = {(point.profile, point.name): point.id for point in DEFINED}


def only_rule(body: str, watch: str = "{kind: charger}") -> Rule:
    return checked(rule(body, watch)).loaded.rules[0]


def real(one: Rule, rounds: int, *told: tuple[str, str, int]) -> int:
    """Bytes of the runners of a rule after so many rounds of readings (kind, point, µs between)."""
    engine = Engine(0, compile_source, "lint")
    seq = 0

    def write(body: Body, at: int) -> None:
        nonlocal seq
        seq += 1
        engine.step(Record(seq, at, body))

    for n in range(3):
        write(SiteSet(Site(f"s{n}")), T0)
    for point in DEFINED:
        write(PointDefined("lint", point), T0)
    for device in DEVICES:
        write(DeviceSet(device), T0)
    write(RuleSet(one.id, one.revision, one.source, "UTC"), T0)
    for k in range(rounds):
        for kind, name, every in told:
            at, number = T0 + k * every, POINT[kind, name]
            batch = batch_of([Reading(d.id, number, at, float(k), received=at)] for d in DEVICES if d.kind == kind)
            write(batch, at)
    return engine.memory()


CHARGER, METER = "{kind: charger}", "{kind: meter}"
TEMP, FLOW = ("charger", "temp", 10 * SECOND), ("meter", "flow", HOUR)
VOLUME, PRESSURE = ("meter", "volume", HOUR), ("sensor", "pressure", 10 * SECOND)
LEVELS = """
  levels:
    minor: {when: "temp > 70 degC", hold: 1m}
    major: {when: "temp > 80 degC"}
  active: {daily: 08:00-20:00}"""
SEQUENCE = '  sequence: [{see: "mode == \'charging\'", as: a}, {not_see: "temp > 20 degC", within: 5m}]'
STREAK = """
  let: {u: {increase: volume, per: day}}
  streak: {of: "u == 0 m3 and before(u, 2) > 0 m3", length: 3, max_span: 9d}"""
SLIDING = """
  let: {m: {spread: temp, over: 30m}, s: {share: "temp > 9 degC", over: 10m}}
  when: "m > 5 degC and s > 0.5\""""
RATES = """
  let: {r: {rate: volume, over: 1d}, n: {rate: volume}, f: {fall: flow, over: 12h}}
  when: "r > 5 m3/h and n > 1 m3/h and f > 1 m3/h\""""
STATS = """
  let: {d: {stddev: flow, per: day}, g: {increase: volume, over: 2d}}
  when: "d > 1 m3/h and g > 1 m3\""""
BASELINE = """
  let: {z: {zscore: temp, half_life: 6h, season: hour_of_week}}
  when: "z > 4\""""
QUORUM = """
  let: {p: {members: {mean: pressure}}}
  when: {all: ["p < 2 kPa", {members: {of: "pressure < 1 kPa", at_least: 2}}]}
  hold: 1m"""
IDENTITY = "  when: \"mode != 'idle'\"\n  hold: 1m\n  identity: [mode]"
Told = tuple[str, str, int]
CASES: dict[str, tuple[str, str, int, tuple[Told, ...]]] = {
    "threshold": ('  when: "temp >= 85 degC"\n  hold: 2m', CHARGER, 0, ()),
    "plain": ('  when: "temp >= 85 degC"', CHARGER, 0, ()),
    "levels": (LEVELS, CHARGER, 0, ()),
    "silent": ("  silent: {any_of: temp, longer_than: 5m}", CHARGER, 0, ()),
    "votes": ('  votes: {of: "temp > 80 degC", need: 3, last: 5}', CHARGER, 0, ()),
    "due": ("  due: {date: insured, stages: {minor: -14d, major: 0d}}", CHARGER, 0, ()),
    "every": ("  every: {counter: energy, step: 500 kWh}", CHARGER, 0, ()),
    "sequence": (SEQUENCE, CHARGER, 0, ()),
    "identity": (IDENTITY, CHARGER, 0, ()),
    "streak": (STREAK, METER, 60, (VOLUME,)),
    "sliding": (SLIDING, CHARGER, 400, (TEMP,)),
    "rates": (RATES, METER, 60, (VOLUME, FLOW)),
    "stats": (STATS, METER, 60, (VOLUME, FLOW)),
    "baseline": (BASELINE, CHARGER, 3, (TEMP,)),
    "quorum": (QUORUM, "{kind: sensor, group: site}", 3, (PRESSURE,)),
}


@pytest.mark.parametrize("case", CASES)
def test_estimate_agrees_with_the_engine(case: str) -> None:
    body, watch, rounds, told = CASES[case]
    one = only_rule(body, watch)
    found = estimate(one, NAMES, LISTS)
    assert found.state == pytest.approx(real(one, rounds, *told), rel=0.2)
    assert found.things == (3 if "group" in watch else COUNT)


def test_a_threshold_with_a_hold_is_small() -> None:
    assert estimate(only_rule('  when: "temp >= 85 degC"\n  hold: 2m'), NAMES, None).per_thing <= 64


def test_evaluations_follow_the_fastest_point() -> None:
    both = only_rule('  let: {d: {mean: flow, per: day}}\n  when: "d > 1 m3/h"', "{kind: meter}")
    assert estimate(both, NAMES, LISTS).per_second == pytest.approx(COUNT / 3600)
    fast = only_rule('  when: "temp > 1 degC and energy > 5 kWh"')
    assert estimate(fast, NAMES, LISTS).per_second == pytest.approx(COUNT / 10)


def test_a_rule_that_is_off_costs_nothing() -> None:
    text = rule('  when: "temp > 85 degC"').replace("  why", "  mode: off\n  why")
    [cost] = look(text, inventory=LISTS).costs
    assert (cost.state, cost.per_thing, cost.per_second) == (0, 0, 0.0)


def test_the_sum_is_held_against_limits() -> None:
    text = rule('  let: {m: {mean: temp, over: 30d}}\n  when: "m > 5 degC"\n  clear: "m < 2 degC"')
    file = checked(text, head="limits: {state: 10 MB}\n")
    found = lint([file], around(inventory=LISTS))
    assert found.limit == 10_000_000
    assert found.over
    assert found.state > COUNT * 30 * 86400 // 10 * 24
    assert not lint([checked(text, head="limits: {state: 100 GB}\n")], around(inventory=LISTS)).over
    assert not lint([checked(text)], around(inventory=LISTS)).over
    assert policy_source([file.loaded])
