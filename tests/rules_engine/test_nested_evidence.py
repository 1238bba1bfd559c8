"""Evidence of signals of expressions and of other signals: a person sees what each is made of, over which time."""

from zoneinfo import ZoneInfo

import pytest

from gateway.api.routes import alarms
from gateway.desk import events
from gateway.domain.alarm import Change, Evidence
from gateway.domain.text import Lang
from gateway.explain import page
from rules.casetest.play import CasePlayer
from rules.casetest.read import read_case
from rules.compiled import Names
from rules.format import load_text

TEXT = """\
format: 1
profiles: {m: {points: {drawn: {unit: m3, kind: counter, every: 1h}, returned: {unit: m3, kind: counter, every: 1h}}}}
rules:
- id: usual
  watch: {kind: m}
  let:
    usual: {mean: "used - back", over: 3d, coverage: 0.5}
    used: {increase: drawn, per: day}
    back: {increase: returned, per: day}
  when: "used - back > 2 * usual"
  then: {order: {type: r, level: minor}}
test:
- rule: usual
  every: 1h
  series: {drawn: "0+2*72 148+6*26", returned: "0+1*99"}
  until: 98h
  expect: [{at: 96h, is: raised}]
"""
# Drawn 46, 48, 48 and 286 - 142 = 144 a day; returned 23 (from the first reading), then 24. The mean of the three days
# that ended last is (24 + 24 + 120) / 3 = 56, and 120 > 112.
DAY = "2026-01-04 00:00:00 .. 2026-01-05 00:00:00"
DAYS = "2026-01-02 00:00:00 .. 2026-01-05 00:00:00"


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """What was seen as the alarm was raised."""
    loaded = load_text(TEXT, "nested.yaml", Names({}))
    assert not loaded.problems, loaded.problems
    read = read_case(loaded.tests.cases[0], loaded.rules[0], loaded.tests, loaded.rules)
    assert not read.problems, read.problems
    stage = CasePlayer(read)
    stage.run()
    raised = [one for one in stage.got if one.change is Change.RAISED]
    assert len(raised) == 1
    return raised[0].evidence


def test_each_signal_says_what_it_is_made_of(evidence: Evidence) -> None:
    found = {one.name: (one.made, one.value, one.unit, (one.end - one.start) / 3.6e9) for one in evidence.signals}
    assert found == {
        "used": ("increase: drawn, per: day", 144.0, "m3", 24),
        "back": ("increase: returned, per: day", 24.0, "m3", 24),
        "usual": ("mean: used - back, over: 3d", 56.0, "m3", 72),
    }
    assert len({one.end for one in evidence.signals}) == 1, "all as of the end of the same day"


def test_the_webhook_and_the_api_carry_it(evidence: Evidence) -> None:
    sent = events._evidence(evidence)["signals"]
    assert {one["name"]: one["made"] for one in sent}["usual"] == "mean: used - back, over: 3d"
    view = alarms._evidence(evidence)
    assert [one.made for one in view.signals] == [one["made"] for one in sent]


@pytest.mark.parametrize(
    ("lang", "lines"),
    [
        (
            "en",
            [
                "Condition that held: used - back > 2 * usual",
                "Signals:",
                f"  used = 144 m3  (increase: drawn, per: day)  window {DAY}  coverage 100%",
                f"  back = 24 m3  (increase: returned, per: day)  window {DAY}  coverage 100%",
                f"  usual = 56 m3  (mean: used - back, over: 3d)  window {DAYS}  coverage 100%",
            ],
        ),
        (
            "zh",
            [
                "成立的条件：used - back > 2 * usual",
                "信号：",
                f"  used = 144 m3（increase: drawn, per: day）  窗口 {DAY}  覆盖率 100%",
                f"  back = 24 m3（increase: returned, per: day）  窗口 {DAY}  覆盖率 100%",
                f"  usual = 56 m3（mean: used - back, over: 3d）  窗口 {DAYS}  覆盖率 100%",
            ],
        ),
    ],
)
def test_explain_is_read_by_people(evidence: Evidence, lang: Lang, lines: list[str]) -> None:
    found = list(page._evidence(evidence, ZoneInfo("UTC"), lang))
    assert sorted(one for one in found if one in lines) == sorted(lines), found
