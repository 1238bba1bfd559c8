"""A condition that no product file knows: a folder and a name in the list, and it works from YAML to the sentence."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rules.conditions
from gateway.domain.alarm import Change, Level
from gateway.domain.record import RuleSet
from rules import registered
from rules.casetest.play import play
from rules.casetest.read import read_case
from rules.compiled import Names
from rules.compiled.edits import Edit, classify
from rules.engine.conditions.factory import EVALUATORS
from rules.format import compile_source, load_text
from rules.format.forms import YAML_FORMS
from rules.handbook.condition_words import HANDBOOK_WORDS
from rules.handbook.page import Chapter, page
from rules.lint import CheckedFile, LintContext, lint
from rules.lint.condition_checks import CONDITION_CHECKS
from rules.sentence import with_sentences
from rules.sentence.condition_phrases import SENTENCE_WORDS

TEXT = """
format: 1
profiles:
  charger: {points: {gun_temp: {title: {en: Temperature, zh: 温度}, unit: degC, every: 10s}}}
rules:
- id: r
  title: r
  why: w
  watch: {kind: charger}
  when: {twice: "gun_temp > 85 degC"}
  then: {order: {type: repair, level: major}}
  test:
  - {say: two in a row, every: 10s, series: {gun_temp: "90 60 90 91 60"}, expect: [
     {is: raised, at: 30s, level: major}, {is: cleared, at: 40s}]}
"""


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registered, "CONDITIONS", (*registered.CONDITIONS, "twice"))
    monkeypatch.setattr(rules.conditions, "__path__", [*rules.conditions.__path__, str(Path(__file__).parent)])


def load(text: str = TEXT) -> Any:
    loaded = load_text(text, "case.yaml", Names({}))
    assert not loaded.problems, [one.render() for one in loaded.problems]
    return loaded


def test_yaml_becomes_transitions_and_sentences() -> None:
    loaded = load()
    (rule,) = loaded.rules
    assert rule.condition.word == "Twice"
    assert compile_source(rule.source) == rule
    result = play(read_case(loaded.tests.cases[0], rule, loaded.tests, loaded.rules, b""))
    assert result.agree
    in_force = {rule.id: (RuleSet(rule.id, rule.revision, rule.source, "UTC"), rule)}
    first, second = with_sentences(result.got, in_force)
    assert (first.change, first.level, second.change) == (Change.RAISED, Level.MAJOR, Change.CLEARED)
    assert first.evidence.sentence_en == "2 x temperature 91 °C, above 85 °C"
    assert first.evidence.sentence_zh.startswith("2 x 温度 91 °C")


def test_an_edit_of_it_keeps_its_state() -> None:
    old, new = load().rules[0], load(TEXT.replace("> 85", "> 80")).rules[0]
    assert classify(old, new) is Edit.THRESHOLD


def test_page_and_checks() -> None:
    loaded = load()
    assert "twice `gun_temp > 85 degC`" in page([Chapter("case.yaml", loaded.rules, loaded.tests.cases)], "en")
    found = lint([CheckedFile(loaded, TEXT)], LintContext()).findings
    assert ("twice-hot", 10) in [(one.code, one.line) for one in found]


def test_a_form_is_written_alone() -> None:
    both = TEXT.replace("  when: {twice", "  silent: {any_of: gun_temp, longer_than: 1h}\n  when: {twice")
    assert [one.key for one in load_text(both, "case.yaml", Names({})).problems] == ["rules.condition.several"]


def test_every_condition_is_in_every_table() -> None:
    assert len(EVALUATORS) == len(CONDITION_CHECKS) == len(registered.CONDITIONS)
    assert EVALUATORS.keys() == CONDITION_CHECKS.keys()
    assert HANDBOOK_WORDS.keys() == SENTENCE_WORDS.keys() == YAML_FORMS.keys() - {"members"}


def test_rules_are_read_without_engine_and_linter() -> None:
    code = "import sys, rules.format.forms as f; len(f.YAML_FORMS); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "rules.conditions.silence.language" in loaded
    assert not [name for name in loaded if name.startswith(("rules.engine", "rules.lint", "rules.casetest"))]
