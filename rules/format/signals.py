"""`let`: named signals (RULES section 4)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from gateway.domain.device import CounterModel, PointKind, PointSpec
from gateway.domain.duration import SECOND
from gateway.domain.units import canonical_symbol, divide, parse_unit
from rules.compiled import (
    Aggregate,
    Baseline,
    Calendar,
    Increase,
    MemberStat,
    Rate,
    Share,
    Signal,
    Stat,
    Swing,
    Times,
)
from rules.compiled.reads import signal_points
from rules.expr.compile import condition, meaning
from rules.expr.flaw import ExpressionError, Flaw
from rules.expr.functions import RESERVED
from rules.expr.measure import TEMPERATURE
from rules.expr.parse import parse
from rules.expr.scope import Coded, Scope, SignalType, dimension_of, nearest
from rules.expr.token import KEYWORDS
from rules.expr.where import measured, quantity
from rules.format.build import Build
from rules.format.fields import Fields
from rules.format.members import member_stat, named, names_of
from rules.format.tree import Scalar, Table, Tree, join, show
from rules.format.windows import length, window

_WINDOW = ("over", "per", "coverage")
KEYS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((one.value for one in Aggregate), _WINDOW),
    "median": _WINDOW,
    "increase": (*_WINDOW, "counter", "scale"),
    "rate": ("over", "max_gap", "counter"),
    "rise": ("over", "max_gap"),
    "fall": ("over", "max_gap"),
    "share": _WINDOW,
    "times": _WINDOW,
    "zscore": ("half_life", "season", "warmup"),
    "ewma": ("half_life", "season", "warmup"),
    "code_of": ("table",),
    "members": (),
}
"""operator -> the keys that may stand beside it."""

EXAMPLES = {
    "percentile": "high: {percentile(90): pressure, per: day}", "median": "usual: {median: pressure, over: 24h}",
    "increase": "used: {increase: volume_total, per: month}", "rate": "hourly: {rate: volume_total, over: 10m}",
    "rise": "up: {rise: odometer, over: 10m}", "fall": "drop: {fall: soc, over: 10m}",
    "share": "busy: {share: \"status == 'charging'\", per: day}",
    "times": "faults: {times: \"status == 'fault'\", over: 24h}",
    "zscore": "odd: {zscore: pressure, half_life: 6h, warmup: 14d}", "ewma": "usual: {ewma: pressure, half_life: 6h}",
    "code_of": "code: {code_of: fault_code, table: charger_faults}",
    "members": "low: {members: {mean: pressure}}",
}  # fmt: skip
_SPELLINGS = {
    "avg": "mean", "average": "mean", "std": "stddev", "stdev": "stddev", "range": "spread", "delta": "increase",
    "diff": "increase", "usage": "increase", "speed": "rate", "rises": "rise", "falls": "fall", "drop": "fall",
    "percent": "share", "fraction": "share", "ema": "ewma", "occurrences": "times", "number_of": "times",
    "code": "code_of", "group": "members",
}  # fmt: skip
_RANKED = re.compile(r"(percentile|quantile|p)\s*\(?\s*([0-9]{1,2}(?:\.[0-9]+)?)\s*\)?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ONLY_GROWS = frozenset({"mean", "median", "percentile", "sum", "stddev", "zscore", "ewma"})
_DIFFERENCES = frozenset({Aggregate.SPREAD, Aggregate.STDDEV})


@dataclass(frozen=True, slots=True)
class _Entry:
    """One signal as it is written; `key` is the operator with its rank, `others` are the names of all."""

    name: str
    operator: str
    key: str
    fields: Fields
    others: frozenset[str]
    build: Build


def signals(rule: Fields, build: Build) -> tuple[Signal, ...] | None:
    """All signals of a rule in the order of the file; None when one of them could not be made.

    `build.scope` learns the codes and the types of the signals on the way.
    """
    table = rule.table_of("let", f"let: {{{EXAMPLES['increase']}}}")
    if table is None:
        return None if rule.has("let") else ()
    entries = [entry for name, tree in table.entries.items() if (entry := _entry(rule, name, tree, table, build))]
    complete = len(entries) == len(table.entries)
    if build.scope is None:
        return None
    needed = _needed(entries, build)
    for entry in entries:
        if entry.operator == "code_of":
            complete = _code(entry, build, _within(build, needed.get(entry.name))) and complete
    found: dict[str, Signal] = {}
    plain = [entry for entry in entries if entry.operator not in {"code_of", "members"}]
    for entry in plain:
        scope = _within(build, needed.get(entry.name))
        if scope and (signal := _BUILDERS[entry.operator](entry, scope)):
            found[entry.name] = signal
    build.scope = replace(build.scope, signals={name: _type(signal) for name, signal in found.items()})
    types: dict[str, SignalType] = {}
    for entry in entries:
        if entry.operator == "members" and (made := member_stat(entry.name, entry.fields, build)):
            found[entry.name], types[entry.name] = made
    build.scope = replace(build.scope, signals={**build.scope.signals, **types})
    wanted = [entry.name for entry in entries if entry.operator != "code_of"]
    return tuple(found[name] for name in wanted) if complete and len(found) == len(wanted) else None


def scope_with(scope: Scope, found: Sequence[Signal]) -> Scope:
    """The scope of a rule's conditions: of the names `signals` has put there, those that compiled."""
    return replace(scope, signals={signal.name: scope.signals[signal.name] for signal in found})


# -- what stands there


def _entry(rule: Fields, name: str, tree: Tree, table: Table, build: Build) -> _Entry | None:
    path, line = join(rule.at("let"), name), table.lines.get(name, 0)
    taken = name in KEYWORDS or name in RESERVED or not _NAME.fullmatch(name)
    if taken or (build.scope and any(name in points for points in build.scope.vocabulary.values())):
        rule.notes.add(line, path, "rules.let.name", name=name, write="used")
        return None
    if not isinstance(tree, Table):
        rule.notes.add(line, path, "rules.value.mapping", value=show(tree), write=EXAMPLES["increase"])
        return None
    written = [key for key in tree.entries if _operator(key)]
    if len(written) > 1:
        rule.notes.add(line, path, "rules.let.several", first=written[0], second=written[1])
        return None
    if not written:
        _no_operator(rule, tree, path, line)
        return None
    operator, key = _operator(written[0]), written[0]
    others = tuple(dict.fromkeys(key for keys in KEYS.values() for key in keys))
    fields = Fields(tree, path, rule.notes, (key, *others))
    for other in others:
        if fields.has(other) and other not in KEYS[operator]:
            known = ", ".join(KEYS[operator]) or "-"
            fields.wrong(other, "rules.let.key", name=other, operator=operator, known=known)
    if operator == "percentile" and rank_of(key) is None:
        fields.wrong(key, "rules.let.rank", value=key)
        return None
    return _Entry(name, operator, key, fields, frozenset(table.entries), build)


def _operator(key: str) -> str:
    """The operator that a key names; "" = none."""
    return "percentile" if key.startswith("percentile") else key if key in KEYS else ""


def rank_of(key: str) -> float | None:
    """90 of `percentile(90)`: at least 1 and below 100."""
    match = _RANKED.fullmatch(key)
    rank = float(match[2]) if match and match[1] == "percentile" and "(" in key and ")" in key else 0.0
    return rank if rank >= 1 else None


def _no_operator(rule: Fields, tree: Table, path: str, line: int) -> None:
    """No operator, or a misspelt one."""
    keys = {key for keys in KEYS.values() for key in keys}
    for key in tree.entries:
        if (match := _RANKED.fullmatch(key.lower())) and float(match[2]) >= 1:
            rule.notes.add(
                tree.lines.get(key, line), join(path, key), "rules.key.near", name=key, near=f"percentile({match[2]})"
            )
            return
        near = _SPELLINGS.get(key.lower()) or next(iter(get_close_matches(key, [*KEYS], 1, 0.6)), "")
        if key not in keys and near:
            rule.notes.add(tree.lines.get(key, line), join(path, key), "rules.key.near", name=key, near=near)
            return
    rule.notes.add(line, path, "rules.let.operator", known=", ".join(KEYS), write=EXAMPLES["increase"])


def _needed(entries: Sequence[_Entry], build: Build) -> dict[str, tuple[str, ...]]:
    """name of a signal or code -> the kinds whose members are asked for it."""
    out: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        if entry.operator == "members" and build.scope is not None:
            names, kinds = named(entry.fields, build)
            for name in names:
                out[name] = tuple(dict.fromkeys([*out.get(name, ()), *kinds]))
    return out


def _within(build: Build, kinds: tuple[str, ...] | None) -> Scope | None:
    """One thing of these kinds, by default the watched ones: what a signal is made of."""
    if build.scope is None:
        return None
    if not kinds:
        return replace(build.scope.members(), signals={})
    vocabulary = {kind: build.vocabulary[kind] for kind in kinds if kind in build.vocabulary}
    return replace(build.scope, vocabulary=vocabulary or build.scope.vocabulary, signals={}, group="")


def _type(signal: Signal) -> SignalType:
    """What expressions must know of it; a MemberStat makes its own."""
    calendar = None
    if isinstance(signal, Stat | Increase | Share | Times) and isinstance(signal.window, Calendar):
        calendar = signal.window
    unit = "" if isinstance(signal, Share | Times) else signal.unit
    delta = isinstance(signal, Swing) or (isinstance(signal, Stat) and signal.what in _DIFFERENCES)
    delta = delta and dimension_of(unit) == TEMPERATURE
    return SignalType(unit, calendar, delta, tuple(sorted(signal_points(signal))), isinstance(signal, MemberStat))


# -- operators


def _code(entry: _Entry, build: Build, scope: Scope | None) -> bool:
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


def _stat(entry: _Entry, scope: Scope) -> Signal | None:
    fields = entry.fields
    what = Aggregate.PERCENTILE if entry.operator == "median" else Aggregate(entry.operator)
    rank = rank_of(entry.key) or 50.0
    over, coverage = window(fields), fields.share("coverage", 0.9)
    spec = _measured(entry, scope)
    if over is None or spec is None:
        return None
    unit = "" if what is Aggregate.COUNT else _canonical(spec)
    return Stat(entry.name, what, spec.name, over, coverage, unit, rank)


def _increase(entry: _Entry, scope: Scope) -> Signal | None:
    fields = entry.fields
    over, coverage = window(fields), fields.share("coverage", 0.9)
    per_day = fields.choice("scale", ("per_day",), "") == "per_day"
    spec = _measured(entry, scope)
    if over is None or spec is None:
        return None
    unit = canonical_symbol(divide(parse_unit(spec.unit), parse_unit("day"))) if per_day else _canonical(spec)
    return Increase(entry.name, spec.name, over, coverage, _counter(fields, spec), per_day, unit)


def _rate(entry: _Entry, scope: Scope) -> Signal | None:
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


def _swing(entry: _Entry, scope: Scope) -> Signal | None:
    fields = entry.fields
    over, gap = length(fields), fields.duration("max_gap", 0, least=SECOND)
    spec = _measured(entry, scope)
    if over is None or spec is None:
        return None
    return Swing(entry.name, entry.operator == "rise", spec.name, over.length, gap, _canonical(spec))


def _predicate(entry: _Entry, scope: Scope) -> Signal | None:
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


def _baseline(entry: _Entry, scope: Scope) -> Signal | None:
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


_BUILDERS: Mapping[str, Callable[[_Entry, Scope], Signal | None]] = {
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


def _point(entry: _Entry, scope: Scope) -> PointSpec | None:
    """The point an operator is of, as all kinds declare it."""
    fields, key = entry.fields, entry.key
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


def _measured(entry: _Entry, scope: Scope) -> PointSpec | None:
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
