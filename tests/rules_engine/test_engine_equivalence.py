"""One meaning, whatever the path: columns or scalar, any batch boundary, any restart, any order of rules."""

from typing import Any

import numpy as np
from depth import examples
from engine_lab import POINTS, T0, Lab, S, bytes_of, charger, in_any_order, meter, rules_of, run, told
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.alarm import Change, Transition
from gateway.domain.device import Device, Life, Site
from gateway.domain.reading import Batch, Reading, batch_of
from gateway.domain.record import (
    Body,
    Closed,
    CycleDone,
    DeviceSet,
    Down,
    MeterExchanged,
    Record,
    RuleSet,
    Tick,
    Unlatch,
)

RULES = rules_of("""
format: 1
rules:
- id: a.plain
  title: {en: a, zh: 甲}
  why: w
  watch: {kind: charger, each: connector}
  when: "gun_temp >= 85 degC"
  then: {order: {type: repair}}
- id: b.hold
  title: {en: b, zh: 乙}
  why: w
  watch: {kind: charger, each: connector}
  when: "gun_temp > 80 degC"
  hold: {for: 25s, gap: 20s}
  clear: "gun_temp < 70 degC"
  clear_hold: 15s
  then: {order: {type: repair}}
- id: c.levels
  title: {en: c, zh: 丙}
  why: w
  watch: {kind: charger, each: connector, where: "life == 'in_service'"}
  levels:
    minor: {when: "gun_temp >= 70 degC", hold: 20s, clear: "gun_temp < 65 degC"}
    critical: {when: "gun_temp >= attr('trip', 90 degC)", hold: 5s, clear: "gun_temp < 80 degC", auto_clear: false}
  then: {order: {type: repair}}
- id: d.cross
  title: {en: d, zh: 丁}
  why: w
  watch: {kind: charger, each: connector}
  when: "gun_temp - ambient > 40 degC and current > 1 A or status == 'fault' and changed(status)"
  hold: 10s
  then: {order: {type: repair}}
- id: e.low
  title: {en: e, zh: 戊}
  why: w
  watch: {kind: charger, each: connector}
  when: "current < 2 A"
  clear: "current > 3 A"
  hold: 10s
  missing: clear_after 60s
  downtime: count
  then: {order: {type: repair}}
- id: f.silent
  title: {en: f, zh: 己}
  why: w
  watch: {kind: charger}
  silent: {any_of: [heartbeat, ambient], longer_than: 45s}
  then: {order: {type: repair}}
- id: g.silent-each
  title: {en: g, zh: 庚}
  why: w
  watch: {kind: charger, each: connector}
  silent: {all_of: [gun_temp, current], longer_than: "status == 'charging' ? 20s : 60s"}
  then: {order: {type: repair}}
- id: h.streak
  title: {en: h, zh: 辛}
  why: w
  watch: {kind: charger, each: connector}
  when: {streak: {of: "gun_temp > 75 degC", length: 3, unknown: skips, max_span: 60s}}
  then: {order: {type: repair}}
- id: i.used
  title: {en: i, zh: 壬}
  why: w
  watch: {kind: gas_meter}
  let: {used: {increase: volume, per: hour, coverage: 0.6}}
  when: "used > 1.3 * before(used) and battery < 3.5 V"
  then: {order: {type: repair}}
- id: j.zero
  title: {en: j, zh: 癸}
  why: w
  watch: {kind: gas_meter}
  let: {used: {increase: volume, per: hour, coverage: 0.5}}
  when: {streak: {of: "used <= 2 m3", length: 2, unknown: skips}}
  then: {order: {type: repair}}
- id: k.low
  title: {en: k, zh: 子}
  why: w
  watch: {kind: gas_meter}
  when: "battery <= 3.1 V"
  hold: {for: 15m, gap: 30m}
  then: {order: {type: repair}}
- id: l.votes
  title: {en: l, zh: 丑}
  why: w
  watch: {kind: charger, each: connector}
  when: {votes: {of: "gun_temp > 75 degC", need: 3, last: 5}}
  unless: "current > 4 A"
  then: {order: {type: repair}}
- id: m.votes-clear
  title: {en: m, zh: 寅}
  why: w
  watch: {kind: charger, each: connector}
  when: {votes: {of: "current < 2 A", need: 2, last: 64}}
  clear: "current > 4 A"
  missing: clear_after 90s
  active: {daily: 00:01-00:20}
  then: {order: {type: repair}}
- id: n.not-see
  title: {en: n, zh: 卯}
  why: w
  watch: {kind: charger, each: connector}
  sequence:
  - {see: "status == 'charging'", as: plug}
  - {not_see: "current > 2 A", within: 20s, unless: "status == 'fault'"}
  again: restart
  clear: "gun_temp < 70 degC"
  then: {order: {type: repair}}
- id: o.see
  title: {en: o, zh: 辰}
  why: w
  watch: {kind: charger, each: connector}
  sequence:
  - {see: "gun_temp > 80 degC"}
  - {see: "current < 1 A", within: 30s}
  unless: "status == 'fault'"
  active: {daily: 00:00-00:30}
  then: {order: {type: repair}}
- id: p.every
  title: {en: p, zh: 巳}
  why: w
  watch: {kind: gas_meter}
  every: {counter: volume, step: 2 m3, ahead: 0.5 m3}
  clear: "battery > 3.5 V"
  then: {order: {type: repair}}
- id: q.due
  title: {en: q, zh: 午}
  why: w
  watch: {kind: charger}
  due: {date: insured, stages: {minor: -1d, major: 0d, critical: 1d}, at: "00:05"}
  then: {order: {type: repair}}
- id: r.active
  title: {en: r, zh: 未}
  why: w
  watch: {kind: charger, each: connector}
  levels:
    minor: {when: "gun_temp >= 75 degC", hold: 20s}
    major: {when: "gun_temp >= 85 degC", clear: "gun_temp < 80 degC"}
  active: {daily: 00:01-00:04}
  then: {order: {type: repair}}
- id: s.identity
  title: {en: s, zh: 申}
  why: w
  watch: {kind: charger, each: connector}
  when: "gun_temp > 75 degC"
  hold: 10s
  identity: [status]
  then: {order: {type: repair}}
- id: t.identity-latch
  title: {en: t, zh: 酉}
  why: w
  watch: {kind: charger, each: connector}
  when: "status in ['charging', 'fault']"
  clear: "status == 'idle'"
  auto_clear: false
  identity: [status]
  active: {daily: 00:00-00:10}
  then: {order: {type: repair}}
- id: u.silent
  title: {en: u, zh: 戌}
  why: w
  watch: {kind: charger}
  silent: {any_of: [heartbeat], longer_than: 30s}
  unless: "ambient > 40 degC"
  active: {daily: 00:01-00:30}
  then: {order: {type: repair}}
- id: v.level
  title: {en: v, zh: 亥}
  why: w
  watch: {kind: charger, each: connector}
  when: "gun_temp > 80 degC"
  clear: "gun_temp < 70 degC"
  then: {order: {type: repair, level: "gun_temp > 90 degC ? 'critical' : current > 2 A ? 'major' : 'minor'"}}
""")
TEMPS = (20.0, 66.0, 72.0, 76.0, 79.0, 81.0, 84.0, 85.0, 88.0, 91.0, 99.0, float("nan"))
DEVICES: tuple[Device, ...] = (
    charger(1, attrs={"insured": "2025-12-31"}),
    charger(2, attrs={"trip": "88 degC", "insured": "2026-01-01"}),
    meter(7),
    meter(8, site="S"),
)
SITES = (Site("S", timezone="Asia/Shanghai"),)


@st.composite
def frames(draw: st.DrawFn) -> list[list[Reading]]:
    """Frames of two chargers and two meters, mostly in order, some late, repeated or in conflict."""
    clock = {1: 0.0, 2: 0.0, 7: 0.0, 8: 0.0}
    out: list[list[Reading]] = []
    for _ in range(draw(st.integers(1, 40))):
        device = draw(st.sampled_from((1, 1, 2, 7, 8)))
        step = (0, 300, 600, 600, 1800, 5400) if device >= 7 else (0, 3, 5, 10, 10, 10, 20, 25, 70, -15)
        at = max(0.0, clock[device] + draw(st.sampled_from(step)))
        clock[device] = max(clock[device], at)
        frame = []
        if device >= 7:
            frame.append(told(device, "volume", at, draw(st.sampled_from((1.0, 3.0, 4.0, 5.0, 8.0, 990.0)))))
            if draw(st.booleans()):
                frame.append(told(device, "battery", at, draw(st.sampled_from((3.0, 3.1, 3.3, 3.6)))))
        else:
            component = draw(st.sampled_from((1, 2)))
            if draw(st.integers(0, 3)):
                frame.append(told(device, "gun_temp", at, draw(st.sampled_from(TEMPS)), component))
            if draw(st.booleans()):
                frame.append(told(device, "current", at, draw(st.sampled_from((0.5, 1.5, 2.5, 5.0))), component))
            if draw(st.integers(0, 3)) == 0:
                frame.append(told(device, "status", at, draw(st.sampled_from((0.0, 1.0, 2.0))), component))
            if draw(st.integers(0, 2)) == 0:
                frame.append(told(device, "heartbeat", at, 1.0))
            if draw(st.integers(0, 3)) == 0:
                frame.append(told(device, "ambient", at, draw(st.sampled_from((20.0, 45.0)))))
        if draw(st.integers(0, 9)) == 0 and out:  # a series in one frame
            frame += [told(r.device, n, (r.at - T0) / S + 7, v, c) for r, n, v, c in _again(out[-1], device)]
        if frame:
            out.append(frame)
    return out


def _again(frame: list[Reading], device: int) -> list[tuple[Reading, str, float, int]]:
    by_id = {point.id: point for point in POINTS.values()}
    return [(r, by_id[r.point].name, r.value, by_id[r.point].component) for r in frame if r.device == device]


@st.composite
def journals(draw: st.DrawFn) -> list[Record]:
    """Batches with ticks, facts and a down-time in between."""
    every = draw(frames())
    lab = Lab(RULES, DEVICES, SITES, live=False)
    at = 0.0
    while every:
        size = draw(st.integers(1, 8))
        now, every = every[:size], every[size:]
        at = max(at, *((r.at - T0) / S for frame in now for r in frame)) + draw(st.sampled_from((0, 1)))
        lab.read(*now, at=at)
        if draw(st.booleans()):
            at += draw(st.sampled_from((0, 1, 4, 10, 30, 100, 3600)))
            lab.write(Tick(T0 + round(at * S), suspect=draw(st.integers(0, 9)) == 0), at)
        if draw(st.integers(0, 3)) == 0:
            lab.write(draw(facts(at)), at)
    return lab.records


@st.composite
def facts(draw: st.DrawFn, at: float) -> Body:
    """Something that is not a reading."""
    now = T0 + round(at * S)
    edited = replace_rule(RULES[1], draw(st.sampled_from(("78 degC", "83 degC"))))
    choices: list[Body] = [
        Down(now - 30 * S, now),
        Down(now - 300 * S, now),
        Unlatch("c.levels", 1, 1),
        Unlatch("c.levels", 2, 2),
        DeviceSet(replace(DEVICES[1], attrs={"trip": draw(st.sampled_from(("80 degC", "97 degC")))})),
        DeviceSet(replace(DEVICES[0], life=draw(st.sampled_from(Life)))),
        RuleSet(edited.id, edited.revision, edited.source, "UTC"),
        MeterExchanged(7, POINTS["gas_meter", "volume", 0].id, now, 0.0),
        Closed("n.not-see", 1, 1, "W1"),
        Closed("p.every", 7, 0, "W2"),
        CycleDone("p.every", 8, 0, 3.0),
        CycleDone("v.term", 8, 0, at=now - 600 * S),
        CycleDone("v.term", 7, 0, 4.0),
        CycleDone("v.late", 8, 0),
        CycleDone("v.dates", 1, 0),
        CycleDone("v.work", 2, 0, at=now - 86_400 * S),
        Closed("v.work", 2, 0, "W3"),
        Unlatch("t.identity-latch", 1, 1),
        Unlatch("t.identity-latch", 1, 2, identity=("fault",)),
        DeviceSet(replace(DEVICES[0], attrs={"insured": draw(st.sampled_from(("2026-01-01", "2026-02-01", "soon")))})),
    ]
    return draw(st.sampled_from(choices))


def replace_rule(rule: Any, limit: str) -> Any:
    """The hold rule with another threshold."""
    text = f"""
format: 1
rules:
- id: {rule.id}
  title: {{en: b, zh: 乙}}
  why: w
  watch: {{kind: charger, each: connector}}
  when: "gun_temp > {limit}"
  hold: {{for: 25s, gap: 20s}}
  clear: "gun_temp < 70 degC"
  clear_hold: 15s
  then: {{order: {{type: repair}}}}
"""
    return rules_of(text)[0]


MANY = settings(max_examples=examples(15), derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(journals())
def test_columns_equal_the_scalar_reference(records: list[Record]) -> None:
    assert bytes_of(run(records)) == bytes_of(run(records, scalar=True))


@MANY
@given(journals(), st.integers(0, 200))
def test_a_restart_anywhere_changes_nothing(records: list[Record], where: int) -> None:
    assert bytes_of(run(records)) == bytes_of(run(records, restart_at=where % len(records)))


@MANY
@given(journals())
def test_the_order_in_which_rules_were_installed_is_irrelevant(records: list[Record]) -> None:
    rules = [record.body for record in records[: _prologue(records)] if isinstance(record.body, RuleSet)]
    others = [record for record in records if not any(record.body is rule for rule in rules)]
    head = _prologue(records) - len(rules)
    bodies = [r.body for r in others[:head]] + rules[::-1] + [r.body for r in others[head:]]
    turned = [Record(old.seq, old.at, body) for old, body in zip(records, bodies, strict=True)]
    assert in_any_order(run(records), _prologue(records)) == in_any_order(run(turned), _prologue(records))


def _prologue(records: list[Record]) -> int:
    return next(i for i, r in enumerate(records) if isinstance(r.body, Batch))


def _each(transitions: list[Transition]) -> dict[tuple[str, object], list[Transition]]:
    found: dict[tuple[str, object], list[Transition]] = {}
    for one in transitions:
        bare = replace(one, seq=0, ordinal=0, decided=0)
        found.setdefault((one.rule, one.thing), []).append(bare)
    return found


def _standing(found: dict[tuple[str, object], list[Transition]]) -> dict[tuple[str, object], list[Transition]]:
    """Without what a later value of the same moment took back: in one batch nobody is told of it."""
    kept: dict[tuple[str, object], list[Transition]] = {}
    for key, several in found.items():
        for one in several:
            mine = kept.setdefault(key, [])
            if one.change is Change.WITHDRAWN and mine and (mine[-1].change, mine[-1].at) == (Change.RAISED, one.at):
                mine.pop()
            else:
                mine.append(one)
    return {key: mine for key, mine in kept.items() if mine}


@MANY
@given(frames(), st.lists(st.integers(1, 6), min_size=1, max_size=40))
def test_batch_boundaries_are_irrelevant(all_frames: list[list[Reading]], sizes: list[int]) -> None:
    whole, parts = Lab(RULES, DEVICES, SITES), Lab(RULES, DEVICES, SITES)
    if all_frames:
        whole.read(*all_frames)
    rest = list(all_frames)
    for size in [*sizes, len(rest)]:
        if rest:
            parts.read(*rest[:size])
        rest = rest[size:]
    end = Tick(T0 + 100_000 * S)
    whole.write(end, 100_000)
    parts.write(end, 100_000)
    assert _standing(_each(whole.got)) == _standing(_each(parts.got))


@MANY
@given(journals(), st.integers(0, 200))
def test_a_batch_told_twice_changes_nothing(records: list[Record], which: int) -> None:
    batches = [k for k, record in enumerate(records) if isinstance(record.body, Batch) and _single_minded(record.body)]
    if not batches:
        return
    again = batches[which % len(batches)]
    doubled = [r.body for r in records[: again + 1]] + [r.body for r in records[again:]]
    at = [r.at for r in records[: again + 1]] + [r.at for r in records[again:]]
    twice = [Record(k, t, body) for k, (t, body) in enumerate(zip(at, doubled, strict=True), 1)]
    assert _each(run(records)) == _each(run(twice))


def _single_minded(batch: Batch) -> bool:
    """No reading of it contradicts another of it: told again, the last word would be another."""
    return len({(r.device, r.point, r.at) for r in batch.readings()}) == len(batch)


def test_all_rules_have_something_to_say() -> None:
    """The properties above are worth something only when rules of every kind do raise."""
    random = np.random.default_rng(3)
    lab = Lab(RULES, DEVICES, SITES)
    for k in range(400):
        at = 20.0 * k
        frame = [told(1, "gun_temp", at, float(random.choice(TEMPS)), 1)]
        if not 20 <= k % 40 < 25:
            frame.append(told(1, "current", at, float(k % 3 * 2), 1))
        if k % 40 < 10:
            frame += [told(1, "status", at, float(k % 3), 1), told(1, "ambient", at, 20.0)]
        if k % 40 == 20:
            frame += [told(1, "status", at - 1, 0.0, 1), told(1, "status", at, 1.0, 1)]
        lab.read(frame)
        lab.write(Tick(T0 + round(at * S)), at)
    for k in range(60):
        used = 0.03 * max(0, k - 20) ** 2
        lab.write(batch_of([[told(7, "volume", 600.0 * k, used), told(7, "battery", 600.0 * k, 3.0)]]), 600.0 * k)
    assert {one.rule for one in lab.got} == {rule.id for rule in RULES}
