"""`silent`: no word of a thing for longer than a time. YAML, words, checks."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.domain.alarm import Level
from gateway.domain.duration import HOUR, MINUTE, SECOND, format_duration
from gateway.domain.language_values import duration_text
from gateway.domain.text import Lang, localize
from gateway.domain.units import parse_unit
from rules.compiled import Expression, Silence
from rules.conditions.form import ConditionForm
from rules.engine.conditions.silence import SilenceEvaluator
from rules.expr.expression_error import Flaw
from rules.expr.expression_type import TIME
from rules.expr.syntax_tree import Number
from rules.format.forms import YamlForm
from rules.format.mapping_reader import MappingReader, duration_of, guess
from rules.format.rule_compiler import RuleCompiler
from rules.format.yaml_tree import Scalar, show
from rules.handbook.condition_words import Body, HandbookWords
from rules.handbook.words import listed
from rules.lint.at_load import NEVER, rule_at_load, shown
from rules.lint.comparisons import parsed, walk
from rules.lint.finding import LintFinding
from rules.lint.forms import FormLint
from rules.lint.on_change import EVERY, points_on_change
from rules.lint.subject import LintContext, Subject
from rules.lint.thresholds import STEADY
from rules.sentence.condition_phrases import ConditionPhrases, SentenceWords
from rules.sentence.template import Placeholder
from rules.sentence.template import listed as enumerated
from rules.sentence.wording import read

_LONGER = "silent.longer_than"
_QUANTITY = re.compile(r"[0-9.]+\s*[A-Za-z]+")


def parse(_rule: MappingReader, holder: MappingReader, compiler: RuleCompiler, level: Level) -> Silence | None:
    """No word for longer than a time."""
    example = "silent: {any_of: [speed, soc], longer_than: 15m}"
    table = holder.table_of("silent", example)
    if table is None:
        return None
    fields = MappingReader(table, holder.at("silent"), holder.notes, ("any_of", "all_of", "longer_than", "quality"))
    both = [key for key in ("any_of", "all_of") if fields.has(key)]
    if len(both) != 1:
        fields.notes.add(fields.line(), fields.path, "rules.silent.points", write=example)
    points = tuple(fields.names(both[0])) if both else ()
    if compiler.scope is not None and both:
        for name in points:
            if isinstance(found := compiler.scope.point(name), Flaw):
                fields.wrong(both[0], found.key, **{**found.fields, "at": 1})
                points = ()
    fields.require("longer_than", "longer_than: 15m")
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
    if isinstance(tree, Scalar) and isinstance(tree.value, str) and tree.value.strip():
        return compiler.time(tree.value.strip(), fields.at("longer_than"), fields.line("longer_than"))
    fields.wrong("longer_than", "rules.value.duration", value=show(tree), write=f"longer_than: {guess(tree)}")
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


# --- checks
def _short(subject: Subject, condition: Silence, _around: LintContext) -> Iterator[LintFinding]:
    """A limit that the promised intervals pass over."""
    intervals = [every for name in condition.points if (every := subject.every(name))]
    every = (max if condition.all_of else min)(intervals, default=0)
    often, names = format_duration(every), ", ".join(condition.points)
    new, longer = format_duration(STEADY * every), condition.longer_than
    if isinstance(longer, int):
        if longer < STEADY * every:
            limit = format_duration(longer)
            yield subject.find(
                "silent-below-interval", _LONGER, write=f"longer_than: {new}", longer=limit, every=often, points=names
            )
        return
    for begin, end, span in _lengths(longer.text):
        if span < STEADY * every:
            text = f"{longer.text[:begin]}{_simple(STEADY * every)}{longer.text[end:]}"
            write = f'longer_than: "{text}"'
            limit = longer.text[begin:end]
            yield subject.find("silent-below-interval", _LONGER, write=write, longer=limit, every=often, points=names)


def _lengths(text: str) -> Iterator[tuple[int, int, int]]:
    """(begin, end, µs) of every length of time in an expression."""
    tree = parsed(text, durations=True)
    for part in () if tree is None else walk(tree):
        if not isinstance(part, Number) or not (match := _QUANTITY.match(text, part.at)):
            continue
        try:
            unit = parse_unit(part.unit)
        except ValueError:
            continue
        if unit.dimension == TIME and unit.canonical(part.value) > 0:
            yield part.at, match.end(), round(unit.canonical(part.value) * HOUR)


def _simple(span: int) -> str:
    """A length of time in one unit: expressions know no compound ones."""
    name, size = next((one for one in (("h", HOUR), ("m", MINUTE)) if span % one[1] == 0), ("s", SECOND))
    return f"{-(-span // size)}{name}"


def _on_change(subject: Subject, condition: Silence, _around: LintContext) -> Iterator[LintFinding]:
    """Points that come on change only fall silent without being ill."""
    if condition.all_of:
        points = [one for name in condition.points for one in points_on_change(subject, {name})]
    else:
        points = points_on_change(subject, set(condition.points))
    if points:
        names = ", ".join(one.name for one in points)
        yield subject.find("silent-on-change", "silent", points=names, write=EVERY)


def _at_load(subject: Subject, condition: Silence, around: LintContext) -> Iterator[LintFinding]:
    """Devices without its points, and those that are silent already."""
    now = rule_at_load(subject, around)
    if now is None:
        return
    devices, heard = now.devices, now.newest
    needed, last = (all, min) if condition.all_of else (any, max)
    names = ", ".join(condition.points)
    having = {
        profile
        for profile in {device.profile for device in devices}
        if needed(any(now.lists.world.spec(profile, name, k) for k in (0, 1)) for name in condition.points)
    }
    if mute := [device for device in devices if device.profile not in having]:
        yield subject.find(
            "silent-without-point",
            "silent",
            points=names,
            count=len(mute),
            devices=shown(mute),
            write=f"watch: {{kind: {mute[0].kind}, where: \"profile != '{mute[0].profile}'\"}}",
        )
    if heard is None:
        return
    limit = condition.longer_than if isinstance(condition.longer_than, int) else None
    quiet = [
        device
        for device in devices
        if device.profile in having
        and heard.older(last(heard.at.get((device.id, name), NEVER) for name in condition.points), limit)
    ]
    if quiet:
        yield subject.find("silent-at-load", "silent", points=names, count=len(quiet), devices=shown(quiet))


FORM = ConditionForm(
    compiled=Silence,
    yaml=(YamlForm("silent", parse, missing=False),),
    evaluator=SilenceEvaluator,
    handbook={"silent": HandbookWords(_raised, "handbook.clear_silent")},
    sentence={"silent": SentenceWords(_began, _ended)},
    lint=FormLint("silent", (_short, _on_change, _at_load)),
)
