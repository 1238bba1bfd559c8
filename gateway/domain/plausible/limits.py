"""`plausible` of every point (DESIGN section 5) as columns that a batch looks up by point id."""

from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.domain.device import CounterModel, Plausible, Point, PointKind
from gateway.domain.plausible.recent_values import PointLimits
from gateway.domain.reading import F64, I32, I64, U8, Batch, Quality

NONE, TIMED, UNKNOWN = 0, 1, 2
"""Kind of a point: no limit that needs an earlier reading · one that does · not loaded yet."""
COLUMNS: Final = (
    "kind", "low", "high", "rate", "fall", "step", "spike", "stuck", "silence", "relearn", "rising", "firm",
)  # fmt: skip
NO_LIMIT: Final = 2**62
"""µs; no limit."""


class PointLookup(Protocol):
    """Registry interface for plausibility."""

    @property
    def version(self) -> int:
        """Rises with every change."""

    def point_by_id(self, point: int) -> Point | None:
        """Any point with this id, including former revisions; None = the registry never assigned the id."""

    def device_limits(self) -> Mapping[int, Point]:
        """device << 32 | point -> the point with the limits of this device, where they are not the profile's."""


class OwnLimits:
    """Of devices, by (device, point). `at`: row -> the point with them, from `first` on; `points`: what they limit."""

    def __init__(self, limits: Mapping[int, Point], first: int = 0) -> None:
        self._key: I64 = np.array(sorted(limits), np.int64)
        self.points: I64 = np.unique(self._key & 0xFFFFFFFF)
        self.first = max(first, int(self.points.max(initial=-1)) + 1)
        self.at = {self.first + k: limits[key] for k, key in enumerate(self._key.tolist())}
        self.some = bool(limits)

    def rows(self, batch: Batch) -> I32:
        """The row of each reading."""
        key = (batch.device.astype(np.int64) << 32) | batch.point
        place = np.minimum(np.searchsorted(self._key, key), len(self._key) - 1)
        found: I32 = np.where(self._key[place] == key, self.first + place, batch.point).astype(np.int32)
        return found


class PlausibilityLimits:
    """Columns indexed by point id, filled when a point is first seen, dropped when the directory changes.

    kind u8 · low, high f64 canonical unit · rate, fall f64 per second · step, spike f64 canonical unit · stuck, silence
    i64 µs · relearn i64 readings · rising bool: a counter, its model judges how it falls · firm bool: a fall is
    abnormal. The last row stays UNKNOWN: ids beyond the end look it up. Limits that a device has for itself are rows of
    their own, above all point ids.
    """

    def __init__(self, directory: PointLookup) -> None:
        self._directory = directory
        self._version = directory.version
        self._clear(0)
        self._own = OwnLimits(directory.device_limits())

    def rows(self, batch: Batch) -> I32:
        """Row of the limits of each reading, i32[n]: its point, but for devices with limits of their own."""
        if self._directory.version != self._version:
            self._version = self._directory.version
            self._clear(0)
            self._own = OwnLimits(self._directory.device_limits())
        if not self._own.some:
            return batch.point
        if (top := int(batch.point.max())) >= self._own.first:  # the rows of devices move up
            self._own = OwnLimits(self._directory.device_limits(), 2 * (top + 1))
            self._clear(0)
        return self._own.rows(batch)

    def unjudged(self, batch: Batch) -> NDArray[np.bool_]:
        """Rows whose bounds are judged here, bool[n]: doubtful ones, to find the reason, and those of points for which
        a device has its own limits."""
        found: NDArray[np.bool_] = batch.quality == Quality.UNCERTAIN
        return found | np.isin(batch.point, self._own.points) if self._own.some else found

    def _clear(self, size: int) -> None:
        self.kind: U8 = np.full(size + 1, UNKNOWN, np.uint8)
        self.low: F64 = np.full(size + 1, -np.inf)
        self.high: F64 = np.full(size + 1, np.inf)
        self.rate: F64 = np.full(size + 1, np.inf)
        self.fall: F64 = np.full(size + 1, np.inf)
        self.step: F64 = np.full(size + 1, np.inf)
        self.spike: F64 = np.full(size + 1, np.inf)
        self.stuck: I64 = np.full(size + 1, NO_LIMIT, np.int64)
        self.silence: I64 = np.full(size + 1, NO_LIMIT, np.int64)
        self.relearn: I64 = np.full(size + 1, Plausible().relearn, np.int64)
        self.rising = np.zeros(size + 1, np.bool_)
        self.firm = np.zeros(size + 1, np.bool_)
        self._models: dict[int, CounterModel] = {}

    def timed(self, point: I32) -> U8 | None:
        """NONE or TIMED per row of `rows`, u8[n]; None = all are NONE. Loads the limits of new points."""
        found: U8 = self.kind.take(point, mode="clip")
        if not found.any():
            return None
        if found.max() == UNKNOWN:
            self._learn(np.unique(point[found == UNKNOWN]))
            found = self.kind[point]
        return found if found.any() else None

    def _learn(self, points: I32) -> None:
        top = int(points[-1])
        if top + 1 >= len(self.kind):
            old = self.__dict__.copy()
            self._clear(max(top + 1, 2 * len(self.kind)))
            for name in COLUMNS:
                getattr(self, name)[: len(old[name]) - 1] = old[name][:-1]
            self._models = old["_models"]
        for number in points[points >= 0].tolist():
            self._take(number, self._own.at.get(number) or self._directory.point_by_id(number))

    def _take(self, number: int, point: Point | None) -> None:
        self.kind[number] = NONE
        if point is None or point.kind is PointKind.STATE:
            return  # codes of a state have no order
        limits = point.plausible
        self.low[number] = -np.inf if limits.min is None else limits.min
        self.high[number] = np.inf if limits.max is None else limits.max
        if limits.compares:
            self.kind[number], self.relearn[number] = TIMED, limits.relearn
            for column, limit in ((self.rate, limits.max_rate), (self.step, limits.max_step)):
                column[number] = np.inf if limit is None else limit
            self.fall[number] = self.rate[number] if limits.max_fall is None else limits.max_fall
            self.spike[number] = np.inf if limits.spike is None else limits.spike
            self.firm[number] = not limits.falls and point.kind is PointKind.COUNTER
            if point.kind is PointKind.COUNTER:
                self.rising[number], self._models[number] = True, point.counter
        if limits.stuck_after > 0:
            self.kind[number], self.stuck[number] = TIMED, limits.stuck_after
            self.silence[number] = max(limits.stuck_after, 3 * point.every)

    def rule(self, point: int) -> PointLimits:
        """Limits for `RecentValue.judge` of a point that is loaded."""
        return PointLimits(
            float(self.rate[point]),
            int(self.stuck[point]),
            int(self.silence[point]),
            int(self.relearn[point]),
            self._models.get(point),
            float(self.fall[point]),
            float(self.step[point]),
            float(self.spike[point]),
            bool(self.firm[point]),
        )
