"""`let`: named signals (RULES section 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rules.compiled import Aggregate, Calendar, Expression, Signal, Stat, Swing
from rules.compiled.reads import closes_with, every_point, operand_of
from rules.expr.compile import number
from rules.expr.expression_type import TEMPERATURE
from rules.expr.name_scope import NameScope, SignalType, dimension_of, nearest
from rules.format.mapping_reader import MappingReader
from rules.format.members import member_stat, named, names_in
from rules.format.peers import peer_stat
from rules.format.rule_compiler import RuleCompiler
from rules.format.signal_keys import EXAMPLES, SignalEntry, entry
from rules.format.signal_operators import BUILDERS, code

_OF_OTHERS = frozenset({"members", "peers"})
_DIFFERENCES = frozenset({Aggregate.SPREAD, Aggregate.STDDEV})


def signals(rule: MappingReader, compiler: RuleCompiler) -> tuple[Signal, ...] | None:
    """All signals of a rule in the order of the file; None when one of them could not be made.

    Adds the codes and the types of the signals to `compiler.scope`.
    """
    lets = rule.inside("let", None, f"let: {{{EXAMPLES['increase']}}}")
    if lets is None:
        return None if rule.has("let") else ()
    entries = [one for name in lets.table.entries if (one := entry(lets, name, compiler))]
    complete = len(entries) == len(lets.table.entries)
    if compiler.scope is None:
        return None
    needed, plain, inner = _needed(entries, compiler), {}, {}
    for one in entries:
        if one.operator == "code_of":
            complete = code(one, compiler, _within(compiler, needed.get(one.name), {})) and complete
        elif one.operator not in _OF_OTHERS:
            plain[one.name] = one
            inner[one.name] = names_in(one.fields.get(one.key)) & one.others - set(compiler.scope.codes)
    groups = {one.name for one in entries if one.operator in _OF_OTHERS}
    found: dict[str, Signal] = {}
    known: dict[str, SignalType] = {}
    slips = {name for name, one in plain.items() if _misspelt(one, compiler)}  # what was meant is known by then
    for name in sorted(_inner_first(inner, needed), key=slips.__contains__):
        one = plain[name]
        for group in sorted(inner[name] & groups):
            one.fields.wrong(one.key, "rules.let.of_members", name=group, operator=one.key)
        scope = _within(compiler, needed.get(name), known)
        if scope and inner[name] <= set(known) and (signal := BUILDERS[one.operator](one, scope)):
            found[name] = signal
            known[name] = _type(signal, found, scope)
    for name in sorted(set(plain) - set(found)):
        _cycle(plain[name], inner)
    for one in entries:
        if one.operator == "peers" and (peer := peer_stat(one.name, one.fields, compiler)):
            found[one.name] = peer
            known[one.name] = _type(peer, found, compiler.scope)
    compiler.scope = replace(compiler.scope, signals=known)
    types: dict[str, SignalType] = {}
    for one in entries:
        if one.operator == "members" and (made := member_stat(one.name, one.fields, compiler)):
            found[one.name], types[one.name] = made
    compiler.scope = replace(compiler.scope, signals={**compiler.scope.signals, **types})
    wanted = [one.name for one in entries if one.operator != "code_of"]
    return tuple(found[name] for name in wanted) if complete and len(found) == len(wanted) else None


def scope_with(scope: NameScope, found: Sequence[Signal]) -> NameScope:
    """The scope of a rule's conditions: of the names `signals` has put there, those that compiled."""
    return replace(scope, signals={signal.name: scope.signals[signal.name] for signal in found})


def _needed(entries: Sequence[SignalEntry], compiler: RuleCompiler) -> dict[str, tuple[str, ...]]:
    """Name of a signal or code -> the kinds whose members need it."""
    out: dict[str, tuple[str, ...]] = {}
    for one in entries:
        if one.operator == "members" and compiler.scope is not None:
            names, kinds = named(one.fields, compiler)
            for name in names:
                out[name] = tuple(dict.fromkeys([*out.get(name, ()), *kinds]))
    return out


def _misspelt(one: SignalEntry, compiler: RuleCompiler) -> bool:
    """True if it has an unknown name that is nearly that of another signal."""
    points = {name for specs in compiler.vocabulary.values() for name in specs}
    return any(nearest(name, sorted(one.others)) for name in names_in(one.fields.get(one.key)) - one.others - points)


def _inner_first(inner: Mapping[str, set[str]], needed: dict[str, tuple[str, ...]]) -> list[str]:
    """The names, each after those that it is made of; those of a cycle are left out. Adds inner ones to `needed`."""
    order: list[str] = []
    while ready := [name for name in inner if name not in order and inner[name] & set(inner) <= set(order)]:
        order += ready
    for name in reversed(order):
        for one in inner[name] if name in needed else ():
            needed[one] = tuple(dict.fromkeys([*needed.get(one, ()), *needed[name]]))
    return order


def _cycle(one: SignalEntry, inner: Mapping[str, set[str]]) -> None:
    """Note a problem when a signal depends on itself."""
    path = [one.name]
    while (more := sorted(inner[path[-1]] & set(inner))) and path[-1] not in path[:-1]:
        path.append(one.name if one.name in more else more[0])
    if len(path) > 1 and path[-1] == one.name:
        one.fields.wrong(one.key, "rules.let.cycle", name=one.name, path=" → ".join(path))


def _within(compiler: RuleCompiler, kinds: tuple[str, ...] | None, known: Mapping[str, SignalType]) -> NameScope | None:
    """One thing of these kinds, by default the watched ones: what a signal is made of."""
    if compiler.scope is None:
        return None
    if not kinds:
        return replace(compiler.scope.members(), signals=known)
    vocabulary = {kind: compiler.vocabulary[kind] for kind in kinds if kind in compiler.vocabulary}
    return replace(compiler.scope, vocabulary=vocabulary or compiler.scope.vocabulary, signals=known, group="")


def _type(signal: Signal, found: Mapping[str, Signal], scope: NameScope) -> SignalType:
    """Type of a signal; a MemberStat has its own."""
    window = getattr(signal, "window", None)
    of, unit = operand_of(signal), getattr(signal, "unit", "")
    delta = isinstance(signal, Swing) or (isinstance(signal, Stat) and signal.what in _DIFFERENCES)
    if isinstance(of, Expression) and not of.boolean:
        delta = delta or number(of.text, scope)[2].delta
    delta = delta and dimension_of(unit) == TEMPERATURE
    points = tuple(sorted(every_point(signal, found.values())))
    closes = next(iter(closes_with(signal, found.values())), None)
    return SignalType(unit, window if isinstance(window, Calendar) else None, delta, points, closes=closes)
