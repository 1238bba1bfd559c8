"""`sequence`: its keys in rule files, its words on pages and in sentences."""

from collections.abc import Sequence as Steps

from gateway.domain.alarm import Level
from gateway.domain.duration import SECOND
from gateway.domain.language_values import duration_text
from gateway.domain.text import Lang, localize
from rules.conditions.sequence.condition import Sequence
from rules.format.forms import YamlForm, clear_of
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.format.yaml_tree import Items, YamlMapping, join, show
from rules.handbook.condition_words import Body, HandbookWords
from rules.sentence.condition_phrases import ConditionPhrases, SentenceWords

_SECOND = "{not_see: \"status == 'charging'\", within: 5m}"
_EXAMPLE = f"sequence: [{{see: \"status == 'plugged'\"}}, {_SECOND}]"
_KEYS = (("see", "as"), ("see", "not_see", "within", "unless"))


def parse(rule: MappingReader, holder: MappingReader, compiler: RuleCompiler, level: Level) -> Sequence | None:
    """Two steps; more would need unbounded state."""
    steps = _tables(holder)
    restart = rule.choice("again", ("keep_first", "restart"), "keep_first") == "restart"
    clear, sound = clear_of(rule, compiler)
    if steps is None:
        return None
    first, second = steps
    first.require("see: \"status == 'plugged'\"")
    second.require("within: 5m")
    keys = [key for key in ("see", "not_see") if second.has(key)]
    if len(keys) != 1:
        second.wrong_mapping("rules.sequence.second", write=_SECOND)
    within = second.duration("within", 0, least=SECOND)
    see, unless = compiler.condition_at(first, "see"), compiler.condition_at(second, "unless")
    then = compiler.condition_at(second, keys[0]) if keys else None
    if see is None or then is None or not within or (second.has("unless") and unless is None) or not sound:
        return None
    return Sequence(
        see.expression,
        then.expression,
        keys[0] == "not_see",
        within,
        level,
        unless.expression if unless else None,
        restart,
        first.word("as"),
        clear,
    )


def _tables(holder: MappingReader) -> tuple[MappingReader, MappingReader] | None:
    """Both steps."""
    tree, place, line = holder.get("sequence"), holder.at("sequence"), holder.line("sequence")
    if not isinstance(tree, Items):
        holder.wrong("sequence", "rules.value.list", value=holder.shown("sequence") or "-", write=_EXAMPLE)
        return None
    if len(tree.items) != 2:
        holder.notes.add(line, place, "rules.sequence.two", count=len(tree.items), write=_EXAMPLE)
        return None
    steps: list[MappingReader] = []
    for index, (item, known) in enumerate(zip(tree.items, _KEYS, strict=True)):
        path = join(place, index)
        if isinstance(item, YamlMapping):
            steps.append(MappingReader(item, path, holder.notes, known))
        else:
            holder.notes.add(item.line or line, path, "rules.value.mapping", value=show(item), write=_SECOND)
    return (steps[0], steps[1]) if len(steps) == 2 else None


# --- words
def _raised(_body: Body, what: Steps[Body], lang: Lang) -> list[str]:
    first, second = what
    key = "sequence" if "see" in second else "sequence_not"
    then = second["see"] if "see" in second else second["not_see"]
    off = localize("handbook.cancelled", lang, unless=second["unless"]) if "unless" in second else ""
    within = duration_text(second["within"], lang)
    return [localize(f"handbook.{key}", lang, first=first["see"], second=then, within=within) + off]


def _began(conditions: ConditionPhrases, what: Steps[Body], _level: str) -> str:
    first, second = what
    key, then = ("sequence", second["see"]) if "see" in second else ("sequence_not", second["not_see"])
    bare = ConditionPhrases(conditions.words.bare(), conditions.body)
    return conditions.words.localize(
        key, first=bare.clause(first["see"]), second=bare.clause(then), within=conditions.length(second["within"])
    )


YAML = {form.key: form for form in (YamlForm("sequence", parse, beside=("clear",), own=("again",), grouped=True),)}
HANDBOOK = {"sequence": HandbookWords(_raised, "handbook.clear_sequence")}
SENTENCE = {"sequence": SentenceWords(_began)}
