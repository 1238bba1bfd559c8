"""Every mistake of a rule file: file, line, path, value and what to write instead, all at once."""

import re
from pathlib import Path

import pytest
from language import NAMES

from gateway.domain.text import catalogue
from rules.format import load_text


def problems(body: str, file: str = "r.yaml") -> list[tuple[int, str, str]]:
    found = load_text(body, file, NAMES).problems
    for problem in found:
        assert problem.render("en") != problem.render("zh")
    return [(p.line, p.path, p.key.removeprefix("rules.")) for p in found]


def wrong(body: str) -> list[tuple[str, str]]:
    """(path below the rule, key) of each problem of the rule with the keys of `body`."""
    lines = "".join(f"  {line}\n" for line in body.strip().splitlines())
    return [
        (path.removeprefix("rules[0]").lstrip("."), key)
        for _, path, key in problems(f"format: 1\nrules:\n- id: r\n{lines}")
    ]


GUN = "watch: {kind: charger, each: connector}\n"
GAS = "watch: {kind: gas_meter}\n"
VAN = "watch: {kind: vehicle}\n"
CAB = "watch: {kind: charger}\n"
SITE = "watch: {kind: vehicle, group: site}\n"
MANY = "members: {of: 'soc < 5 pct', at_least: 2}\n"


PLAIN = "when: 'soc < 5 pct'\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (PLAIN, [("", "key.missing")]),
        ("watch: vehicle\n" + PLAIN, [("watch", "value.mapping")]),
        ("watch: {}\n" + PLAIN, [("watch", "key.missing")]),
        ("watch: {kind: [vehicle, vehicle]}\n" + PLAIN, [("watch.kind", "value.twice")]),
        ("watch: {kind: vehicel}\n" + PLAIN, [("watch.kind", "watch.kind_near")]),
        ("watch: {kind: tram}\n" + PLAIN, [("watch.kind", "watch.kind")]),
        ("watch: {kind: vehicle, group: site}\n" + PLAIN, [("when", "expr.group_point")]),
        ("watch: {kind: vehicle, group: a b}\n" + PLAIN, [("watch.group", "value.name")]),
        ("watch: {kind: vehicle, group: a-b}\n" + PLAIN, [("watch.group", "watch.group")]),
        (
            "watch: {kind: vehicle, group: site}\nsilent: {any_of: [soc], longer_than: 5m}",
            [("silent.any_of", "expr.group_point"), ("silent", "watch.group_form")],
        ),
        (
            "watch: {kind: vehicle, group: site}\ndue: {date: d, stages: {minor: 0d}}",
            [("due", "watch.group_form")],
        ),
        (VAN + "members: {of: 'soc < 5 pct', at_least: 2}", [("members", "members.group")]),
        (
            VAN + "when: {any: [{members: {of: 'soc < 5 pct', at_least: 2}}]}",
            [("when.any[0].members", "members.group")],
        ),
        (SITE + "members: 3", [("members", "value.mapping")]),
        (SITE + "members: {of: 'soc < 5 pct'}", [("members", "key.missing")]),
        (SITE + "members: {at_least: 2}", [("members", "key.missing")]),
        (SITE + "members: {of: 'soc < 5 pct', at_least: 3, at_most: 2}", [("members.at_most", "members.bounds")]),
        (
            SITE + "members: {of: 'soc < 5', at_least: 0}",
            [("members.at_least", "value.whole"), ("members.of", "expr.unitless")],
        ),
        (SITE + "members: {of: 'soc < 5 pct', fraction: 40}", [("members.fraction", "value.share")]),
        (SITE + "members: {of: 'soc < 5 pct', at_most: 0, within: 0s}", [("members.within", "value.range")]),
        (
            SITE + "members: {of: {members: {of: 'soc < 5 pct', at_least: 2}}, at_least: 2}",
            [("members.of.members", "members.group")],
        ),
        (SITE + MANY + "identity: [ignition]", [("identity", "identity.form"), ("identity", "expr.group_point")]),
        ("watch: {kind: vehicle, where: \"life = 'x'\"}\n" + PLAIN, [("watch.where", "expr.wrong_operator")]),
        ("watch: {kind: charger}\nwhen: 'gun_temp > 85 degC'", [("watch", "watch.each")]),
        (GUN + "when: 'cabinet_temp > 85 degC'", [("watch", "watch.no_component")]),
        (VAN, [("", "condition.none")]),
        (VAN + PLAIN + "silent: {any_of: [soc], longer_than: 5m}", [("silent", "condition.several")]),
        (VAN + "when: 5", [("when", "value.condition")]),
        (VAN + "when: {all: []}", [("when.all", "value.conditions")]),
        (
            VAN + "when: {all: ['soc < 5', 'spd > 3 km/h']}",
            [("when.all[0]", "expr.unitless"), ("when.all[1]", "expr.unknown_near")],
        ),
        (VAN + "when: {none: ['soc < 5 pct']}", [("when.none", "key.unknown"), ("when", "value.condition")]),
        (VAN + "when: {votes: {of: x, need: 2, last: 3}}", [("when.votes.of", "expr.unknown")]),
        (VAN + "when: {votes: 3}", [("when.votes", "value.mapping")]),
        (VAN + "votes: {of: 'soc < 5 pct', need: 4, last: 3}", [("votes.need", "votes.need")]),
        (
            VAN + "votes: {of: 'soc < 5 pct', need: 4, last: 65}",
            [("votes.last", "value.whole"), ("votes.need", "votes.need")],
        ),
        (VAN + "votes: {of: 'soc < 5 pct'}", [("votes", "key.missing"), ("votes", "key.missing")]),
        (VAN + "votes: {of: 'soc < 5 pct', need: 1, last: 2}\nhold: 2m", [("hold", "condition.misplaced")]),
        (VAN + "due: {date: x}", [("due", "key.missing")]),
        (VAN + "due: {stages: {minor: 0d}}", [("due", "key.missing")]),
        (VAN + "due: {date: a.b, stages: {minor: 0d}}", [("due.date", "due.date")]),
        (VAN + "due: {date: d, stages: {}}", [("due.stages", "levels.none")]),
        (VAN + "due: {date: d, stages: {minor: -14}}", [("due.stages.minor", "due.offset")]),
        (VAN + "due: {date: d, stages: {minor: 36h}}", [("due.stages.minor", "due.offset")]),
        (VAN + "due: {date: d, stages: {minor: -3d, major: -14d}}", [("due.stages.major", "due.order")]),
        (VAN + "due: {date: d, stages: {minor: 0d}, at: 9}", [("due.at", "value.clock")]),
        (VAN + "due: {date: d, stages: {minor: 0d}, at: '24:00'}", [("due.at", "value.clock")]),
        (VAN + "due: {date: d, stages: {minor: 0d}}\nmissing: clear_after 1d", [("missing", "condition.misplaced")]),
        (VAN + "due: {date: d, stages: {minor: 0d}, repeat: 6m}", [("due.repeat", "value.span")]),
        (VAN + "due: {date: d, stages: {minor: 0d}, repeat: 0 days}", [("due.repeat", "value.span")]),
        (VAN + "due: {date: d, stages: {minor: 0d}, repeat: 30 years}", [("due.repeat", "value.range")]),
        (VAN + "due: {date: d, stages: {minor: 0d}, repeat: 1 year, basis: done}", [("due.basis", "value.choice")]),
        (VAN + "due: {date: d, stages: {minor: 0d}, basis: completed}", [("due.basis", "due.basis")]),
        (VAN + "every: {counter: odometer, step: 500 km, or_after: 365d}", [("every.or_after", "value.span")]),
        (
            VAN + "due: {date: d, stages: {minor: 0d}}\nthen: {order: {type: t, level: major}}",
            [("then.order.level", "then.level")],
        ),
        (VAN + "every: {counter: odometer}", [("every", "key.missing")]),
        (VAN + "every: {step: 500 km}", [("every", "key.missing")]),
        (VAN + "every: {counter: odometr, step: 500 km}", [("every.counter", "expr.unknown_near")]),
        (VAN + "every: {counter: soc, step: 5 pct}", [("every.counter", "every.counter")]),
        (VAN + "every: {counter: odometer, step: 500}", [("every.step", "value.measure")]),
        (VAN + "every: {counter: odometer, step: 500 h}", [("every.step", "value.measure")]),
        (VAN + "every: {counter: odometer, step: 0 km}", [("every.step", "value.amount")]),
        (VAN + "every: {counter: odometer, step: -5 km}", [("every.step", "value.negative")]),
        (VAN + "every: {counter: odometer, step: 500 km, ahead: 500 km}", [("every.ahead", "every.ahead")]),
        (CAB + "every: {counter: starts, step: 500 km}", [("every.step", "value.measure")]),
        (VAN + "sequence: {see: 'soc < 5 pct'}", [("sequence", "value.list")]),
        (VAN + "sequence: [{see: 'soc < 5 pct'}]", [("sequence", "sequence.two")]),
        (VAN + "sequence: [{see: 'soc < 5 pct'}, 3]", [("sequence[1]", "value.mapping")]),
        (VAN + "sequence: [{see: 'soc < 5 pct'}, {within: 5m}]", [("sequence[1]", "sequence.second")]),
        (VAN + "sequence: [{see: 'soc < 5 pct'}, {see: 'soc > 5 pct'}]", [("sequence[1]", "key.missing")]),
        (
            VAN + "sequence: [{see: 'soc < 5'}, {not_see: 'soc > 5 pct', within: 0s, unless: 'x'}]",
            [
                ("sequence[1].within", "value.range"),
                ("sequence[0].see", "expr.unitless"),
                ("sequence[1].unless", "expr.unknown"),
            ],
        ),
        (VAN + PLAIN + "again: restart", [("again", "condition.misplaced")]),
        (VAN + PLAIN + "flap: {raises: 0, in: 1h}", [("flap", "key.missing"), ("flap.raises", "value.whole")]),
        (VAN + PLAIN + "unless: 'soc > 3'", [("unless", "expr.unitless")]),
        (VAN + PLAIN + "unless: 'true'", [("unless", "expr.constant")]),
        (VAN + PLAIN + "active: {}", [("active", "active.empty")]),
        (VAN + PLAIN + "active: {daily: 22-06}", [("active.daily", "active.daily")]),
        (VAN + PLAIN + "active: {daily: 22:00-22:00}", [("active.daily", "active.daily")]),
        (VAN + PLAIN + "active: {daily: 22:00-25:00}", [("active.daily", "active.daily")]),
        (VAN + PLAIN + "active: {daily: []}", [("active.daily", "value.names")]),
        (VAN + PLAIN + "active: {daily: [22:00-06:00, 6-8]}", [("active.daily", "active.daily")]),
        (VAN + PLAIN + "active: {daily: [22:00-06:00, '22:00 - 6:00']}", [("active.daily", "value.twice")]),
        (VAN + PLAIN + "active: {months: [13]}", [("active.months", "active.months")]),
        (VAN + PLAIN + "active: {months: [11-3, 11-3]}", [("active.months", "value.twice")]),
        (VAN + PLAIN + "active: {months: true}", [("active.months", "active.months")]),
        (VAN + PLAIN + "active: {days: [weekend]}", [("active.days", "value.choice")]),
        (VAN + PLAIN + "active: {days: [fri, fry]}", [("active.days", "value.choice")]),
        (VAN + PLAIN + "active: {days: [fri, friday]}", [("active.days", "value.twice")]),
        (VAN + PLAIN + "inhibit: {same: [site]}", [("inhibit", "key.missing")]),
        (VAN + PLAIN + "inhibit: {by: r, same: [site]}", [("inhibit.by", "inhibit.itself")]),
        (VAN + PLAIN + "inhibit: {by: x}", [("inhibit", "key.missing")]),
        (VAN + PLAIN + "identity: [soc]", [("identity", "expr.no_text_answer")]),
        (VAN + PLAIN + "identity: [3]", [("identity", "value.names")]),
        (VAN + PLAIN + "identity: []", [("identity", "value.names")]),
        (VAN + PLAIN + "identity: [ignition, ignition]", [("identity", "value.twice")]),
        (VAN + "votes: {of: 'soc < 5 pct', need: 1, last: 2}\nidentity: [ignition]", [("identity", "identity.form")]),
        (VAN + PLAIN + "stale_after: 0s", [("stale_after", "value.range")]),
        (VAN + PLAIN + "cooldown: 2h", [("cooldown", "then.cooldown")]),
        (VAN + PLAIN + "cooldown: 2h\nthen: {notice: {audience: a, template: t}}", [("cooldown", "then.cooldown")]),
        (VAN + PLAIN + "accept_late: 2h", [("accept_late", "key.unknown")]),
        (VAN + PLAIN + "hodl: 2m", [("hodl", "key.near")]),
        (VAN + PLAIN + "zzz: 2m", [("zzz", "key.unknown")]),
        (VAN + PLAIN + "hold： 2m: 1", [("hold： 2m", "yaml.full_width")]),
        (VAN + PLAIN + "hold: 10", [("hold", "value.duration")]),
        (VAN + PLAIN + "hold: -5s", [("hold", "value.range")]),
        (VAN + PLAIN + "hold: 30000d", [("hold", "value.range")]),
        (VAN + PLAIN + "hold: {for：2m}", [("hold.for：2m", "yaml.full_width"), ("hold", "key.missing")]),
        (VAN + PLAIN + "hold: {for: 2m, gap: -1s}", [("hold.gap", "value.range")]),
        (VAN + PLAIN + "hold: {gap: 1s}", [("hold", "key.missing")]),
        (VAN + PLAIN + "auto_clear: no", [("auto_clear", "value.flag")]),
        (VAN + PLAIN + "clear: 'soc >= 4 pct'", [("clear", "condition.overlap")]),
        (VAN + PLAIN + "clear: 'soc < 9 pct'", [("clear", "condition.overlap")]),
        (VAN + "when: 'soc <= 5 pct'\nclear: 'soc >= 5 pct'", [("clear", "condition.overlap")]),
        (VAN + PLAIN + "mode: lve", [("mode", "value.choice")]),
        (VAN + PLAIN + "downtime: ignore", [("downtime", "value.choice")]),
        (VAN + PLAIN + "missing: clear", [("missing", "value.missing")]),
        (VAN + PLAIN + "missing: clear_after 7", [("missing", "value.missing")]),
        (VAN + PLAIN + "lateness: 8d", [("lateness", "value.range")]),
        (VAN + PLAIN + "lateness: soon", [("lateness", "value.duration")]),
        (VAN + PLAIN + "title: {}", [("title", "value.title")]),
        (VAN + PLAIN + "why: {}", [("why", "value.title")]),
        (VAN + PLAIN + "why: {en: '', zh: 3}", [("why.en", "value.text"), ("why.zh", "value.text")]),
        (VAN + PLAIN + "why: {en: a, de: b}", [("why.de", "key.unknown")]),
        (VAN + PLAIN + f"why: {{zh: {'x' * 2001}}}", [("why.zh", "value.long")]),
        (VAN + PLAIN + "title: [a]", [("title", "value.text")]),
        (VAN + PLAIN + f"title: {'x' * 201}", [("title", "value.long")]),
        (VAN + PLAIN + "test: {}", [("test", "value.list")]),
        (VAN + PLAIN + "test: [3]", [("test[0]", "value.mapping")]),
        (VAN + PLAIN + "test: [{rule: r}]", [("test[0].rule", "test.rule_inside")]),
        (VAN + "levels: {}", [("levels", "levels.none")]),
        (VAN + "levels: {major: 'soc < 5 pct'}", [("levels.major", "value.mapping")]),
        (VAN + "levels: {majr: {when: 'soc < 5 pct'}}", [("levels.majr", "key.near")]),
        (VAN + "levels: {major: {}}", [("levels.major", "key.missing")]),
        (VAN + "levels: {major: {when: 'soc < 5 pct'}}\nhold: 2m", [("hold", "condition.beside_levels")]),
        (
            VAN + "levels: {minor: {when: 'soc < 5 pct'}, major: {when: 'soc < 9 pct'}}",
            [("levels.major", "levels.order")],
        ),
        (
            VAN + "levels: {major: {when: 'soc < 5 pct'}}\nthen: {order: {type: t, level: major}}",
            [("then.order.level", "then.level")],
        ),
        (VAN + "silent: {longer_than: 5m}", [("silent", "silent.points")]),
        (VAN + "silent: {any_of: [soc], all_of: [soc], longer_than: 5m}", [("silent", "silent.points")]),
        (VAN + "silent: {any_of: [soc]}", [("silent", "key.missing")]),
        (VAN + "silent: {any_of: [], longer_than: 5m}", [("silent.any_of", "value.names")]),
        (VAN + "silent: {any_of: [sco], longer_than: 5m}", [("silent.any_of", "expr.unknown_near")]),
        (VAN + "silent: {any_of: [soc], longer_than: 5}", [("silent.longer_than", "value.duration")]),
        (VAN + "silent: {any_of: [soc], longer_than: 5 min}", [("silent.longer_than", "expr.constant_time")]),
        (VAN + "silent: {any_of: [soc], longer_than: speed}", [("silent.longer_than", "expr.not_time")]),
        (VAN + "silent: {any_of: [soc], longer_than: 5m}\nclear: 'soc > 3 pct'", [("clear", "condition.misplaced")]),
        (VAN + "when: {streak: {length: 3}}", [("when.streak", "key.missing")]),
        (VAN + "streak: {of: 'soc < 5 pct', length: 0}", [("streak.length", "value.whole")]),
        (VAN + "streak: {of: 'soc < 5 pct', length: 3}\nhold: 2m", [("hold", "condition.misplaced")]),
        (VAN + "streak: {of: 'soc < 5 pct', length: 3, unknown: keeps}", [("streak.unknown", "value.choice")]),
        (
            GAS + "let: {u: {increase: volume_total, per: day}}\nstreak: {of: 'u < 5 m3 and flow < 1 m3/h', length: 3}",
            [("streak.of", "streak.mixed")],
        ),
        (
            GAS + "let: {u: {increase: volume_total, per: day}, v: {increase: volume_total, per: week}}\n"
            "streak: {of: 'u < v', length: 3}",
            [("streak.of", "streak.calendars")],
        ),
        (GAS + "let: {flow: {increase: volume_total, per: day}}\nwhen: 'flow > 3 m3'", [("let.flow", "let.name")]),
        (GAS + "let: {and: {increase: volume_total, per: day}}\nwhen: 'flow > 3 m3/h'", [("let.and", "let.name")]),
        (GAS + "let: {u: {increase: flow, per: day}}\nwhen: 'u > 3 m3'", [("let.u.increase", "let.counter")]),
        (GAS + "let: {u: {increase: volume, per: day}}\nwhen: 'u > 3 m3'", [("let.u.increase", "expr.unknown_near")]),
        (GAS + "let: {u: {increase: volume_total}}\nwhen: 'u > 3 m3'", [("let.u", "let.window")]),
        (GAS + "let: {u: {per: day}}\nwhen: 'u > 3 m3'", [("let.u", "let.operator")]),
        (
            GAS + "let: {u: {increase: volume_total, per: \"day(from: 3)\"}}\nwhen: 'u > 3 m3'",
            [("let.u.per", "let.per_near")],
        ),
        (
            GAS + "let: {u: {increase: volume_total, per: \"month(from: 32)\"}}\nwhen: 'u > 3 m3'",
            [("let.u.per", "let.per")],
        ),
        (
            GAS + "let: {u: {increase: volume_total, per: day, coverage: 90}}\nwhen: 'u > 3 m3'",
            [("let.u.coverage", "value.share")],
        ),
        (
            GAS + "let: {u: {increase: volume_total, per: day, counter: {rollover: 0, reset: x, resolution: 5 kPa}}}\n"
            "when: 'u > 3 m3'",
            [
                ("let.u.counter.rollover", "value.amount"),
                ("let.u.counter.reset", "value.choice"),
                ("let.u.counter.resolution", "value.amount"),
            ],
        ),
        (GAS + "let: 3\nwhen: 'flow > 3 m3/h'", [("let", "value.mapping")]),
        (VAN + PLAIN + "then: {}", [("then", "then.empty")]),
        (VAN + PLAIN + "then: {order: {}}", [("then.order", "key.missing")]),
        (VAN + PLAIN + "then: {order: {type: a b}}", [("then.order.type", "value.name")]),
        (VAN + PLAIN + "then: {order: {type: t, batch: {by: area}}}", [("then.order.batch", "key.missing")]),
        (
            VAN + PLAIN + "then: {order: {type: t, batch: {by: road, every: 1s}}}",
            [("then.order.batch.by", "value.choice"), ("then.order.batch.every", "value.range")],
        ),
        (VAN + PLAIN + "then: {order: {type: t, level: code.level}}", [("then.order.level", "expr.not_level")]),
        (VAN + PLAIN + "then: {order: {type: t, skill: code.skill}}", [("then.order.skill", "expr.dotted")]),
        (
            VAN + "votes: {of: 'soc < 5 pct', need: 1, last: 2}\nthen: {order: {type: t, level: code.level}}",
            [("then.order.level", "then.level_of")],
        ),
        (VAN + PLAIN + "then: {order: {type: t, level: severe}}", [("then.order.level", "value.choice")]),
        (VAN + PLAIN + "then: {order: {type: t, assign: me}}", [("then.order.assign", "value.choice")]),
        (VAN + PLAIN + "then: {notice: {audience: a}}", [("then.notice", "key.missing")]),
        (
            VAN + PLAIN + "then: {notice: {audience: a, template: t, remind: 3d}}",
            [("then.notice.remind", "then.remind")],
        ),
        (VAN + PLAIN + "then: {notice: {audience: a, template: t, max: 3}}", [("then.notice.max", "then.max")]),
    ],
)
def test_each_problem_of_a_rule(body: str, expected: list[tuple[str, str]]) -> None:
    assert wrong(body) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rules: []", [(1, "", "key.missing")]),
        ("format: 2\nrules: []", [(1, "format", "value.format")]),
        ("format: true\nrules: []", [(1, "format", "value.format")]),
        ("format: 1\nrules: {}", [(2, "rules", "value.list")]),
        ("format: 1\nrules: [3]", [(2, "rules[0]", "value.mapping")]),
        ("format: 1\nruls: []", [(2, "ruls", "key.near")]),
        ("format: 1\nquiet: []\nlimits: {}", []),
        ("format: 1\nquiet: {}\nlimits: []", [(2, "quiet", "value.list"), (3, "limits", "value.mapping")]),
        ("format: 1\nquiet: [3, {}]", [(2, "quiet[0]", "value.mapping"), *[(2, "quiet[1]", "key.missing")] * 3]),
        (
            "format: 1\nquiet:\n- {where: site = 3, from: now, until: 2026-01-01, whi: x}",
            [
                (3, "quiet[0].whi", "key.near"),
                (3, "quiet[0].where", "expr.wrong_operator"),
                (3, "quiet[0].from", "quiet.time"),
            ],
        ),
        (
            "format: 1\nquiet: [{where: \"site == 'a'\", from: 2026-01-02, until: 2026-01-01}]",
            [(2, "quiet[0].until", "quiet.order")],
        ),
        (
            "format: 1\nquiet: [{where: \"site == 'a'\", from: 2026-01-02, until: 2026-01-03T00:00Z}]",
            [(2, "quiet[0].until", "quiet.offset")],
        ),
        (
            "format: 1\nlimits: {alarms_per_rule: 500, orders_per_site: 0 per 1h, state: 256, orders: 3 per 1h}",
            [
                (2, "limits.orders", "key.unknown"),
                (2, "limits.alarms_per_rule", "limits.budget"),
                (2, "limits.orders_per_site", "limits.budget"),
                (2, "limits.state", "limits.size"),
            ],
        ),
        (
            "format: 1\ndefaults: {lateness: -1m, missing: no, downtime: x, zone: UTC}",
            [
                (2, "defaults.zone", "key.unknown"),
                (2, "defaults.lateness", "value.range"),
                (2, "defaults.missing", "value.missing"),
                (2, "defaults.downtime", "value.choice"),
            ],
        ),
        ("- 1", [(1, "", "value.mapping")]),
        (
            "format: 1\nrules:\n- id: r\n  id: s\n  watch: {kind: vehicle}\n  when: 'soc < 1 pct'",
            [(4, "rules[0].id", "yaml.duplicate")],
        ),
        (
            "format: 1\nrules:\n- {id: 'ä b', watch: {kind: vehicle}, when: 'soc < 1 pct'}",
            [(3, "rules[0].id", "value.id")],
        ),
        ("format: 1\nrules:\n- {watch: {kind: vehicle}, when: 'soc < 1 pct'}", [(3, "rules[0]", "key.missing")]),
    ],
)
def test_each_problem_of_a_file(text: str, expected: list[tuple[int, str, str]]) -> None:
    assert problems(text) == expected


def test_all_problems_of_a_file_at_once_in_order_of_lines() -> None:
    text = (
        "format: 1\nrules:\n- id: a\n  watch: {kind: vehicle}\n  when: 'soc < 5'\n  hold: 3\n"
        "- id: b\n  watch: {kind: tram}\n  when: 'soc <'\n- id: a\n  watch: {kind: vehicle}\n  when: 'soc < 5 pct'\n"
    )
    assert problems(text) == [
        (5, "rules[0].when", "expr.unitless"),
        (6, "rules[0].hold", "value.duration"),
        (8, "rules[1].watch.kind", "watch.kind"),
        (9, "rules[1].when", "expr.ends"),
        (10, "rules[2].id", "id.twice"),
    ]
    assert [found.id for found in load_text(text, "r.yaml", NAMES).rules] == ["a"], "only the sound one"


def test_a_problem_names_file_line_path_value_and_what_to_write() -> None:
    body = "format: 1\nrules:\n- id: a\n  watch: {kind: charger, each: connector}\n  when: 'gun_temp > 85'\n"
    (problem,) = load_text(body, "config/rules/c.yaml", NAMES).problems
    assert problem.render("en") == (
        "config/rules/c.yaml:5 rules[0].when: at character 12: gun_temp is in degC and 85 has no unit; write 85 degC"
    )
    assert problem.render("zh").endswith("第 12 个字符：gun_temp 的单位是 degC，而 85 没有单位；请写 85 degC")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("test: [{say: x}]\nuse: a.yaml", [(1, "test[0]", "key.missing")]),
        ("test: []", [(1, "", "key.missing")]),
        (
            "use: a.yaml\nprofiles: {c: {points: {p: {unit: furlong}}}}",
            [(2, "profiles.c.points.p.unit", "unit.unknown")],
        ),
        ("use: a.yaml\nprofiles: {c: 3}", [(2, "profiles.c", "value.mapping")]),
        ("use: a.yaml\nprofiles: {c: {points: {p: 3}}}", [(2, "profiles.c.points.p", "value.mapping")]),
        (
            "use: a.yaml\nprofiles: {c: {points: {p: {plausible: {min: low}}}}}",
            [(2, "profiles.c.points.p.plausible.min", "value.number")],
        ),
        ("use: a.yaml\nsites: {s: {timezon: UTC}}", [(2, "sites.s.timezon", "key.near")]),
        ("use: a.yaml\nsites: {s: {attrs: {a: []}}}", [(2, "sites.s.attrs.a", "value.text")]),
        ("use: a.yaml\nsites: {s: {quiet: 3}}", [(2, "sites.s.quiet", "value.list")]),
        (
            "use: a.yaml\nsites: {s: {quiet: [3, {from: 2026-01-01}]}}",
            [(2, "sites.s.quiet[0]", "value.mapping"), (2, "sites.s.quiet[1]", "key.missing")],
        ),
        (
            "use: a.yaml\ncustomers: {c: 3, d: {klass: x}}",
            [(2, "customers.c", "value.mapping"), (2, "customers.d.klass", "key.unknown")],
        ),
        ("use: 3", [(1, "use", "value.names")]),
    ],
)
def test_each_problem_of_a_test_file(text: str, expected: list[tuple[int, str, str]]) -> None:
    assert problems(text) == expected


def test_every_text_of_the_area_says_what_to_do() -> None:
    for key, (english, _) in catalogue().items():
        if key.startswith(("rules.expr.", "rules.value.", "rules.key.", "rules.let.", "rules.yaml.", "rules.watch.")):
            assert any(word in english for word in ("write", "remove", "put")), key


def test_every_text_is_used_and_every_problem_has_one() -> None:
    root = Path(__file__).parents[2]
    code = "".join(
        path.read_text("utf-8") for folder in ("rules", "gateway/settings") for path in (root / folder).rglob("*.py")
    )
    used = set(re.findall(r'"(rules\.[a-z_]+\.[a-z_]+)"', code))
    written = {key for key in catalogue() if key.startswith("rules.")}
    used |= {f"{key}_near" for key in used} & written  # by `near_or_known`
    assert used - written == set()
    assert written - used == set()
