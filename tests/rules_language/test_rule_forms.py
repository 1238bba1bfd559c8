"""Every form and every key of a rule: what it compiles to, and that the journal's form of it is the same rule."""

from dataclasses import replace
from datetime import date

import pytest
from language import NAMES

from gateway.domain.alarm import Level
from gateway.domain.code_table import CodeEntry, CodeTable
from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from gateway.domain.fence import Fence
from gateway.domain.workdays import WorkCalendar
from rules.compiled import (
    Active,
    CalendarSpan,
    Condition,
    Flap,
    Inhibit,
    LevelRule,
    Levels,
    MemberStat,
    Names,
    Quorum,
    Rule,
    SlotKind,
)
from rules.compiled.edits import Edit, classify
from rules.conditions.counter_multiple.condition import Every
from rules.conditions.due_date.condition import Due
from rules.conditions.m_of_n.condition import Votes
from rules.conditions.sequence.condition import Sequence
from rules.conditions.silence.condition import Silence
from rules.conditions.streak.condition import Streak
from rules.format import compile_source, load_text
from rules.format.revision import meaning_of

CODES = CodeTable(
    "charger_faults",
    {"none": CodeEntry("ok"), "E07": CodeEntry("overtemp", Level.MAJOR, "power"), "*": CodeEntry("other", Level.MINOR)},
)
FENCE = Fence("depot", ((22.0, 113.0), (22.0, 114.0), (23.0, 114.0), (23.0, 113.0)))
ALL = Names(NAMES.points, {"charger_faults": CODES}, {"depot": FENCE, "airport": FENCE})
GUN = "watch: {kind: charger, each: connector}\n"
CAB = "watch: {kind: charger}\n"
GAS = "watch: {kind: gas_meter}\n"
VAN = "watch: {kind: vehicle}\n"
SITE = "watch: {kind: gas_meter, group: site}\n"
LOW = "when: 'soc < 5 pct'\n"


def load(body: str, head: str = "") -> Rule:
    lines = "".join(f"  {line}\n" for line in body.strip().splitlines())
    loaded = load_text(f"format: 1\n{head}rules:\n- id: r\n{lines}", "r.yaml", ALL)
    assert [problem.render() for problem in loaded.problems] == []
    return loaded.rules[0]


FORMS: dict[str, str] = {
    "when": VAN + LOW,
    "any": VAN + "when: {any: ['soc < 5 pct', {all: ['doors > 0', 'speed > 1 km/h']}]}",
    "levels": VAN + "levels: {minor: {when: 'soc < 9 pct', hold: 2m}, major: {when: 'soc < 5 pct', auto_clear: false}}",
    "unless": VAN + LOW + "unless: \"ignition == 'off'\"",
    "unless levels": VAN + "levels: {minor: {when: 'soc < 9 pct', clear: 'soc > 12 pct'}}\nunless: 'speed > 1 km/h'",
    "silent": VAN + "silent: {any_of: [soc, lat], longer_than: 15m}\nunless: 'doors > 0'",
    "silent expression": VAN + "when: {silent: {all_of: [soc], longer_than: \"ignition == 'on' ? 15m : 26h\"}}",
    "streak": GAS + "let: {used: {increase: volume_total, per: month}}\n"
    "when: {streak: {of: 'used <= 0.001 m3', length: 3, unknown: skips, max_span: 100d}}\nclear: 'used > 0.001 m3'",
    "votes": GAS + "votes: {of: 'battery < 3.1 V', need: 3, last: 5}\nclear: 'battery > 3.4 V'",
    "votes in when": GAS + "when: {votes: {of: 'battery < 3.1 V', need: 3, last: 5}}\nunless: 'flow > 1 m3/h'",
    "due": VAN + "due: {date: insurance_until, stages: {minor: -14d, major: 0d, critical: 3d}, at: '09:00'}",
    "every": VAN + "every: {counter: odometer, step: 10000 km, from: 500 km, ahead: 300 km}\n"
    "then: {order: {type: t, level: major}}",
    "due again": VAN + "due: {date: insurance_until, stages: {minor: -14d}, repeat: 6 months, basis: completed}",
    "every or after": VAN + "every: {counter: odometer, step: 10000 km, or_after: 1 year}",
    "sequence": GUN + "sequence:\n- {see: \"status == 'available'\", as: plug}\n"
    "- {not_see: \"status == 'charging'\", within: 5m, unless: \"status == 'fault'\"}\nagain: restart\n"
    "clear: \"status == 'charging'\"",
    "see see": VAN + "sequence: [{see: 'speed > 90 km/h'}, {see: 'speed < 5 km/h', within: 10s}]",
    "members": SITE + "members: {of: 'pressure < 1.6 kPa', at_least: 2, fraction: 0.4, within: 2m}\nhold: 1m\n"
    "clear: {members: {of: 'pressure < 1.8 kPa', at_most: 0}}\nclear_hold: 10m",
    "members in any": SITE + "when: {any: [{members: {of: 'pressure < 1.6 kPa', at_least: 2}}, 'p < 1.6 kPa']}\n"
    "let: {p: {members: {mean: pressure}}}",
    "members levels": SITE + "let: {odd: {zscore: pressure, half_life: 6h, warmup: 14d}}\n"
    "levels: {minor: {when: {members: {of: 'abs(odd) > 4', at_least: 2}}}, "
    "major: {when: {members: {of: 'abs(odd) > 4', at_least: 4}}}}\nunless: \"tag('test')\"",
    "group streak": SITE + "let: {used: {increase: volume_total, per: month}, all: {members: {sum: used}}}\n"
    "streak: {of: 'all > 900 m3', length: 2}",
    "other kind": SITE + "let: {supply: {members: {sum: flow}}, water: {members: {sum: battery, kind: water_meter}}}\n"
    "when: 'supply > 5 m3/h and water > 3 V'",
    "codes": GUN + "let: {code: {code_of: fault_code, table: charger_faults}}\nwhen: \"code.level >= 'minor'\"\n"
    "clear: \"code.name == 'ok'\"\nclear_hold: 2m\nidentity: [code.name]\n"
    "then: {order: {type: repair, level: code.level, skill: code.skill}}",
    "fence": VAN + "when: \"not within(lat, lon, 'depot')\"",
    "active": VAN + LOW + "active: {daily: 22:00-06:00, days: [fri, mon]}",
    "flap": VAN + LOW + "flap: {raises: 4, in: 1h, quiet: 2h}\nstale_after: 1d\nlateness: 30s",
    "inhibit": VAN + LOW + "inhibit: {by: parent, same: [site, region], settle: 90s}",
    "order": VAN + LOW + "cooldown: 12h\nthen: {order: {type: t, fault: F, level: critical, skill: s, sla: x,"
    " assign: area, batch: {by: area, every: 7d}, after: 1h, reopen_within: 4h}}",
    "notice": VAN + LOW + "then: {notice: {audience: a, template: t, class: safety, remind: 3d, max: 3}}",
    "ops": VAN + LOW + "missing: clear_after 7d\ndowntime: reset\nmode: shadow\nowner: fleet\nwhy: w\ntitle: {zh: 低}",
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_the_same_rule_when_it_comes_back_from_the_journal(name: str) -> None:
    rule = load(FORMS[name])
    again = compile_source(rule.source)
    assert again == rule
    assert classify(rule, again) is Edit.SAME
    assert compile_source(again.source).source == rule.source


def test_no_two_of_them_have_one_revision() -> None:
    assert len({load(body).revision for body in FORMS.values()}) == len(FORMS)


def condition(name: str) -> Condition:
    return load(FORMS[name]).condition


def level(name: str, index: int = 0) -> LevelRule:
    found = condition(name)
    assert isinstance(found, Levels)
    return found.levels[index]


@pytest.mark.parametrize("name", ["unless", "unless levels", "silent", "votes in when"])
def test_unless_is_asked_at_the_moment_of_raising(name: str) -> None:
    one = load(FORMS[name])
    assert one.unless is not None
    if isinstance(one.condition, Levels):
        assert "unless" not in one.condition.levels[0].when.text, "a hold goes on under it"


def test_silent() -> None:
    found = condition("silent")
    assert found == Silence(("soc", "lat"), False, 15 * MINUTE, Level.MINOR)


def test_streak() -> None:
    found = condition("streak")
    assert isinstance(found, Streak)
    assert (found.length, found.unknown_skips, found.max_span) == (3, True, 100 * DAY)
    assert found.clear is not None


def test_votes() -> None:
    found = condition("votes")
    assert isinstance(found, Votes)
    assert (found.need, found.last, found.level) == (3, 5, Level.MINOR)
    assert found.clear is not None


def test_due() -> None:
    stages = ((Level.MINOR, -14 * DAY), (Level.MAJOR, 0), (Level.CRITICAL, 3 * DAY))
    assert condition("due") == Due("insurance_until", stages, 9 * 60)


def test_due_again() -> None:
    found = condition("due again")
    assert found == Due("insurance_until", ((Level.MINOR, -14 * DAY),), 0, None, CalendarSpan(6), completed=True)


def test_every() -> None:
    assert condition("every") == Every("odometer", 10_000.0, Level.MAJOR, 500.0, 300.0)
    found = condition("every or after")
    assert isinstance(found, Every)
    assert found.or_after == CalendarSpan(12)


def test_sequence() -> None:
    found = condition("sequence")
    assert isinstance(found, Sequence)
    assert (found.absent, found.within, found.restart, found.name) == (True, 5 * MINUTE, True, "plug")
    assert found.unless is not None
    assert found.clear is not None
    plain = condition("see see")
    assert isinstance(plain, Sequence)
    assert (plain.absent, plain.within, plain.restart) == (False, 10 * SECOND, False)


def test_members() -> None:
    rule = load(FORMS["members"])
    assert rule.watch.group == "site"
    raise_by, clear_by = rule.quorums
    assert (raise_by.at_least, raise_by.at_most, raise_by.fraction, raise_by.within) == (2, None, 0.4, 2 * MINUTE)
    assert (clear_by.at_least, clear_by.at_most, clear_by.fraction) == (None, 0, None)
    one = level("members")
    assert [(slot.kind, slot.n) for slot in one.when.slots] == [(SlotKind.QUORUM, 0)]
    assert one.clear is not None
    assert [slot.n for slot in one.clear.slots] == [1]
    assert (one.hold.for_, one.clear_hold) == (MINUTE, 10 * MINUTE)
    assert one.when.text == "members(pressure < 1.6 kPa, at_least 2, fraction 0.4, within 2m)"
    assert rule.points == ("pressure",)


def test_members_beside_signals_of_the_group() -> None:
    rule = load(FORMS["members in any"])
    assert isinstance(rule.quorums[0], Quorum)
    assert isinstance(rule.signals[0], MemberStat)
    assert {slot.kind for slot in level("members in any").when.slots} == {SlotKind.QUORUM, SlotKind.SIGNAL}


def test_the_source_carries_the_points_of_other_kinds_and_only_the_tables_and_fences_it_uses() -> None:
    assert b'"water_meter":{"battery"' in load(FORMS["other kind"]).source
    assert b'"codes":{"charger_faults"' in load(FORMS["codes"]).source
    fenced = load(FORMS["fence"]).source
    assert b'"depot"' in fenced
    assert b'"airport"' not in fenced
    assert b'"fences"' not in load(FORMS["codes"]).source


def test_an_order_by_the_code() -> None:
    rule = load(FORMS["codes"])
    one = level("codes")
    assert one.level is Level.MINOR, "what it falls back to"
    assert one.level_of is not None
    assert rule.order is not None
    assert rule.skill_of is not None
    assert "power" in rule.skill_of.texts
    assert [text.name for text in rule.identity] == ["code.name"]


def test_the_keys_of_timing() -> None:
    assert load(FORMS["active"]).active == Active(((22 * 60, 6 * 60),), (0, 4))
    rule = load(FORMS["flap"])
    assert rule.flap == Flap(4, HOUR, 2 * HOUR)
    assert (rule.stale_after, rule.lateness) == (DAY, 30 * SECOND)
    assert load(FORMS["inhibit"]).inhibit == Inhibit("parent", ("site", "region"), 90 * SECOND)


def test_the_order_complete() -> None:
    order = load(FORMS["order"]).order
    assert order is not None
    assert (order.batch_by, order.batch_every, order.cooldown) == ("area", 7 * DAY, 12 * HOUR)
    assert (order.after, order.reopen_within, order.assign) == (HOUR, 4 * HOUR, "area")


@pytest.mark.parametrize(
    ("daily", "expected"),
    [("00:00-24:00", ((0, 0),)), ("18:00-24:00", ((18 * 60, 0),)), ("6:30 - 7:00", ((390, 420),))],
)
def test_parts_of_a_day(daily: str, expected: tuple[tuple[int, int], ...]) -> None:
    assert load(VAN + LOW + f"active: {{daily: '{daily}'}}").active == Active(expected)


def test_days_alone() -> None:
    assert load(VAN + LOW + "active: {days: sunday}").active == Active(days=(6,))


WINTER = "active: {daily: [22:00-24:00, 00:00-06:00], days: [sat, workday], months: [11-3, 5]}"


def test_workdays_carry_their_calendar_into_the_journal() -> None:
    calendar = WorkCalendar("cn", (2026,), (date(2026, 1, 1),), (date(2026, 1, 4),))
    text = f"format: 1\nrules:\n- id: r\n  watch: {{kind: vehicle}}\n  {LOW}  {WINTER}\n"
    (rule,) = load_text(text, "r.yaml", replace(ALL, calendar=calendar)).rules
    assert rule.active == Active(((0, 360), (1320, 0)), (5,), ((5, 5), (11, 3)), True, False, calendar)
    assert compile_source(rule.source) == rule
    # another year in the file is another meaning; that its official list is out, or its name, is none
    more = replace(calendar, years=(2026, 2027), holidays=(*calendar.holidays, date(2027, 1, 1)))
    (other,) = load_text(text, "r.yaml", replace(ALL, calendar=more)).rules
    (named,) = load_text(text, "r.yaml", replace(ALL, calendar=replace(calendar, name="x", provisional=(2026,)))).rules
    assert rule.revision == named.revision != other.revision
    assert classify(rule, other) is Edit.THRESHOLD
    assert classify(rule, named) is Edit.TEXT
    plain = text.replace("workday", "sun")
    (first,), (second,) = (load_text(plain, "r.yaml", replace(ALL, calendar=one)).rules for one in (calendar, more))
    assert first == second, "a rule that asks for no workday does not change with the calendar"


def test_hours_of_before_are_the_same_revision() -> None:
    """What the journal of an older release holds: begin, end, days."""
    meaning = meaning_of(load(FORMS["active"]), {"soc < 5 pct": "x"})
    condition = meaning["condition"]
    assert isinstance(condition, dict)
    assert condition["active"] == {"begin": 1320, "end": 360, "days": [0, 4]}


def test_lateness_of_the_file() -> None:
    rule = load(VAN + LOW, "defaults: {lateness: 1m}\n")
    assert rule.lateness == MINUTE
    assert compile_source(rule.source) == rule
    assert load(VAN + LOW + "lateness: 0s", "defaults: {lateness: 1m}\n").lateness == 0


def test_silence_and_dates_have_no_missing_data() -> None:
    for form in ("silent", "due"):
        rule = load(FORMS[form], "defaults: {missing: clear_after 1d}\n")
        assert rule.clear_after == 0
        assert compile_source(rule.source) == rule
    assert load(VAN + LOW, "defaults: {missing: clear_after 1d}\n").clear_after == DAY


EDITS: list[tuple[str, str, str, Edit]] = [
    ("votes", "need: 3", "need: 2", Edit.THRESHOLD),
    ("due", "-14d", "-15d", Edit.THRESHOLD),
    ("due", "insurance_until", "inspection_until", Edit.GENERATION),
    ("due again", "6 months", "1 year", Edit.THRESHOLD),
    ("due again", "basis: completed", "basis: date", Edit.THRESHOLD),
    ("every or after", "1 year", "12 months", Edit.SAME),
    ("every or after", ", or_after: 1 year", "", Edit.THRESHOLD),
    ("every", "step: 10000 km", "step: 9000 km", Edit.GENERATION),
    ("every", "step: 10000 km", "step: 10000000 m", Edit.SAME),
    ("every", "level: major", "level: minor", Edit.THRESHOLD),
    ("sequence", "within: 5m", "within: 300s", Edit.SAME),
    ("sequence", "within: 5m", "within: 6m", Edit.THRESHOLD),
    ("sequence", "again: restart", "again: keep_first", Edit.THRESHOLD),
    ("members", "at_least: 2", "at_least: 3", Edit.GENERATION),
    ("members", "1.6 kPa", "1600 Pa", Edit.TEXT),
    ("members", "group: site", "group: region", Edit.GENERATION),
    ("unless", "'off'", "'on'", Edit.THRESHOLD),
    ("silent", "doors > 0", "doors > 1", Edit.THRESHOLD),
    ("active", "06:00", "07:00", Edit.THRESHOLD),
    ("flap", "raises: 4", "raises: 5", Edit.TEXT),
    ("flap", "lateness: 30s", "lateness: 31s", Edit.GENERATION),
    ("inhibit", "settle: 90s", "settle: 1m30s", Edit.SAME),
    ("inhibit", "by: parent", "by: other", Edit.TEXT),
    ("codes", "skill: code.skill", "skill: electric", Edit.TEXT),
    ("codes", "identity: [code.name]", "identity: [code.skill]", Edit.GENERATION),
    ("order", "7d", "8d", Edit.TEXT),
    ("order", "cooldown: 12h", "cooldown: 13h", Edit.TEXT),
    ("streak", "per: month", "per: week", Edit.GENERATION),
    ("streak", "length: 3", "length: 4", Edit.GENERATION),
    ("ops", "owner: fleet", "owner: cars", Edit.TEXT),
    ("ops", "mode: shadow", "mode: live", Edit.RESTART_SILENT),
]


@pytest.mark.parametrize(("name", "old", "new", "expected"), EDITS)
def test_what_an_edit_means(name: str, old: str, new: str, expected: Edit) -> None:
    body = FORMS[name]
    assert body.count(old) >= 1
    assert classify(load(body), load(body.replace(old, new))) is expected
