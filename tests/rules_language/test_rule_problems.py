"""Every mistake of a rule file: file, line, path, value and what to write instead, all at once."""

import pytest
from language import VOCABULARY

from gateway.domain.text import catalogue
from rules.format import load_text


def problems(body: str, file: str = "r.yaml") -> list[tuple[int, str, str]]:
    found = load_text(body, file, VOCABULARY).problems
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
        ("watch: {kind: vehicle, group: site}\n" + PLAIN, [("watch.group", "later.key")]),
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
        (VAN + "when: {votes: {of: x, need: 2, last: 3}}", [("when.votes", "later.key")]),
        (VAN + "due: {date: x}", [("due", "later.key")]),
        (VAN + PLAIN + "flap: {raises: 4, in: 1h, quiet: 2h}", [("flap", "later.key")]),
        (VAN + PLAIN + "unless: 'soc > 3 pct'", [("unless", "later.key")]),
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
        (VAN + PLAIN + "lateness: 30s", [("lateness", "later.lateness")]),
        (VAN + PLAIN + "title: {}", [("title", "value.title")]),
        (VAN + PLAIN + "title: [a]", [("title", "value.text")]),
        (VAN + PLAIN + f"title: {'x' * 201}", [("title", "value.long")]),
        (VAN + PLAIN + "test: {}", [("test", "value.list")]),
        (VAN + PLAIN + "test: [3]", [("test[0]", "value.mapping")]),
        (VAN + PLAIN + "test: [{rule: r}]", [("test[0].rule", "test.rule_inside")]),
        (VAN + "levels: {}", [("levels", "levels.none")]),
        (VAN + "levels: {major: 'soc < 5 pct'}", [("levels.major", "value.mapping")]),
        (VAN + "levels: {majr: {when: 'soc < 5 pct'}}", [("levels.majr", "key.near")]),
        (VAN + "levels: {major: {}}", [("levels.major", "key.missing")]),
        (VAN + "levels: {major: {when: 'soc < 5 pct'}}\nhold: 2m", [("hold", "condition.misplaced")]),
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
        (GAS + "let: {u: {increase: volume_total}}\nwhen: 'u > 3 m3'", [("let.u", "key.missing")]),
        (GAS + "let: {u: {per: day}}\nwhen: 'u > 3 m3'", [("let.u", "key.missing")]),
        (
            GAS + "let: {u: {increase: volume_total, per: night(01:00-05:00)}}\nwhen: 'u > 3 m3'",
            [("let.u.per", "later.value")],
        ),
        (
            GAS + "let: {u: {increase: volume_total, per: \"day(from: 3)\"}}\nwhen: 'u > 3 m3'",
            [("let.u.per", "let.per")],
        ),
        (
            GAS + "let: {u: {increase: volume_total, per: \"month(from: 32)\"}}\nwhen: 'u > 3 m3'",
            [("let.u.per", "let.per")],
        ),
        (GAS + "let: {u: {increase: volume_total, over: 10m}}\nwhen: 'u > 3 m3'", [("let.u.over", "later.key")]),
        (
            GAS + "let: {u: {mean: flow, over: 10m}}\nwhen: 'u > 3 m3/h'",
            [("let.u.mean", "later.key"), ("let.u.over", "later.key")],
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
        (VAN + PLAIN + "then: {order: {type: t, batch: {by: area}}}", [("then.order.batch", "later.key")]),
        (VAN + PLAIN + "then: {order: {type: t, level: code.level}}", [("then.order.level", "later.value")]),
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
        ("format: 1\nquiet: []\nlimits: {}", [(2, "quiet", "later.key"), (3, "limits", "later.key")]),
        (
            "format: 1\ndefaults: {lateness: 1m, missing: no, downtime: x}",
            [
                (2, "defaults.lateness", "later.lateness"),
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
    assert [found.id for found in load_text(text, "r.yaml", VOCABULARY).rules] == ["a"], "only the sound one"


def test_a_problem_names_file_line_path_value_and_what_to_write() -> None:
    body = "format: 1\nrules:\n- id: a\n  watch: {kind: charger, each: connector}\n  when: 'gun_temp > 85'\n"
    (problem,) = load_text(body, "config/rules/c.yaml", VOCABULARY).problems
    assert problem.render("en") == (
        "config/rules/c.yaml:5 rules[0].when: at character 12: gun_temp is in degC and 85 has no unit; write 85 degC"
    )
    assert problem.render("zh").endswith("第 12 个字符：gun_temp 的单位是 degC，而 85 没有单位；应写 85 degC")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("test: [{say: x}]\nuse: a.yaml", [(1, "test[0]", "key.missing")]),
        ("test: []", [(1, "", "key.missing")]),
        ("use: a.yaml\nprofiles: {c: {points: {p: {unit: furlong}}}}", [(2, "profiles.c.points.p.unit", "value.unit")]),
        ("use: a.yaml\nprofiles: {c: 3}", [(2, "profiles.c", "value.mapping")]),
        ("use: a.yaml\nprofiles: {c: {points: {p: 3}}}", [(2, "profiles.c.points.p", "value.mapping")]),
        (
            "use: a.yaml\nprofiles: {c: {points: {p: {plausible: {min: low}}}}}",
            [(2, "profiles.c.points.p.plausible.min", "value.number")],
        ),
        ("use: a.yaml\nsites: {s: {timezon: UTC}}", [(2, "sites.s.timezon", "key.near")]),
        ("use: a.yaml\nsites: {s: {attrs: {a: []}}}", [(2, "sites.s.attrs.a", "value.text")]),
        ("use: 3", [(1, "use", "value.names")]),
    ],
)
def test_each_problem_of_a_test_file(text: str, expected: list[tuple[int, str, str]]) -> None:
    assert problems(text) == expected


def test_every_text_of_the_area_says_what_to_do() -> None:
    for key, (english, _) in catalogue().items():
        if key.startswith(("rules.expr.", "rules.value.", "rules.key.", "rules.let.", "rules.yaml.", "rules.watch.")):
            assert any(word in english for word in ("write", "remove", "put")), key
