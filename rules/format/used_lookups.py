"""Which code tables and fences a rule looked up: those its journaled source must carry."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from rules.compiled import Names

V = TypeVar("V")


class UsedLookups(Mapping[str, V]):
    """A mapping that remembers the keys it was asked for and had."""

    def __init__(self, inner: Mapping[str, V]) -> None:
        self._inner = inner
        self.used: dict[str, V] = {}

    def __getitem__(self, key: str) -> V:
        self.used[key] = value = self._inner[key]
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._inner)

    def __len__(self) -> int:
        return len(self._inner)

    def __contains__(self, key: object) -> bool:
        return key in self._inner


def watched(names: Names) -> Names:
    """The same names; `used(..)` tells afterwards which tables and fences were needed."""
    return Names(names.points, UsedLookups(names.codes), UsedLookups(names.fences), names.calendar)


def used(names: Names, points: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """What the source of a rule embeds: its points by kind, and the tables and fences that `names` were asked for."""
    out: dict[str, object] = {"points": points}
    for word, table in (("codes", names.codes), ("fences", names.fences)):
        if isinstance(table, UsedLookups) and table.used:
            out[word] = table.used
    return out
