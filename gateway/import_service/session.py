"""One import under way: takes chunks, returns parts with whole devices."""

import asyncio
import math
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from gateway.domain.device import Point, PointKind
from gateway.domain.errors import CommandError
from gateway.domain.reading import F64, I32, I64, U8, Quality
from gateway.import_service.deduplicate import DeduplicatedPart
from gateway.import_service.wire import Chunk, Result
from gateway.ports import Directory

TARGET: Final = 20_000
"""Approximate readings per parcel: a parcel ends with a device."""
HARD: Final = 500_000
"""Most readings of one device in a parcel."""
COUNTS: Final = ("imported", "duplicates", "replaced", "late", "expired", "refused")
_BOUND: Final = 2**62  # µs; beyond it is no time


def steady() -> int:
    """µs of a monotonic clock."""
    return time.monotonic_ns() // 1000


@dataclass(frozen=True, slots=True, eq=False)
class ImportPart:
    """Readings that are journaled together: registry ids, µs, canonical values, in the order of arrival."""

    device: I32
    point: I32
    at: I64
    value: F64
    quality: U8


@dataclass(slots=True)
class ImportSession:
    """`next` chunk number, `newest`: device -> its newest stored reading before this import. Times µs; `touched` is
    of a monotonic clock."""

    id: str
    file: str
    actor: str
    opened: int
    key: str = ""
    address: str = ""
    touched: int = field(default_factory=steady)
    next: int = 0
    ended: int = 0  # sequence number of the last mark
    result: Result | None = None
    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(COUNTS, 0)))
    devices: set[int] = field(default_factory=set)
    newest: dict[int, int] = field(default_factory=dict)
    first: int = _BOUND
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _device: "array[int]" = field(default_factory=lambda: array("i"))
    _point: "array[int]" = field(default_factory=lambda: array("i"))
    _at: "array[int]" = field(default_factory=lambda: array("q"))
    _value: "array[float]" = field(default_factory=lambda: array("d"))
    _quality: "array[int]" = field(default_factory=lambda: array("B"))

    @property
    def buffered(self) -> int:
        """Number of buffered readings."""
        return len(self._at)

    def add(self, chunk: Chunk, directory: Directory) -> None:
        """Buffer a chunk. Readings of an unknown device or point are counted as refused.

        Raises CommandError 422 for columns that do not fit together; then nothing of it is taken.
        """
        check(chunk)
        known: dict[tuple[int, int], tuple[int, Point] | None] = {}
        refused = 0
        qualities = chunk.quality or [int(Quality.GOOD)] * len(chunk.at)
        for d, p, at, raw, quality in zip(chunk.device, chunk.point, chunk.at, chunk.value, qualities, strict=True):
            if (d, p) not in known:
                known[d, p] = _known(chunk.devices[d], chunk.points[p], directory)
            place = known[d, p]
            judged = None if place is None else _judged(raw, quality, place[1], place[0], directory)
            if place is None or judged is None:
                refused += 1
                continue
            self._device.append(place[0])
            self._point.append(place[1].id)
            self._at.append(at)
            self._value.append(judged[0])
            self._quality.append(judged[1])
        self.counts["refused"] += refused

    def cut(self, *, whole: bool) -> ImportPart | None:
        """The part that can be journaled now: everything, or all but the last device, which may continue in the next
        chunk."""
        count = self.buffered
        if not whole and count:
            device = np.frombuffer(self._device, np.int32)
            others = np.flatnonzero(device != device[-1])
            keep = count if count >= HARD else int(others[-1]) + 1 if len(others) else 0
            del device  # the buffer of an array cannot grow while it is looked at
            count = keep
        if not count:
            return None
        return ImportPart(
            np.array(self._device[:count], np.int32),
            np.array(self._point[:count], np.int32),
            np.array(self._at[:count], np.int64),
            np.array(self._value[:count], np.float64),
            np.array(self._quality[:count], np.uint8),
        )

    def done(self, part: ImportPart, made: DeduplicatedPart) -> None:
        """`part` is on disk."""
        count = len(part.at)
        for column in (self._device, self._point, self._at, self._value, self._quality):
            del column[:count]
        self.counts.update(made.counts)
        self.devices |= set(np.unique(part.device).tolist())
        self.first = min(self.first, int(part.at.min()))


def check(chunk: Chunk) -> None:
    """Check that columns have one length and indexes exist. Raises CommandError 422."""
    count = len(chunk.at)
    lengths = {len(chunk.device), len(chunk.point), len(chunk.value), count}
    if chunk.quality:
        lengths.add(len(chunk.quality))
    if len(lengths) > 1:
        raise CommandError(422, "invalid-chunk", f"columns of different length: {sorted(lengths)}")
    for name, column, most in (
        ("device", chunk.device, len(chunk.devices) - 1), ("point", chunk.point, len(chunk.points) - 1),
        ("quality", chunk.quality, int(Quality.GOOD)),
    ):  # fmt: skip
        if column and (min(column) < 0 or max(column) > most):
            raise CommandError(422, "invalid-chunk", f"column {name}: numbers from 0 to {most}")
    if chunk.number < 0 or (count and (min(chunk.at) < -_BOUND or max(chunk.at) > _BOUND)):
        raise CommandError(422, "invalid-chunk", "a number is out of range")


def _known(code: str, point: tuple[str, int], directory: Directory) -> tuple[int, Point] | None:
    device = directory.device(code)
    if device is None:
        return None
    found = directory.points(device.profile).get(point)
    return None if found is None else (device.id, found)


def _judged(
    raw: float | str | None, quality: int, point: Point, device: int, directory: Directory
) -> tuple[float, int] | None:
    """(value, quality), NaN iff bad; None when the value does not fit the point."""
    if raw is None or quality == Quality.BAD:
        return math.nan, int(Quality.BAD)
    if point.kind is PointKind.STATE:
        code = directory.state_code(point.id, raw, device) if isinstance(raw, str) else None
        return None if code is None else (float(code), quality)
    if isinstance(raw, str) or not math.isfinite(raw):
        return None
    low, high = point.plausible.min, point.plausible.max
    inside = (low is None or raw >= low) and (high is None or raw <= high)
    return float(raw), quality if inside else int(Quality.UNCERTAIN)
