"""S41: stored history gives the episodes that live gave, however it is cut into batches."""

import backtest_lab as lab
import pytest
from msgspec.structs import replace

from rules.backtest import BacktestEpisode

FORMS = {
    "plain": '  when: "temp >= 55"\n',
    "hold": '  when: "temp >= 50"\n  hold: 1m\n  clear: "temp < 45"\n  clear_hold: 30s\n',
    "levels": '  levels:\n    minor: {when: "temp >= 50", hold: 20s}\n    major: {when: "temp >= 56", hold: 10s}\n',
    "missing": '  when: "temp >= 50"\n  missing: clear_after 2m\n',
    "silent": "  when: {silent: {any_of: [temp], longer_than: 90s}}\n",
    "mean": '  let: {m: {mean: temp, over: 3m}}\n  when: "m >= 48"\n',
    "rise": '  let: {r: {rise: power, over: 2m}}\n  when: "r >= 20"\n',
    "share": '  let: {s: {share: "temp >= 48", over: 5m}}\n  when: "s >= 0.5"\n',
    "used": '  let: {u: {increase: total, per: hour, coverage: 0.2}}\n  when: "u >= 1"\n',
    "streak": '  when: {streak: {of: "temp >= 46", length: 5}}\n',
    "votes": '  when: {votes: {of: "temp >= 50", need: 3, last: 5}}\n',
    "every": "  when: {every: {counter: total, step: 20}}\n",
    "sequence": '  when: {sequence: [{see: "temp >= 55", as: hot}, {not_see: "temp < 50", within: 1m}]}\n',
    "flap": '  when: "temp >= 50"\n  flap: {raises: 3, in: 10m, quiet: 5m}\n',
    "lateness": '  when: "temp >= 50"\n  hold: 30s\n  lateness: 20s\n',
    "active": '  when: "temp >= 50"\n  active: {daily: "08:45-09:10"}\n',
}
JOINED = """format: 1
rules:
- id: site.hot
  title: {en: t, zh: t}
  why: w
  watch: {kind: charger, group: site}
  when: {members: {of: "temp >= 50", at_least: 2}}
  then: {order: {type: repair}}
- id: device.hot
  title: {en: t, zh: t}
  why: w
  watch: {kind: charger}
  when: "temp >= 50"
  inhibit: {by: site.hot, same: [site], settle: 30s}
  then: {order: {type: repair}}
"""


def _summary(episodes: list[BacktestEpisode]) -> list[tuple[object, ...]]:
    return [(one.rule, one.thing, one.raised, one.cleared, one.level, one.count, one.unstable) for one in episodes]


@pytest.mark.parametrize("form", FORMS)
def test_s41_backtest_gives_the_episodes_of_live(form: str) -> None:
    rules = lab.rules_of(f"format: 1\nrules:\n- id: r.{form}{lab.HEAD}{FORMS[form]}")
    place, batch = lab.field(3), lab.history(sum(map(ord, form)), 3, 240)
    until = lab.START + 241 * lab.EVERY
    expected = _summary(lab.live(rules, place, batch, until))
    assert expected, "the history must raise something, or this shows nothing"
    for pieces in (1, 7):
        assert _summary(lab.backtested(rules, place, batch, until, pieces)) == expected, f"{pieces} pieces"


def test_s41_rules_that_look_at_several_devices() -> None:
    rules = lab.rules_of(JOINED)
    place, batch = lab.field(4), lab.history(3, 4, 200)
    until = lab.START + 201 * lab.EVERY
    expected = _summary(lab.live(rules, place, batch, until))
    assert {one[0] for one in expected} == {"site.hot", "device.hot"}
    for pieces in (1, 5):
        assert _summary(lab.backtested(rules, place, batch, until, pieces)) == expected, f"{pieces} pieces"


def test_a_rule_in_shadow_or_off_is_judged_all_the_same() -> None:
    text = f"format: 1\nrules:\n- id: r{lab.HEAD}{FORMS['plain']}"
    place, batch, until = lab.field(3), lab.history(1, 3, 200), lab.START + 201 * lab.EVERY
    expected = _summary(lab.backtested(lab.rules_of(text), place, batch, until, 2))
    for mode in ("shadow", "'off'"):
        assert _summary(lab.backtested(lab.rules_of(f"{text}  mode: {mode}\n"), place, batch, until, 2)) == expected


def test_a_device_registered_after_its_history_is_judged_on_it() -> None:
    rules = lab.rules_of(f"format: 1\nrules:\n- id: r{lab.HEAD}{FORMS['plain']}")
    place, batch, until = lab.field(2), lab.history(5, 2, 200), lab.START + 201 * lab.EVERY
    late = lab.PlayedRegistry(place.sites, (), [replace(one, registered=until) for one in place.devices], place.points)
    assert _summary(lab.backtested(rules, late, batch, until, 1)) == _summary(
        lab.backtested(rules, place, batch, until, 1)
    )
