"""Messages of one route and one set of points, collected row by row and converted column by column."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.errors import DecodeError
from gateway.domain.reading import F64, I32, I64, U8
from protocols.mapping.column import DROPPED, Column
from protocols.mapping.path import Missed, Row, picker
from protocols.mapping.place import ABSENT, Constant, TimeMissing, ValuePlace
from protocols.mapping.timestamp import TimestampReader
from protocols.mapping.unused_fields import UnreadPlaces

_SHAPES = 256  # key sets of partial messages remembered per columns


@dataclass(frozen=True, slots=True, eq=False)
class RowBlock:
    """Rows of one shape: `ordinal` is the message's index in its parcel, non-decreasing.

    `dropped` counts readings left out because their texts were refused, `short` are the messages they are of.
    """

    ordinal: I32
    device: I32
    point: I32
    at: I64
    value: F64
    quality: U8
    dropped: int = 0
    short: tuple[int, ...] = ()

    def select(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "RowBlock":
        """The chosen rows, in the order of an index array."""
        return RowBlock(
            self.ordinal[rows],
            self.device[rows],
            self.point[rows],
            self.at[rows],
            self.value[rows],
            self.quality[rows],
            self.dropped,
            self.short,
        )


@dataclass(frozen=True, slots=True)
class RowSlot:
    """One place that is read: the time (`column` None) or a point. `moments`: of a point with a time of its own."""

    path: ValuePlace
    column: Column | None
    moments: TimestampReader | None = None


class RowShape:
    """Messages that have the same places present: `values` row after row, and one ordinal and one device per row."""

    __slots__ = (
        "columns", "devices", "moments", "ordinals", "pick", "points", "route", "time_at", "timed", "values", "width",
    )  # fmt: skip

    def __init__(
        self, slots: Sequence[RowSlot], moments: TimestampReader | None, pick: Callable[[Any], Row], route: int
    ) -> None:
        self.route = route
        self.time_at = next((i for i, slot in enumerate(slots) if slot.column is None), -1)
        self.columns = [(i, slot.column) for i, slot in enumerate(slots) if slot.column is not None]
        self.points = np.array([column.point for _, column in self.columns], np.int32)
        own = [slot.moments for slot in slots if slot.column is not None]
        self.timed = {index: moments for index, moments in enumerate(own) if moments is not None}
        self.moments = moments
        self.pick = pick
        self.width = len(slots)
        self.values: list[Any] = []
        self.ordinals: list[int] = []
        self.devices: list[int] = []

    def clear(self) -> None:
        """Forget the collected rows."""
        self.values, self.ordinals, self.devices = [], [], []

    def build(self, received: I64, failed: Callable[[int, DecodeError], None]) -> RowBlock:
        """The collected rows as columns. `failed(ordinal, why)` is called for rows without a usable time."""
        columns = [self.values[place :: self.width] for place in range(self.width)]
        ordinal = np.array(self.ordinals, np.int32)
        device = np.array(self.devices, np.int32)
        keep = None
        if self.time_at < 0:
            at = received[ordinal]
        else:
            assert self.moments is not None
            at, keep = self._times(self.moments, columns[self.time_at], failed)
        value = np.empty((len(ordinal), len(self.columns)), np.float64)
        quality = np.empty(value.shape, np.uint8)
        if self.timed:
            at, keep = self._own_times(at, keep, columns, failed)
        for index, (place, column) in enumerate(self.columns):
            value[:, index], quality[:, index] = column.many(columns[place], device)
        dropped = quality == DROPPED
        if dropped.any():
            for row in np.flatnonzero(dropped.all(axis=1)).tolist():
                failed(self.ordinals[row], DecodeError("state_overflow"))
        elif keep is None:
            return self._block(ordinal, device, at, value, quality)
        rows = ~dropped if keep is None else ~dropped & (keep if self.timed else keep[:, None])
        block = self._block(ordinal, device, at, value, quality, rows.ravel())
        short = tuple(ordinal[dropped.any(axis=1)].tolist())
        return replace(block, dropped=int(np.count_nonzero(dropped)), short=short) if short else block

    def _block(
        self, ordinal: I32, device: I32, at: I64, value: F64, quality: U8, rows: NDArray[np.bool_] | None = None
    ) -> RowBlock:
        width, count = len(self.columns), len(ordinal)
        block = RowBlock(
            np.repeat(ordinal, width),
            np.repeat(device, width),
            np.tile(self.points, count),
            at.ravel() if self.timed else np.repeat(at, width),
            value.ravel(),
            quality.ravel(),
        )
        return block if rows is None else block.select(rows)

    def _times(
        self, moments: TimestampReader, raws: Sequence[Any], failed: Callable[[int, DecodeError], None]
    ) -> tuple[I64, NDArray[np.bool_] | None]:
        at = moments.many(raws)
        if at is not None:
            return at, None
        keep = np.ones(len(raws), np.bool_)
        at = np.zeros(len(raws), np.int64)
        for row, raw in enumerate(raws):
            if raw is ABSENT:
                continue
            try:
                at[row] = moments.one(raw)
            except DecodeError as error:
                keep[row] = False
                failed(self.ordinals[row], error)
        return at, keep

    def _own_times(
        self,
        at: I64,
        keep: NDArray[np.bool_] | None,
        columns: list[list[Any]],
        failed: Callable[[int, DecodeError], None],
    ) -> tuple[I64, NDArray[np.bool_]]:
        """Moments and what to keep, i64 and bool [message, point]. Takes the raw times out of `columns`."""
        width = len(self.columns)
        each_at = np.repeat(at[:, None], width, axis=1)
        each_keep = np.ones(each_at.shape, np.bool_) if keep is None else np.repeat(keep[:, None], width, axis=1)
        for index, moments in self.timed.items():
            place = self.columns[index][0]
            pairs = columns[place]
            columns[place] = [value for value, _ in pairs]
            raws = [time for _, time in pairs]
            own, whole = self._times(moments, raws, failed)
            there = np.array([raw is not ABSENT for raw in raws], np.bool_)
            each_at[there, index] = own[there]
            if whole is not None:
                each_keep[:, index] &= whole
        return each_at, each_keep


class RouteColumns:
    """The points of one route as one profile has them. Missing is not zero: an absent place gives no reading."""

    def __init__(
        self,
        time_path: ValuePlace | None,
        time_optional: bool,
        moments: TimestampReader | None,
        columns: list[RowSlot],
        unread: UnreadPlaces,
    ) -> None:
        self.unread = unread
        slots = list(columns)
        self._constant = all(isinstance(slot.path, Constant) for slot in slots)
        if time_path is not None:
            slots.insert(0, RowSlot(time_path, None))
        self._moments = moments
        self._time_required = time_path is not None and not time_optional
        self._shapes: dict[tuple[bool, ...], RowShape] = {}
        self._by_keys: dict[tuple[tuple[str, ...] | None, ...], RowShape] = {}
        self._parents: tuple[tuple[str, ...], ...] = ()
        self.bare: RowShape | None = None
        """The payload is the one value of all points."""
        self.full: RowShape | None = None
        """All places present; None when some place needs more than object keys."""
        keys = [slot.path.keys for slot in slots if slot.path.keys and not slot.path.root]
        if len(keys) == len(slots):
            order, pick = picker([k for k in keys if k is not None])
            slots = [slots[i] for i in order]
            self._parents = tuple(dict.fromkeys(k[:-1] for k in keys if k is not None))
            self.full = RowShape(slots, moments, pick, unread.route)
            self._shapes[(True,) * len(slots)] = self.full
        elif not any(slot.path.steps for slot in slots):
            self.bare = self._shapes[(True,) * len(slots)] = RowShape(
                slots, moments, lambda body: (body,) * len(slots), unread.route
            )
        self._slots = slots

    def find(self, body: Any, root: Any) -> tuple[RowShape, Row]:
        """Shape and row of one message (or element). Raises DecodeError when it has no time or no point."""
        if self.full is None:
            return self._walk(body, root)
        keys = self._keys(body)
        shape = self._by_keys.get(keys)
        if shape is not None:
            return shape, shape.pick(body)
        shape, row = self._walk(body, root)
        if len(self._by_keys) < _SHAPES and all(part is None or len(part) <= _SHAPES for part in keys):
            self._by_keys[keys] = shape
        return shape, row

    def _keys(self, body: Any) -> tuple[tuple[str, ...] | None, ...]:
        """The keys of every object that holds a place: they alone decide which places are present."""
        found: list[tuple[str, ...] | None] = []
        for parent in self._parents:
            node = body
            try:
                for key in parent:
                    node = node[key]
            except Missed:
                node = None
            found.append(tuple(node) if type(node) is dict else None)
        return tuple(found)

    def _walk(self, body: Any, root: Any) -> tuple[RowShape, Row]:
        present, row = [], []
        for slot in self._slots:
            try:
                row.append(slot.path.reach(body, root))
            except TimeMissing as missing:
                raise DecodeError("bad_time", f"nothing at {missing}") from None
            except Missed:
                present.append(False)
                if slot.column is None and self._time_required:
                    raise DecodeError("bad_time", f"nothing at {slot.path.text}") from None
            else:
                present.append(True)
        kept = [slot for slot, there in zip(self._slots, present, strict=True) if there]
        if not self._constant and not any(slot.column for slot in kept if not isinstance(slot.path, Constant)):
            raise DecodeError("no_points", "none of the route's points is in the message")
        shape = self._shapes.get(tuple(present))
        if shape is None:
            if len(self._shapes) >= _SHAPES * 4:
                self._shapes = {key: s for key, s in self._shapes.items() if s is self.full or s.values}
            shape = self._shapes[tuple(present)] = RowShape(kept, self._moments, self._pick(kept), self.unread.route)
        return shape, tuple(row)

    def _pick(self, slots: list[RowSlot]) -> Callable[[Any], Row]:
        if self.full is None:
            return lambda body: tuple(slot.path.reach(body, body) for slot in slots)
        return picker([slot.path.keys or () for slot in slots])[1]  # grouped already: the order stays
