"""Values of a notification as frames of a batch: one frame for each device. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from gateway.domain.duration import SECOND
from gateway.domain.errors import DecodeError
from gateway.domain.reading import Batch, Quality
from gateway.domain.record import Raw
from protocols.opcua.nodes import BAD, BoundNode, SentValue

_AS_NEW = 5 * SECOND
Row = tuple[int, int, float, Quality]
"""(point, time µs, value, quality)."""


@dataclass(slots=True)
class DeviceFrame:
    """Rows of one device that came together at `received` µs."""

    device: int
    received: int
    rows: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class LatestRows:
    """Time of the last row of each node, µs, by (device, point)."""

    at: dict[tuple[int, int], int] = field(default_factory=dict)

    def note(self, node: BoundNode, at: int) -> None:
        """A row of `node`."""
        key = node.device, node.point
        self.at[key] = max(at, self.at.get(key, at))


@dataclass(frozen=True, slots=True)
class Moment:
    """Of one notification: when it came, µs, and the time of the server then."""

    received: int
    server: int


def frames_of(
    sent: Iterable[tuple[BoundNode, SentValue, bool]],
    moment: Moment,
    latest: LatestRows,
    code: Callable[[int, str, int], int | None],
    source: str,
) -> tuple[list[DeviceFrame], list[Raw]]:
    """(frames, dead letters) of values that came together; a value that is none of its point is a bad row and a dead
    letter. The third of each: the server has just confirmed the value, so there is a row as of now, too, unless its own
    time is as new as that."""
    frames: dict[int, DeviceFrame] = {}
    rejected: list[Raw] = []
    for node, value, confirmed in sent:
        try:
            row = node.row(value, moment.server, code)
        except DecodeError as error:
            payload = repr(value.value)[:1024].encode()
            rejected.append(
                Raw(source, f"{node.code}/{node.name}", error.reason, payload, moment.received, error.detail)
            )
            row = BAD
        after = latest.at.get((node.device, node.point))
        at = value.moment(moment.server)
        times = [at]
        if confirmed:
            times = [one for one in (at, moment.server) if after is None or one > after]
            if len(times) == 2 and at > moment.server - _AS_NEW:
                times = [at]
        for time in times:
            latest.note(node, time)
            frame = frames.setdefault(node.device, DeviceFrame(node.device, moment.received))
            frame.rows.append((node.point, time, *row))
    return list(frames.values()), rejected


def gap(nodes: Iterable[BoundNode], at: int, received: int, latest: LatestRows) -> list[DeviceFrame]:
    """A bad row for every node: from `at` µs on nothing is known of it."""
    frames: dict[int, DeviceFrame] = {}
    for node in nodes:
        moment = max(at, latest.at.get((node.device, node.point), at - 1) + 1)
        latest.note(node, moment)
        frame = frames.setdefault(node.device, DeviceFrame(node.device, received))
        frame.rows.append((node.point, moment, *BAD))
    return list(frames.values())


def to_batch(frames: Sequence[DeviceFrame]) -> Batch:
    """Frames as the columns of a batch, in order."""
    sizes = [len(frame.rows) for frame in frames]
    rows = [row for frame in frames for row in frame.rows]
    return Batch(
        np.repeat(np.array([frame.device for frame in frames], np.int32), sizes),
        np.array([row[0] for row in rows], np.int32),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
        np.array([row[3] for row in rows], np.uint8),
        np.zeros(len(rows), np.uint8),
        np.repeat(np.arange(len(frames), dtype=np.int32), sizes),
        np.array([frame.received for frame in frames], np.int64),
    )
