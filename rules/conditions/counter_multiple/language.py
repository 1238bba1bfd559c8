"""`every`: its keys in rule files, its words on pages and in sentences."""

from typing import Any

from gateway.domain.alarm import Level
from gateway.domain.device import PointKind, PointSpec
from gateway.domain.language_values import duration_text
from gateway.domain.text import Lang, localize
from rules.conditions.counter_multiple.condition import Every
from rules.expr.attribute_test import measured, quantity
from rules.expr.expression_error import ExpressionError
from rules.expr.name_scope import dimension_of
from rules.expr.syntax_tree import Number
from rules.format.calendar_span import span
from rules.format.forms import YamlForm, clear_of
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.format.yaml_tree import plain, text_of
from rules.handbook.condition_words import Body, HandbookWords
from rules.handbook.words import calendar_span
from rules.sentence.condition_phrases import ConditionPhrases, SentenceWords
from rules.sentence.quantities import spans
from rules.sentence.wording import read


def parse(rule: MappingReader, holder: MappingReader, compiler: RuleCompiler, level: Level) -> Every | None:
    """Multiples of a counter."""
    known = ("counter", "step", "from", "ahead", "or_after")
    fields = holder.inside("every", known, "every: {counter: run_hours, step: 500 h}")
    if fields is None:
        return None
    fields.require("counter: run_hours", "step: 500 h")
    spec, after = _counter(fields, compiler), span(fields, "or_after", "1 year")
    clear, sound = clear_of(rule, compiler)
    if spec is None:
        return None
    step, first, ahead = (_amount(fields, key, spec) for key in ("step", "from", "ahead"))
    if fields.has("step") and step is not None and step <= 0:
        fields.wrong("step", "rules.value.amount", unit=spec.unit or "1", write=f"step: {_sample(spec, 500)}")
    if step and ahead is not None and ahead >= step:
        fields.wrong("ahead", "rules.every.ahead")
    if not step or first is None or ahead is None or not sound:
        return None
    if fields.has("or_after") and after is None:
        return None
    return Every(spec.name, step, level, first, ahead, clear, after)


def _counter(fields: MappingReader, compiler: RuleCompiler) -> PointSpec | None:
    name = fields.word("counter")
    if compiler.scope is None or not name:
        return None
    found = compiler.point(fields, "counter", name)
    if found is None:
        return None
    for kind, points in compiler.scope.vocabulary.items():
        if points[name].kind is not PointKind.COUNTER:
            known = ", ".join(sorted(n for n, spec in points.items() if spec.kind is PointKind.COUNTER)) or "-"
            fields.wrong(
                "counter", "rules.every.counter", name=name, kind=kind, found=points[name].kind.value, known=known
            )
            return None
    return found


def _amount(fields: MappingReader, key: str, spec: PointSpec) -> float | None:
    """A number with the unit of the point, canonical; 0 when it is not written, None after a problem was noted."""
    tree = fields.get(key)
    if tree is None:
        return 0.0
    value, written, dimension = quantity(plain(tree)), measured(text_of(tree)), dimension_of(spec.unit)
    if value is None or (written[1].dimension if written else ()) != (dimension if value else ()):
        sample = value if value is not None and not written else 500
        if not (value == 0 and written and written[1].dimension == dimension):
            write = f"{key}: {_sample(spec, sample)}"
            fields.wrong(key, "rules.value.measure", name=spec.name, unit=spec.unit or "1", write=write)
            return None
    if value < 0:
        fields.wrong(key, "rules.value.negative", write=f"{key}: 0")
        return None
    return value


def _sample(spec: PointSpec, value: float) -> str:
    return f"{value:g} {spec.unit}".strip()


# --- words
def _raised(_body: Body, what: Body, lang: Lang) -> list[str]:
    ahead = localize("handbook.told", lang, ahead=duration_text(what["ahead"], lang)) if "ahead" in what else ""
    term = localize("handbook.or_after", lang, span=calendar_span(what["or_after"], lang)) if "or_after" in what else ""
    return [
        localize("handbook.every", lang, counter=what["counter"], step=duration_text(what["step"], lang)) + ahead + term
    ]


def _began(conditions: ConditionPhrases, what: Body, _level: str) -> str:
    words, step_number = conditions.words, _number(what["step"])
    head = words.noun(what["counter"]) + words.value(what["counter"], step_number.unit)
    step = words.number(step_number)
    if "or_after" in what:
        count, unit = str(what["or_after"]).split()
        step += words.localize("or_after", span=_once(spans(count, unit.rstrip("s"), words.lang)))
    if "ahead" in what:
        return words.localize("every_ahead", head=head, step=step, ahead=words.number(_number(what["ahead"])))
    return words.localize("every", head=head, step=step)


def _once(span: str) -> str:
    """Every year, not every 1 year."""
    return span.removeprefix("1 ") if span.isascii() else span


def _number(text: Any) -> Number:
    """`500 h`."""
    try:
        found = read(str(text))
    except ExpressionError:
        found = None
    return found if isinstance(found, Number) else Number(float(text), "")


YAML = {form.key: form for form in (YamlForm("every", parse, beside=("clear",)),)}
HANDBOOK = {"every": HandbookWords(_raised, "handbook.clear_every")}
SENTENCE = {"every": SentenceWords(_began)}
