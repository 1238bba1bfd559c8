"""Readings as lines (docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol).

One point per reading: `reading,<tags> value=…,quality=…i,flags=…i,received=…i,text="…" <µs>`. A bad reading has no
value, and a field that is not a number is none of a server that takes numbers alone.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Final

from gateway.domain.device import Point, PointKind
from gateway.domain.reading import I64, Batch, Quality
from gateway.domain.record import DeviceDefined, DeviceSet, PointDefined, Record

_SPECIAL: Final = re.compile(r"([,= ])")
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f]")
BAD: Final = int(Quality.BAD)


def tag(value: str) -> str:
    """`value` as the value of a tag. A control character becomes a space and a backslash a slash: it would join what
    comes after it. SeriesTags are for people, `device_id` and `point_id` tell readings apart."""
    plain = _UNFIT.sub(" ", value).replace("\\", "/").strip()
    return _SPECIAL.sub(r"\\\1", plain)


def text(value: str) -> str:
    """`value` as a string field."""
    return '"' + _UNFIT.sub(" ", value).replace("\\", "\\\\").replace('"', '\\"') + '"'


class SeriesTags:
    """What definitions and facts say of devices and points. A device that moved has the site it had at the time of the
    record, so that a replay writes the same lines."""

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


def lines(batch: Batch, seq: I64, names: SeriesTags, *, numbers_only: bool) -> list[bytes]:
    """A line for each row; `seq` i64[n] is the record of each."""
    whole = "" if numbers_only else "i"
    texts: dict[int, Callable[[float], str]] = {}
    for point in set(batch.point.tolist()):
        known = names.point(point)
        if known is not None and known.kind is PointKind.STATE and known.values and not numbers_only:
            texts[point] = _text_of(known.values)
    received = batch.received[batch.frame].tolist()
    rows = zip(
        batch.device.tolist(),
        batch.point.tolist(),
        batch.at.tolist(),
        batch.value.tolist(),
        batch.quality.tolist(),
        batch.flags.tolist(),
        received,
        seq.tolist(),
        strict=True,
    )
    made = []
    for device, point, at, value, quality, flags, came, record in rows:
        shown = ""
        if quality != BAD:
            shown = f"value={value!r},"
            if point in texts:
                shown += texts[point](value)
        made.append(
            f"{names.series(device, point, record)} {shown}quality={quality}{whole},flags={flags}{whole},"
            f"received={came}{whole} {at}".encode()
        )
    return made


def _text_of(values: tuple[str, ...]) -> Callable[[float], str]:
    shown = [f"text={text(value)}," for value in values]
    return lambda value: shown[int(value)] if 0 <= value < len(shown) else ""
