"""`let`: every operator, its windows, units and kinds of point; members; what to write instead."""

import re

import pytest
from depth import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from language import CODES, FENCES, NAMES, VOCABULARY

from gateway.domain.device import CounterModel
from gateway.domain.duration import DAY, HOUR, MINUTE
from gateway.domain.text import localize
from rules.compiled import (
    Aggregate,
    Baseline,
    Calendar,
    Increase,
    MemberStat,
    Over,
    Period,
    Rate,
    Share,
    Signal,
    SlotKind,
    Stat,
    Swing,
    Times,
)
from rules.expr.compile import condition
from rules.expr.expression_error import ExpressionError
from rules.expr.name_scope import NameScope
from rules.format import load_text
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.format.signal_keys import EXAMPLES, KEYS
from rules.format.signals import scope_with, signals
from rules.format.yaml_tree import Notes, YamlMapping, from_plain, read


def indent(text: str) -> str:
    return "\n" + "\n".join(f"  {line.strip()}" for line in text.splitlines())


def compiled(text: str, kind: str = "gas_meter", group: str = "") -> tuple[tuple[Signal, ...] | None, RuleCompiler]:
    notes = Notes("r.yaml")
    tree = read(f"let: {text}" if text.startswith("{") else f"let:{indent(text)}", notes)
    assert isinstance(tree, YamlMapping), notes.problems
    kinds = {one: VOCABULARY[one] for one in kind.split(",")}
    compiler = RuleCompiler(notes, NAMES, NameScope(kinds, fences=FENCES, group=group))
    return signals(MappingReader(tree, "rule", notes, ("let",)), compiler), compiler


def all_of(text: str, kind: str = "gas_meter", group: str = "") -> tuple[tuple[Signal, ...], NameScope]:
    found, compiler = compiled(text, kind, group)
    assert compiler.notes.problems == []
    assert found is not None
    assert compiler.scope is not None
    return found, scope_with(compiler.scope, found)


def one(text: str, kind: str = "gas_meter") -> Signal:
    (found,) = all_of(f"{{x: {text}}}", kind)[0]
    return found


def problems(text: str, kind: str = "gas_meter", group: str = "") -> list[tuple[str, str]]:
    """(path below let, key); every problem must read well in both languages."""
    _, compiler = compiled(text, kind, group)
    for problem in compiler.notes.problems:
        english, chinese = (localize(problem.key, language, **problem.fields) for language in ("en", "zh"))
        assert not re.search(r"\{\w+\}", english + chinese)
        assert english != chinese
    return [
        (p.path.removeprefix("rule.let").lstrip("."), p.key.removeprefix("rules.")) for p in compiler.notes.problems
    ]


@pytest.mark.parametrize("what", [what for what in Aggregate if what not in {Aggregate.COUNT, Aggregate.PERCENTILE}])
def test_aggregates_keep_the_unit(what: Aggregate) -> None:
    assert one(f"{{{what.value}: flow, over: 10m}}") == Stat("x", what, "flow", Over(10 * MINUTE), 0.9, "m3/h")


@pytest.mark.parametrize(
    ("operator", "rank"),
    [("median", 50.0), ("percentile(90)", 90.0), ("percentile( 99.5 )", 99.5), ("percentile(1)", 1.0)],
)
def test_percentiles(operator: str, rank: float) -> None:
    expected = Stat("x", Aggregate.PERCENTILE, "flow", Over(10 * MINUTE), 0.9, "m3/h", rank)
    assert one(f"{{{operator}: flow, over: 10m}}") == expected


@pytest.mark.parametrize(
    ("operator", "key"),
    [
        ("percentile", "let.rank"),
        ("percentile(0)", "let.rank"),
        ("percentile(100)", "let.rank"),
        ("percentile(0.9)", "let.rank"),
        ("percentile(high)", "let.rank"),
        ("p95", "key.near"),
        ("quantile(90)", "key.near"),
        ("percentil", "key.near"),
        ("percentile90", "let.rank"),
    ],
)
def test_percentiles_need_a_rank(operator: str, key: str) -> None:
    assert problems(f"{{x: {{{operator}: flow, over: 10m}}}}") == [(f"x.{operator}", key)]


def test_percentiles_of_what_only_grows() -> None:
    assert problems("{x: {percentile(90): volume_total, per: day}}") == [("x.percentile(90)", "let.grows")]
    assert problems("{x: {median: valve, per: day}}") == [("x.median", "let.state")]


def test_counts_have_none() -> None:
    assert one("{count: valve, per: day, coverage: 0.5}") == Stat(
        "x", Aggregate.COUNT, "valve", Calendar(Period.DAY), 0.5
    )


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("hour", Calendar(Period.HOUR)),
        ("day", Calendar(Period.DAY)),
        ("week", Calendar(Period.WEEK)),
        ("month", Calendar(Period.MONTH)),
        ("15min", Calendar(Period.QUARTER_HOUR)),
        ("quarter", Calendar(Period.QUARTER)),
        ("year", Calendar(Period.YEAR)),
        ("day(from: 08:00)", Calendar(Period.DAY, begin=480)),
        ("day(from: 6:30)", Calendar(Period.DAY, begin=390)),
        ("month(from: 31)", Calendar(Period.MONTH, 31)),
        ('"month(from: 26)"', Calendar(Period.MONTH, 26)),
        ("night(01:00-05:00)", Calendar(Period.NIGHT, begin=60, end=300)),
        ("night(22:00-06:00)", Calendar(Period.NIGHT, begin=1320, end=360)),
        ("night(20:00-24:00)", Calendar(Period.NIGHT, begin=1200, end=0)),
        ("night(0:30-5:15)", Calendar(Period.NIGHT, begin=30, end=315)),
    ],
)
def test_calendar_windows(text: str, window: Calendar) -> None:
    assert one(f"{{min: flow, per: {text}}}") == Stat("x", Aggregate.MIN, "flow", window, 0.9, "m3/h")


@pytest.mark.parametrize(
    "text",
    [
        "decade",
        "10m",
        '"month(from: 0)"',
        '"month(from: 32)"',
        "night(5-5)",
        "day(from: 25:00)",
        "[day]",
        "3",
        "night(05:00-05:00)",
        "night(00:00-24:00)",
        "night(25:00-05:00)",
        "night(01:60-05:00)",
    ],
)
def test_other_windows_are_none(text: str) -> None:
    assert problems(f"{{x: {{min: flow, per: {text}}}}}") == [("x.per", "let.per")]


@pytest.mark.parametrize(
    ("text", "write"),
    [
        ("15m", "15min"),
        ("daily", "day"),
        ("每月", "month"),
        ("季度", "quarter"),
        ("1 year", "year"),
        ("mounth", "month"),
        ('"day(from: 2)"', "day(from: 02:00)"),
        ("day(from 8:00)", "day(from: 08:00)"),
        ("month(from 26)", "month(from: 26)"),
        ("month from 26", "month(from: 26)"),
        ("night", "night(01:00-05:00)"),
        ("night(1-5)", "night(01:00-05:00)"),
        ("night 22:00 - 6:00", "night(22:00-06:00)"),
        ("week(from: 3)", "week"),
        ("gas_day", "day(from: 08:00)"),
    ],
)
def test_windows_that_are_nearly_right(text: str, write: str) -> None:
    load = (
        "format: 1\nrules:\n- id: r\n  watch: {kind: gas_meter}\n  let: {x: {min: flow, per: {}}}\n  when: x > 1 m3/h\n"
    )
    (problem,) = load_text(load.replace("per: {}", f"per: {text}"), "r.yaml", NAMES).problems
    assert (problem.key, problem.fields["write"]) == ("rules.let.per_near", write)
    assert load_text(load.replace("per: {}", f"per: {write}"), "r.yaml", NAMES).problems == ()


def test_an_increase() -> None:
    assert one("{increase: volume_total, per: month}") == Increase(
        "x", "volume_total", Calendar(Period.MONTH), unit="m3"
    )
    assert one("{increase: volume_total, over: 1h, scale: per_day}") == Increase(
        "x", "volume_total", Over(HOUR), per_day=True, unit="m3/h"
    )
    assert one("{increase: volume_total, per: day, counter: {rollover: 500 L, reset: restart}}") == Increase(
        "x", "volume_total", Calendar(Period.DAY), counter=CounterModel(0.5, "restart", 0.01), unit="m3"
    )


def test_rates() -> None:
    assert one("{rate: volume_total}") == Rate("x", "volume_total", unit="m3/h")
    assert one("{rate: temperature, over: 10m, max_gap: 2m}") == Rate(
        "x", "temperature", 10 * MINUTE, 2 * MINUTE, unit="degC/h"
    )
    found = one("{rate: volume_total, counter: {rollover: 1000}}")
    assert isinstance(found, Rate)
    assert found.counter == CounterModel(1000.0, "swap", 0.01)


def test_rise_and_fall() -> None:
    assert one("{fall: soc, over: 10m, max_gap: 2m}", "vehicle") == Swing(
        "x", False, "soc", 10 * MINUTE, 2 * MINUTE, "pct"
    )
    assert one("{rise: odometer, over: 1h}", "vehicle") == Swing("x", True, "odometer", HOUR, 0, "km")


def test_baselines() -> None:
    assert one("{zscore: pressure, half_life: 6h, season: hour_of_week, warmup: 14d}") == Baseline(
        "x", True, "pressure", 6 * HOUR, True, 14 * DAY
    )
    assert one("{ewma: pressure, half_life: 6h}") == Baseline("x", False, "pressure", 6 * HOUR, unit="kPa")


def test_times() -> None:
    found = one("{times: \"valve == 'open'\", over: 24h}")
    assert isinstance(found, Times)
    assert (found.of.text, found.window, found.coverage) == ("valve == 'open'", Over(24 * HOUR), 0.0)
    assert one("{times: \"valve == 'open'\", per: day, coverage: 0.5}").coverage == 0.5  # type: ignore[union-attr]
    assert problems("{x: {times: flow, per: day}}") == [("x.times", "expr.not_truth")]
    assert problems('{x: {times: "flow > 1 m3/h"}}') == [("x", "let.window")]
    assert problems('{x: {occurrences: "flow > 1 m3/h", over: 1h}}') == [("x.occurrences", "key.near")]


def test_a_share() -> None:
    found = one("{share: \"valve == 'open' and flow > 0.1 m3/h and not tag('x')\", per: day, coverage: 0.8}")
    assert isinstance(found, Share)
    assert (found.window, found.coverage, found.of.boolean) == (Calendar(Period.DAY), 0.8, True)
    assert [slot.kind for slot in found.of.slots] == [SlotKind.POINT, SlotKind.CODE, SlotKind.POINT, SlotKind.TAG]


def test_codes_are_names_and_no_signals() -> None:
    text = "{code: {code_of: fault_code, table: charger_faults}, bad: {share: \"code.level >= 'minor'\", per: day}}"
    found, scope = all_of(text, "charger")
    assert [signal.name for signal in found] == ["bad"]
    assert scope.codes["code"].table is CODES["charger_faults"]
    assert condition("code.name == 'overtemp' and bad > 0.5", scope)[0].boolean


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("wide > 9 degF", 5.0),
        ("spread > 5 K", 5.0),
        ("up > 5 K", 5.0),
        ("top > 41 degF", 5.0),
        ("steep > 5 K/h", 5.0),
        ("steep > 0.1 degC/min", 6.0),
        ("odd > 4", 4.0),
        ("often > 3", 3.0),
        ("used > 48 m3/day", 2.0),
        ("share > 0.5", 0.5),
    ],
)
def test_units_of_signals(text: str, value: float) -> None:
    _, scope = all_of(
        """
        wide: {stddev: temperature, over: 1h}
        spread: {spread: temperature, per: day}
        top: {max: temperature, per: day}
        up: {rise: temperature, over: 1h}
        steep: {rate: temperature}
        odd: {zscore: temperature, half_life: 1h}
        often: {count: temperature, over: 1h}
        used: {increase: volume_total, per: month, scale: per_day}
        share: {share: "valve == 'open'", over: 1h}
        """
    )
    assert condition(text, scope)[0].limits[0].value == pytest.approx(value)


def test_only_closed_windows_have_predecessors() -> None:
    _, scope = all_of("{a: {max: flow, over: 1h}, b: {max: flow, per: hour}, c: {rate: volume_total}}")
    assert condition("before(b, 2) > 3 m3/h", scope)[0].slots[0].n == 2
    for name in "ac":
        with pytest.raises(ExpressionError, match="before_sliding"):
            condition(f"before({name}) > 3 m3/h", scope)


BALANCE = """
  supplied: {increase: volume_total, per: month}
  used: {increase: starts, per: month}
  supply: {members: {sum: supplied, where: "role == 'supply'"}}
  users: {members: {sum: used, kind: charger, coverage: 0.8}}
"""


def test_members_of_another_kind() -> None:
    found, scope = all_of(BALANCE, group="area")
    _, used, supply, users = found
    assert isinstance(used, Increase)
    assert isinstance(supply, MemberStat)
    assert isinstance(users, MemberStat)
    assert (supply.what, supply.kinds, supply.unit, supply.where_text) == (Aggregate.SUM, (), "m3", "role == 'supply'")
    assert supply.where is not None
    assert supply.where({"role": "supply"}) is True
    assert (users.kinds, users.coverage, users.unit, users.where) == (("charger",), 0.8, "", None)
    assert [slot.name for slot in users.of.slots] == ["used"]
    assert condition("supply > 5 m3 and users > 5", scope)[0].boolean
    assert condition("supplied > 5 m3", scope.members())[0].boolean
    with pytest.raises(ExpressionError, match="unknown"):
        condition("used > 5", scope.members())


def test_members_of_points_and_predicates() -> None:
    found, scope = all_of(
        "{a: {members: {mean: pressure}}, b: {members: {count: 'pressure < 1.6 kPa and dev > 3'}}, "
        "dev: {zscore: pressure, half_life: 6h}, c: {members: {max: 'temperature - attr(''usual'', 20 degC)'}}, "
        "d: {members: {min: before(used)}}, used: {increase: volume_total, per: day}}",
        group="site",
    )
    assert [signal.name for signal in found] == ["a", "b", "dev", "c", "d", "used"]
    by_name = {signal.name: signal for signal in found}
    assert isinstance(b := by_name["b"], MemberStat)
    assert b.of.boolean
    assert [slot.kind for slot in b.of.slots] == [SlotKind.POINT, SlotKind.SIGNAL]
    assert scope.signals["a"].calendar is None
    assert scope.signals["d"].calendar == Calendar(Period.DAY)
    assert condition("c > 5 K", scope)[0].limits[0].value == 5.0


def test_a_code_in_members() -> None:
    text = """
    code: {code_of: fault_code, table: charger_faults}
    n: {members: {count: "code.level >= 'major'", kind: charger}}
    """
    for kind in ("charger", "gas_meter"):
        found, scope = all_of(text, kind, group="site")
        (signal,) = found
        assert isinstance(signal, MemberStat)
        assert [slot.kind for slot in signal.of.slots] == [SlotKind.FIELD]
        assert condition("n >= 2", scope)[0].boolean


@pytest.mark.parametrize("operator", KEYS)
def test_every_operator_has_an_example(operator: str) -> None:
    text = EXAMPLES.get(operator, f"x: {{{operator}: flow, over: 10m}}")
    kind = dict.fromkeys(("share", "times", "code_of", "peers"), "charger") | dict.fromkeys(("rise", "fall"), "vehicle")
    found, _ = all_of(f"{{{text}}}", kind.get(operator, "gas_meter"), "site" if operator == "members" else "")
    assert len(found) == (operator != "code_of")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{x: {per: day}}", [("x", "let.operator")]),
        ("{x: {}}", [("x", "let.operator")]),
        ("{x: 3}", [("x", "value.mapping")]),
        ("{x: [1]}", [("x", "value.mapping")]),
        ("{x: {avg: flow, over: 1m}}", [("x.avg", "key.near")]),
        ("{x: {incrase: volume_total, per: day}}", [("x.incrase", "key.near")]),
        ("{x: {mean: flow, max: flow, over: 1m}}", [("x", "let.several")]),
        ("{x: {mean: flow}}", [("x", "let.window")]),
        ("{x: {mean: flow, over: 1m, per: day}}", [("x.per", "let.window_twice")]),
        ("{x: {mean: flow, over: 0s}}", [("x.over", "value.range")]),
        ("{x: {mean: flow, over: 5}}", [("x.over", "value.duration")]),
        ("{x: {mean: flow, over: 1m, coverage: 2}}", [("x.coverage", "value.share")]),
        ("{x: {mean: flow, over: 1m, scale: per_day}}", [("x.scale", "let.key")]),
        ("{x: {mean: flow, over: 1m, zzz: red}}", [("x.zzz", "key.unknown")]),
        ("{x: {rate: volume_total, per: day}}", [("x.per", "let.key")]),
        ("{x: {rate: flow, counter: {rollover: 10}}}", [("x.counter", "let.no_counter")]),
        ("{x: {rise: flow}}", [("x", "key.missing")]),
        ("{x: {zscore: flow}}", [("x", "key.missing")]),
        ("{x: {zscore: flow, half_life: 1h, season: day}}", [("x.season", "value.choice")]),
        ("{x: {increase: flow, per: day}}", [("x.increase", "let.counter")]),
        ("{x: {increase: volume_total, per: day, scale: hourly}}", [("x.scale", "value.choice")]),
        ("{x: {mean: volume_total, over: 1m}}", [("x.mean", "let.grows")]),
        ("{x: {ewma: volume_total, half_life: 1h}}", [("x.ewma", "let.grows")]),
        ("{x: {max: valve, over: 1m}}", [("x.max", "let.state")]),
        ("{x: {rate: valve}}", [("x.rate", "let.state")]),
        ("{x: {mean: flo, over: 1m}}", [("x.mean", "expr.unknown_near")]),
        ("{flow: {max: pressure, over: 1m}}", [("flow", "let.name")]),
        ("{tag: {max: pressure, over: 1m}}", [("tag", "let.name")]),
        ("{x: {max: x, over: 1m}}", [("x.max", "let.cycle")]),
        (
            "{x: {max: y, over: 1m}, y: {share: 'z > 3 m3/h', per: day}, z: {mean: 'x + 1 m3/h', per: day}}",
            [("x.max", "let.cycle"), ("y.share", "let.cycle"), ("z.mean", "let.cycle")],
        ),
        ("{x: {max: usal, over: 1m}, usual: {median: flow, over: 1h}}", [("x.max", "expr.unknown_near")]),
        ("{x: {max: y, over: 1m}, y: {max: flaw, over: 1m}}", [("y.max", "expr.unknown_near")]),
        ("{x: {max: 'flow + pressure', over: 1m}}", [("x.max", "expr.mismatch")]),
        ("{x: {mean: 'flow > 3 m3/h', over: 1m}}", [("x.mean", "let.predicate")]),
        ("{x: {count: \"valve == 'open'\", over: 1m}}", [("x.count", "let.count_predicate")]),
        ("{x: {increase: 'volume_total + volume_total', over: 1h}}", [("x.increase", "let.one_point")]),
        ("{x: {max: 'age(flow)', per: day}}", [("x.max", "let.age")]),
        ("{x: {rate: 'flow / 2'}}", [("x.rate", "let.one_point")]),
        ("{x: {increase: y, over: 1h}, y: {max: flow, over: 1m}}", [("x.increase", "let.of_signal")]),
        ("{x: {mean: '2', over: 1h}}", [("x.mean", "expr.constant_number")]),
        (
            "{x: {mean: 'y - z', per: month}, y: {max: flow, per: day}, z: {max: flow, per: hour}}",
            [("x.mean", "expr.members_windows")],
        ),
        ("{x: {share: flow, per: day}}", [("x.share", "expr.not_truth")]),
        ("{x: {share: 'flow > 3', per: day}}", [("x.share", "expr.unitless")]),
        ("{x: {share: \"tag('x')\", per: day}}", [("x.share", "expr.constant")]),
        ("{x: {share: [1], per: day}}", [("x.share", "value.text")]),
        ("{x: {min: flow, per: night（01:00-05:00）}}", [("x.per", "yaml.full_width")]),
        ("{x: {code_of: valve}}", [("x", "key.missing")]),
        ("{x: {code_of: valve, table: charger_fault}}", [("x.table", "let.table_near")]),
        ("{x: {code_of: valve, table: moon}}", [("x.table", "let.table")]),
        ("{x: {code_of: flow, table: charger_faults}}", [("x.code_of", "let.code_point")]),
        ("{x: {members: {mean: flow}}}", [("x.members", "let.members_group")]),
    ],
)
def test_each_problem(text: str, expected: list[tuple[str, str]]) -> None:
    assert problems(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{x: {members: flow}}", [("x.members", "value.mapping")]),
        ("{x: {members: {}}}", [("x.members", "let.members_one")]),
        ("{x: {members: {mean: flow, max: flow}}}", [("x.members", "let.members_one")]),
        ("{x: {members: {mean: flow, over: 1m}}}", [("x.members.over", "let.members_over")]),
        ("{x: {members: {mean: flow}, per: day}}", [("x.per", "let.key")]),
        ("{x: {members: {mean: 3}}}", [("x.members.mean", "let.members_of")]),
        ("{x: {members: {mean: 3 V}}}", [("x.members.mean", "expr.constant_number")]),
        ("{x: {members: {mean: flo}}}", [("x.members.mean", "expr.unknown_near")]),
        ("{x: {members: {mean: valve}}}", [("x.members.mean", "expr.not_number")]),
        ("{x: {members: {count: flow}}}", [("x.members.count", "expr.not_truth")]),
        ("{x: {members: {mean: flow, kind: gas_metre}}}", [("x.members.kind", "watch.kind_near")]),
        ("{x: {members: {mean: flow, kind: vehicle}}}", [("x.members.mean", "expr.unknown")]),
        ("{x: {members: {mean: flow, where: 'a ='}}}", [("x.members.where", "expr.wrong_operator")]),
        ("{x: {members: {sum: y}}, y: {members: {sum: flow}}}", [("x.members.sum", "expr.unknown")]),
        ("{x: {members: {sum: x}}}", [("x.members.sum", "expr.unknown")]),
        (
            "{x: {members: {sum: y, kind: vehicle}}, y: {max: flow, over: 1m}}",
            [("y.max", "expr.unknown"), ("x.members.sum", "expr.unknown")],
        ),
        (
            "{x: {members: {sum: 'y + flow'}}, y: {max: flow, per: day}}",
            [("x.members.sum", "expr.members_mixed")],
        ),
        (
            "{x: {members: {sum: 'y + z'}}, y: {max: flow, per: day}, z: {max: flow, per: hour}}",
            [("x.members.sum", "expr.members_windows")],
        ),
        (
            "{x: {members: {sum: 'y + z'}}, y: {max: flow, per: day}, z: {max: flow, over: 1h}}",
            [("x.members.sum", "expr.members_mixed")],
        ),
    ],
)
def test_each_problem_of_members(text: str, expected: list[tuple[str, str]]) -> None:
    assert problems(text, group="site") == expected


def test_all_problems_at_once() -> None:
    text = "{a: {mean: flo, over: 1m}, b: {increase: flow, per: dy}, c: {code_of: valve, table: t}, d: 1}"
    assert [path.partition(".")[0] for path, _ in problems(text)] == ["d", "c", "a", "b", "b"]


_WORDS = st.sampled_from([
    "flow", "valve", "volume_total", "x", "y", "10m", "day", "night(01:00-05:00)", "flow > 1 m3/h", "before(x)",
    "x > 3", "code.level", "gas_meter", "charger_faults", "", "（", "hour_of_week", 3, 0.5, True, None,
])  # fmt: skip
_KEY_WORDS = st.sampled_from([*KEYS, *(key for keys in KEYS.values() for key in keys), "kind", "where", "zzz"])
_TREES = st.recursive(
    _WORDS, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(_KEY_WORDS, inner, max_size=3))
)


@settings(deadline=None, max_examples=examples(50))
@given(
    st.dictionaries(st.sampled_from(["x", "y", "code", "flow"]), st.dictionaries(_KEY_WORDS, _TREES, max_size=4)),
    st.sampled_from(["", "site"]),
)
def test_whatever_is_written_is_compiled_or_explained(body: dict[str, object], group: str) -> None:
    notes = Notes("r.yaml")
    compiler = RuleCompiler(notes, NAMES, NameScope({"gas_meter": VOCABULARY["gas_meter"]}, fences=FENCES, group=group))
    tree = from_plain({"let": body})
    assert isinstance(tree, YamlMapping)
    found = signals(MappingReader(tree, "rule", notes, ("let",)), compiler)
    assert found is not None or notes.problems
    assert all(localize(p.key, "en", **p.fields) for p in notes.problems)


def test_hostile_names_and_texts() -> None:
    assert problems("{ａ: {max: flow, over: 1m}}") == [("ａ", "let.name")]
    assert problems(f"{{x: {{share: '{'flow > 1 and ' * 200}flow > 1', per: day}}}}") == [("x.share", "value.long")]
    deep = "(" * 100 + "flow > 1 m3/h" + ")" * 100
    assert problems(f"{{x: {{share: '{deep}', per: day}}}}") == [("x.share", "expr.too_deep")]
    assert problems("{x: {share: 'flow ＞ 1 m3/h', per: day}}") == [("x.share", "expr.full_width")]
