"""Steps of intake for the readings of a case, before the journal: clocks and `plausible`, by the same code."""

from collections.abc import Mapping, Sequence

import numpy as np

from gateway.domain.clocks import clamp
from gateway.domain.device import Point, PointKind
from gateway.domain.duration import MINUTE
from gateway.domain.plausible import Plausibility
from gateway.domain.reading import Batch, Quality
from gateway.domain.record import MeterExchanged
from rules.casetest.case_input import CaseReading

AHEAD_LIMIT = 5 * MINUTE
"""µs; the default of `clock.ahead_limit`."""


class CasePoints:
    """Points of the case by id. All exist before the first reading."""

    version = 0

    def __init__(self, points: Mapping[int, Point]) -> None:
        self._points = points

    def point_by_id(self, point: int) -> Point | None:
        """Any point of the case."""
        return self._points.get(point)

    def device_limits(self) -> Mapping[int, Point]:
        """None of their own."""
        return {}


class CaseIntake:
    """Converts readings delivered at one instant to the batch for the journal."""

    def __init__(self, points: Mapping[int, Point]) -> None:
        self._points = points
        self._plausibility = Plausibility(CasePoints(points))

    def exchange(self, fact: MeterExchanged) -> None:
        """A meter was exchanged."""
        self._plausibility.exchange(fact)

    def take(self, values: Sequence[CaseReading], received: int) -> Batch:
        """Batch of the readings, frames in order; `received` µs."""
        batch, _ = clamp(self._converted(values, received), AHEAD_LIMIT)
        judged = self._plausibility.judge(batch)
        self._plausibility.keep(judged)
        return judged.batch

    def _converted(self, values: Sequence[CaseReading], received: int) -> Batch:
        """Batch as made by a source: bad without a value, uncertain outside of the bounds of the profile."""
        frames = {frame: k for k, frame in enumerate(dict.fromkeys(one.frame for one in values))}
        value = np.array([one.value for one in values], np.float64)
        quality = [Quality.UNCERTAIN if self._outside(one) else Quality.GOOD for one in values]
        return Batch(
            np.array([one.device for one in values], np.int32),
            np.array([one.point for one in values], np.int32),
            np.array([one.at for one in values], np.int64),
            value,
            np.where(np.isnan(value), np.uint8(Quality.BAD), np.array(quality, np.uint8)),
            np.zeros(len(values), np.uint8),
            np.array([frames[one.frame] for one in values], np.int32),
            np.full(len(frames), received, np.int64),
        )

    def _outside(self, one: CaseReading) -> bool:
        point = self._points[one.point]
        low, high = point.plausible.min, point.plausible.max
        below, above = low is not None and one.value < low, high is not None and one.value > high
        return point.kind is not PointKind.STATE and (below or above)
