"""`silent`: its keys in rule files, its words on pages and in sentences."""

from collections.abc import Sequence
from typing import Any

from gateway.domain.alarm import Level
from gateway.domain.duration import SECOND
from gateway.domain.language_values import duration_text
from gateway.domain.text import Lang, localize
from rules.compiled import Expression
from rules.conditions.silence.condition import Silence
from rules.format.forms import YamlForm
from rules.format.mapping_reader import MappingReader, duration_of, guess
from rules.format.rule_compiler import RuleCompiler
from rules.format.yaml_tree import text_of
from rules.handbook.condition_words import Body, HandbookWords
from rules.handbook.words import listed
from rules.sentence.condition_phrases import ConditionPhrases, SentenceWords
from rules.sentence.template import Placeholder
from rules.sentence.template import listed as enumerated
from rules.sentence.wording import read


def parse(_rule: MappingReader, holder: MappingReader, compiler: RuleCompiler, level: Level) -> Silence | None:
    """No word for longer than a time."""
    example = "silent: {any_of: [speed, soc], longer_than: 15m}"
    fields = holder.inside("silent", ("any_of", "all_of", "longer_than", "quality"), example)
    if fields is None:
        return None
    both = [key for key in ("any_of", "all_of") if fields.has(key)]
    if len(both) != 1:
        fields.wrong_mapping("rules.silent.points", write=example)
    points = fields.names(both[0]) if both else ()
    if compiler.scope is not None:
        known = [compiler.point(fields, both[0], name) for name in points]
        points = points if all(known) else ()
    fields.require("longer_than: 15m")
    limit = _longer_than(fields, compiler)
    good = fields.choice("quality", ("good",), "") == "good"
    if not points or limit is None or len(both) != 1:
        return None
    return Silence(points, both[0] == "all_of", limit, level, good)


def _longer_than(fields: MappingReader, compiler: RuleCompiler) -> int | Expression | None:
    tree = fields.get("longer_than")
    if tree is None:
        return None
    fixed = duration_of(tree)
    if fixed is not None:
        return fields.duration("longer_than", None, least=SECOND)
    if text := text_of(tree):
        return compiler.time(text, fields.at("longer_than"), fields.line("longer_than"))
    fields.wrong("longer_than", "rules.value.duration", write=f"longer_than: {guess(tree)}")
    return None


# --- words
def _raised(_body: Body, what: Body, lang: Lang) -> list[str]:
    key = "any" if "any_of" in what else "all"
    points = what[f"{key}_of"]
    names: Sequence[str] = [points] if isinstance(points, str) else points
    good = localize("handbook.silent_good", lang) if "quality" in what else ""
    limit = duration_text(what["longer_than"], lang)
    items = listed((f"`{one}`" for one in names), lang)
    return [good + localize(f"handbook.silent_{key}", lang, points=items, limit=limit)]


def _began(conditions: ConditionPhrases, what: Body, _level: str) -> str:
    words, limit = conditions.words, str(what["longer_than"])
    try:
        span = conditions.length(limit)
    except ValueError:  # an expression: as long as it was
        span = Placeholder("silence", other=words.bare().number(read(limit, True))).text()
    key = "silent_all" if "all_of" in what and len(_names(what["all_of"])) > 1 else "silent"
    return words.localize(key + ("_good" if "quality" in what else ""), points=_points(conditions, what), span=span)


def _ended(conditions: ConditionPhrases, what: Body, _level: str) -> str:
    return conditions.words.localize("heard", points=_points(conditions, what))


def _points(conditions: ConditionPhrases, what: Body) -> str:
    names = _names(what["any_of" if "any_of" in what else "all_of"])
    return enumerated((conditions.words.noun(name) for name in names), conditions.words.lang)


def _names(names: Any) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


YAML = {form.key: form for form in (YamlForm("silent", parse, missing=False),)}
HANDBOOK = {"silent": HandbookWords(_raised, "handbook.clear_silent")}
SENTENCE = {"silent": SentenceWords(_began, _ended)}
