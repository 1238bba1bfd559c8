"""`let`: named signals. This build carries out `increase` of a counter per calendar window (RULES section 4)."""

import re

from gateway.domain.device import CounterModel, PointKind, PointSpec
from gateway.domain.units import canonical_symbol, divide, parse_unit
from rules.compiled import Calendar, Increase, Period
from rules.expr.flaw import Flaw
from rules.expr.functions import LATER, SHAPES
from rules.expr.scope import dimension_of
from rules.expr.token import KEYWORDS
from rules.expr.where import measured, quantity
from rules.format.build import Build
from rules.format.fields import Fields
from rules.format.tree import Scalar, Table, join, show

_OPERATORS_LATER = (
    "mean", "min", "max", "sum", "count", "first", "last", "spread", "stddev", "rate", "rise", "fall", "share",
    "zscore", "ewma", "code_of", "members",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PER = re.compile(r"(hour|day|week|month)(?:\(\s*from:\s*([0-9]{1,2})\s*\))?")
_EXAMPLE = "used: {increase: volume_total, per: month}"


def signals(rule: Fields, build: Build) -> tuple[Increase, ...] | None:
    """All signals of a rule; None when one of them has a problem."""
    table = rule.table_of("let", f"let: {{{_EXAMPLE}}}")
    if table is None:
        return None if rule.has("let") else ()
    out: list[Increase] = []
    for name, tree in table.entries.items():
        path, line = join(rule.at("let"), name), table.lines.get(name, 0)
        taken = name in KEYWORDS or name in SHAPES or name in LATER
        if taken or not _NAME.fullmatch(name) or (build.scope and name in build.scope.names()):
            rule.notes.add(line, path, "rules.let.name", name=name, write="used")
        elif not isinstance(tree, Table):
            rule.notes.add(line, path, "rules.value.mapping", value=show(tree), write=_EXAMPLE)
        elif found := _increase(name, Fields(tree, path, rule.notes, _KEYS, _LATER), build):
            out.append(found)
    return tuple(out) if len(out) == len(table.entries) else None


_KEYS = ("increase", "per", "coverage", "counter", "scale")
_LATER = (*_OPERATORS_LATER, "over", "max_gap", "half_life", "season", "warmup", "table", "kind", "where", "of")


def _increase(name: str, fields: Fields, build: Build) -> Increase | None:
    if not fields.has("increase"):
        if not set(_OPERATORS_LATER) & set(fields.table.entries):
            fields.require("increase", "increase: volume_total")
        return None
    point = fields.word("increase")
    if not fields.has("over"):
        fields.require("per", "per: month")
    per = _calendar(fields)
    coverage = fields.share("coverage", 0.9)
    per_day = fields.choice("scale", ("per_day",), "") == "per_day"
    spec = _counter_point(point, fields, build)
    if spec is None or per is None:
        return None
    unit = parse_unit(spec.unit)
    symbol = canonical_symbol(divide(unit, parse_unit("day"))) if per_day else canonical_symbol(unit)
    return Increase(name, point, per, coverage, _counter(fields, spec), per_day, symbol)


def _counter_point(point: str, fields: Fields, build: Build) -> PointSpec | None:
    if build.scope is None or not point:
        return None
    found = build.scope.point(point)
    if isinstance(found, Flaw):
        fields.wrong("increase", found.key, **{**found.fields, "at": 1})
        return None
    for kind, points in build.scope.vocabulary.items():
        if points[point].kind is not PointKind.COUNTER:
            counters = ", ".join(sorted(n for n, spec in points.items() if spec.kind is PointKind.COUNTER)) or "-"
            fields.wrong(
                "increase", "rules.let.counter", name=point, kind=kind, found=points[point].kind.value, known=counters
            )
            return None
    return found


def _calendar(fields: Fields) -> Calendar | None:
    tree = fields.get("per")
    if tree is None:
        return None
    text = show(tree)
    if text.startswith("night("):
        fields.wrong("per", "rules.later.value", value=text)
        return None
    match = _PER.fullmatch(text)
    if match is None or (match[2] and (match[1] != "month" or not 1 <= int(match[2]) <= 31)):
        fields.wrong("per", "rules.let.per", value=text)
        return None
    return Calendar(Period(match[1]), int(match[2] or 1))


def _counter(fields: Fields, spec: PointSpec) -> CounterModel | None:
    """What the rule says of the counter; what it leaves out is the profile's."""
    table = fields.table_of("counter", "counter: {rollover: 1000}")
    if table is None:
        return None
    inside = Fields(table, fields.at("counter"), fields.notes, ("rollover", "reset", "resolution"))
    return CounterModel(
        _amount(inside, "rollover", spec, spec.counter.rollover),
        inside.choice("reset", ("swap", "restart"), spec.counter.reset),
        _amount(inside, "resolution", spec, spec.counter.resolution),
    )


def _amount(fields: Fields, key: str, spec: PointSpec, default: float) -> float:
    """A number in the unit of the point, or with a unit of its own; above zero."""
    tree = fields.get(key)
    if tree is None:
        return default
    raw = tree.value if isinstance(tree, Scalar) else None
    value = quantity(raw)
    if (
        isinstance(raw, str)
        and (written := measured(raw))
        and written[1].dimension not in {(), dimension_of(spec.unit)}
    ):
        value = None
    if value is None or value <= 0:
        fields.wrong(key, "rules.value.amount", value=show(tree), unit=spec.unit or "1", write=f"{key}: 1000")
        return default
    return value
