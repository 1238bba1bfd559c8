"""Operators of `let`: a signal as written -> its compiled form, checked against the points it is made of."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from gateway.domain.device import CounterModel, PointKind, PointSpec
from gateway.domain.duration import SECOND
from gateway.domain.units import canonical_symbol, divide, parse_unit
from rules.compiled import (
    Aggregate,
    Baseline,
    Increase,
    Rate,
    Share,
    Signal,
    Stat,
    Swing,
    Times,
)
from rules.expr.compile import condition, meaning
from rules.expr.flaw import ExpressionError, Flaw
from rules.expr.parse import parse
from rules.expr.scope import Coded, Scope, dimension_of, nearest
from rules.expr.syntax import Name
from rules.expr.where import measured, quantity
from rules.format.build import Build
from rules.format.entries import Entry, rank_of
from rules.format.fields import Fields
from rules.format.members import names_of
from rules.format.tree import Scalar, quoted, show
from rules.format.windows import length, window

_ONLY_GROWS = frozenset({"mean", "median", "percentile", "sum", "stddev", "zscore", "ewma"})


def code(entry: Entry, build: Build, scope: Scope | None) -> bool:
    """`code_of`: names for expressions (`code.level`), no signal of its own."""
    fields = entry.fields
    fields.require("table", "table: charger_faults")
    table = fields.word("table")
    spec = _point(entry, scope) if scope else None
    if spec and (spec.kind is PointKind.COUNTER or spec.unit):
        fields.wrong("code_of", "rules.let.code_point", name=spec.name, found=spec.kind.value)
        spec = None
    if table and table not in build.names.codes:
        near = nearest(table, list(build.names.codes))
        key = "rules.let.table_near" if near else "rules.let.table"
        fields.wrong("table", key, name=table, near=near, known=", ".join(sorted(build.names.codes)) or "-")
        return False
    if not table or spec is None or build.scope is None:
        return False
    coded = Coded(spec.name, build.names.codes[table])
    build.scope = replace(build.scope, codes={**build.scope.codes, entry.name: coded})
    return True


def _stat(entry: Entry, scope: Scope) -> Signal | None:
    fields = entry.fields
    what = Aggregate.PERCENTILE if entry.operator == "median" else Aggregate(entry.operator)
    rank = rank_of(entry.key) or 50.0
    over, coverage = window(fields), fields.share("coverage", 0.9)
    spec = _measured(entry, scope)
    if over is None or spec is None:
        return None
    unit = "" if what is Aggregate.COUNT else _canonical(spec)
    return Stat(entry.name, what, spec.name, over, coverage, unit, rank)


def _increase(entry: Entry, scope: Scope) -> Signal | None:
    fields = entry.fields
    over, coverage = window(fields), fields.share("coverage", 0.9)
    per_day = fields.choice("scale", ("per_day",), "") == "per_day"
    spec = _measured(entry, scope)
    if over is None or spec is None:
        return None
    unit = canonical_symbol(divide(parse_unit(spec.unit), parse_unit("day"))) if per_day else _canonical(spec)
    return Increase(entry.name, spec.name, over, coverage, _counter(fields, spec), per_day, unit)


def _rate(entry: Entry, scope: Scope) -> Signal | None:
    fields = entry.fields
    over = fields.duration("over", 0, least=SECOND)
    gap = fields.duration("max_gap", 0, least=SECOND)
    spec = _measured(entry, scope)
    if spec is None:
        return None
    if fields.has("counter") and spec.kind is not PointKind.COUNTER:
        fields.wrong("counter", "rules.let.no_counter", name=spec.name, found=spec.kind.value)
        return None
    unit = canonical_symbol(divide(parse_unit(spec.unit), parse_unit("h")))
    return Rate(entry.name, spec.name, over, gap, _counter(fields, spec), unit)


def _swing(entry: Entry, scope: Scope) -> Signal | None:
    fields = entry.fields
    over, gap = length(fields), fields.duration("max_gap", 0, least=SECOND)
    spec = _measured(entry, scope)
    if over is None or spec is None:
        return None
    return Swing(entry.name, entry.operator == "rise", spec.name, over.length, gap, _canonical(spec))


def _predicate(entry: Entry, scope: Scope) -> Signal | None:
    """`share`, `times`."""
    fields, key = entry.fields, entry.operator
    over, coverage = window(fields), fields.share("coverage", 0.9 if key == "share" else 0.0)
    text = fields.text(key, most=2_000)
    if not text:
        return None
    try:
        if used := sorted(names_of(parse(text)) & entry.others - set(scope.codes)):
            fields.wrong(key, "rules.let.of_signal", name=used[0], operator=key, known=_known(scope))
            return None
        expression, node = condition(text, scope)
    except ExpressionError as error:
        entry.build.note(error, fields.at(key), fields.line(key))
        return None
    entry.build.meanings[text] = meaning(expression, node)
    return (Share if key == "share" else Times)(entry.name, expression, over, coverage) if over else None


def _baseline(entry: Entry, scope: Scope) -> Signal | None:
    fields = entry.fields
    fields.require("half_life", "half_life: 6h")
    half = fields.duration("half_life", 0, least=SECOND)
    season = fields.choice("season", ("hour_of_week",), "") == "hour_of_week"
    warmup = fields.duration("warmup", 0)
    spec = _measured(entry, scope)
    if spec is None or not half:
        return None
    zscore = entry.operator == "zscore"
    return Baseline(entry.name, zscore, spec.name, half, season, warmup, "" if zscore else _canonical(spec))


BUILDERS: Mapping[str, Callable[[Entry, Scope], Signal | None]] = {
    **dict.fromkeys((one.value for one in Aggregate), _stat),
    "median": _stat, "increase": _increase, "rate": _rate, "rise": _swing, "fall": _swing, "share": _predicate,
    "times": _predicate,
    "zscore": _baseline, "ewma": _baseline,
}  # fmt: skip


# -- points


def _canonical(spec: PointSpec) -> str:
    return canonical_symbol(parse_unit(spec.unit))


def _known(scope: Scope) -> str:
    return ", ".join(sorted({name for points in scope.vocabulary.values() for name in points})[:12]) or "-"


def _point(entry: Entry, scope: Scope) -> PointSpec | None:
    """The point an operator is of, as all kinds declare it."""
    fields, key = entry.fields, entry.key
    if _is_predicate(fields, key, scope):
        text = show(fields.table.entries[key])
        counts = key == "count"
        flaw = "rules.let.count_predicate" if counts else "rules.let.predicate"
        fields.wrong(key, flaw, text=text, operator=key, write=f"times: {quoted(text)}", other=f"share: {quoted(text)}")
        return None
    name = fields.word(key)
    if not name:
        return None
    if name in entry.others:
        fields.wrong(key, "rules.let.of_signal", name=name, operator=key, known=_known(scope))
        return None
    found = scope.point(name)
    if isinstance(found, Flaw):
        fields.wrong(key, found.key, **{**found.fields, "at": 1})
        return None
    return found


def _is_predicate(fields: Fields, key: str, scope: Scope) -> bool:
    """Does a condition stand where a point belongs? A bare name is a point, also one that counts as true or false."""
    tree = fields.get(key)
    if not isinstance(tree, Scalar) or not isinstance(tree.value, str):
        return False
    try:
        return not isinstance(parse(tree.value), Name) and condition(tree.value, scope)[0].boolean
    except ExpressionError:
        return False


def _measured(entry: Entry, scope: Scope) -> PointSpec | None:
    """The same, when its kind suits the operator."""
    found = _point(entry, scope)
    if found is None:
        return None
    for kind, points in scope.vocabulary.items():
        here, name = points[found.name].kind, found.name
        text = {"name": name, "kind": kind, "found": here.value, "operator": entry.operator}
        if entry.operator == "increase" and here is not PointKind.COUNTER:
            counters = sorted(n for n, spec in points.items() if spec.kind is PointKind.COUNTER)
            entry.fields.wrong("increase", "rules.let.counter", **text, known=", ".join(counters) or "-")
            return None
        if here is PointKind.STATE and entry.operator != "count":
            values = points[name].values
            write = f"share: \"{name} == '{values[-1] if values else '…'}'\""
            entry.fields.wrong(entry.key, "rules.let.state", **text, write=write)
            return None
        if here is PointKind.COUNTER and entry.operator in _ONLY_GROWS:
            entry.fields.wrong(entry.key, "rules.let.grows", **text, write=f"increase: {name}")
            return None
    return found


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
    written = measured(raw) if isinstance(raw, str) else None
    if written and written[1].dimension not in {(), dimension_of(spec.unit)}:
        value = None
    if value is None or value <= 0:
        fields.wrong(key, "rules.value.amount", value=show(tree), unit=spec.unit or "1", write=f"{key}: 1000")
        return default
    return value
