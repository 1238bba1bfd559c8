"""Tests inside rule files: the series language, what is refused, the command with its exit status."""

import json
from math import isnan
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.rules_command import command
from rules.casetest import run_cases
from rules.casetest.series import LIMIT, StateText, parse_series
from rules.compiled import Names
from rules.format import load_text

HEAD = """
profiles:
  charger: {points: {gun_temp: {unit: degF, every: 10s}, status: {kind: state, values: [idle]}, heat: {each: true}}}
rules:
- id: hot
  title: {en: hot, zh: 热}
  why: w
  watch: {kind: charger}
  when: "gun_temp >= 85 degC"
  then: {order: {type: repair}}
"""
PASSES = (
    HEAD
    + """
test:
- {rule: hot, say: in the unit of the profile, series: {gun_temp: "184 186"}, expect: [{at: 10s, is: raised}]}
"""
)
FAILS = (
    HEAD
    + """
test:
- {rule: hot, say: wrong time, series: {gun_temp: "184 186 184"}, expect: [{at: 20s, is: raised}]}
- {rule: hot, say: fine, series: {gun_temp: "184"}, expect: []}
"""
)


def test_series_language() -> None:
    assert parse_series("84 86*2 -1.5 'a b'*2 _ _*2") == [
        84.0,
        86.0,
        86.0,
        -1.5,
        StateText("a b"),
        StateText("a b"),
        None,
        None,
        None,
    ]
    assert parse_series("1+0.5*3 10-2*2") == [1.0, 1.5, 2.0, 10.0, 8.0]
    assert all(isinstance(item, float) and isnan(item) for item in parse_series("bad bad*2"))
    assert parse_series("") == []


@pytest.mark.parametrize("text", ["x", "1*", "1+*3", "'open", "1**2", "bad3"])
def test_series_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_series(text)


def test_series_is_bounded() -> None:
    with pytest.raises(OverflowError):
        parse_series(f"1*{LIMIT}000 1")


@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), max_size=30))
def test_series_of_plain_numbers(values: list[float]) -> None:
    assert parse_series(" ".join(str(value) for value in values)) == values


WRONG = [
    ("say: a, expect: [], sries: {}", "casetest.key"),
    ("say: a, expect: [], start: tomorrow", "casetest.start"),
    ('say: a, series: {gun_temp: "1"}', "casetest.missing"),
    ('expect: [], series: {gun_tmp: "1"}', "casetest.point"),
    ('expect: [], series: {gun_temp: "1 x"}', "casetest.series"),
    ('expect: [], series: {status: "1"}, every: 1s', "casetest.state"),
    ("expect: [], series: {gun_temp: \"'idle'\"}", "casetest.number"),
    ('expect: [], series: {status: "bad"}', "casetest.every"),
    ('expect: [], series: {p9.gun_temp: "1"}', "casetest.device"),
    ('expect: [], series: {"#3.heat": "1"}, every: 1s', "casetest.component"),
    ('expect: [], series: {"heat[1]": "1"}, every: 1s', "casetest.bracket"),
    ('expect: [], series: {"#1.gun_temp": "1"}, every: 1s', "casetest.whole"),
    ("expect: [], readings: [{at: 1s}]", "casetest.no_value"),
    ("expect: [{at: 1s, is: raised, device: 'device#2'}]", "casetest.component"),
    ("expect: [{at: 1s, is: raised, device: '#1', component: 2}]", "casetest.shape"),
    ("expect: [], events: [{at: 1s, restart: 1s, device: '#1'}]", "casetest.shape"),
    ("expect: [], events: [{at: 1s, exchange: {gun_temp: 1}}]", "casetest.shape"),
    ("expect: [], events: [{at: 1s, exchange: {nothing: 1}}]", "casetest.point"),
    ("expect: [], device: {site: nowhere}", "casetest.site"),
    ("expect: [], device: {life: gone}", "casetest.life"),
    ("expect: [{at: soon, is: raised}]", "casetest.time"),
    ("expect: [{at: 1s, is: risen}]", "casetest.is"),
    ("expect: [{at: 1s, is: raised, level: high}]", "casetest.level"),
    ("expect: [], events: [{at: 1s, restart: 1s, set: {}}]", "casetest.shape"),
    ("expect: [], events: [{at: 1s, set: {colour: red}}]", "casetest.shape"),
    ("expect: [], readings: [{gun_temp: 1}]", "casetest.missing"),
]


@pytest.mark.parametrize(("case", "key"), WRONG)
def test_a_wrong_case_is_a_problem(case: str, key: str) -> None:
    loaded = load_text(HEAD + f"test:\n- {{rule: hot, {case}}}\n", "w.yaml", Names({}))
    assert not loaded.problems
    outcomes, problems = run_cases(loaded.tests, loaded.rules)
    assert [problem.key for problem in problems] == [key]
    assert not outcomes
    assert all(problem.render("zh") != problem.render("en") and problem.line for problem in problems)


def test_a_component_that_became_a_comment() -> None:
    text = HEAD + "test:\n- {rule: hot, say: 'a, #1.b', readings: [{at: 1s, #2.heat: 5}], expect: []}\n"
    loaded = load_text(text, "w.yaml", Names({}))
    assert [(problem.key, problem.fields["write"]) for problem in loaded.problems] == [
        ("rules.yaml.comment", '"#2.heat"')
    ]


@pytest.mark.parametrize(
    ("profile", "key"),
    [
        ("{points: {x: {plausible: {max_rate: 0}}}}", "rules.value.positive"),
        ("{points: {x: {plausible: {maximum: 5}}}}", "rules.key.near"),
        ("{components: 99, points: {x: {}}}", "rules.value.whole"),
        ("{component: 2, points: {x: {}}}", "rules.key.near"),
        ("{points: [x]}", "rules.value.mapping"),
    ],
)
def test_a_wrong_profile_is_a_problem(profile: str, key: str) -> None:
    text = (
        f"profiles: {{k: {profile}, m: {{points: {{x: {{}}}}}}}}\nrules: [{{id: r, watch: {{kind: m}}, when: x > 1}}]\n"
    )
    loaded = load_text(text, "p.yaml", Names({}))
    assert [problem.key for problem in loaded.problems] == [key]
    assert loaded.problems[0].render("zh") != loaded.problems[0].render("en")


def test_an_unknown_rule_is_a_problem() -> None:
    loaded = load_text(HEAD + "test:\n- {rule: cold, expect: []}\n", "w.yaml", Names({}))
    assert [problem.key for problem in run_cases(loaded.tests, loaded.rules)[1]] == ["casetest.rule"]


def test_exit_status(tmp_path: Path) -> None:
    for name, text in (("ok", PASSES), ("fails", FAILS), ("broken", HEAD.replace("when:", "wen:"))):
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    runner = CliRunner()
    ok = runner.invoke(command, ["test", str(tmp_path / "ok.yaml")])
    assert (ok.exit_code, ok.output.splitlines()[-1]) == (0, "1 passed, 0 failed")
    fails = runner.invoke(command, ["test", str(tmp_path / "ok.yaml"), str(tmp_path / "fails.yaml")])
    assert fails.exit_code == 1
    assert "expected" in fails.output
    assert "10s" in fails.output
    assert runner.invoke(command, ["test", str(tmp_path)]).exit_code == 2
    assert runner.invoke(command, ["test", str(tmp_path / "nothing.yaml")]).exit_code == 2


def test_json_and_chinese(tmp_path: Path) -> None:
    file = tmp_path / "fails.yaml"
    file.write_text(FAILS, "utf-8")
    done = CliRunner().invoke(command, ["test", str(file), "--format", "json"])
    told = json.loads(done.output)
    assert (told["passed"], told["failed"], done.exit_code) == (1, 1, 1)
    first = told["cases"][0]
    assert (first["rule"], first["say"], first["ok"]) == ("hot", "wrong time", False)
    assert first["expected"] == [{"at": "20s", "is": "raised"}]
    assert [(one["at"], one["is"]) for one in first["got"]] == [("10s", "raised"), ("20s", "cleared")]
    assert "失败" in CliRunner().invoke(command, ["test", str(file), "--lang", "zh"]).output


def test_use_loads_rules_of_another_file(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    rules = HEAD.split("rules:", 1)[1]
    (tmp_path / "rules" / "hot.yaml").write_text("format: 1\nrules:" + rules, "utf-8")
    test = HEAD.split("rules:", 1)[0] + "use: rules/hot.yaml\n" + PASSES.split('degC"', 1)[1].split("}}\n", 1)[1]
    (tmp_path / "test_hot.yaml").write_text(test, "utf-8")
    done = CliRunner().invoke(command, ["test", str(tmp_path / "test_hot.yaml")])
    assert done.exit_code == 0, done.output


TANKS = {
    "a_slow": (
        "kind: tank\npoints: {volts: {unit: V, every: 1m, plausible: {max: 3}}, fed: {kind: counter, every: 1m}}\n"
    ),
    "b_fast": (
        "kind: tank\npoints: {volts: {unit: mV, every: 10s, plausible: {max: 9000}}, "
        "fed: {kind: counter, every: 1m, counter: {rollover: 100}}}\n"
    ),
}
TANK = """
format: 1
rules:
- id: full
  watch: {kind: tank}
  when: "volts > 2 V"
  test:
  - {say: of the kind the first, series: {volts: "1 2.5 4"}, until: 3m, expect: [{at: 1m, is: raised}]}
  - say: unit, interval and bounds of the profile
    device: {profile: b_fast}
    series: {volts: "1000 8500 1000"}
    until: 1m
    expect: [{at: 10s, is: raised}, {at: 20s, is: cleared}]
  - say: its bounds make 8500 mV known and 4 V, of the other, unknown
    devices: {old: {profile: a_slow}, new: {profile: b_fast}}
    series: {old.volts: "4 4", new.volts: "8500"}
    until: 2m
    expect: [{at: 0s, is: raised, device: new}]
- id: eaten
  watch: {kind: tank}
  let: {used: {increase: fed, over: 2m, coverage: 0}}
  when: "used > 15"
  test:
  - {say: a fall is another counter, series: {fed: "90 95 5"}, until: 2m, expect: []}
  - say: a fall is a rollover at 100
    device: {profile: b_fast}
    series: {fed: "90 95 15"}
    until: 2m
    expect: [{at: 2m, is: raised}]
"""


@pytest.fixture
def tanks(tmp_path: Path) -> Path:
    (tmp_path / "profiles").mkdir()
    for name, text in TANKS.items():
        (tmp_path / "profiles" / f"{name}.yaml").write_text(text, "utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "tank.yaml").write_text(TANK, "utf-8")
    return tmp_path / "rules" / "tank.yaml"


def test_a_device_of_a_case_may_choose_its_profile(tanks: Path) -> None:
    done = CliRunner().invoke(command, ["test", str(tanks)])
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "5 passed, 0 failed"), done.output


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("profile: b_fats", "b_fats of kind tank; write one of a_slow, b_fast"),
        ("profile: b_fast, kind: van", "kind van"),
    ],
)
def test_a_profile_must_be_one_of_the_kind(tanks: Path, written: str, named: str) -> None:
    tanks.write_text(TANK.replace("profile: b_fast}\n    series: {volts", f"{written}}}\n    series: {{volts"), "utf-8")
    done = CliRunner().invoke(command, ["test", str(tanks)])
    assert done.exit_code == 2
    assert f"{tanks}:10" in done.output
    assert named in done.output
