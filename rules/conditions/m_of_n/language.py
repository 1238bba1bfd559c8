"""`votes`: its keys in rule files, its words on pages and in sentences."""

from gateway.domain.alarm import Level
from gateway.domain.text import Lang, localize
from rules.conditions.counting_language import check_order, no_longer
from rules.conditions.m_of_n.condition import Votes
from rules.format.forms import YamlForm, clear_of
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.handbook.condition_words import Body, HandbookWords
from rules.sentence.condition_phrases import ConditionPhrases, SentenceWords

_MOST = 64


def parse(rule: MappingReader, holder: MappingReader, compiler: RuleCompiler, level: Level) -> Votes | None:
    """N of the last M readings."""
    fields = holder.inside("votes", ("of", "need", "last"), 'votes: {of: "battery < 3.1 V", need: 3, last: 5}')
    if fields is None:
        return None
    fields.require('of: "battery < 3.1 V"', "need: 3", "last: 5")
    need, last = fields.whole("need", 1, _MOST, 1), fields.whole("last", 1, _MOST, 1)
    of, (clear, sound) = compiler.condition_at(fields, "of"), clear_of(rule, compiler)
    if fields.has("need") and fields.has("last") and need > last:
        fields.wrong("need", "rules.votes.need", need=need, last=last, write=f"last: {need}")
    if of is None or not sound:
        return None
    check_order(fields, of.expression, compiler)
    return Votes(of.expression, need, last, level, clear)


# --- words
def _raised(_body: Body, what: Body, lang: Lang) -> list[str]:
    return [localize("handbook.votes", lang, of=what["of"], need=what["need"], last=what["last"])]


def _began(conditions: ConditionPhrases, what: Body, _level: str) -> str:
    return conditions.words.localize("votes", what=conditions.clause(what["of"]), need=what["need"], last=what["last"])


YAML = {form.key: form for form in (YamlForm("votes", parse, beside=("clear",), grouped=True),)}
HANDBOOK = {"votes": HandbookWords(_raised)}
SENTENCE = {"votes": SentenceWords(_began, no_longer)}
