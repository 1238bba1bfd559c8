"""Test cases of rule files with everything RULES section 6 knows: several rules and kinds, groups, events, policy."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.rules_command import command
from rules.casetest import CaseResult, as_json, as_text, run_cases
from rules.compiled import Names
from rules.format import load_text, policy_source

FILE = Path(__file__).with_name("casetest_forms.yaml")


def run(text: str, name: str = "f.yaml") -> list[CaseResult]:
    loaded = load_text(text, name, Names({}))
    assert [problem.render() for problem in loaded.problems] == []
    outcomes, problems = run_cases(loaded.tests, loaded.rules, policy_source([loaded]))
    assert [problem.render() for problem in problems] == []
    return outcomes


OUTCOMES = run(FILE.read_text("utf-8"), FILE.name)


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda one: f"{one.case.rule}: {one.say}")
def test_case(outcome: CaseResult) -> None:
    assert outcome.ok, as_text([outcome], "en")


def test_json_says_what_was_got_and_expected() -> None:
    merged = next(one for one in OUTCOMES if one.say.startswith("unless the case asks"))
    shown = as_json([merged])
    assert (shown["passed"], shown["failed"]) == (1, 0)
    (case,) = shown["cases"]  # type: ignore[misc]
    assert set(case) == {"rule", "say", "ok", "got", "expected"}
    assert case["got"] == [
        {"at": "1m", "is": "raised", "level": "minor", "device": "g1", "rule": "gateway.down"},
        {"at": "1m10s", "is": "merged", "level": "minor", "device": "d1", "parent": "gateway.down"},
    ]


def test_text_names_the_group_and_the_keys_that_differ() -> None:
    right, wrong = "raised, group: s1}]\n- rule: latched", "raised, group: s2, count: 2}]\n- rule: latched"
    text = FILE.read_text("utf-8").replace(right, wrong)
    (failed,) = [one for one in run(text) if not one.ok]
    lines = as_text([failed], "zh")
    assert "group: s1" in lines
    assert "<- group, count" in lines


HEAD = """
profiles:
  charger: {points: {temp: {unit: degC, every: 10s}}}
  pump: {points: {hours: {unit: h, kind: counter, every: 1h}}}
sites: {s1: {}}
customers: {c1: {}}
rules:
- {id: hot, watch: {kind: charger}, when: "temp >= 80 degC"}
- {id: group, watch: {kind: charger, group: site}, members: {of: "temp >= 80 degC", at_least: 1}, auto_clear: false}
- {id: service, watch: {kind: pump}, every: {counter: hours, step: 500 h}}
test:
"""
WRONG = [
    ("rule: hot, expect: [], device: {kind: chargr}", ["casetest.kind"]),
    ("rule: hot, expect: [], device: {customer: c9}", ["casetest.customer"]),
    ("rule: hot, expect: [], device: {site: s9}", ["casetest.site"]),
    ("rule: hot, expect: [], events: [{at: 1m, site: {s9: {}}}]", ["casetest.site"]),
    ("rule: hot, expect: [], events: [{at: 1m, customer: {c9: {}}}]", ["casetest.customer"]),
    ("rule: hot, expect: [], events: [{at: 1m, site: {s1: {area: n, zone: x}}}]", ["casetest.key"]),
    ("rule: hot, expect: [], events: [{at: 1m, cycle: 5 h}]", ["casetest.cycle"]),
    ("rule: service, expect: [], events: [{at: 1m, cycle: 5 km}]", ["casetest.number"]),
    ("rule: hot, expect: [], events: [{at: 1m, closed: 7}]", ["casetest.shape"]),
    ("rule: hot, expect: [], events: [{at: 1m, unlatch: no}]", ["casetest.shape"]),
    ("rule: hot, expect: [], events: [{at: 1m, closed: true, unlatch: true}]", ["casetest.shape"]),
    ("rule: group, expect: [], events: [{at: 1m, unlatch: true}]", ["casetest.missing"]),
    ("rule: hot, expect: [{rule: cold}]", ["casetest.rule"]),
    ("rule: hot, expect: [{stale: maybe, limited: x}]", ["casetest.shape", "casetest.shape"]),
    ("rule: hot, expect: [{is: lost, levl: minor}]", ["casetest.key", "casetest.is"]),
]


@pytest.mark.parametrize(("case", "expected"), WRONG)
def test_what_a_case_cannot_say(case: str, expected: list[str]) -> None:
    loaded = load_text(f"{HEAD}- {{{case}}}\n", "w.yaml", Names({}))
    assert [problem.render() for problem in loaded.problems] == []
    outcomes, problems = run_cases(loaded.tests, loaded.rules)
    assert outcomes == []
    assert [problem.key for problem in problems] == expected
    assert all(problem.render("en") != problem.render("zh") for problem in problems)
    assert all(problem.line == 11 + 1 for problem in problems), [problem.line for problem in problems]


def test_the_command_finds_tables_fences_and_sites_beside_the_profiles(tmp_path: Path) -> None:
    files = {
        "profiles/dc.yaml": "kind: charger\npoints: {code: {kind: state, values: [none]}, lat: {unit: deg}, "
        "lon: {unit: deg}}\n",
        "codes/faults.yaml": "entries: {E1: {name: hot, level: major}, none: {name: ok}}\n",
        "fences.yaml": "depot: {centre: [22, 113], radius: 500 m}\n",
        "registry/sites.csv": "code,timezone,grid\nS1,Asia/Shanghai,old\n",
        "registry/customers.csv": "code,name\nC1,x\n",
        "rules/a.yaml": """format: 1
rules:
- id: code
  watch: {kind: charger, where: "grid == 'old'"}
  let: {c: {code_of: code, table: faults}}
  when: "c.level >= 'minor' and within(lat, lon, 'depot')"
  identity: [c.name]
  test:
  - say: inside of the fence
    device: {site: S1, customer: C1}
    readings: [{at: 0s, code: 'E1', lat: 22, lon: 113}]
    until: 1m
    expect: [{at: 0s, is: raised, identity: [hot]}]
""",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    found = CliRunner().invoke(command, ["test", str(tmp_path / "rules"), "--format", "json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.output)["passed"] == 1
    (tmp_path / "codes" / "faults.yaml").write_text("entries: 3\n")
    found = CliRunner().invoke(command, ["test", str(tmp_path / "rules")])
    assert found.exit_code == 2
    assert "faults.yaml:1" in found.output
