"""Readings as lines (docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol).

One point per reading: `reading,<tags> value=…,quality=…i,flags=…i,received=…i,text="…" <µs>`. A bad reading has no
value. A server that takes numbers alone gets value and quality.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from gateway.domain.device import Point, PointKind
from gateway.domain.reading import I64, Batch, Quality
from gateway.domain.record import DeviceDefined, DeviceSet, PointDefined, Record
from sinks.series.newest_index import keys_of

_SPECIAL: Final = re.compile(r"([,= ])")
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f]")
BAD: Final = int(Quality.BAD)


def tag(value: str) -> str:
    """`value` as the value of a tag. A control character becomes a space and a backslash a slash, as it would escape
    the next character. Tags are for people; readings are identified by `device_id` and `point_id`."""
    plain = _UNFIT.sub(" ", value).replace("\\", "/").strip()
    return _SPECIAL.sub(r"\\\1", plain)


def text(value: str) -> str:
    """`value` as a string field."""
    return '"' + _UNFIT.sub(" ", value).replace("\\", "\\\\").replace('"', '\\"') + '"'


class SeriesTags:
    """Tags of devices and points, from definitions and facts. A device that moved has the site it had at the time of
    the record, so that a replay writes the same lines."""

    def __init__(self, measurement: str) -> None:
        self._measurement = measurement
        self._codes: dict[int, str] = {}
        self._sites: dict[int, list[tuple[int, str]]] = {}  # (record, site), in order
        self._points: dict[int, Point] = {}
        self._series: dict[tuple[int, int, int], str] = {}

    def take(self, records: Iterable[Record]) -> None:
        """Learn from those that are definitions or facts."""
        for record in records:
            body = record.body
            if isinstance(body, DeviceDefined):
                self._codes[body.id] = body.code
            elif isinstance(body, PointDefined):
                self._points[body.point.id] = body.point
                self._series.clear()
            elif isinstance(body, DeviceSet):
                self._codes[body.device.id] = body.device.code
                self._moved(body.device.id, record.seq, body.device.site)

    def _moved(self, device: int, seq: int, site: str) -> None:
        known = self._sites.setdefault(device, [])
        if not known or (known[-1][0] < seq and known[-1][1] != site):
            known.append((seq, site))
            self._series.clear()

    @property
    def moved(self) -> list[int]:
        """Devices that have been at more than one site."""
        return [device for device, sites in self._sites.items() if len(sites) > 1]

    def point(self, point: int) -> Point | None:
        """What is known of it."""
        return self._points.get(point)

    def label(self, device: int, point: int) -> str:
        """For people: `CP-17 power`."""
        known = self._points.get(point)
        return f"{self._codes.get(device, device)} {known.name if known is not None else point}"

    def series(self, device: int, point: int, seq: int) -> str:
        """Measurement and tags of its readings at record `seq`, tags in the order of their names."""
        sites = self._sites.get(device, [])
        version = max(0, bisect_right(sites, seq, key=lambda one: one[0]) - 1) if len(sites) > 1 else 0
        key = (device, point, version)
        if key not in self._series:
            self._series[key] = self._line(device, point, sites[version][1] if sites else "")
        return self._series[key]

    def _line(self, device: int, point: int, site: str) -> str:
        known = self._points.get(point)
        tags = {
            "component": str(known.component if known is not None else 0),
            "device": self._codes.get(device, ""),
            "device_id": str(device),
            "point": known.name if known is not None else "",
            "point_id": str(point),
            "site": site,
            "unit": known.unit if known is not None else "",
        }
        return ",".join([self._measurement, *(f"{name}={tag(value)}" for name, value in tags.items() if tag(value))])


def lines(batch: Batch, seq: I64, tags: SeriesTags, *, numbers_only: bool) -> list[bytes]:
    """A line for each row; `seq` i64[n] is the record of each."""
    columns: list[list[Any]] = [batch.value.tolist(), batch.quality.tolist(), batch.at.tolist()]
    series = _series(batch, seq, tags)
    if numbers_only:
        return [
            f"{one} {f'value={value!r},' if quality != BAD else ''}quality={quality} {at}".encode()
            for one, value, quality, at in zip(series, *columns, strict=True)
        ]
    values = [
        "" if quality == BAD else f"value={value!r},"
        for value, quality in zip(batch.value.tolist(), batch.quality.tolist(), strict=True)
    ]
    for point in np.unique(batch.point).tolist():
        known = tags.point(point)
        if known is not None and known.kind is PointKind.STATE and known.values:
            shown = _text_of(known.values)
            for row in np.flatnonzero((batch.point == point) & (batch.quality != BAD)).tolist():
                values[row] += shown(float(batch.value[row]))
    columns = [batch.quality.tolist(), batch.flags.tolist(), batch.received[batch.frame].tolist(), batch.at.tolist()]
    return [
        f"{one} {value}quality={quality}i,flags={flags}i,received={received}i {at}".encode()
        for one, value, quality, flags, received, at in zip(series, values, *columns, strict=True)
    ]


def _series(batch: Batch, seq: I64, tags: SeriesTags) -> list[str]:
    """Measurement and tags of each row: looked up once for each device, point and site."""
    if not len(batch):
        return []
    moved = np.isin(batch.device, np.array(tags.moved, np.int32))
    key = keys_of(batch.device, batch.point)
    if moved.any():
        made = zip(batch.device.tolist(), batch.point.tolist(), seq.tolist(), strict=True)
        return [tags.series(device, point, record) for device, point, record in made]
    each, row = np.unique(key, return_inverse=True)
    found = [tags.series(one >> 32, one & 0xFFFFFFFF, 0) for one in each.tolist()]
    return [found[one] for one in row.tolist()]


def _text_of(values: tuple[str, ...]) -> Callable[[float], str]:
    shown = [f"text={text(value)}," for value in values]
    return lambda value: shown[int(value)] if 0 <= value < len(shown) else ""
