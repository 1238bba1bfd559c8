"""A form of condition that no product file knows: described and registered here, it works from YAML to the sentence."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from gateway.domain.alarm import Change, Level
from gateway.domain.record import RuleSet
from gateway.domain.text import Lang
from rules.casetest.play import play
from rules.casetest.read import read_case
from rules.compiled import Condition, Expression, Names, Streak
from rules.compiled.condition import Meant
from rules.conditions import FORMS, ConditionForm, register
from rules.conditions.streak import FORM as STREAK
from rules.engine.conditions.base import ConditionEvaluator, EvaluatorContext
from rules.engine.conditions.factory import EVALUATORS
from rules.format import Edit, compile_source, edit_between, load_text
from rules.format.forms import YAML_FORMS, YamlForm, clear_of
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.handbook.condition_words import HANDBOOK_WORDS, HandbookWords
from rules.handbook.page import Chapter, page
from rules.lint import CheckedFile, LintContext, LintFinding, Severity, lint
from rules.lint.forms import FORM_LINTS, FormLint
from rules.lint.subject import Subject
from rules.sentence import with_sentences
from rules.sentence.condition_phrases import SENTENCE_WORDS, ConditionPhrases, SentenceWords

TABLES: tuple[dict[Any, Any], ...] = (YAML_FORMS, EVALUATORS, HANDBOOK_WORDS, SENTENCE_WORDS, FORM_LINTS)
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


@dataclass(frozen=True, slots=True)
class Twice(Condition):
    """`of` was true at two readings in a row."""

    of: Expression
    level: Level
    clear: Expression | None = None
    word: ClassVar[str] = "Twice"
    remembers: ClassVar[bool] = True

    def expressions(self) -> Iterator[Expression | None]:
        yield from (self.of, self.clear)

    def meaning(self, of: Meant) -> object:
        return [of(self.of), of(self.clear)]

    def same_state(self, other: Condition) -> bool:
        return isinstance(other, Twice)

    def in_a_row(self) -> int:
        return 2


def parse(rule: MappingReader, holder: MappingReader, compiler: RuleCompiler, level: Level) -> Twice | None:
    of, (clear, sound) = compiler.condition_at(holder, "twice"), clear_of(rule, compiler)
    return Twice(of.expression, level, clear) if of is not None and sound else None


def evaluator(context: EvaluatorContext) -> ConditionEvaluator:
    """A streak of two."""
    twice = context.rule.condition
    assert isinstance(twice, Twice)
    streak = replace(context.rule, condition=Streak(twice.of, 2, twice.level, clear=twice.clear))
    return STREAK.evaluator(EvaluatorContext(streak, context.zone, context.space, context.common))


def raised(_body: object, what: str, _lang: Lang) -> list[str]:
    return [f"twice `{what}`"]


def began(conditions: ConditionPhrases, what: str, _level: str) -> str:
    return f"2 x {conditions.clause(what)}"


def hot(subject: Subject, condition: Twice, _around: LintContext) -> Iterator[LintFinding]:
    yield subject.find("twice-hot", "when.twice", severity=Severity.INFO, when=condition.of.text)


FORM = ConditionForm(
    compiled=Twice,
    yaml=(YamlForm("twice", parse, beside=("clear",), grouped=True),),
    evaluator=evaluator,
    handbook={"twice": HandbookWords(raised)},
    sentence={"twice": SentenceWords(began)},
    lint=FormLint("twice", (hot,)),
)


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    before = [dict(table) for table in TABLES]
    register(FORM)
    yield
    for table, kept in zip(TABLES, before, strict=True):
        table.clear()
        table.update(kept)


def load(text: str = TEXT) -> Any:
    loaded = load_text(text, "case.yaml", Names({}))
    assert not loaded.problems, [one.render() for one in loaded.problems]
    return loaded


def test_yaml_becomes_transitions_and_sentences() -> None:
    loaded = load()
    (rule,) = loaded.rules
    assert isinstance(rule.condition, Twice)
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
    assert edit_between(old, new) is Edit.THRESHOLD


def test_page_and_checks() -> None:
    loaded = load()
    assert "twice `gun_temp > 85 degC`" in page([Chapter("case.yaml", loaded.rules, loaded.tests.cases)], "en")
    found = lint([CheckedFile(loaded, TEXT)], LintContext()).findings
    assert ("twice-hot", 10) in [(one.code, one.line) for one in found]


def test_a_form_is_written_alone() -> None:
    both = TEXT.replace("  when: {twice", "  silent: {any_of: gun_temp, longer_than: 1h}\n  when: {twice")
    assert [one.key for one in load_text(both, "case.yaml", Names({})).problems] == ["rules.condition.several"]


def test_every_form_is_in_every_table() -> None:
    for form in FORMS:
        assert form.compiled in EVALUATORS
        assert form.compiled in FORM_LINTS
        assert {one.key for one in form.yaml} <= YAML_FORMS.keys()
        assert form.handbook.keys() == form.sentence.keys() <= YAML_FORMS.keys()
