"""`when`, `levels`, `members`: their keys in rule files, their words on pages and in sentences."""

from itertools import pairwise
from typing import Any

from gateway.domain.alarm import Level
from gateway.domain.text import Lang, localize
from rules.compiled import Expression, Hold, LevelRule, Levels
from rules.expr.typed_tree import Literal, Node, Relation, SlotInput
from rules.format.forms import TIMING, WHEN_EXAMPLE, YamlForm
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import LEVELS, CompiledCondition, RuleCompiler
from rules.format.yaml_tree import YamlMapping
from rules.handbook.condition_words import Body, HandbookWords, clause, end_of, hold_of
from rules.handbook.words import level_word
from rules.sentence.condition_phrases import ConditionPhrases, SentenceWords


def _when(rule: MappingReader, _holder: MappingReader, compiler: RuleCompiler, level: Level) -> Levels | None:
    return _plain(rule, "when", compiler, level)


def _members(rule: MappingReader, _holder: MappingReader, compiler: RuleCompiler, level: Level) -> Levels | None:
    return _plain(rule, "members", compiler, level)


def _plain(rule: MappingReader, form: str, compiler: RuleCompiler, level: Level) -> Levels | None:
    """A rule of one level: `when`, or `members` standing for it."""
    built = _one_level(rule, form, compiler, level)
    return Levels((built[0],)) if built else None


def _one_level(fields: MappingReader, key: str, compiler: RuleCompiler, level: Level) -> tuple[LevelRule, Node] | None:
    if not fields.has(key):
        fields.require(f"{key}: {WHEN_EXAMPLE}")
        return None
    when, clear = compiler.condition_at(fields, key), compiler.condition_at(fields, "clear")
    held = _hold(fields)
    clear_hold = fields.duration("clear_hold", 0)
    auto = fields.flag("auto_clear", default=True)
    if when is None or (fields.has("clear") and clear is None):
        return None
    if clear is not None and _overlap(when, clear):
        fields.wrong("clear", "rules.condition.overlap", clear=clear.expression.text, when=when.expression.text)
    ends = clear.expression if clear else None
    return LevelRule(level, when.expression, held, ends, clear_hold, auto), when.node


def _hold(fields: MappingReader) -> Hold:
    """`2m`, or `{for: 2m, gap: 30s}`."""
    tree = fields.get("hold")
    if not isinstance(tree, YamlMapping):
        return Hold(fields.duration("hold", 0))
    inside = MappingReader(tree, fields.at("hold"), fields.notes, ("for", "gap"))
    inside.require("for: 2m")
    return Hold(inside.duration("for", 0), inside.duration("gap", None))


def _levels(rule: MappingReader, _holder: MappingReader, compiler: RuleCompiler, _level: Level) -> Levels | None:
    """One alarm with ordered severities."""
    fields = rule.inside("levels", LEVELS, f"levels: {{major: {{when: {WHEN_EXAMPLE}}}}}")
    if fields is None:
        return None
    found: list[tuple[LevelRule, Node]] = []
    complete = True
    for level in Level:
        if not fields.has(level.word):
            continue
        inside = fields.inside(level.word, ("when", *TIMING), f"{level.word}: {{when: {WHEN_EXAMPLE}}}")
        built = _one_level(inside, "when", compiler, level) if inside else None
        complete = complete and built is not None
        if built:
            found.append(built)
    if not fields.table.entries:
        rule.wrong("levels", "rules.levels.none", levels=", ".join(LEVELS))
    for (lower, node), (higher, other) in pairwise(found):
        if _weaker(other, node):
            names = {"low": lower.level.word, "high": higher.level.word, "when": higher.when.text}
            fields.wrong(higher.level.word, "rules.levels.order", **names, other=lower.when.text)
    return Levels(tuple(level for level, _ in found)) if complete and found else None


def _bound(node: Node) -> tuple[int, str, float] | None:
    match node:
        case Relation(("<" | "<=" | ">" | ">=") as operator, SlotInput(slot), Literal(value)):
            return slot, operator, value
        case _:
            return None


def _weaker(node: Node, than: Node) -> bool:
    """True if the higher level is reached before the lower one; decided for two limits of one value only."""
    mine, other = _bound(node), _bound(than)
    if mine is None or other is None or mine[0] != other[0] or mine[1][0] != other[1][0] or mine[0] != 0:
        return False
    return mine[2] < other[2] if mine[1][0] == ">" else mine[2] > other[2]


def _overlap(when: CompiledCondition, clear: CompiledCondition) -> bool:
    """True if both can be true for one value; decided for two limits of one value only."""
    mine, other = _bound(when.node), _bound(clear.node)
    if mine is None or other is None or _input(when.expression, mine) != _input(clear.expression, other):
        return False
    if mine[1][0] == other[1][0]:
        return True
    low, high = (mine, other) if mine[1][0] == ">" else (other, mine)
    return low[2] < high[2] or (low[2] == high[2] and low[1] == ">=" and high[1] == "<=")


def _input(expression: Expression, bound: tuple[int, str, float]) -> object:
    return expression.slots[bound[0]]


# --- words of a page
def _raised(body: Body, what: Any, lang: Lang) -> list[str]:
    return [clause(what, lang) + hold_of(body, lang)]


def _levels_raised(_body: Body, what: Body, lang: Lang) -> list[str]:
    lines = {one: clause(what[one]["when"], lang) + hold_of(what[one], lang) for one in LEVELS if one in what}
    return [localize("handbook.level", lang, level=level_word(one, lang), when=when) for one, when in lines.items()]


def _levels_ended(_body: Body, what: Body, lang: Lang) -> list[str]:
    lines = {one: end_of(what[one], "handbook.clear_default", lang) for one in LEVELS if one in what}
    return [localize("handbook.level", lang, level=level_word(one, lang), when=when) for one, when in lines.items()]


# --- words of a sentence
def _began(conditions: ConditionPhrases, what: Any, _level: str) -> str:
    return conditions.held(what, conditions.body.get("hold"))


def _ended(conditions: ConditionPhrases, what: Any, _level: str) -> str:
    return conditions.clause(what, yes=False)


def _level_began(conditions: ConditionPhrases, what: Body, level: str) -> str:
    one = what.get(level) or next(iter(what.values()))
    return conditions.held(one["when"], one.get("hold"))


def _level_ended(conditions: ConditionPhrases, what: Body, level: str) -> str:
    one = what.get(level)
    if not one:
        return conditions.words.localize("over_now")
    if one.get("clear") is not None:
        return conditions.held(one["clear"], one.get("clear_hold"))
    return conditions.clause(one["when"], yes=False)


YAML = {
    form.key: form
    for form in (
        YamlForm("when", _when, TIMING, nested=False, grouped=True, identified=True, level_of=True),
        YamlForm("levels", _levels, nested=False, grouped=True, identified=True, levels_below="levels"),
        YamlForm("members", _members, TIMING, nested=False, grouped=True, identified=True, level_of=True),
    )
}
HANDBOOK = {"when": HandbookWords(_raised), "levels": HandbookWords(_levels_raised, ended=_levels_ended)}
SENTENCE = {"when": SentenceWords(_began, _ended), "levels": SentenceWords(_level_began, _level_ended)}
