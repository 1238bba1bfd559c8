"""Code tables and fences that a rule looked up: its journaled source must contain them."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from rules.compiled import Names

V = TypeVar("V")


class UsedLookups(Mapping[str, V]):
    """A mapping that records which of its entries were read."""

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
    """The same names, with a record of the tables and fences that are read."""
    return Names(names.points, UsedLookups(names.codes), UsedLookups(names.fences), names.calendar)


def used(names: Names, points: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Names in the source of a rule: its points by kind, and the tables and fences read from `names`."""
    out: dict[str, object] = {"points": points}
    for word, table in (("codes", names.codes), ("fences", names.fences)):
        if isinstance(table, UsedLookups) and table.used:
            out[word] = table.used
    return out
