"""Many rules on many devices (S40, at reduced size): one is edited, the others never notice."""

from random import Random

from msgspec.structs import replace
from rules_engine.engine_lab import T0, Lab, S, bytes_of, charger, rules_of, told

from gateway.domain.alarm import Transition
from gateway.domain.record import RuleSet, Tick
from rules.compiled import Rule

RULES, DEVICES, COMPONENTS = 100, 300, 2
BYTES = 64  # of state per rule and thing
EDITED = "r050"


def many(limit: int = 0) -> tuple[Rule, ...]:
    """Thresholds with holds, each at another temperature; `limit` is that of the edited one."""
    bodies = [
        f"- id: r{k:03}\n  title: {{en: t, zh: 题}}\n  why: w\n  watch: {{kind: charger, each: connector}}\n"
        f"  when: 'gun_temp >= {limit if limit and k == 50 else 60 + k % 40} degC and current > 1 A'\n"
        f"  hold: {10 + k % 3 * 10}s\n  clear: 'gun_temp < 50 degC'\n  then: {{order: {{type: repair}}}}\n"
        for k in range(RULES)
    ]
    return rules_of("format: 1\nrules:\n" + "".join(bodies))


FIRST, SECOND = many(), many(limit=45)


def run_with(rules: tuple[Rule, ...], *, edit: Rule | None = None) -> Lab:
    """Ten rounds of readings of all devices; after the second a rule is edited."""
    lab, random = Lab(rules, [charger(number) for number in range(1, DEVICES + 1)]), Random(7)
    for step in range(10):
        at = 10 * step
        frames = []
        for device in range(1, DEVICES + 1):
            hot = 20.0 + 70.0 * (random.random() < 0.05) + 40.0 * (step < 6 and device % 50 == 0)
            frames.append([told(device, "gun_temp", at, hot, 1), told(device, "current", at, 5.0, 1)])
        lab.read(*frames, at=at)
        lab.write(Tick(T0 + at * S), at)
        if step == 1 and edit is not None:
            lab.write(RuleSet(edit.id, edit.revision, edit.source, "UTC"), at)
    return lab


def others(transitions: list[Transition]) -> list[bytes]:
    """Of the rules that were not edited. Whose turn it was within a record is not theirs to say."""
    return bytes_of(replace(one, seq=0, ordinal=0) for one in transitions if one.rule != EDITED)


def test_s40_an_edit_of_one_rule_leaves_the_others_alone() -> None:
    edited = next(one for one in SECOND if one.id == EDITED)
    alone, changed = run_with(FIRST), run_with(FIRST, edit=edited)
    assert others(alone.got) == others(changed.got)
    assert any(one.rule == EDITED and one.revision == edited.revision for one in changed.got)
    assert len({one.rule for one in alone.got}) > RULES // 2


def test_s40_the_order_of_rules_is_irrelevant_and_memory_is_bound() -> None:
    straight = run_with(FIRST)
    assert bytes_of(run_with(FIRST[::-1]).got) == bytes_of(straight.got)
    assert straight.engine is not None
    assert straight.engine.memory() <= BYTES * RULES * DEVICES * COMPONENTS * 2  # rooms are doubled as they fill
