"""`silent`, `due` and `every`: conditions that hang on a point of time or of a counter, not on a comparison."""

import re
from itertools import pairwise

from gateway.domain.alarm import Level
from gateway.domain.device import PointKind, PointSpec
from gateway.domain.duration import DAY, SECOND, format_duration
from rules.compiled import Due, Every, Expression, Silence
from rules.expr.flaw import Flaw
from rules.expr.scope import dimension_of
from rules.expr.where import measured, quantity
from rules.format.build import LEVELS, Build
from rules.format.fields import LONGEST, Fields, duration_of, guess
from rules.format.span import span
from rules.format.tree import Scalar, Tree, show

_ATTRIBUTE = re.compile(r"[^\W\d]\w*")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def silence(holder: Fields, build: Build, level: Level) -> Silence | None:
    """No word for longer than a time."""
    example = "silent: {any_of: [speed, soc], longer_than: 15m}"
    table = holder.table_of("silent", example)
    if table is None:
        return None
    fields = Fields(table, holder.at("silent"), holder.notes, ("any_of", "all_of", "longer_than", "quality"))
    both = [key for key in ("any_of", "all_of") if fields.has(key)]
    if len(both) != 1:
        fields.notes.add(fields.line(), fields.path, "rules.silent.points", write=example)
    points = tuple(fields.names(both[0])) if both else ()
    if build.scope is not None and both:
        for name in points:
            if isinstance(found := build.scope.point(name), Flaw):
                fields.wrong(both[0], found.key, **{**found.fields, "at": 1})
                points = ()
    fields.require("longer_than", "longer_than: 15m")
    limit = _longer_than(fields, build)
    good = fields.choice("quality", ("good",), "") == "good"
    if not points or limit is None or len(both) != 1:
        return None
    return Silence(points, both[0] == "all_of", limit, level, good)


def _longer_than(fields: Fields, build: Build) -> int | Expression | None:
    tree = fields.get("longer_than")
    if tree is None:
        return None
    fixed = duration_of(tree)
    if fixed is not None:
        return fields.duration("longer_than", None, least=SECOND)
    if isinstance(tree, Scalar) and isinstance(tree.value, str) and tree.value.strip():
        return build.time(tree.value.strip(), fields.at("longer_than"), fields.line("longer_than"))
    fields.wrong("longer_than", "rules.value.duration", value=show(tree), write=f"longer_than: {guess(tree)}")
    return None


def due(rule: Fields, holder: Fields, build: Build) -> Due | None:
    """Stages before and after a date that stands in an attribute."""
    table = holder.table_of("due", "due: {date: insurance_until, stages: {minor: -14d, major: 0d}}")
    if table is None:
        return None
    fields = Fields(table, holder.at("due"), holder.notes, ("date", "stages", "at", "repeat", "basis"))
    fields.require("date", "date: insurance_until")
    fields.require("stages", "stages: {minor: -14d, major: 0d}")
    date = fields.text("date")
    if date and not _ATTRIBUTE.fullmatch(date):
        fields.wrong("date", "rules.due.date", value=date, write="date: insurance_until")
        date = ""
    stages, minute, repeat = _stages(fields), clock(fields, "at"), span(fields, "repeat", "6 months")
    completed = fields.choice("basis", ("date", "completed"), "date") == "completed"
    if fields.has("basis") and not fields.has("repeat"):
        fields.wrong("basis", "rules.due.basis")
    clear = build.condition_at(rule, "clear")
    if not date or not stages or (rule.has("clear") and clear is None) or (fields.has("repeat") and repeat is None):
        return None
    return Due(date, stages, minute, clear.expression if clear else None, repeat, completed)


def _stages(fields: Fields) -> tuple[tuple[Level, int], ...]:
    """A level for each offset in whole days, rising together."""
    table = fields.table_of("stages", "stages: {minor: -14d, major: 0d}")
    if table is None:
        return ()
    inside = Fields(table, fields.at("stages"), fields.notes, LEVELS)
    if not table.entries:
        fields.wrong("stages", "rules.levels.none", levels=", ".join(LEVELS))
    found: list[tuple[Level, int]] = []
    for level in Level:
        if (tree := inside.get(level.word)) is None:
            continue
        offset = duration_of(tree)
        if offset is None or offset % DAY or abs(offset) > LONGEST:
            inside.wrong(level.word, "rules.due.offset", value=show(tree), write=f"{level.word}: {_days(tree, offset)}")
        else:
            found.append((level, offset))
    for (low, early), (high, late) in pairwise(found):
        if late <= early:
            words = {"low": low.word, "high": high.word, "first": format_duration(early)}
            inside.wrong(high.word, "rules.due.order", value=format_duration(late), **words)
    return tuple(found)


def _days(tree: Tree, offset: int | None) -> str:
    """What was probably meant: a bare number is days."""
    raw = tree.value if isinstance(tree, Scalar) else None
    if isinstance(raw, int) and not isinstance(raw, bool):
        return f"{raw}d"
    return "-14d" if offset is None else f"{offset // DAY}d"


def clock(fields: Fields, key: str) -> int:
    """`"09:00"` -> minutes of the day, 0 by default."""
    tree = fields.get(key)
    if tree is None:
        return 0
    match = _CLOCK.fullmatch(show(tree))
    if match is None:
        fields.wrong(key, "rules.value.clock", value=show(tree), write=f'{key}: "09:00"')
        return 0
    return int(match[1]) * 60 + int(match[2])


def every(rule: Fields, holder: Fields, build: Build, level: Level) -> Every | None:
    """Multiples of a counter."""
    table = holder.table_of("every", "every: {counter: run_hours, step: 500 h}")
    if table is None:
        return None
    fields = Fields(table, holder.at("every"), holder.notes, ("counter", "step", "from", "ahead", "or_after"))
    fields.require("counter", "counter: run_hours")
    fields.require("step", "step: 500 h")
    spec, after = _counter(fields, build), span(fields, "or_after", "1 year")
    clear = build.condition_at(rule, "clear")
    if spec is None:
        return None
    step, first, ahead = (_amount(fields, key, spec) for key in ("step", "from", "ahead"))
    if fields.has("step") and step is not None and step <= 0:
        fields.wrong("step", "rules.value.amount", value=show(fields.get("step") or Scalar(0)), unit=spec.unit or "1",
                     write=f"step: {_sample(spec, 500)}")  # fmt: skip
    if step and ahead is not None and ahead >= step:
        fields.wrong("ahead", "rules.every.ahead", value=show(fields.get("ahead") or Scalar(0)))
    if not step or first is None or ahead is None or (rule.has("clear") and clear is None):
        return None
    if fields.has("or_after") and after is None:
        return None
    return Every(spec.name, step, level, first, ahead, clear.expression if clear else None, after)


def _counter(fields: Fields, build: Build) -> PointSpec | None:
    name = fields.word("counter")
    if build.scope is None or not name:
        return None
    found = build.scope.point(name)
    if isinstance(found, Flaw):
        fields.wrong("counter", found.key, **{**found.fields, "at": 1})
        return None
    for kind, points in build.scope.vocabulary.items():
        if points[name].kind is not PointKind.COUNTER:
            known = ", ".join(sorted(n for n, spec in points.items() if spec.kind is PointKind.COUNTER)) or "-"
            fields.wrong("counter", "rules.every.counter", name=name, kind=kind, found=points[name].kind.value,
                         known=known)  # fmt: skip
            return None
    return found


def _amount(fields: Fields, key: str, spec: PointSpec) -> float | None:
    """A number with the unit of the point, canonical; 0 when it is not written, None after a problem was noted."""
    tree = fields.get(key)
    if tree is None:
        return 0.0
    raw = tree.value if isinstance(tree, Scalar) else None
    value, dimension = quantity(raw), dimension_of(spec.unit)
    written = measured(raw) if isinstance(raw, str) else None
    if value is None or (written[1].dimension if written else ()) != (dimension if value else ()):
        sample = value if value is not None and not written else 500
        if not (value == 0 and written and written[1].dimension == dimension):
            fields.wrong(key, "rules.value.measure", value=show(tree), name=spec.name, unit=spec.unit or "1",
                         write=f"{key}: {_sample(spec, sample)}")  # fmt: skip
            return None
    if value < 0:
        fields.wrong(key, "rules.value.negative", value=show(tree), write=f"{key}: 0")
        return None
    return value


def _sample(spec: PointSpec, value: float) -> str:
    return f"{value:g} {spec.unit}".strip()
