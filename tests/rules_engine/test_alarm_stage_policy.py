"""`stale_after`, `quiet`, `limits`: what the desk is told to wait for, or to gather (RULES section 1; S38)."""

from dataclasses import replace

import pytest
from after_lab import Budget, Quiet, RulePolicy, S, Stage, flap, inhibit, policies, rule

from gateway.domain.alarm import Level
from gateway.domain.device import QuietTime, Site
from rules.engine.alarms.rate_limit import RateLimit

PLAIN, SAFE = rule("plain"), rule("safe", klass="safety")


def works(site: str, start: float, end: float) -> Quiet:
    """Quiet at a site, seconds."""
    return Quiet(lambda facts: None if "site" not in facts else facts["site"] == site, "", start * S, end * S)  # type: ignore[arg-type]


KNOWN = policies(
    works=RulePolicy(quiet=(works("S1", 100, 200), works("S2", 150, 300), works("S1", 190, 250))),
    alarms=RulePolicy(alarms_per_rule=Budget(3, 60 * S)),
    orders=RulePolicy(orders_per_site=Budget(2, 60 * S)),
)


@pytest.mark.parametrize(("now", "received", "stale"), [(3601, 0, True), (3600, 0, False), (0, 3601, True)])
def test_an_event_older_than_stale_after_is_a_record_only(now: int, received: int, stale: bool) -> None:
    stage = Stage([replace(PLAIN, stale_after=3600 * S)])
    told = stage.step(now, stage.change("plain", "raised", 0), stage.change("plain", "cleared", 1), received=received)
    assert [one.stale for one in told] == [stale, False]


def test_the_wait_for_a_parent_makes_nothing_stale() -> None:
    stage = Stage([replace(PLAIN, stale_after=30 * S, inhibit=inhibit("none"))])
    stage.step(0, stage.change("plain", "raised", 0), stage.change("plain", "raised", -40, device=2))
    assert [(one.thing.device, one.stale) for one in stage.step(90)] == [(2, True), (1, False)]


@pytest.mark.parametrize(
    ("at", "device", "until"),
    [(99, 1, 0), (100, 1, 250), (199, 1, 250), (249, 1, 250), (250, 1, 0), (149, 11, 0), (160, 11, 300), (160, 21, 0)],
)
def test_quiet_holds_orders_and_notices_until_its_end(at: int, device: int, until: int) -> None:
    """S38, the engine's part: the alarm is recorded at once and says until when it is held."""
    stage = Stage([PLAIN, SAFE], KNOWN)
    stage.policy("works")
    told = stage.step(at - 1, *(stage.change(name, "raised", at, device) for name in ("plain", "safe")))
    assert [(one.rule, one.held_until / S) for one in told] == [("plain", until), ("safe", 0)]


def test_quiet_is_about_when_it_would_be_told_and_a_rise_is_held_too() -> None:
    stage = Stage([PLAIN], KNOWN)
    stage.policy("works")
    stage.step(120, stage.change("plain", "raised", 5))
    stage.step(130, stage.change("plain", "level_up", 130, level=Level.CRITICAL))
    stage.step(140, stage.change("plain", "cleared", 140, level=Level.CRITICAL))
    assert [(one.change, one.held_until / S) for one in stage.told] == [
        ("raised", 250),
        ("level_up", 250),
        ("cleared", 0),
    ]


def test_a_site_has_quiet_times_of_its_own_for_its_devices_and_its_group() -> None:
    grouped = rule("grouped", group="site")
    stage = Stage([PLAIN, grouped], KNOWN)
    stage.world.sites["S1"] = Site("S1", quiet=(QuietTime(10 * S, 20 * S),))
    told = stage.step(
        10,
        stage.change("plain", "raised", 10),
        stage.change("grouped", "raised", 10, group="S1"),
        stage.change("grouped", "raised", 10, group="S2"),
    )
    assert sorted((one.thing.group, one.held_until / S) for one in told) == [("", 20), ("S1", 20), ("S2", 0)]


def test_alarms_above_the_limit_of_a_rule_are_marked_until_they_are_fewer() -> None:
    stage = Stage([PLAIN, rule("other")], KNOWN)
    stage.policy("alarms")
    stage.step(0, *(stage.change("plain", "raised", 0, device=d) for d in range(1, 6)))
    stage.step(0, stage.change("other", "raised", 0))
    stage.step(59, stage.change("plain", "raised", 59, device=6))
    stage.step(60, stage.change("plain", "raised", 60, device=7))
    stage.step(119, *(stage.change("plain", "raised", 119, device=d) for d in (8, 9)))
    limited = [one.thing.device for one in stage.told if one.limited == "alarms_per_rule"]
    assert limited == [4, 5, 6]


def test_a_record_only_is_not_limited_and_does_not_count() -> None:
    stage = Stage([rule("stale", stale_after=S)], KNOWN)
    stage.policy("alarms")
    old = stage.step(10, *(stage.change("stale", "raised", 0, d) for d in range(1, 9)))
    new = stage.step(10, *(stage.change("stale", "raised", 10, d) for d in (11, 12, 13, 14)))
    assert [one.limited for one in (*old, *new)] == [""] * 11 + ["alarms_per_rule"]


def test_critical_safety_shadow_and_ends_neither_are_limited_nor_count() -> None:
    stage = Stage([PLAIN, SAFE, rule("shadow", mode="shadow")], KNOWN)
    stage.policy("alarms")
    for name in ("safe", "shadow"):
        assert not any(one.limited for one in stage.step(0, *(stage.change(name, "raised", 0, d) for d in range(1, 9))))
    many = [stage.change("plain", "raised", 0, d, Level.CRITICAL) for d in range(1, 9)]
    many += [stage.change("plain", "cleared", 1, d, Level.CRITICAL) for d in range(1, 9)]
    assert not any(one.limited for one in stage.step(1, *many))
    told = stage.step(2, *(stage.change("plain", "raised", 2, d) for d in range(1, 5)))
    assert [one.limited for one in told] == ["", "", "", "alarms_per_rule"]


def test_orders_of_a_site_count_only_where_an_order_is_made() -> None:
    silent, stale = rule("no-order", order=None), rule("stale", stale_after=S)
    stage = Stage([PLAIN, silent, stale, rule("site", group="site")], KNOWN)
    stage.policy("orders")
    stage.step(0, *(stage.change("no-order", "raised", 0, d) for d in range(1, 6)))
    stage.step(0, *(stage.change("stale", "raised", -2, d) for d in range(1, 6)))
    stage.step(0, *(stage.change("plain", "raised", 0, d, muted=True) for d in range(1, 6)))
    assert not any(one.limited for one in stage.told)
    stage.step(10, stage.change("site", "raised", 10, group="S1"))
    stage.step(20, *(stage.change("plain", "raised", 20, d) for d in (1, 2, 11, 12, 21, 22, 23)))
    stage.step(70, stage.change("plain", "raised", 70, 3), stage.change("plain", "raised", 70, 4))
    limited = [(one.thing.device, one.at / S) for one in stage.told if one.limited == "orders_per_site"]
    assert limited == [(2, 20), (4, 70)]


def test_an_unstable_alarm_counts_once() -> None:
    stage = Stage([replace(PLAIN, flap=flap(raises=1))], KNOWN)
    stage.policy("alarms")
    for at in range(10):
        stage.step(at, stage.change("plain", "raised", at), stage.change("plain", "cleared", at + 0.5))
    assert [one.limited for one in stage.told if one.change == "raised"] == ["", ""]


def test_a_policy_that_does_not_compile_leaves_the_one_before() -> None:
    def refuse(facts: object) -> bool:
        raise AssertionError("not asked")

    stage = Stage([PLAIN], {**KNOWN, b"bad": RulePolicy(quiet=(Quiet(refuse, "", 0, 0),))})
    stage.policy("works")
    for after in (stage.after, stage.twin):
        after.policies._compile = _broken
        after.policy(replace_source(after.policies.fact))
        assert after.policies.broken == "no such unit"
        after.policies._compile = lambda source, zone: KNOWN[source]
    (raised,) = stage.step(100, stage.change("plain", "raised", 100))
    assert raised.held_until == 250 * S


def _broken(source: bytes, zone: str) -> RulePolicy:
    raise ValueError("no such unit")


def replace_source(fact: object) -> object:
    """The same fact with another source."""
    from msgspec.structs import replace as copy

    return copy(fact, source=b"new")  # type: ignore[type-var]


def test_what_was_spent_is_bounded_by_the_limit() -> None:
    spent, budget = RateLimit(), Budget(5, 10 * S)
    for at in range(100):
        spent.spend("x", budget, at)
    assert sum(number for _, number in spent.spent["x"]) == 5
    assert spent.full("x", budget, 99)
    spent.spend("y", budget, 50)
    for _ in range(99):
        spent.spend("y", budget, 40)  # the clock stepped back
    assert list(spent.spent["y"]) == [(50, 5)]
    assert not spent.full("x", budget, 99 + 10 * S)
    spent.purge(budget, 50 + 10 * S)
    assert spent.spent == {}
    assert RateLimit().full("z", Budget(0, S), 0)
