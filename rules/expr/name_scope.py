"""Names that an expression may use: points of the watched kinds, `let` signals, codes, fences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from gateway.domain.code_table import CodeTable
from gateway.domain.device import PointKind, PointSpec
from gateway.domain.fence import Fence
from gateway.domain.units import Unit, canonical_symbol, parse_unit
from rules.compiled import Calendar, Vocabulary
from rules.expr.expression_error import Flaw

Dimension = tuple[tuple[str, int], ...]


def dimension_of(unit: str) -> Dimension:
    """The dimension of a unit. Raises ValueError for an unknown one."""
    return parse_unit(unit).dimension


def symbol_of(dimension: Dimension) -> str:
    """The canonical unit of a dimension, "" for none."""
    return canonical_symbol(Unit("", dimension))


def nearest(word: str, known: Sequence[str]) -> str:
    """The known word a person probably meant, "" when none is near."""
    return next(iter(get_close_matches(word, known, 1, 0.6)), "")


def near_or_known(key: str, word: str, known: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The message about an unknown `word` and what fills it: `key`_near when one of `known` is near, else `key`."""
    near = nearest(word, known)
    return f"{key}_near" if near else key, {"near": near, "known": ", ".join(known[:16]) or "-"}


@dataclass(frozen=True, slots=True)
class SignalType:
    """Type of a `let` signal.

    `unit` canonical; `calendar` None = a momentary value; `closes`: the windows whose ends give it a new value, None =
    readings do; `delta`: a difference of temperatures; `points` are what it
    is made of; `group`: it belongs to the group, not to each member.
    """

    unit: str = ""
    calendar: Calendar | None = None
    delta: bool = False
    points: tuple[str, ...] = ()
    group: bool = False
    closes: Calendar | None = None


@dataclass(frozen=True, slots=True)
class Coded:
    """`code: {code_of: fault_code, table: charger_faults}`."""

    point: str
    table: CodeTable


@dataclass(frozen=True, slots=True)
class NameScope:
    """`vocabulary` holds the watched kinds only, at least one; `signals` and `codes` are the names of `let`.

    `group` is the attribute of a rule for groups: a group has signals of its members and attributes, but no points.
    """

    vocabulary: Vocabulary
    signals: Mapping[str, SignalType] = field(default_factory=dict)
    codes: Mapping[str, Coded] = field(default_factory=dict)
    fences: Mapping[str, Fence] = field(default_factory=dict)
    group: str = ""

    def members(self) -> "NameScope":
        """Scope of an expression about one member of the group; the scope itself when there is no group."""
        own = {name: signal for name, signal in self.signals.items() if not signal.group}
        return replace(self, signals=own, group="") if self.group else self

    def point(self, name: str, at: int = 0) -> PointSpec | Flaw:
        """The point `name` as all watched kinds declare it; state texts are joined; a flaw when they differ."""
        holders = {kind: points[name] for kind, points in self.vocabulary.items() if name in points}
        if not holders:
            return self._unknown(name, at)
        if self.group:
            return Flaw("rules.expr.group_point", {"name": name, "group": self.group}, at)
        if missing := [kind for kind in self.vocabulary if kind not in holders]:
            return Flaw("rules.expr.not_everywhere", {"name": name, "kind": missing[0]}, at)
        first, *others = holders.values()
        for kind, other in list(holders.items())[1:]:
            if _nature(other) != _nature(first):
                fields = {"name": name, "kind": kind, "other": next(iter(holders))}
                return Flaw("rules.expr.differs", fields, at)
        if not others or first.kind is not PointKind.STATE:
            return first
        texts = dict.fromkeys(text for spec in holders.values() for text in spec.values)
        return PointSpec(first.name, first.kind, first.unit, first.every, first.each, tuple(texts))

    def signal(self, name: str, at: int = 0) -> SignalType | Flaw:
        """The signal `name`, which must be in `signals`: of the group where there is one, else of all watched kinds."""
        found = self.signals[name]
        if self.group:
            flaw = Flaw("rules.expr.group_signal", {"name": name, "group": self.group}, at)
            return found if found.group else flaw
        wrong = (self.point(point, at) for point in found.points)
        return next((flaw for flaw in wrong if isinstance(flaw, Flaw)), found)

    def names(self) -> list[str]:
        """All names of signals, codes and points, sorted."""
        points = {name for points in self.vocabulary.values() for name in points}
        return sorted(points | set(self.signals) | set(self.codes))

    def _unknown(self, name: str, at: int) -> Flaw:
        kinds = ", ".join(self.vocabulary)
        near = nearest(name, self.names())
        if near:
            return Flaw("rules.expr.unknown_near", {"name": name, "kind": kinds, "near": near}, at)
        if "." in name:
            return Flaw("rules.expr.dotted", {"name": name, "prefix": name.partition(".")[0]}, at)
        known = ", ".join(self.names()[:12]) or "-"
        return Flaw("rules.expr.unknown", {"name": name, "kind": kinds, "known": known}, at)


def _nature(spec: PointSpec) -> tuple[bool, Dimension, bool]:
    return spec.kind is PointKind.STATE, dimension_of(spec.unit), spec.each
