"""A new rule, or a new generation of one, knows the past (RULES section 5, Edits; S21)."""

from rules_engine.engine_lab import charger, meter, rule, told
from rules_engine.past_lab import Gateway, told_of

from gateway.domain.record import Rerun, RuleRemoved
from rules.compiled import Rule


def streak(length: int = 3, over: int = 80) -> Rule:
    return rule(f'  when: {{streak: {{of: "gun_temp >= {over} degC", length: {length}}}}}', rule_id="streak")


def hourly(limit: int = 5) -> Rule:
    return rule(
        f'  let: {{used: {{increase: volume, per: hour}}}}\n  when: "used >= {limit} m3"', "{kind: gas_meter}", "hourly"
    )


def running(rules: list[Rule], *, answers: bool = True, until: int = 60) -> Gateway:
    gateway = Gateway(rules, [charger(1), charger(2)], answers=answers)
    for at in range(0, until, 20):
        gateway.read([told(1, "gun_temp", at, 90.0, 1)], [told(2, "gun_temp", at, 20.0, 1)], at=at)
        gateway.tick(at + 1)
    return gateway


def test_a_new_rule_raises_what_is_still_true() -> None:
    gateway = running([])
    assert told_of(gateway.install(streak(), 50)) == [("raised", 50, False)]
    assert [t.thing.device for t in gateway.got] == [1]
    assert told_of(gateway.read([told(1, "gun_temp", 60, 20.0, 1)], at=60)) == [("cleared", 60, False)]
    gateway.check_replay()


def test_what_is_over_is_not_raised() -> None:
    gateway = running([])
    gateway.read([told(1, "gun_temp", 60, 20.0, 1)], at=60)
    gateway.install(streak(), 61)
    assert gateway.got == []
    for at in (80, 100):
        gateway.read([told(1, "gun_temp", at, 90.0, 1)], at=at)
    assert gateway.got == []
    assert told_of(gateway.read([told(1, "gun_temp", 120, 90.0, 1)], at=120)) == [("raised", 120, False)]


def test_s21_a_new_generation_closes_the_old_episodes_and_knows_the_past() -> None:
    gateway = running([streak()])
    assert told_of(gateway.got) == [("raised", 40, False)]
    gateway.got.clear()
    gateway.install(streak(length=2), 50)
    assert [(t.change.value, t.reason) for t in gateway.got] == [("cleared", "rule_changed"), ("raised", "")]


def test_readings_that_come_before_the_answer_are_seen() -> None:
    gateway = running([], answers=False, until=40)
    gateway.install(streak(), 30)
    assert gateway.engine.wanted[0].rule == "streak"
    history = list(gateway.batches)
    assert gateway.read([told(1, "gun_temp", 40, 90.0, 1)], at=40) == []
    gateway.tick(45)
    gateway.batches = history
    gateway.give(50)
    assert told_of(gateway.got) == [("raised", 50, False)]
    gateway.check_replay()


def test_without_history_it_begins_with_what_is_there() -> None:
    gateway = running([], answers=False)
    gateway.install(streak(length=2), 50)
    wanted = gateway.engine.wanted[0]
    gateway.write(Rerun(wanted.seq, rule="streak"), 51)
    assert gateway.engine.wanted == ()
    assert gateway.engine.counts.cold == 1
    for at in (60, 80):
        gateway.read([told(1, "gun_temp", at, 90.0, 1)], at=at)
    assert told_of(gateway.got) == [("raised", 80, False)]
    gateway.check_replay()


def test_a_damaged_image_is_no_history() -> None:
    gateway = running([], answers=False)
    gateway.install(streak(length=2), 50)
    gateway.write(Rerun(gateway.engine.wanted[0].seq, rule="streak", image=b"FGRULES\x00nonsense"), 51)
    assert gateway.engine.counts.cold == 1
    assert not gateway.engine.wanted


def test_where_nothing_was_ever_heard_nobody_asks() -> None:
    gateway = Gateway([streak(), hourly()], [charger(1), meter(7)], answers=False)
    assert gateway.engine.wanted == ()


def test_plain_rules_need_no_history() -> None:
    gateway = running([], answers=False)
    new = gateway.install(rule('  when: "gun_temp >= 85 degC"'), 50)
    assert gateway.engine.wanted == ()
    assert told_of(new) == [("raised", 50, False)]


def test_a_waiting_rule_that_is_deleted_or_edited_again() -> None:
    gateway = running([], answers=False)
    gateway.install(streak(), 50)
    first = gateway.engine.wanted[0]
    gateway.install(streak(length=2), 51)
    gateway.write(Rerun(first.seq, rule="streak"), 52)
    assert [one.rule for one in gateway.engine.wanted] == ["streak"]  # the answer was for the revision before
    gateway.give(53)
    assert told_of(gateway.got) == [("raised", 53, False)]
    gateway.install(streak(length=4), 54)
    gateway.write(RuleRemoved("streak"), 55)
    assert gateway.engine.wanted == ()
    gateway.check_replay()


def test_windows_are_warmed_up() -> None:
    gateway = Gateway([], [meter(7)])
    for minute in range(0, 130, 10):
        gateway.read([told(7, "volume", minute * 60, minute / 10)], at=minute * 60)
        gateway.tick(minute * 60 + 1)
    gateway.install(hourly(6), 7900)
    assert told_of(gateway.got) == [("raised", 7900, False)]
    gateway.check_replay()
    cold = Gateway([hourly(6)], [meter(7)])
    for minute in range(0, 130, 10):
        cold.read([told(7, "volume", minute * 60, minute / 10)], at=minute * 60)
        cold.tick(minute * 60 + 1)
    mine, other = (g.engine.evaluators.main.installed.evaluators["hourly"][0].state() for g in (gateway, cold))
    assert all((mine[name] == other[name]).all() or name.endswith(("soonest", "gate")) for name in other)
