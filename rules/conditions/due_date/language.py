"""`due`: its keys in rule files, its words on pages and in sentences."""

import re
from itertools import pairwise

from gateway.domain.alarm import Level
from gateway.domain.duration import DAY, format_duration, parse_duration
from gateway.domain.language_values import duration_text
from gateway.domain.text import Lang, localize
from rules.conditions.due_date.condition import Due
from rules.format.calendar_span import span
from rules.format.forms import YamlForm, clear_of
from rules.format.mapping_reader import LONGEST, MappingReader, duration_of
from rules.format.rule_compiler import LEVELS, RuleCompiler
from rules.format.yaml_tree import Tree, number_of
from rules.handbook.condition_words import Body, HandbookWords, end_of
from rules.handbook.words import calendar_span, each_span, level_word, listed
from rules.sentence.condition_phrases import ConditionPhrases, SentenceWords
from rules.sentence.template import Placeholder

_ATTRIBUTE = re.compile(r"[^\W\d]\w*")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def parse(rule: MappingReader, holder: MappingReader, compiler: RuleCompiler, _level: Level) -> Due | None:
    """Stages before and after a date in an attribute."""
    example = "due: {date: insurance_until, stages: {minor: -14d, major: 0d}}"
    fields = holder.inside("due", ("date", "stages", "at", "repeat", "basis"), example)
    if fields is None:
        return None
    fields.require("date: insurance_until", "stages: {minor: -14d, major: 0d}")
    date = fields.text("date")
    if date and not _ATTRIBUTE.fullmatch(date):
        fields.wrong("date", "rules.due.date", value=date, write="date: insurance_until")
        date = ""
    stages, minute, repeat = _stages(fields), _clock(fields, "at"), span(fields, "repeat", "6 months")
    completed = fields.choice("basis", ("date", "completed"), "date") == "completed"
    if fields.has("basis") and not fields.has("repeat"):
        fields.wrong("basis", "rules.due.basis")
    clear, sound = clear_of(rule, compiler)
    if not date or not stages or not sound or (fields.has("repeat") and repeat is None):
        return None
    return Due(date, stages, minute, clear, repeat, completed)


def _stages(fields: MappingReader) -> tuple[tuple[Level, int], ...]:
    """A level for each offset in whole days, rising together."""
    inside = fields.inside("stages", LEVELS, "stages: {minor: -14d, major: 0d}")
    if inside is None:
        return ()
    if not inside.table.entries:
        fields.wrong("stages", "rules.levels.none", levels=", ".join(LEVELS))
    found: list[tuple[Level, int]] = []
    for level in Level:
        if (tree := inside.get(level.word)) is None:
            continue
        offset = duration_of(tree)
        if offset is None or offset % DAY or abs(offset) > LONGEST:
            inside.wrong(level.word, "rules.due.offset", write=f"{level.word}: {_days(tree, offset)}")
        else:
            found.append((level, offset))
    for (low, early), (high, late) in pairwise(found):
        if late <= early:
            words = {"low": low.word, "high": high.word, "first": format_duration(early)}
            inside.wrong(high.word, "rules.due.order", value=format_duration(late), **words)
    return tuple(found)


def _days(tree: Tree, offset: int | None) -> str:
    """Suggested correction: a bare number is days."""
    if isinstance(number := number_of(tree), int):
        return f"{number}d"
    return "-14d" if offset is None else f"{offset // DAY}d"


def _clock(fields: MappingReader, key: str) -> int:
    """`"09:00"` -> minutes of the day, 0 by default."""
    if not fields.has(key):
        return 0
    match = _CLOCK.fullmatch(fields.shown(key))
    if match is None:
        fields.wrong(key, "rules.value.clock", write=f'{key}: "09:00"')
        return 0
    return int(match[1]) * 60 + int(match[2])


# --- words
def _raised(_body: Body, what: Body, lang: Lang) -> list[str]:
    stages = []
    for level in LEVELS:
        if level in what["stages"]:
            offset = parse_duration(str(what["stages"][level]))
            key = "ahead" if offset < 0 else "after" if offset else "on_day"
            stages.append(
                localize(
                    f"handbook.{key}",
                    lang,
                    level=level_word(level, lang),
                    span=duration_text(format_duration(abs(offset)), lang),
                )
            )
    text = localize("handbook.due", lang, date=what["date"], stages=listed(stages, lang), at=what.get("at", "00:00"))
    if "repeat" not in what:
        return [text]
    span, again = calendar_span(what["repeat"], lang), each_span(what["repeat"], lang)
    return [text + localize(f"handbook.repeat_{what.get('basis', 'date')}", lang, span=span, every=again)]


def _ended(body: Body, what: Body, lang: Lang) -> list[str]:
    return [end_of(body, "handbook.clear_due_again" if "repeat" in what else "handbook.clear_due", lang)]


def _began(conditions: ConditionPhrases, what: Body, _level: str) -> str:
    return Placeholder("due", what["date"], other=conditions.words.localize("due_alone", date=what["date"])).text()


YAML = {form.key: form for form in (YamlForm("due", parse, beside=("clear",), missing=False, levels_below="stages"),)}
HANDBOOK = {"due": HandbookWords(_raised, ended=_ended)}
SENTENCE = {"due": SentenceWords(_began)}
