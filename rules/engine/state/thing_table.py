"""Things of one kind of device with the newest values of their points, as columns.

A thing is a device (component 0) or one of its components. A device-level reading is written to its components too,
unless the profile repeats the point per component, so that a rule finds every name of its thing in one row.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import Thing
from gateway.domain.reading import F64, I32, I64, U8

NEVER = 1 << 62
LONG_AGO = -NEVER


def widened(array: NDArray[Any], length: int, fill: float) -> NDArray[Any]:
    """A copy of `array` whose last axis has `length` entries, new ones `fill`."""
    wide = np.full((*array.shape[:-1], length), fill, array.dtype)
    wide[..., : array.shape[-1]] = array
    return wide


class ThingTable:
    """The table of one kind: row = thing, column = point name.

    value f64[c, n] newest value (NaN unknown) · good f64[c, n], good_at i64[c, n] newest known value and its time ·
    at, received i64[c, n], quality u8[c, n] of the newest reading · newest i64[n] newest applied time of the device ·
    flags u8[n] of the last frame · profile i32[n].
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.things: list[Thing] = []
        self.columns: dict[str, int] = {}
        self.names: list[str] = []
        self.capacity = 0
        self.profile: I32 = np.zeros(0, np.int32)
        self.component: I32 = np.zeros(0, np.int32)
        self.newest: I64 = np.zeros(0, np.int64)
        self.flags: U8 = np.zeros(0, np.uint8)
        self.value: F64 = np.zeros((0, 0))
        self.good: F64 = np.zeros((0, 0))
        self.at: I64 = np.zeros((0, 0), np.int64)
        self.good_at: I64 = np.zeros((0, 0), np.int64)
        self.received: I64 = np.zeros((0, 0), np.int64)
        self.quality: U8 = np.zeros((0, 0), np.uint8)

    def __len__(self) -> int:
        return len(self.things)

    def column(self, name: str) -> int:
        """The column of a point name; a new name gets the next one."""
        found = self.columns.get(name)
        if found is not None:
            return found
        self.columns[name] = index = len(self.names)
        self.names.append(name)
        if index >= len(self.value):
            self._add_columns(max(8, 2 * len(self.value)))
        return index

    def _add_columns(self, count: int) -> None:
        for name, fill in _TABLES:
            old = getattr(self, name)
            wide = np.full((count, self.capacity), fill, old.dtype)
            wide[: len(old)] = old
            setattr(self, name, wide)

    def add(self, thing: Thing, profile: int) -> int:
        """The row of a new thing."""
        index = len(self.things)
        if index >= self.capacity:
            self.capacity = max(64, 2 * self.capacity)
            for name, fill in _TABLES + _PLAIN:
                setattr(self, name, widened(getattr(self, name), self.capacity, fill))
        self.things.append(thing)
        self.profile[index] = profile
        self.component[index] = thing.component
        return index

    def tables(self) -> dict[str, NDArray[Any]]:
        """What a snapshot keeps."""
        used = len(self.things)
        held = {name: getattr(self, name)[: len(self.names), :used] for name, _ in _TABLES}
        return held | {name: getattr(self, name)[:used] for name, _ in _PLAIN}

    def load(self, things: list[Thing], names: list[str], tables: dict[str, NDArray[Any]]) -> None:
        """The inverse of `tables` on an empty space."""
        for name in names:
            self.column(name)
        for thing in things:
            self.add(thing, 0)
        for name, table in tables.items():
            self.fill(name, table, range(len(names)))

    def fill(self, name: str, table: NDArray[Any], columns: Sequence[int]) -> None:
        """One of `tables`; the rows of a table of points belong to these columns."""
        target = getattr(self, name)
        if table.ndim == 2:
            target[list(columns), : table.shape[1]] = table
        else:
            target[: len(table)] = table

    def reset(self) -> None:
        """No rows, as in the beginning; the columns stay."""
        self.things.clear()
        for name, fill in _TABLES + _PLAIN:
            getattr(self, name)[...] = fill


_TABLES: tuple[tuple[str, float], ...] = (
    ("value", np.nan), ("good", np.nan), ("at", LONG_AGO), ("good_at", LONG_AGO), ("received", 0), ("quality", 0),
)  # fmt: skip
_PLAIN: tuple[tuple[str, float], ...] = (
    ("profile", 0), ("component", 0), ("newest", LONG_AGO), ("flags", 0),
)  # fmt: skip
