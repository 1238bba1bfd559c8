"""The stage inside the engine: rules as people write them, from readings and ticks to transitions."""

import json
from collections.abc import Iterable
from itertools import pairwise

import pytest
from engine_lab import T0, Lab, S, bytes_of, charger, rules_of, same_after_restarts, told
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.device import Site
from gateway.domain.record import PolicySet, RuleRemoved, Tick
from rules.compiled import Rule
from rules.engine import Engine
from rules.format import compile_policy, compile_source

RULES = rules_of("""
format: 1
rules:
- id: a.silent
  title: {en: a, zh: 甲}
  why: w
  watch: {kind: charger}
  silent: {any_of: [heartbeat], longer_than: 60s}
  inhibit: {by: site.power, same: [site], settle: 30s}
  then: {order: {type: repair}}
- id: b.flapping
  title: {en: b, zh: 乙}
  why: w
  watch: {kind: charger, each: connector}
  when: "current > 10 A"
  flap: {raises: 2, in: 5m, quiet: 1m}
  then: {order: {type: repair}, notice: {audience: site_ops, template: t}}
- id: c.stale
  title: {en: c, zh: 丙}
  why: w
  watch: {kind: charger, each: connector}
  when: "gun_temp > 80 degC"
  stale_after: 10m
  then: {order: {type: repair}}
- id: site.power
  title: {en: d, zh: 丁}
  why: w
  watch: {kind: charger, where: "role == 'meter'"}
  when: "ambient < 0 degC"
  then: {order: {type: repair}}
""")
POLICY = (
    b'{"format":1,"limits":{"orders_per_site":"2 per 1m"},"quiet":[{"from":"2026-01-01T00:10:00+00:00",'
    b'"until":"2026-01-01T00:20:00+00:00","where":"site == \'S1\'","why":"works"}]}'
)
DEVICES = [charger(1, site="S1", attrs={"role": "meter"}), *(charger(n, site="S1") for n in (2, 3, 4)),
           charger(5, site="S2")]  # fmt: skip


def engine() -> Engine:
    """One that compiles policies too."""
    return Engine(0, compile_source, "lab", compile_policy=compile_policy)


class After(Lab):
    """The lab with a policy, a heartbeat of all chargers at T0, and ticks."""

    def __init__(self, *, policy: bool = True) -> None:
        super().__init__((), (), live=False)
        self.engine = engine()
        self.records.clear()
        lab = Lab(RULES, DEVICES, [Site("S1"), Site("S2")], live=False)
        bodies = [record.body for record in lab.records]
        for body in [*bodies, *([PolicySet(POLICY, "UTC")] if policy else [])]:
            self.write(body)

    def beat(self, at: int, *devices: int) -> None:
        """Heartbeats."""
        self.read(*[[told(device, "heartbeat", at, 1.0)] for device in devices])

    def ticks(self, begin: int, end: int, step: int = 1) -> None:
        """Engine time from `begin` to `end` seconds."""
        for at in range(begin, end + 1, step):
            self.write(Tick(T0 + at * S), at)

    def brief(self) -> list[tuple[str, int, str, float]]:
        """(rule, device, change, seconds)."""
        return [(one.rule, one.thing.device, one.change.value, (one.at - T0) / S) for one in self.got]


def outage() -> After:
    """S37: power of the site is away from 70 to 300 s; charger 3 comes back, 2 and 4 do not; 5 is elsewhere."""
    lab = After()
    lab.beat(10, 1, 2, 3, 4, 5)
    lab.ticks(60, 80)
    lab.read([told(1, "ambient", 80, -5.0), told(1, "heartbeat", 80, 1.0)])
    lab.ticks(81, 300, 3)
    lab.read([told(1, "ambient", 300, 5.0), told(1, "heartbeat", 300, 1.0)])
    lab.beat(320, 1, 3, 5)
    lab.ticks(321, 380)
    lab.beat(372, 1, 3, 5)
    lab.ticks(381, 420)
    return lab


def test_silent_children_of_an_outage_merge_and_raise_after_their_own_time_from_the_recovery() -> None:
    """S37."""
    lab = outage()
    assert [row for row in lab.brief() if row[0] == "a.silent" and row[1] in (2, 3, 4)] == [
        ("a.silent", 2, "merged", 70),
        ("a.silent", 3, "merged", 70),
        ("a.silent", 4, "merged", 70),
        ("a.silent", 2, "raised", 360),
        ("a.silent", 4, "raised", 360),
    ]
    assert [row for row in lab.brief() if row[1] == 5] == [
        ("a.silent", 5, "raised", 70),
        ("a.silent", 5, "cleared", 320),
    ]


def test_a_restart_anywhere_in_the_outage_changes_nothing() -> None:
    """S37, and the journal replayed gives the same bytes."""
    lab = outage()
    same_after_restarts(lab.records, bytes_of(lab.got), range(0, len(lab.records), 7), compile_policy=compile_policy)


def test_a_flapping_connector_is_one_unstable_alarm() -> None:
    """S39."""
    lab = After(policy=False)
    for at in range(0, 100, 10):
        lab.read([told(2, "current", at, 20.0 if at % 20 == 0 else 1.0, 1)])
    lab.ticks(90, 300, 5)
    mine = [one for one in lab.got if one.rule == "b.flapping"]
    assert [(one.change, (one.at - T0) // S, one.unstable, one.count) for one in mine] == [
        ("raised", 0, False, 1),
        ("cleared", 10, False, 1),
        ("raised", 20, False, 1),
        ("cleared", 30, False, 1),
        ("raised", 40, True, 3),
        ("cleared", 150, True, 5),
    ]
    assert mine[-1].decided == T0 + 150 * S


def test_a_deleted_parent_and_child_leave_their_alarms_as_they_are() -> None:
    """S22: no word about what is open; what was merged is decided again without the parent."""
    lab = After(policy=False)
    lab.beat(0, 1, 2, 3, 4, 5)
    lab.read([told(1, "ambient", 50, -5.0), told(1, "heartbeat", 50, 1.0)])
    lab.ticks(60, 70)
    lab.beat(71, 1, 3, 4, 5)
    before = len(lab.got)
    assert lab.write(RuleRemoved("site.power"), 75) == []
    lab.ticks(75, 164)
    assert [row for row in lab.brief()[before:] if row[1] == 2] == []
    lab.ticks(165, 165)
    assert [row for row in lab.brief()[before:] if row[1] == 2] == [("a.silent", 2, "raised", 135)]
    assert lab.write(RuleRemoved("a.silent"), 166) == []
    lab.ticks(167, 400)
    assert not any(one.rule == "a.silent" and one.decided > T0 + 166 * S for one in lab.got)


def test_a_buffered_alarm_of_long_ago_is_a_record_only() -> None:
    lab = After(policy=False)
    lab.ticks(1000, 1000)
    (old,) = lab.read([told(2, "gun_temp", 100, 90.0, 1, received=1000)], at=1000)
    (new,) = lab.read([told(3, "gun_temp", 900, 90.0, 1, received=1000)], at=1000)
    assert (old.stale, new.stale) == (True, False)


def test_policy_facts_take_effect_and_survive_a_restart() -> None:
    """S38, the engine's part."""
    lab = After()
    lab.ticks(100, 200, 50)  # nobody was ever heard: raised and counted long before
    for device, at in ((2, 500), (3, 500), (4, 500), (2, 700), (3, 1201)):
        lab.ticks(at, at)
        lab.read([told(device, "gun_temp", at, 90.0, 1 if at < 700 else 2)])
    mine = [one for one in lab.got if one.rule == "c.stale"]
    assert [(one.held_until - T0) // S if one.held_until else 0 for one in mine] == [0, 0, 0, 1200, 0]
    assert [one.limited for one in mine] == ["", "", "orders_per_site", "", ""]
    same_after_restarts(lab.records, bytes_of(lab.got), range(len(lab.records)), compile_policy=compile_policy)


@settings(max_examples=15, derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.sampled_from((-5.0, 5.0, 20.0)), st.integers(1, 40)), min_size=5, max_size=40
    )
)
def test_live_replayed_and_restarted_are_the_same_bytes(script: list[tuple[int, float, int]]) -> None:
    lab, now = After(), 0
    for device, value, passed in script:
        now += passed
        lab.read(
            [
                told(device, "ambient", now, value),
                told(device, "current", now, value, 1),
                told(device, "heartbeat", now, 1.0),
            ]
        )
        lab.ticks(now, now)
    lab.ticks(now + 1, now + 400, 50)
    assert lab.engine is not None
    same_after_restarts(lab.records, bytes_of(lab.got), range(0, len(lab.records), 11), compile_policy=compile_policy)
    assert all(a.seq <= b.seq for a, b in pairwise(lab.got))


SITE = rules_of("""
format: 1
rules:
- id: child
  title: {en: a, zh: 甲}
  why: w
  watch: {kind: charger, where: "role == 'child'"}
  silent: {any_of: [heartbeat], longer_than: "ambient > 30 degC ? 2m : 1m"}
  inhibit: {by: parent, same: [site], settle: 30s}
  then: {order: {type: repair}}
- id: parent
  title: {en: b, zh: 乙}
  why: w
  watch: {kind: charger, where: "role == 'meter'"}
  when: "ambient < 0 degC"
  then: {order: {type: repair}}
""")


def site(children: int, rules: Iterable[Rule] = SITE) -> Lab:
    """A site with one meter and many chargers."""
    devices = [charger(1, site="S1", attrs={"role": "meter"})]
    devices += [charger(n, site="S1", attrs={"role": "child"}) for n in range(2, children + 2)]
    return Lab(rules, devices, [Site("S1")])


def test_a_parent_that_was_on_before_the_childs_rule_came() -> None:
    lab = site(2, SITE[1:])
    lab.read(
        [told(1, "ambient", 0, -5.0)],
        [told(2, "heartbeat", 0, 1.0), told(2, "ambient", 0, 20.0)],
        [told(3, "heartbeat", 0, 1.0), told(3, "ambient", 0, 20.0)],
    )
    lab.install(SITE[0], 5)
    lab.write(Tick(T0 + 100 * S), 100)
    assert [(one.thing.device, one.change) for one in lab.got] == [(1, "raised"), (2, "merged"), (3, "merged")]


@pytest.mark.parametrize("lateness", ["0s", "20s"])
def test_a_length_of_silence_that_hangs_on_readings_counts_from_the_recovery(lateness: str) -> None:
    rules = [replace_lateness(rule, lateness) for rule in SITE]
    lab = site(2, rules)
    lab.read(
        [told(1, "ambient", 0, -5.0)],
        [told(2, "heartbeat", 0, 1.0), told(2, "ambient", 0, 40.0)],
        [told(3, "heartbeat", 0, 1.0), told(3, "ambient", 0, 20.0)],
    )
    for at in range(60, 200, 5):
        lab.write(Tick(T0 + at * S), at)
    lab.read([told(1, "ambient", 200, 5.0)])
    for at in range(200, 500, 5):
        lab.write(Tick(T0 + at * S), at)
    later = [
        (one.thing.device, (one.at - T0) // S) for one in lab.got if one.rule == "child" and one.change == "raised"
    ]
    assert later == [(3, 260), (2, 320)]


def replace_lateness(rule: Rule, lateness: str) -> Rule:
    """The same rule, deciding later."""
    source = json.loads(rule.source)
    source["rule"]["lateness"] = lateness
    return compile_source(json.dumps(source).encode())


def test_a_storm_of_ten_thousand_chargers_behind_one_meter() -> None:
    """S37 at size: one note each."""
    lab = site(10_000)
    beats = [[told(n, "heartbeat", 0, 1.0), told(n, "ambient", 0, 20.0)] for n in range(2, 10_002)]
    lab.read([told(1, "ambient", 0, -5.0)], *beats)
    storm = lab.write(Tick(T0 + 60 * S), 60)
    calm = lab.read([told(1, "ambient", 70, 5.0)])
    assert [one.change for one in storm] == ["merged"] * 10_000
    assert [one.change for one in calm] == ["cleared"]
    assert [one.change for one in lab.write(Tick(T0 + 200 * S), 200)] == ["raised"] * 10_000
