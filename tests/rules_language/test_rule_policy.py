"""`quiet` and `limits` of rule files, code tables and fences."""

from datetime import UTC, datetime

import pytest
from language import NAMES

from gateway.domain.alarm import Level
from gateway.domain.code_table import CodeEntry
from gateway.domain.duration import HOUR, MINUTE, to_us
from gateway.domain.fence import Fence
from rules.compiled import Budget, RulePolicy
from rules.format import code_table, compile_policy, fence_file, load_text, merge, policy_source

QUIET = """format: 1
quiet:
- {where: "site=='S12'", from: 2026-11-23T22:00, until: 2026-11-24T06:00, why: site works}
- {where: "tag('x')", from: 2026-11-23T22:00+01:00, until: 2026-11-24}
"""
LIMITS = "format: 1\nlimits: {alarms_per_rule: 500 per 10m, orders_per_site: 40 per 1h, state: 256 MB}\n"


def source(*texts: str) -> bytes:
    files = [load_text(text, f"{number}.yaml", NAMES) for number, text in enumerate(texts)]
    assert [problem.render() for loaded in files for problem in loaded.problems] == []
    return policy_source(files)


def us(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


def test_quiet_times_without_an_offset_are_those_of_the_installation() -> None:
    text = QUIET.replace("until: 2026-11-24}", "until: 2026-11-24T00:00+01:00}")
    first, second = sorted(compile_policy(source(text), "Asia/Shanghai").quiet, key=lambda one: one.where_text)
    assert (first.where_text, first.why) == ("site == 'S12'", "site works")
    assert (first.start, first.end) == (us("2026-11-23T14:00"), us("2026-11-23T22:00"))
    assert first.where({"site": "S12"}) is True
    assert first.where({"site": "S13"}) is False
    assert (second.start, second.end, second.why) == (us("2026-11-23T21:00"), us("2026-11-23T23:00"), "")
    other = compile_policy(source(text), "UTC").quiet
    assert {one.start for one in other} == {us("2026-11-23T22:00"), us("2026-11-23T21:00")}


def test_one_time_with_an_offset_and_one_without() -> None:
    (problem,) = load_text(QUIET, "q.yaml", NAMES).problems
    assert (problem.key, problem.path, problem.line) == ("rules.quiet.offset", "quiet[1].until", 4)


def test_limits() -> None:
    found = compile_policy(source(LIMITS), "UTC")
    assert found.alarms_per_rule == Budget(500, 10 * MINUTE)
    assert found.orders_per_site == Budget(40, HOUR)
    assert found.state == 256_000_000
    assert found.source == source(LIMITS)


@pytest.mark.parametrize(("text", "size"), [("1.5 GiB", 1_610_612_736), ("512kB", 512_000), ("2 MiB", 2_097_152)])
def test_sizes(text: str, size: int) -> None:
    assert compile_policy(source(f"format: 1\nlimits: {{state: {text}}}"), "UTC").state == size


def test_nothing_is_said() -> None:
    assert source("format: 1\nquiet: []\nlimits: {}", "format: 1\n") == b""
    assert compile_policy(b"", "UTC") == RulePolicy()


def test_files_are_joined_in_any_order() -> None:
    calm = QUIET.split('- {where: "tag', maxsplit=1)[0]
    assert source(calm, LIMITS) == source(LIMITS, calm)
    found = compile_policy(source(calm, LIMITS), "UTC")
    assert (len(found.quiet), found.state) == (1, 256_000_000)


def test_a_limit_written_twice_names_both_places() -> None:
    files = [load_text(LIMITS, name, NAMES) for name in ("a.yaml", "b.yaml")]
    problems = merge(files)[1]
    assert [problem.key for problem in problems] == ["rules.limits.twice"] * 3
    assert problems[0].render().startswith("b.yaml:2 limits.alarms_per_rule: ")
    assert "a.yaml:2" in problems[0].render("zh")


@pytest.mark.parametrize(
    "damaged",
    [
        b"{",
        b"[]",
        b'{"format":2}',
        b'{"quiet":[{}]}',
        b'{"quiet":[{"where":"a =","from":"2026-01-01","until":"2026-01-02","why":""}]}',
        b'{"quiet":[{"where":"a == 1","from":"soon","until":"2026-01-02","why":""}]}',
    ],
)
def test_damaged_policies(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"policy|soon"):
        compile_policy(damaged, "UTC")


CODES = """source: fault list, edition 3
entries:
  none: {name: ok}
  007: {name: overtemp, level: major, skill: power, advice: {en: Look at the fan, zh: 检查风扇}}
  "*": {name: other, level: none}
"""


def test_a_table_of_codes() -> None:
    table, problems = code_table(CODES, "codes/c.yaml", "c")
    assert problems == ()
    assert table is not None
    assert (table.name, table.source) == ("c", "fault list, edition 3")
    advice = {"en": "Look at the fan", "zh": "检查风扇"}
    assert table.entries == {
        "none": CodeEntry("ok"),
        "007": CodeEntry("overtemp", Level.MAJOR, "power", advice),
        "*": CodeEntry("other"),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("source: x", [(1, "", "key.missing")]),
        ("entries: {}", [(1, "entries", "codes.empty")]),
        ("entries: 3", [(1, "entries", "value.mapping")]),
        ("entries:\n  E1: overtemp", [(2, "entries.E1", "value.mapping")]),
        ("entries:\n  E1: {level: major}", [(2, "entries.E1", "key.missing")]),
        (
            "entries:\n  E1: {name: a b, level: severe, advice: {de: x}}",
            [
                (2, "entries.E1.level", "value.choice"),
                (2, "entries.E1.advice.de", "key.unknown"),
                (2, "entries.E1.name", "value.name"),
            ],
        ),
        ("entries: {E1: {name: a}, E1: {name: b}}", [(1, "entries.E1", "yaml.duplicate")]),
        ("- 1", [(1, "", "value.mapping")]),
        ("entres: {}", [(1, "entres", "key.near"), (1, "", "key.missing")]),
    ],
)
def test_each_problem_of_a_table(text: str, expected: list[tuple[int, str, str]]) -> None:
    table, problems = code_table(text, "c.yaml", "c")
    assert table is None
    assert [(p.line, p.path, p.key.removeprefix("rules.")) for p in problems] == expected
    assert all(p.render("en") != p.render("zh") for p in problems)


def test_fences() -> None:
    text = "场区: {polygon: [[22, 113], [22, 114.5], [23, 114]]}\nyard: {centre: [22.5, 113.9], radius: 0.5 km}\n"
    found, problems = fence_file(text, "f.yaml")
    assert problems == ()
    assert found["场区"] == Fence("场区", ((22.0, 113.0), (22.0, 114.5), (23.0, 114.0)))
    assert found["yard"] == Fence("yard", (), (22.5, 113.9), 500.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 3", [("a", "value.mapping")]),
        ("a: {}", [("a", "fence.shape")]),
        ("a: {polygon: [[1, 2]], radius: 5 m}", [("a", "fence.shape")]),
        ("a: {centre: [1, 2]}", [("a", "key.missing")]),
        ("a: {radius: 5 m}", [("a", "key.missing")]),
        ("a: {centre: [91, 2], radius: 5}", [("a.centre", "fence.place"), ("a.radius", "fence.radius")]),
        ("a: {centre: 5, radius: 0 m}", [("a.centre", "fence.place"), ("a.radius", "fence.radius")]),
        ("a: {polygon: [[1, 2], [2, 3]]}", [("a.polygon", "fence.corners")]),
        ("a: {polygon: [[1, 2], [2, x], [1, 2, 3]]}", [("a.polygon", "fence.place")] * 2),
        ("a: {polygn: 3}", [("a.polygn", "key.near"), ("a", "fence.shape")]),
    ],
)
def test_each_problem_of_a_fence(text: str, expected: list[tuple[str, str]]) -> None:
    found, problems = fence_file(text, "f.yaml")
    assert found == {}
    assert [(p.path, p.key.removeprefix("rules.")) for p in problems] == expected
    assert all(p.render("en") != p.render("zh") for p in problems)
