"""The conditions, and the tables in which each layer finds its part of a condition (decision 143).

A condition is a folder of `rules/conditions`. To add one, write its folder and list it in `CONDITIONS`.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

CONDITIONS = (
    "threshold",
    "silence",
    "streak",
    "m_of_n",
    "due_date",
    "counter_multiple",
    "sequence",
)
"""Folders, in the order in which messages name their keys."""


class Registered(Mapping[K, V]):
    """What the module `module` of every condition holds under `name`, all in one table.

    The modules are imported at the first look-up. So no layer imports one above it, and none is loaded unused.
    """

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name
        self._found: tuple[tuple[str, ...], dict[K, V]] = ((), {})

    def _entries(self) -> dict[K, V]:
        conditions, found = self._found
        if conditions != CONDITIONS:
            parts = (getattr(import_module(f"rules.conditions.{one}.{self._module}"), self._name) for one in CONDITIONS)
            found = {key: value for part in parts for key, value in part.items()}
            self._found = CONDITIONS, found
        return found

    def __getitem__(self, key: K) -> V:
        return self._entries()[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries())

    def __len__(self) -> int:
        return len(self._entries())
