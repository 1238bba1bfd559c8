"""`lateness`: within it, the order of arrival does not matter (RULES section 5; S04)."""

from random import Random

from depth import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rules_engine.engine_lab import T0, S, bytes_of, charger, rule, told
from rules_engine.past_lab import Gateway, told_of

from gateway.domain.alarm import Evidence
from gateway.domain.record import DeviceSet, RuleRemoved
from rules.compiled import Rule

L = 30


def late(body: str, rule_id: str, watch: str = "{kind: charger, each: connector}", lateness: str = "30s") -> Rule:
    return rule(f"  lateness: {lateness}\n{body}", watch, rule_id)


HOLD = late('  when: "gun_temp >= 85 degC"\n  hold: {for: 30s, gap: 1m}\n  clear: "gun_temp < 75 degC"', "hold")
PLAIN = late('  when: "gun_temp >= 85 degC"', "plain")
STREAK = late('  when: {streak: {of: "gun_temp >= 80 degC", length: 3}}', "streak")
SILENT = late("  when: {silent: {any_of: [heartbeat], longer_than: 1m}}", "silent", "{kind: charger}")
AT_ONCE = rule('  when: "gun_temp >= 85 degC"', rule_id="once")


def test_a_decision_waits_for_lateness_and_keeps_its_time() -> None:
    gateway = Gateway([PLAIN, AT_ONCE], [charger(1)])
    assert [(t.rule, t.at) for t in gateway.read([told(1, "gun_temp", 0, 90.0, 1)], at=0)] == [("once", T0)]
    assert gateway.tick(29) == []
    (raised,) = gateway.tick(30)
    assert (raised.rule, raised.at, raised.decided) == ("plain", T0, T0 + 30 * S)
    gateway.check_replay()


def test_the_device_itself_moves_its_time_on() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    gateway.read([told(1, "gun_temp", 0, 90.0, 1)], at=5)
    assert gateway.read([told(1, "gun_temp", 29, 90.0, 1)], at=6) == []
    assert told_of(gateway.read([told(1, "gun_temp", 30, 20.0, 1)], at=7)) == [("raised", 0, False)]


def test_a_timer_fires_lateness_later() -> None:
    gateway = Gateway([SILENT], [charger(1)])
    gateway.read([told(1, "heartbeat", 0, 1.0)], at=0)
    assert gateway.tick(89) == []
    (raised,) = gateway.tick(90)
    assert raised.at == T0 + 60 * S
    assert gateway.engine.next_due() is None


def test_s33_just_in_time_but_received_late() -> None:
    gateway = Gateway([SILENT], [charger(1)])
    gateway.read([told(1, "heartbeat", 0, 1.0)], at=0)
    gateway.read([told(1, "heartbeat", 59, 1.0)], at=85)
    assert gateway.tick(120) == []


def test_next_due_names_what_waits() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    gateway.read([told(1, "gun_temp", 0, 90.0, 1)], at=3)
    assert gateway.engine.next_due() == T0 + 30 * S
    gateway.read([told(1, "gun_temp", -3600, 90.0, 1)], at=4)  # an old one that took its time
    assert gateway.engine.next_due() == T0 + 30 * S


def test_later_than_that_is_corrected() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    for at in (0, 50, 100):
        gateway.read([told(1, "gun_temp", at, 20.0, 1)], at=at)
    new = gateway.read([told(1, "gun_temp", 40, 90.0, 1, received=101)], at=101)
    assert told_of(new) == [("raised", 40, True), ("cleared", 50, True)]
    gateway.check_replay()


def test_a_rule_moves_to_another_lateness() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    gateway.read([told(1, "gun_temp", 0, 90.0, 1)], at=0)
    gateway.tick(40)
    new = gateway.install(late('  when: "gun_temp >= 85 degC"', "plain", lateness="10s"), 50)
    assert [(t.change.value, t.reason) for t in new] == [("cleared", "rule_changed"), ("raised", "")]
    assert list(gateway.engine.evaluators.late) == [10 * S]
    new = gateway.install(rule('  when: "gun_temp >= 85 degC"', rule_id="plain"), 60)
    assert [(t.change.value, t.reason) for t in new] == [("cleared", "rule_changed"), ("raised", "")]
    assert not gateway.engine.evaluators.late
    assert set(gateway.engine.rules) == {"plain"}
    gateway.check_replay()


def test_a_lane_is_gone_with_its_rules() -> None:
    gateway = Gateway([PLAIN, AT_ONCE], [charger(1)])
    gateway.write(RuleRemoved("plain"), 1)
    assert not gateway.engine.evaluators.late
    assert set(gateway.engine.rules) == {"once"}


def test_a_device_set_later_is_known_in_all_lanes() -> None:
    gateway = Gateway([PLAIN], [charger(1)])
    gateway.write(DeviceSet(charger(2)), 1)
    gateway.read([told(2, "gun_temp", 2, 90.0, 1)], at=2)
    assert told_of(gateway.tick(40)) == [("raised", 2, False)]


@settings(max_examples=examples(25), deadline=None)
@given(
    values=st.lists(st.sampled_from([20.0, 76.0, 82.0, 92.0]), min_size=3, max_size=25),
    delays=st.lists(st.integers(0, L), min_size=25, max_size=25),
    seed=st.integers(0, 1000),
)
def test_s04_shuffled_within_lateness_equals_sorted(values: list[float], delays: list[int], seed: int) -> None:
    rules = [HOLD, PLAIN, STREAK, SILENT]
    names = [Random(seed + k).choice(["gun_temp", "heartbeat", "current"]) for k in range(len(values))]

    def run(delay: list[int]) -> Gateway:
        gateway = Gateway(rules, [charger(1)], answers=False)
        order = sorted(range(len(values)), key=lambda k: (10 * k + delay[k], Random(seed).random()))
        todo = [(10 * k + delay[k], k) for k in order]
        for second in range(10 * len(values) + 300):
            while todo and todo[0][0] <= second:
                _, k = todo.pop(0)
                component = 0 if names[k] == "heartbeat" else 1
                gateway.read([told(1, names[k], 10 * k, values[k], component, received=second)], at=second)
            if (due := gateway.engine.next_due()) is not None and due <= T0 + second * S:
                gateway.tick(second)
        assert gateway.engine.wanted == ()
        return gateway

    straight, shuffled = run([0] * len(values)), run(delays)
    assert _plain(shuffled) == _plain(straight)
    shuffled.check_replay()


def _plain(gateway: Gateway) -> list[bytes]:
    """All but when it was decided, by which record, and when readings came."""
    found = sorted(gateway.got, key=lambda one: (one.at, one.rule, one.thing))
    return bytes_of(replace(one, seq=0, ordinal=0, decided=0, evidence=_timeless(one.evidence)) for one in found)


def _timeless(evidence: Evidence) -> Evidence:
    return replace(evidence, readings=tuple(replace(seen, received=0) for seen in evidence.readings))
