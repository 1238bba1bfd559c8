"""`let`: named signals (RULES section 4)."""

from collections.abc import Sequence
from dataclasses import replace

from rules.compiled import Aggregate, Calendar, Increase, MemberStat, Share, Signal, Stat, Swing, Times
from rules.compiled.reads import signal_points
from rules.expr.measure import TEMPERATURE
from rules.expr.scope import Scope, SignalType, dimension_of
from rules.format.build import Build
from rules.format.entries import EXAMPLES, Entry, entry
from rules.format.fields import Fields
from rules.format.members import member_stat, named
from rules.format.operators import BUILDERS, code
from rules.format.peers import peer_stat

_DIFFERENCES = frozenset({Aggregate.SPREAD, Aggregate.STDDEV})


def signals(rule: Fields, build: Build) -> tuple[Signal, ...] | None:
    """All signals of a rule in the order of the file; None when one of them could not be made.

    `build.scope` learns the codes and the types of the signals on the way.
    """
    table = rule.table_of("let", f"let: {{{EXAMPLES['increase']}}}")
    if table is None:
        return None if rule.has("let") else ()
    entries = [one for name, tree in table.entries.items() if (one := entry(rule, name, tree, table, build))]
    complete = len(entries) == len(table.entries)
    if build.scope is None:
        return None
    needed = _needed(entries, build)
    for one in entries:
        if one.operator == "code_of":
            complete = code(one, build, _within(build, needed.get(one.name))) and complete
    found: dict[str, Signal] = {}
    plain = [one for one in entries if one.operator not in {"code_of", "members", "peers"}]
    for one in plain:
        scope = _within(build, needed.get(one.name))
        if scope and (signal := BUILDERS[one.operator](one, scope)):
            found[one.name] = signal
    for one in entries:
        if one.operator == "peers" and (peer := peer_stat(one.name, one.fields, build)):
            found[one.name] = peer
    build.scope = replace(build.scope, signals={name: _type(signal) for name, signal in found.items()})
    types: dict[str, SignalType] = {}
    for one in entries:
        if one.operator == "members" and (made := member_stat(one.name, one.fields, build)):
            found[one.name], types[one.name] = made
    build.scope = replace(build.scope, signals={**build.scope.signals, **types})
    wanted = [one.name for one in entries if one.operator != "code_of"]
    return tuple(found[name] for name in wanted) if complete and len(found) == len(wanted) else None


def scope_with(scope: Scope, found: Sequence[Signal]) -> Scope:
    """The scope of a rule's conditions: of the names `signals` has put there, those that compiled."""
    return replace(scope, signals={signal.name: scope.signals[signal.name] for signal in found})


def _needed(entries: Sequence[Entry], build: Build) -> dict[str, tuple[str, ...]]:
    """name of a signal or code -> the kinds whose members are asked for it."""
    out: dict[str, tuple[str, ...]] = {}
    for one in entries:
        if one.operator == "members" and build.scope is not None:
            names, kinds = named(one.fields, build)
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
