"""`streak`: so many windows or readings in a row. YAML, words, checks."""

from collections.abc import Iterator
from functools import partial

from gateway.domain.alarm import Level
from gateway.domain.duration import DAY, SECOND, format_duration
from gateway.domain.language_values import duration_text
from gateway.domain.text import Lang, localize
from rules.compiled import Calendar, Streak
from rules.compiled.reads import points_of
from rules.conditions.form import ConditionForm
from rules.conditions.repeats import check_order, counted, never_repeated, no_longer
from rules.engine.conditions.single_alarm_evaluator import SingleAlarmEvaluator
from rules.engine.conditions.streak import StreakForm
from rules.format.forms import YamlForm, clear_of
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.handbook.condition_words import Body, HandbookWords
from rules.lint.finding import LintFinding
from rules.lint.forms import FormLint
from rules.lint.subject import LintContext, Subject
from rules.lint.windows import days_of, window_of
from rules.sentence.condition_phrases import ConditionPhrases, SentenceWords


def parse(rule: MappingReader, holder: MappingReader, compiler: RuleCompiler, level: Level) -> Streak | None:
    """`length` consecutive windows or readings."""
    table = holder.table_of("streak", 'streak: {of: "used <= 0.001 m3", length: 3}')
    if table is None:
        return None
    fields = MappingReader(table, holder.at("streak"), holder.notes, ("of", "length", "unknown", "max_span"))
    fields.require("of", 'of: "used <= 0.001 m3"')
    fields.require("length", "length: 3")
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


# --- checks
def _on_change(subject: Subject, condition: Streak, _around: LintContext) -> Iterator[LintFinding]:
    return never_repeated(subject, condition.of, "streak")


def _too_long(subject: Subject, condition: Streak, _around: LintContext) -> Iterator[LintFinding]:
    """So many windows or readings take longer than `max_span`."""
    if not condition.max_span:
        return
    read = {slot.name for slot in condition.of.slots}
    closed = [
        one for one in subject.rule.signals if one.name in read and isinstance(getattr(one, "window", None), Calendar)
    ]
    step = max((window_of(one) for one in closed), default=0) or min(
        (every for name in points_of(condition.of) if (every := subject.every(name))), default=0
    )
    least = (condition.length - 1) * step
    if closed and step > 27 * DAY:
        least = round(least * 28 / 31)  # the shortest months
    if least > condition.max_span:
        yield subject.find(
            "streak-never",
            "streak.max_span",
            length=condition.length,
            least=format_duration(least),
            most=format_duration(condition.max_span),
            write=f"max_span: {format_duration(2 * least)}",
        )


def _beyond(subject: Subject, condition: Streak, around: LintContext) -> Iterator[LintFinding]:
    """It reaches further back than readings are kept."""
    if around.retention is None:
        return
    read = {slot.name for slot in condition.of.slots}
    longest = max((window_of(one) for one in subject.rule.signals if one.name in read), default=0)
    every = max((subject.every(name) for name in read), default=0)
    span = max(condition.length * (longest or every), condition.max_span)
    if span > around.retention:
        yield subject.find(
            "streak-beyond-retention",
            "streak.length",
            length=condition.length,
            span=format_duration(span),
            kept=format_duration(around.retention),
            write=f"series: {{retention: {days_of(2 * span)}}}",
        )


FORM = ConditionForm(
    compiled=Streak,
    yaml=(YamlForm("streak", parse, beside=("clear",), grouped=True),),
    evaluator=partial(SingleAlarmEvaluator, make=StreakForm),
    handbook={"streak": HandbookWords(_raised)},
    sentence={"streak": SentenceWords(_began, no_longer)},
    lint=FormLint("streak", (_on_change, _too_long, _beyond), counted, single=True),
)
