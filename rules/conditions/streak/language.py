"""`streak`: its keys in rule files, its words on pages and in sentences."""

from gateway.domain.alarm import Level
from gateway.domain.duration import SECOND
from gateway.domain.language_values import duration_text
from gateway.domain.text import Lang, localize
from rules.conditions.counting_language import check_order, no_longer
from rules.conditions.streak.condition import Streak
from rules.format.forms import YamlForm, clear_of
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.handbook.condition_words import Body, HandbookWords
from rules.sentence.condition_phrases import ConditionPhrases, SentenceWords


def parse(rule: MappingReader, holder: MappingReader, compiler: RuleCompiler, level: Level) -> Streak | None:
    """`length` consecutive windows or readings."""
    fields = holder.inside(
        "streak", ("of", "length", "unknown", "max_span"), 'streak: {of: "used <= 0.001 m3", length: 3}'
    )
    if fields is None:
        return None
    fields.require('of: "used <= 0.001 m3"', "length: 3")
    length = fields.whole("length", 1, 1000, 1)
    skips = fields.choice("unknown", ("breaks", "skips"), "breaks") == "skips"
    span = fields.duration("max_span", 0, least=SECOND)
    of, (clear, sound) = compiler.condition_at(fields, "of"), clear_of(rule, compiler)
    if of is None or not sound:
        return None
    check_order(fields, of.expression, compiler)
    return Streak(of.expression, length, level, skips, span, clear)


# --- words
def _raised(_body: Body, what: Body, lang: Lang) -> list[str]:
    unknown = localize(f"handbook.{what.get('unknown', 'breaks')}", lang)
    span = localize("handbook.span", lang, span=duration_text(what["max_span"], lang)) if "max_span" in what else ""
    return [localize("handbook.streak", lang, of=what["of"], length=what["length"]) + span + unknown]


def _began(conditions: ConditionPhrases, what: Body, _level: str) -> str:
    text = conditions.words.localize("streak", what=conditions.clause(what["of"]), length=what["length"])
    if "max_span" not in what:
        return text
    span = conditions.length(what["max_span"])
    return text + (conditions.words.localize("streak_span", span=span) if span else "")


YAML = {form.key: form for form in (YamlForm("streak", parse, beside=("clear",), grouped=True),)}
HANDBOOK = {"streak": HandbookWords(_raised)}
SENTENCE = {"streak": SentenceWords(_began, no_longer)}
