"""What the names of an expression mean: points of the watched kinds, `let` signals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from gateway.domain.device import PointKind, PointSpec
from gateway.domain.units import Unit, canonical_symbol, parse_unit
from rules.compiled import Vocabulary
from rules.expr.flaw import Flaw

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


@dataclass(frozen=True, slots=True)
class Scope:
    """`vocabulary` holds the watched kinds only, at least one; `signals` maps a `let` name to its canonical unit."""

    vocabulary: Vocabulary
    signals: Mapping[str, str] = field(default_factory=dict)

    def point(self, name: str, at: int = 0) -> PointSpec | Flaw:
        """The point `name` as all watched kinds declare it; state texts are joined. A flaw says what is wrong."""
        holders = {kind: points[name] for kind, points in self.vocabulary.items() if name in points}
        if not holders:
            return self._unknown(name, at)
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

    def names(self) -> list[str]:
        """All names of signals and points, sorted."""
        return sorted({name for points in self.vocabulary.values() for name in points} | set(self.signals))

    def _unknown(self, name: str, at: int) -> Flaw:
        kinds = ", ".join(self.vocabulary)
        near = nearest(name, self.names())
        if near:
            return Flaw("rules.expr.unknown_near", {"name": name, "kind": kinds, "near": near}, at)
        if "." in name:
            return Flaw("rules.expr.dotted", {"name": name}, at)
        known = ", ".join(self.names()[:12]) or "-"
        return Flaw("rules.expr.unknown", {"name": name, "kind": kinds, "known": known}, at)


def _nature(spec: PointSpec) -> tuple[bool, Dimension, bool]:
    return spec.kind is PointKind.STATE, dimension_of(spec.unit), spec.each
