"""Hints name the real mistake, and what they say to write loads."""

import pytest
from language import NAMES

from gateway.domain.errors import Problem
from rules.format import load_text

GUN = "watch: {kind: charger, each: connector}"
HOT = 'when: "gun_temp > 85 degC"'


def problems(body: str) -> list[Problem]:
    return list(load_text(f"format: 1\nrules:\n- {{id: r, {GUN}, {body}}}\n", "r.yaml", NAMES).problems)


@pytest.mark.parametrize(
    ("written", "write"),
    [
        ("5分钟", "5m"),
        ("5 minutes", "5m"),
        ("2小时", "2h"),
        ("30秒", "30s"),
        ("五分钟", "5m"),
        ("十五分钟", "15m"),
        ("半小时", "30m"),
        ("一个半小时", "1h30m"),
        ("2 个小时", "2h"),
        ("两天", "2d"),
        ("1天2小时", "1d2h"),
        ("一周", "7d"),
        ("５分钟", "5m"),
        ("5 mins", "5m"),
        ("1 hour 30 minutes", "1h30m"),
        ("90", "90s"),
        ("二十四小时", "1d"),
        ("一百二十秒", "2m"),
        ("soon", "2m"),
    ],
)
def test_a_duration_as_people_say_it(written: str, write: str) -> None:
    [problem] = problems(f"{HOT}, hold: {written}")
    assert problem.fields["write"] == f"hold: {write}"
    assert problems(f"{HOT}, {problem.fields['write']}") == []


@pytest.mark.parametrize("operator", ["count", "mean", "increase", "rate", "rise", "ewma"])
def test_a_condition_where_a_point_belongs(operator: str) -> None:
    more = {"rate": "", "ewma": ", half_life: 1h"}.get(operator, ", over: 1h")
    [problem] = problems(f"let: {{n: {{{operator}: \"status == 'fault'\"{more}}}}}, when: n > 3")
    assert problem.key == ("rules.let.count_predicate" if operator == "count" else "rules.let.predicate")
    for write, when in ((problem.fields["write"], "n > 3"), (problem.fields["other"], "n > 30 %")):
        assert problems(f"let: {{n: {{{write}, over: 1h}}}}, when: {when}") == []


@pytest.mark.parametrize(
    ("when", "write"),
    [
        ("status == 'Charging'", "status == '{write}'"),
        ("gun_tmp > 85 degC", "{near} > 85 degC"),
        ("gun_temp > 85 degX", "gun_temp > 85 {write}"),
        ("gun_temp > 85", "gun_temp > {write}"),
        ("roud(gun_temp) > 85 degC", "{near}(gun_temp) > 85 degC"),
        ("gun_temp ＞ 85 degC", "gun_temp {write} 85 degC"),
        ("voltage > 3 kv", "voltage > 3 {write}"),
        ("energy > 3 KWH", "energy > 3 {write}"),
        ("gun_temp > 85 degC && voltage > 3 V", "gun_temp > 85 degC {write} voltage > 3 V"),
        ("age(gun_temp) > 5 m", "age(gun_temp) > {write}"),
        ("voltage > 1 V and weekday() == '周五'", "voltage > 1 V and weekday() == '{write}'"),
        ("contains(gun_temp, 'x')", "{write}"),
        ("hour() > 22 h and voltage > 3 V", "hour() > {write} and voltage > 3 V"),
    ],
)
def test_the_advice_of_an_expression_loads(when: str, write: str) -> None:
    found = problems(f'when: "{when}"')
    assert found
    fixed = write.format(**found[0].fields)
    left = problems(f'when: "{fixed}"')
    assert [problem.key for problem in left if problem.key != "rules.expr.constant"] == []


@pytest.mark.parametrize(
    ("active", "key"),
    [
        ("{daily: 22点到6点}", "daily"),
        ("{daily: 22-6}", "daily"),
        ("{days: [周五]}", "days"),
        ("{days: [工作日]}", "days"),
        ("{days: [weekend]}", "days"),
        ("{days: [节假日]}", "days"),
        ("{months: [11月-3月]}", "months"),
        ("{months: [nov-mar]}", "months"),
        ("{months: [13]}", "months"),
    ],
)
def test_the_advice_of_active_loads(active: str, key: str) -> None:
    [problem] = problems(f"{HOT}, active: {active}")
    assert problem.path.endswith(f"active.{key}")
    assert problems(f"{HOT}, active: {{{problem.fields['write']}}}") == []


def test_a_misspelt_key() -> None:
    [problem] = problems(f"{HOT}, hodl: 5m")
    assert problems(f"{HOT}, {problem.fields['near']}: 5m") == []
