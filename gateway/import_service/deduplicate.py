"""Compares a part of an import with the stored readings and returns the new ones. Blocking, in the thread of the
series store."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64, U8, Batch, Flag, Quality, empty_batch
from gateway.ports import SeriesStore

_NEVER = -(2**62)


class Readings(Protocol):
    """Columns as in `Batch`, without frames."""

    @property
    def device(self) -> I32: ...
    @property
    def point(self) -> I32: ...
    @property
    def at(self) -> I64: ...
    @property
    def value(self) -> F64: ...
    @property
    def quality(self) -> U8: ...


@dataclass(frozen=True, slots=True)
class DeduplicatedPart:
    """The batch to journal (empty when nothing is new), and counts of the other readings."""

    batch: Batch
    counts: dict[str, int]


def outcome(part: Readings, store: SeriesStore, newest: dict[int, int], now: int, floor: I64) -> DeduplicatedPart:
    """New readings sorted by device and time, one frame per (device, moment), received `now`, flagged imported.

    A reading that is stored already with the same value, or comes twice in `part`, is a duplicate; of different values
    at one moment the last holds. Readings before their `floor` (µs, one per reading) would be deleted at once: expired.
    `newest` is filled with the newest stored reading of each device.
    """
    for device in np.unique(part.device).tolist():
        if device not in newest:
            newest[device] = max((reading.at for reading in store.latest(device)), default=_NEVER)
    rows = np.lexsort((np.arange(len(part.at)), part.point, part.at, part.device))
    kept = part.at[rows] >= floor[rows]
    expired = int((~kept).sum())
    rows = rows[kept]
    rows, twice, differing = _last_of_duplicates(part, rows)
    stored = _stored(part, rows, store, newest)
    same, replaced = _compared(part, rows, stored)
    rows, replaced = rows[~same], replaced[~same]
    before = np.array([newest[d] for d in part.device[rows].tolist()], np.int64)
    counts = {
        "imported": len(rows),
        "duplicates": twice + int(same.sum()),
        "replaced": int(replaced.sum()) + differing,
        "late": int((part.at[rows] < before).sum()),
        "expired": expired,
    }
    return DeduplicatedPart(_batch(part, rows, now), counts)


def _last_of_duplicates(part: Readings, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], int, int]:
    """(rows without repeats, how many were left out, how many identities had different values). Rows are sorted."""
    if len(rows) < 2:
        return rows, 0, 0
    device, point, at = part.device[rows], part.point[rows], part.at[rows]
    duplicate = (device[1:] == device[:-1]) & (point[1:] == point[:-1]) & (at[1:] == at[:-1])
    if not duplicate.any():
        return rows, 0, 0
    value = part.value[rows]
    other = duplicate & (value[1:] != value[:-1]) & ~(np.isnan(value[1:]) & np.isnan(value[:-1]))
    return rows[np.append(~duplicate, True)], int(duplicate.sum()), int(other.sum())


Stored = dict[tuple[int, int, int], tuple[float, int, int]]
"""Identity -> value, and the worst and best quality it was stored with."""


def _stored(part: Readings, rows: NDArray[np.intp], store: SeriesStore, newest: dict[int, int]) -> Stored:
    """Stored values at these identities."""
    at, device = part.at[rows], part.device[rows]
    if not len(rows):
        return {}
    touched = [d for d in np.unique(device).tolist() if newest[d] >= int(at[device == d].min())]
    if not touched:
        return {}
    mine = np.isin(device, touched)
    moments, points = np.unique(at[mine]), np.unique(part.point[rows][mine])
    found: Stored = {}
    for batch in store.scan(int(moments[0]), int(moments[-1]) + 1, touched):
        wanted = np.isin(batch.at, moments) & np.isin(batch.point, points)
        columns: list[list[Any]] = [
            column[wanted].tolist()
            for column in (batch.device, batch.point, batch.at, batch.value, batch.quality, batch.flags)
        ]
        for d, p, t, v, q, f in zip(*columns, strict=True):
            # intake marks what its neighbours make implausible: the row itself may have come as good
            found[d, p, t] = (v, q, int(Quality.GOOD) if f & Flag.IMPLAUSIBLE else q)
    return found


def _compared(part: Readings, rows: NDArray[np.intp], stored: Stored) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    same, other = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    if not stored:
        return same, other
    columns: list[list[Any]] = [
        column[rows].tolist() for column in (part.device, part.point, part.at, part.value, part.quality)
    ]
    for index, (d, p, t, v, q) in enumerate(zip(*columns, strict=True)):
        before = stored.get((d, p, t))
        if before is not None:
            same[index] = before[1] <= q <= before[2] and (before[0] == v or (before[0] != before[0] and v != v))
            other[index] = not same[index]
    return same, other


def _batch(part: Readings, rows: NDArray[np.intp], now: int) -> Batch:
    if not len(rows):
        return empty_batch()
    device, at = part.device[rows], part.at[rows]
    fresh = np.ones(len(rows), np.bool_)
    fresh[1:] = (device[1:] != device[:-1]) | (at[1:] != at[:-1])
    frame = (np.cumsum(fresh) - 1).astype(np.int32)
    return Batch(
        device,
        part.point[rows],
        at,
        part.value[rows],
        part.quality[rows],
        np.full(len(rows), int(Flag.IMPORTED), np.uint8),
        frame,
        np.full(int(frame[-1]) + 1, now, np.int64),
    )
