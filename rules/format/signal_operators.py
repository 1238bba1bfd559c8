"""Operators of `let`: a signal as written -> its compiled form, checked against the points it is made of."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from gateway.domain.device import CounterModel, PointKind, PointSpec
from gateway.domain.duration import SECOND
from gateway.domain.units import canonical_symbol, divide, parse_unit
from rules.compiled import Aggregate, Baseline, Expression, Increase, Operand, Rate, Share, Signal, Stat, Swing, Times
from rules.compiled.reads import OF_SIGNALS, points_of
from rules.expr.attribute_test import measured, quantity
from rules.expr.compile import condition, number
from rules.expr.expression_error import ExpressionError, fail
from rules.expr.name_scope import Coded, NameScope, dimension_of, near_or_known
from rules.expr.parse import parse
from rules.expr.syntax_tree import Compare, LogicNode, MemberNode, Name, NotNode, Syntax
from rules.expr.typed_tree import Node
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.format.signal_keys import SignalEntry, rank_of
from rules.format.signal_windows import length, window
from rules.format.yaml_tree import plain, quoted, text_of

_ONLY_GROWS = frozenset({"mean", "median", "percentile", "sum", "stddev", "zscore", "ewma"})


def code(entry: SignalEntry, compiler: RuleCompiler, scope: NameScope | None) -> bool:
    """`code_of`: names for expressions (`code.level`), no signal of its own."""
    fields = entry.fields
    fields.require("table: charger_faults")
    table = fields.word("table")
    spec = _point(entry, scope) if scope else None
    if spec and (spec.kind is PointKind.COUNTER or spec.unit):
        fields.wrong("code_of", "rules.let.code_point", name=spec.name, found=spec.kind.value)
        spec = None
    if table and table not in compiler.names.codes:
        key, more = near_or_known("rules.let.table", table, sorted(compiler.names.codes))
        fields.wrong("table", key, name=table, **more)
        return False
    if not table or spec is None or compiler.scope is None:
        return False
    coded = Coded(spec.name, compiler.names.codes[table])
    compiler.scope = replace(compiler.scope, codes={**compiler.scope.codes, entry.name: coded})
    return True


def _stat(entry: SignalEntry, scope: NameScope) -> Signal | None:
    fields = entry.fields
    what = Aggregate.PERCENTILE if entry.operator == "median" else Aggregate(entry.operator)
    rank = rank_of(entry.key) or 50.0
    over, coverage = window(fields), fields.share("coverage", 0.9)
    made = _made_of(entry, scope)
    if over is None or made is None:
        return None
    return Stat(entry.name, what, made[0], over, coverage, "" if what is Aggregate.COUNT else made[1], rank)


def _increase(entry: SignalEntry, scope: NameScope) -> Signal | None:
    fields = entry.fields
    over, coverage = window(fields), fields.share("coverage", 0.9)
    per_day = fields.choice("scale", ("per_day",), "") == "per_day"
    spec = _measured(entry, scope)
    if over is None or spec is None:
        return None
    unit = canonical_symbol(divide(parse_unit(spec.unit), parse_unit("day"))) if per_day else _canonical(spec)
    return Increase(entry.name, spec.name, over, coverage, _counter(fields, spec), per_day, unit)


def _rate(entry: SignalEntry, scope: NameScope) -> Signal | None:
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


def _swing(entry: SignalEntry, scope: NameScope) -> Signal | None:
    fields = entry.fields
    over, gap = length(fields), fields.duration("max_gap", 0, least=SECOND)
    made = _made_of(entry, scope)
    if over is None or made is None:
        return None
    return Swing(entry.name, entry.operator == "rise", made[0], over.length, gap, made[1])


def _predicate(entry: SignalEntry, scope: NameScope) -> Signal | None:
    """`share`, `times`."""
    fields, key = entry.fields, entry.operator
    over, coverage = window(fields), fields.share("coverage", 0.9 if key == "share" else 0.0)
    text = fields.text(key, most=2_000)
    if not text:
        return None
    made = entry.compiler.attempt(lambda: _together(*condition(text, scope), scope), fields.at(key), fields.line(key))
    if made is None:
        return None
    expression = entry.compiler.keep(text, *made)
    return (Share if key == "share" else Times)(entry.name, expression, over, coverage) if over else None


def _baseline(entry: SignalEntry, scope: NameScope) -> Signal | None:
    fields = entry.fields
    fields.require("half_life: 6h")
    half = fields.duration("half_life", 0, least=SECOND)
    season = fields.choice("season", ("hour_of_week",), "") == "hour_of_week"
    warmup = fields.duration("warmup", 0)
    made = _made_of(entry, scope)
    if made is None or not half:
        return None
    zscore = entry.operator == "zscore"
    return Baseline(entry.name, zscore, made[0], half, season, warmup, "" if zscore else made[1])


BUILDERS: Mapping[str, Callable[[SignalEntry, NameScope], Signal | None]] = {
    **dict.fromkeys((one.value for one in Aggregate), _stat),
    "median": _stat, "increase": _increase, "rate": _rate, "rise": _swing, "fall": _swing, "share": _predicate,
    "times": _predicate,
    "zscore": _baseline, "ewma": _baseline,
}  # fmt: skip


# -- what they are made of


def _made_of(entry: SignalEntry, scope: NameScope) -> tuple[Operand, str] | None:
    """(a point, another signal or an expression over both; its canonical unit); None after its problems were noted."""
    fields, key = entry.fields, entry.key
    text = fields.text(key, most=2_000)
    if not text:
        return None
    return entry.compiler.attempt(lambda: _operand(entry, text, scope), fields.at(key), fields.line(key))


def _operand(entry: SignalEntry, text: str, scope: NameScope) -> tuple[Operand, str] | None:
    fields, key, tree = entry.fields, entry.key, parse(text)
    if isinstance(tree, Name) and "." not in tree.name and tree.name not in scope.signals:
        spec = _measured(entry, scope)
        return None if spec is None else (spec.name, _canonical(spec))
    if _is_predicate(text, tree, scope):
        _no_predicate(fields, key, text)
        return None
    expression, node, measure = number(text, scope)
    if expression.crossings is None:
        fields.wrong(key, "rules.let.age", text=text, operator=key)
        return None
    return entry.compiler.keep(text, *_together(expression, node, scope)), measure.unit


def _together(expression: Expression, node: Node, scope: NameScope) -> tuple[Expression, Node]:
    """The same. Raises ExpressionError when it changes only as windows close, and these close at different times."""
    named = sorted({slot.name for slot in expression.slots if slot.kind in OF_SIGNALS})
    windows = {scope.signals[name].closes: name for name in named}
    if not points_of(expression) and None not in windows and len(windows) > 1:
        first, second, *_ = windows.values()
        raise fail("rules.expr.members_windows", 0, text=expression.text, first=first, second=second)
    return expression, node


# -- points


def _canonical(spec: PointSpec) -> str:
    return canonical_symbol(parse_unit(spec.unit))


def _known(scope: NameScope) -> str:
    return ", ".join(sorted({name for points in scope.vocabulary.values() for name in points})[:12]) or "-"


def _point(entry: SignalEntry, scope: NameScope) -> PointSpec | None:
    """The point an operator is of, as all kinds declare it."""
    fields, key = entry.fields, entry.key
    name = fields.text(key, most=2_000)
    if not name:
        return None
    try:
        tree = parse(name)
    except ExpressionError:
        tree = None
    if tree is not None and _is_predicate(name, tree, scope):
        _no_predicate(fields, key, name)
        return None
    if not isinstance(tree, Name):
        fields.wrong(key, "rules.let.one_point", text=name, operator=key)
        return None
    if name in entry.others:
        fields.wrong(key, "rules.let.of_signal", name=name, operator=key, known=_known(scope))
        return None
    return entry.compiler.point(fields, key, name, scope)


def _is_predicate(text: str, tree: Syntax, scope: NameScope) -> bool:
    """True for a condition. A bare name is a point, also one that counts as true or false."""
    if isinstance(tree, Compare | LogicNode | NotNode | MemberNode):
        return True
    try:
        return not isinstance(tree, Name) and condition(text, scope)[0].boolean
    except ExpressionError:
        return False


def _no_predicate(fields: MappingReader, key: str, text: str) -> None:
    """Note a condition in the place of a point or a number."""
    flaw = "rules.let.count_predicate" if key == "count" else "rules.let.predicate"
    fields.wrong(key, flaw, text=text, operator=key, write=f"times: {quoted(text)}", other=f"share: {quoted(text)}")


def _measured(entry: SignalEntry, scope: NameScope) -> PointSpec | None:
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


def _counter(fields: MappingReader, spec: PointSpec) -> CounterModel | None:
    """Counter model of the rule; keys that it leaves out are the profile's."""
    inside = fields.inside("counter", ("rollover", "reset", "resolution"), "counter: {rollover: 1000}")
    if inside is None:
        return None
    return CounterModel(
        _amount(inside, "rollover", spec, spec.counter.rollover),
        inside.choice("reset", ("swap", "restart"), spec.counter.reset),
        _amount(inside, "resolution", spec, spec.counter.resolution),
    )


def _amount(fields: MappingReader, key: str, spec: PointSpec, default: float) -> float:
    """A number in the unit of the point, or with a unit of its own; above zero."""
    tree = fields.get(key)
    if tree is None:
        return default
    value, written = quantity(plain(tree)), measured(text_of(tree))
    if written and written[1].dimension not in {(), dimension_of(spec.unit)}:
        value = None
    if value is None or value <= 0:
        fields.wrong(key, "rules.value.amount", unit=spec.unit or "1", write=f"{key}: 1000")
        return default
    return value
