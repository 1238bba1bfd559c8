"""How far the rows of a query have been read: the cursor, and the rows at it. Pure.

The query is asked for rows at or above `bound`, so rows that share a cursor value are never passed over; those that the
journal has are known by a digest of all their columns, so they are not read twice either.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

CursorValue = int | float | Decimal | str | bytes | datetime | date
MOST_TIES: Final = 250_000
"""Rows at or above `bound` that are remembered."""


@dataclass(frozen=True, slots=True)
class QueryRow:
    """`payload`: JSON of all columns; `digest` of it."""

    cursor: Any
    payload: bytes
    digest: int


class UnusableCursor(ValueError):
    """A cursor value that cannot order rows; `key`: a text of the catalogue."""

    def __init__(self, key: str, **fields: object) -> None:
        super().__init__(key)
        self.key: str = key
        self.fields: Mapping[str, object] = fields


@dataclass(frozen=True, slots=True)
class ReadPosition:
    """`top`: the cursor of the last row that is in the journal, None = none is; `bound`: `top` less the overlap;
    `seen`: (cursor, digest) of rows from `bound` on that are in the journal -> how many."""

    top: CursorValue | None = None
    bound: CursorValue | None = None
    seen: Mapping[tuple[Any, int], int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Rows from `bound` on that are in the journal."""
        return sum(self.seen.values())

    def fresh(self, rows: Iterable[QueryRow]) -> list[QueryRow]:
        """Those that the journal has not, in their order."""
        left, found = dict(self.seen), []
        for row in rows:
            key = row.cursor, row.digest
            if left.get(key, 0):
                left[key] -= 1
            else:
                found.append(row)
        return found

    def moved(self, rows: Sequence[QueryRow], overlap: int) -> "ReadPosition":
        """After these rows, in the order of the query, are in the journal. Raises UnusableCursor."""
        if not rows:
            return self
        last = rows[-1].cursor
        top = self.top if self.top is not None and not isinstance(last, str) and _below(last, self.top) else last
        bound = _less(top, overlap)
        seen = {key: count for key, count in self.seen.items() if not _below(key[0], bound)}
        for row in rows:
            if not _below(row.cursor, bound):
                key = row.cursor, row.digest
                seen[key] = seen.get(key, 0) + 1
        if len(seen) > MOST_TIES:
            raise UnusableCursor("sql.ties", most=MOST_TIES)
        return ReadPosition(top, bound, seen)


def checked_cursor(value: Any) -> CursorValue:
    """The value of a cursor column. Raises UnusableCursor."""
    fits = isinstance(value, int | float | Decimal | str | bytes | date) and not isinstance(value, bool)
    if not fits or (isinstance(value, float | Decimal) and not math.isfinite(value)):
        raise UnusableCursor("sql.cursor_type", got=type(value).__name__)
    return value  # type: ignore[no-any-return]


def _below(one: Any, other: Any) -> bool:
    """Texts are ordered by the database alone: one that differs lies below."""
    try:
        return bool(one != other if isinstance(other, str) else one < other)
    except TypeError:
        raise UnusableCursor("sql.cursor_mixed") from None


def _less(top: Any, overlap: int) -> Any:
    """`overlap` µs (below 0: a number) behind `top`."""
    if not overlap:
        return top
    try:
        if isinstance(top, datetime):
            return top - timedelta(microseconds=overlap) if overlap > 0 else _unfit(top)
        if isinstance(top, date):
            return top - timedelta(days=-(-overlap // (86_400 * 10**6))) if overlap > 0 else _unfit(top)
        if isinstance(top, int | float | Decimal):
            return top + overlap if overlap < 0 else _unfit(top)
    except OverflowError:
        return top
    return _unfit(top)


def _unfit(top: Any) -> Any:
    raise UnusableCursor("sql.overlap_kind", got=type(top).__name__)


_KINDS: Final[Mapping[type, str]] = {
    datetime: "moment", date: "date", int: "int", float: "float", Decimal: "decimal", str: "text", bytes: "bytes",
}  # fmt: skip
_READERS: Final[Mapping[str, Callable[[str], CursorValue]]] = {
    "moment": datetime.fromisoformat, "date": date.fromisoformat, "int": int, "float": float.fromhex,
    "decimal": Decimal, "text": str, "bytes": bytes.fromhex,
}  # fmt: skip


def as_stored(position: ReadPosition, column: str) -> dict[str, Any]:
    """The position as JSON, for a later start."""
    groups: dict[Any, list[str]] = {}
    for (cursor, digest), count in position.seen.items():
        groups.setdefault(cursor, []).extend([f"{digest:016x}"] * count)
    seen = [[_stored(cursor), "".join(digests)] for cursor, digests in groups.items()]
    return {"column": column, "top": _stored(position.top), "bound": _stored(position.bound), "seen": seen}


def from_stored(value: Mapping[str, Any]) -> ReadPosition:
    """Raises ValueError, KeyError, TypeError for what was not written by `as_stored`."""
    seen: dict[tuple[Any, int], int] = {}
    for cursor, digests in value["seen"]:
        for place in range(0, len(digests), 16):
            key = _loaded(cursor), int(digests[place : place + 16], 16)
            seen[key] = seen.get(key, 0) + 1
    return ReadPosition(_loaded(value["top"]), _loaded(value["bound"]), seen)


def _stored(value: CursorValue | None) -> list[str] | None:
    if value is None:
        return None
    kind = next(name for one, name in _KINDS.items() if isinstance(value, one))
    if isinstance(value, date):
        return [kind, value.isoformat()]
    return [kind, value.hex() if isinstance(value, bytes | float) else str(value)]


def _loaded(value: list[str] | None) -> CursorValue | None:
    if value is None:
        return None
    kind, text = value
    return _READERS[kind](text)
