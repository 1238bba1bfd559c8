"""`twice`: its keys and words."""

from rules.conditions.twice.condition import Twice

from gateway.domain.alarm import Level
from gateway.domain.text import Lang
from rules.format.forms import YamlForm, clear_of
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.handbook.condition_words import HandbookWords
from rules.sentence.condition_phrases import ConditionPhrases, SentenceWords


def parse(rule: MappingReader, holder: MappingReader, compiler: RuleCompiler, level: Level) -> Twice | None:
    of, (clear, sound) = compiler.condition_at(holder, "twice"), clear_of(rule, compiler)
    return Twice(of.expression, level, clear) if of is not None and sound else None


def _raised(_body: object, what: str, _lang: Lang) -> list[str]:
    return [f"twice `{what}`"]


def _began(conditions: ConditionPhrases, what: str, _level: str) -> str:
    return f"2 x {conditions.clause(what)}"


YAML = {"twice": YamlForm("twice", parse, beside=("clear",), grouped=True)}
HANDBOOK = {"twice": HandbookWords(_raised)}
SENTENCE = {"twice": SentenceWords(_began)}
