"""Read-back: readings that were taken after a command was sent, compared with what it should have caused."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from gateway.domain.device import Point, PointKind
from gateway.domain.device_command.definition import Value
from gateway.domain.reading import Batch, Quality
from gateway.domain.record import Parcel
from gateway.ports import Emit

_CLOSE = 1e-9
"""Relative difference of two numbers that are the same."""


@dataclass(slots=True)
class WatchedPoint:
    """What a command should cause. `point` of the device `device` must equal `expected` (a number in its unit, give or
    take `tolerance`, or the text of a state) in a reading after `since` µs. `last`: the newest value since then."""

    command: str
    device: int
    point: int
    expected: Value
    tolerance: float
    since: int
    last: Value | None = None
    reached: bool = False


class ReadBacks:
    """The points that are watched. On the event loop of the sources; costs nothing while no command waits."""

    def __init__(self, point_by_id: Callable[[int], Point | None], reached: Callable[[], None]) -> None:
        """`reached` is called when a point shows the expected value."""
        self._point_by_id, self._reached = point_by_id, reached
        self._watched: dict[str, WatchedPoint] = {}

    def watch(self, one: WatchedPoint) -> None:
        """Watch a point, if it is not watched for this command already."""
        self._watched.setdefault(one.command, one)

    def of(self, command: str) -> WatchedPoint | None:
        """The point that is watched for a command."""
        return self._watched.get(command)

    def end(self, command: str) -> None:
        """Watch no more."""
        self._watched.pop(command, None)

    def after(self, emit: Emit) -> Emit:
        """`emit`, and then a look at what is on disk now."""

        def watched(parcel: Parcel) -> Awaitable[None]:
            return self._emit(emit, parcel) if self._watched else emit(parcel)

        return watched

    async def _emit(self, emit: Emit, parcel: Parcel) -> None:
        await emit(parcel)
        self.saw(parcel.batch)

    def saw(self, batch: Batch) -> None:
        """Compare readings with what is expected."""
        for one in [one for one in self._watched.values() if not one.reached]:
            self._look(one, batch)

    def _look(self, one: WatchedPoint, batch: Batch) -> None:
        rows = (batch.device == one.device) & (batch.point == one.point) & (batch.at > one.since)
        rows &= (batch.quality == Quality.GOOD) & (batch.received[batch.frame] > one.since)
        point = self._point_by_id(one.point)
        if point is None or not rows.any():
            return
        for index in np.flatnonzero(rows).tolist():
            one.last = shown_value(point, float(batch.value[index]))
            if _equal(one, one.last):
                one.reached = True
                self._reached()
                return


def shown_value(point: Point, value: float) -> Value:
    """A value as people see it: the text of a state, else the number in the unit of the point."""
    if point.kind is not PointKind.STATE:
        return value
    code = int(value)
    return point.values[code] if 0 <= code < len(point.values) else code


def _equal(one: WatchedPoint, value: Value) -> bool:
    expected = one.expected
    if isinstance(expected, str) or isinstance(value, str):
        return str(expected) == str(value)
    return abs(float(value) - float(expected)) <= max(one.tolerance, _CLOSE * abs(float(expected)))
