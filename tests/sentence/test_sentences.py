"""C8: evidence gets one generated sentence in each language, of every form a condition may have."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.domain.alarm import Change, Evidence, Level, ReadingSeen, Transition
from gateway.domain.record import RuleSet
from gateway.settings.code_tables_and_fences import load_lookups
from gateway.settings.profiles import load_profiles, vocabulary
from rules.casetest.play import play
from rules.casetest.read import read_case
from rules.compiled import Names, Rule
from rules.format import load_text, work_calendar
from rules.sentence import sentences
from rules.sentence import with_sentences as told_of

ROOT = Path(__file__).parents[2]
PAGES = ("conditions", "groups", "nested", "pairs", "peers", "percentiles", "plans", "signals", "times", "words")
HEAD = """
format: 1
profiles:
  charger:
    components: 2
    points:
      gun_temp: {title: {en: Connector temperature, zh: 枪头温度}, unit: degC, each: true, every: 10s}
      status: {title: {en: Status, zh: 状态}, kind: state, values: [idle, charging, fault], each: true, every: 10s}
      power: {title: {en: Power, zh: 功率}, unit: kW, each: true, every: 10s}
      run_hours: {title: {en: Operating hours, zh: 运行时间}, kind: counter, unit: h, each: true, every: 1h}
      energy: {title: {en: Energy, zh: 电量}, kind: counter, unit: kWh, each: true, every: 10s}
rules:
- id: r
  title: r
  watch: {kind: charger, each: connector}
"""
RULE = "  then: {{order: {{type: repair, level: major}}}}\n  test:\n  - {case}\n"


def sentences_of(rule: str, case: str) -> list[tuple[str, str]]:
    """The sentences of all transitions of a rule in its case, in both languages."""
    return [(one.evidence.sentence_en, one.evidence.sentence_zh) for one in played(HEAD + rule + case)]


def played(text: str) -> list[Transition]:
    """What the engine does in the only case of a file."""
    loaded = load_text(text, "case.yaml", Names({}))
    assert not loaded.problems, [one.render() for one in loaded.problems]
    case = loaded.tests.cases[0]
    scene = read_case(case, loaded.rules[0], loaded.tests, loaded.rules, b"")
    assert not scene.problems, [one.render() for one in scene.problems]
    result = play(scene)
    assert result.agree
    in_force = {rule.id: (RuleSet(rule.id, rule.revision, rule.source, "UTC"), rule) for rule in loaded.rules}
    return told_of(result.got, in_force)


def case(rule: str, series: str, until: str = "1h") -> list[tuple[str, str]]:
    """The same with a case of one connector, a value every 10 s."""
    then = "  then: {order: {type: repair, level: major}}\n"
    what = f"  test:\n  - {{say: it, every: 10s, series: {{{series}}}, until: {until}, expect: []}}\n"
    return sentences_of(rule + then, what)


def test_the_sentence_a_dispatcher_needs() -> None:
    """C8: "枪头温度 92.5 °C，超过 85 °C 已 2 分钟"."""
    rule = '  when: "gun_temp > 85 degC"\n  hold: 2m\n  clear: "gun_temp < 75 degC"\n  clear_hold: 3m\n'
    assert case(rule, "gun_temp: '60 92.5*20 70.25*30'") == [
        ("Connector temperature 92.5 °C, above 85 °C for 2 minutes", "枪头温度 92.5 °C，超过 85 °C 已 2 分钟"),
        ("Connector temperature 70.25 °C, below 75 °C for 3 minutes", "枪头温度 70.25 °C，低于 75 °C 已 3 分钟"),
    ]


FORMS = [
    ('  when: "gun_temp >= attr(\'trip\', 85 degC)"\n', "gun_temp: '60 90*3'",
     "Connector temperature 90 °C, at or above 85 °C (attribute trip)",
     "枪头温度 90 °C，达到或超过 85 °C（属性 trip）"),
    ('  when: "gun_temp > 194 degF"\n', "gun_temp: '60 95*3'",
     "Connector temperature 203 °F, above 194 °F", "枪头温度 203 °F，超过 194 °F"),
    ("  when: \"status == 'fault'\"\n", "status: \"'idle' 'fault'*3\"", "Status is “fault”", "状态为“fault”"),
    ("  when: \"status in ['fault', 'charging']\"\n", "status: \"'idle' 'fault'*3\"",
     "Status is “fault”", "状态为“fault”"),
    ("  when: \"not (status in ['idle', 'charging'])\"\n", "status: \"'idle' 'fault'*3\"",
     "Status “fault”, none of “idle”, “charging”", "状态“fault”，不属于“idle”、“charging”"),
    ("  when: \"gun_temp > 85 degC and status == 'charging'\"\n  hold: 30s\n",
     "gun_temp: '60 90*9', status: \"'charging'*10\"",
     "Connector temperature 90 °C, above 85 °C; and status is “charging”; all this for 30 seconds",
     "枪头温度 90 °C，超过 85 °C；且状态为“charging”；以上已持续 30 秒"),
    ("  when: {any: [\"gun_temp > 85 degC\", \"power > 100 kW\"]}\n", "gun_temp: '60 61*9', power: '20 120*9'",
     "Power 120 kW, above 100 kW", "功率 120 kW，超过 100 kW"),
    ("  silent: {any_of: [gun_temp, status], longer_than: 5m}\n", "gun_temp: '60 60'",
     "No data of connector temperature, status for 5 minutes", "枪头温度、状态已 5 分钟没有数据"),
    ("  silent: {all_of: [gun_temp, power], longer_than: 90s, quality: good}\n", "gun_temp: '60 60', power: '1 1'",
     "No good data of at least one of connector temperature, power for 1 minute 30 seconds",
     "枪头温度、功率中至少一项已 1 分钟 30 秒没有有效数据"),
    ('  votes: {of: "gun_temp > 85 degC", need: 3, last: 5}\n', "gun_temp: '60 90*5'",
     "Connector temperature 90 °C, above 85 °C; in 3 of the last 5 readings",
     "枪头温度 90 °C，超过 85 °C；最近 5 次读数中有 3 次"),
    ('  streak: {of: "gun_temp > 85 degC", length: 3, max_span: 10m}\n', "gun_temp: '60 90*5'",
     "Connector temperature 90 °C, above 85 °C; 3 times in a row within 10 minutes",
     "枪头温度 90 °C，超过 85 °C；连续 3 次，10 分钟之内"),
    ("  every: {counter: run_hours, step: 500 h, or_after: 1 year}\n", "run_hours: '490 505'",
     "Operating hours 505 hours: work is due every 500 hours or every year, whichever comes first",
     "运行时间 505 小时，每 500 小时（或每 1 年，以先到者为准）需保养一次，已到期"),
    ("  sequence: [{see: \"status == 'charging'\"}, {not_see: \"power > 1 kW\", within: 5m}]\n",
     "status: \"'idle' 'charging'*40\", power: '0*40'",
     "First: status is “charging”; not followed within 5 minutes by: power above 1 kW",
     "先满足：状态为“charging”；此后 5 分钟内未满足：功率超过 1 kW"),
    ("  let: {warm: {mean: gun_temp, over: 1m}}\n  when: \"warm > 85 degC\"\n", "gun_temp: '90*10'",
     "The mean of connector temperature in the last minute is 90 °C, above 85 °C",
     "最近 1 分钟枪头温度的平均值为 90 °C，超过 85 °C"),
    ("  let: {used: {increase: energy, over: 1m}}\n  when: \"used < 0.1 kWh\"\n  hold: 1m\n", "energy: '5*20'",
     "The increase of energy in the last minute is 0 kWh, below 0.1 kWh for 1 minute",
     "最近 1 分钟电量的增量为 0 kWh，低于 0.1 kWh 已 1 分钟"),
    ("  let: {r: {rate: energy}}\n  when: \"r > 50 kW\"\n", "energy: '1 2 3'",
     "The rate of change of energy is 360 kW, above 50 kW", "电量的变化率为 360 kW，超过 50 kW"),
    ("  let: {busy: {share: \"power > 1 kW\", over: 1m}}\n  when: \"busy > 0.95\"\n", "power: '5*20'",
     "The share of the time with power above 1 kW in the last minute is 100%, above 95%",
     "最近 1 分钟功率超过 1 kW 的时间占比为 100%，超过 95%"),
    ("  let: {n: {times: \"status == 'fault'\", over: 24h}}\n  when: \"n >= 2\"\n",
     "status: \"'fault' 'idle' 'fault' 'idle'\"",
     "The number of times that status is “fault” in the last day is 2, at or above 2",
     "最近 1 天状态为“fault”的次数为 2，达到或超过 2"),
    ("  let: {up: {rise: gun_temp, over: 5m}}\n  when: \"up > 10 degC\"\n", "gun_temp: '60 65 75'",
     "The rise of connector temperature in the last 5 minutes is 15 °C, above 10 °C",
     "最近 5 分钟枪头温度的上升量为 15 °C，超过 10 °C"),
    ("  when: \"abs(gun_temp - 60 degC) > 10 degC\"\n", "gun_temp: '60 75'",
     "The difference between connector temperature (75 °C) and 60 °C above 10 °C", None),
    ("  when: \"power > 1 kW and weekday() in ['thu', 'sun']\"\n", "power: '0 5'",
     "Power 5 kW, above 1 kW; and day of the week one of Thursday, Sunday",
     "功率 5 kW，超过 1 kW；且星期属于周四、周日"),
    ("  when: \"power > 1.5 * 60 kW\"\n", "power: '60 95'", "Power 95 kW, above 1.5 times 60 kW",
     "功率 95 kW，超过 60 kW 的 1.5 倍"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "series", "english", "chinese"), FORMS)
def test_every_form_says_what_was_so(rule: str, series: str, english: str, chinese: str | None) -> None:
    first, *_ = case(rule, series)
    if chinese is None:
        assert first[0].startswith(english.partition(" above")[0])
    else:
        assert first == (english, chinese)


def test_a_level_that_came_down_says_what_ended() -> None:
    rule = (
        "  levels:\n    minor: {when: 'gun_temp > 85 degC', clear: 'gun_temp < 75 degC'}\n"
        "    major: {when: 'gun_temp > 95 degC', clear: 'gun_temp < 88 degC'}\n"
        "  then: {order: {type: repair}}\n"
    )
    series = "  test:\n  - {say: it, every: 10s, series: {gun_temp: '60 90 96 86 70'}, expect: []}\n"
    assert [one[0] for one in sentences_of(rule, series)] == [
        "Connector temperature 90 °C, above 85 °C",
        "Connector temperature 96 °C, above 95 °C",
        "Connector temperature 86 °C, below 88 °C",
        "Connector temperature 70 °C, below 75 °C",
    ]


def test_members_of_a_group_are_counted_and_named() -> None:
    text = HEAD.replace("watch: {kind: charger, each: connector}", "watch: {kind: charger, group: site}") + (
        "  members: {of: \"status == 'fault'\", at_least: 2, began_within: 5m}\n  then: {order: {type: repair}}\n"
        "  test:\n  - {say: it, every: 10s, devices: {c1: {site: s1}, c2: {site: s1}, c3: {site: s1}}, expect: [],\n"
        "     series: {c1.status: \"'idle' 'fault'*3\", c2.status: \"'idle'*2 'fault'*2\", c3.status: \"'idle'*4\"}}\n"
    )
    raised = played(text.replace("rules:\n", "sites: {s1: {}}\nrules:\n"))[0].evidence
    assert raised.sentence_en == "2 of 3 members (c1, c2): status is “fault”, begun within 5 minutes"
    assert raised.sentence_zh == "3 个成员中有 2 个（c1、c2）：状态为“fault”（5 分钟内开始）"
    clear = "  clear: {members: {of: \"status == 'charging'\", at_least: 1}}\n  then"
    both = played(text.replace("rules:\n", "sites: {s1: {}}\nrules:\n").replace("  then", clear))[0].evidence
    assert both.sentence_en == raised.sentence_en, "that its end asks them something else changes nothing"


def library() -> Names:
    """What the rules that ship may name."""
    china = work_calendar((ROOT / "config/calendars/cn.yaml").read_text("utf-8"), "cn.yaml", "cn")[0]
    assert china is not None
    lookups = load_lookups(ROOT / "config/codes", ROOT / "config/fences.yaml")
    points, _ = vocabulary([one.profile for one in load_profiles(ROOT / "config/profiles")[0].values()])
    return Names(points, lookups.codes, lookups.fences, china)


def every_rule() -> Iterator[Rule]:
    """Every rule of the library, the sentences and the pages of RULES."""
    names = library()
    files = [ROOT / "docs/sentences.yaml"]
    files += sorted((ROOT / "config/rules").glob("*.yaml"))
    files += [ROOT / f"tests/acceptance/{name}.yaml" for name in PAGES]
    for file in files:
        loaded = load_text(file.read_text("utf-8"), file.name, names)
        yield from loaded.rules


RAW = re.compile(r"==|!=|<|>|&&|\|\||\battr\(|\bage\(|\bhas\(|\bbefore\(|\bchanged\(|\btag\(|\?|[\ue000-\ue0ff]|\{|\}")
HALF = re.compile(r"[,;:()]|\b(and|or|not|the|of|is)\b")
FULL = re.compile(r"[，；：。（）、]|[\u4e00-\u9fff]")
QUOTED = re.compile("“[^”]*”")


def test_no_form_leaks_an_operator_or_the_other_language() -> None:
    """Also with no evidence at all: then the values are missing, not the sentence."""
    rules = list(every_rule())
    assert len(rules) > 150
    for rule in rules:
        for change in (Change.RAISED, Change.LEVEL_DOWN, Change.CLEARED, Change.WITHDRAWN):
            for level in (Level.MINOR, Level.CRITICAL):
                english, chinese = sentences(rule.source, change, level, Evidence(), 0)
                english, chinese = QUOTED.sub("", english), QUOTED.sub("", chinese)
                where = f"{rule.id} {change}: {english} | {chinese}"
                assert english, where
                assert chinese, where
                assert not RAW.search(english), where
                assert not RAW.search(chinese), where
                assert not HALF.search(re.sub(r"\d\d:\d\d", "", chinese)), where
                assert not FULL.search(english), where
                assert english[0] == english[0].upper(), where
                assert max(len(english), len(chinese)) < 700, where


def test_states_and_codes_are_said_as_people_call_them() -> None:
    """C8: `code.name == 'overtemp'` was machine text."""
    names = library()
    files = [ROOT / "config/rules/charger.yaml"]
    rules = {rule.id: rule for file in files for rule in load_text(file.read_text("utf-8"), file.name, names).rules}
    code = Evidence(readings=(ReadingSeen("fault_code", "E07", "", 0, 0, 0),))
    assert sentences(rules["charger.overtemp-code"].source, Change.RAISED, Level.MAJOR, code, 0) == (
        "Fault code “E07”, meaning over temperature for 5 seconds",
        "故障码“E07”，含义为过温，已持续 5 秒",
    )
    state = Evidence(readings=(ReadingSeen("status", "fault", "", 0, 0, 0),))
    assert sentences(rules["charger.fault"].source, Change.RAISED, Level.MAJOR, state, 0) == (
        "Status is fault for 1 minute",
        "状态为故障，已持续 1 分钟",
    )


def test_what_ended_for_another_reason_says_that() -> None:
    loaded = load_text(HEAD + '  when: "power > 1 kW"\n  then: {order: {type: repair}}\n', "r.yaml", Names({}))
    sentences_of = sentences(loaded.rules[0].source, Change.CLEARED, Level.MINOR, Evidence(), 0, "retired")
    assert sentences_of == ("Ended: the device was retired", "结束：设备已退役")
