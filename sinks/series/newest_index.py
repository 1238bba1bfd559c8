"""The newest reading of every (device, point): shows without a query that a row is new."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I32, I64, Batch, Flag, Quality, Reading


def keys_of(device: I32, point: I32) -> I64:
    """(device, point) as one integer: device in the high half, so a device's points are neighbours."""
    return (device.astype(np.int64) << 32) | point.astype(np.int64)


class NewestIndex:
    """Sorted columns of one row per (device, point)."""

    def __init__(self) -> None:
        self._key = np.empty(0, np.int64)
        self._at = np.empty(0, np.int64)
        self._value = np.empty(0, np.float64)
        self._quality = np.empty(0, np.uint8)
        self._flags = np.empty(0, np.uint8)
        self._received = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._key)

    def newer(self, key: I64, at: I64, unseen: int) -> NDArray[np.bool_]:
        """bool per row: True if it is later than everything stored of its key; `unseen` µs is used for keys not
        here."""
        if not len(self._key):
            return at > unseen
        place = np.searchsorted(self._key, key)
        place[place == len(self._key)] = 0
        found = self._key[place] == key
        return at > np.where(found, self._at[place], unseen)

    def update(self, batch: Batch) -> None:
        """Take the rows of `batch` that are newer; of one key and time the last row wins."""
        if not len(batch):
            return
        key = keys_of(batch.device, batch.point)
        order = np.lexsort((batch.at, key))
        last = np.append(key[order][1:] != key[order][:-1], [True])
        rows = order[last]
        key = key[rows]
        missing = ~np.isin(key, self._key, assume_unique=True)
        if missing.any():
            self._grow(key[missing])
        place = np.searchsorted(self._key, key)
        newer = batch.at[rows] >= self._at[place]
        place, rows = place[newer], rows[newer]
        self._at[place] = batch.at[rows]
        self._value[place] = batch.value[rows]
        self._quality[place] = batch.quality[rows]
        self._flags[place] = batch.flags[rows]
        self._received[place] = batch.received[batch.frame[rows]]

    def drop(self, point: int, before: int) -> None:
        """Remove readings of one point that are older than `before` µs."""
        keep = ((self._key & 0xFFFFFFFF) != point) | (self._at >= before)
        if keep.all():
            return
        self._key, self._at, self._value = self._key[keep], self._at[keep], self._value[keep]
        self._quality, self._flags, self._received = self._quality[keep], self._flags[keep], self._received[keep]

    def _grow(self, key: I64) -> None:
        place = np.searchsorted(self._key, key)
        self._key = np.insert(self._key, place, key)
        self._at = np.insert(self._at, place, np.iinfo(np.int64).min)
        self._value = np.insert(self._value, place, np.nan)
        self._quality = np.insert(self._quality, place, 0)
        self._flags = np.insert(self._flags, place, 0)
        self._received = np.insert(self._received, place, 0)

    def columns(self) -> dict[str, NDArray[Any]]:
        """All rows as the columns of a segment's table `newest`."""
        device, point = (self._key >> 32).astype(np.int32), (self._key & 0xFFFFFFFF).astype(np.int32)
        return {
            "device": device,
            "point": point,
            "ts": self._at,
            "value": self._value,
            "quality": self._quality,
            "flags": self._flags,
            "received": self._received,
        }

    def of(self, device: int) -> Sequence[Reading]:
        """The newest reading of each point of `device`, by point."""
        first, end = np.searchsorted(self._key, [device << 32, (device + 1) << 32])
        return [
            Reading(
                device,
                int(self._key[i] & 0xFFFFFFFF),
                int(self._at[i]),
                float(self._value[i]),
                Quality(int(self._quality[i])),
                Flag(int(self._flags[i])),
                int(self._received[i]),
            )
            for i in range(first, end)
        ]
