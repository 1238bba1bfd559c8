"""The points of one bucket: a point is its series and its time, fields of the same point are merged."""

import re
from dataclasses import dataclass, field
from typing import Any

from simulators.influx.flux import FluxError, Row, Table
from simulators.influx.line_protocol import BadLine, LinePoint, Value

SeriesKey = tuple[str, tuple[tuple[str, str], ...]]
_TERM = re.compile(r'\s*(\w+)\s*=\s*"((?:\\.|[^"\\])*)"\s*')


@dataclass(slots=True)
class Bucket:
    """`points[series][ns]` -> fields. `oldest` ns: earlier points are beyond the retention, None = kept for ever."""

    points: dict[SeriesKey, dict[int, dict[str, Value]]] = field(default_factory=dict)
    kinds: dict[tuple[str, str], type] = field(default_factory=dict)
    oldest: int | None = None

    def check(self, point: LinePoint) -> None:
        """Raises BadLine for mistakes that depend on the contents of the bucket."""
        for name, value in point.fields.items():
            kind = self.kinds.get((point.measurement, name), type(value))
            if kind is not type(value):
                raise BadLine(
                    f'field type conflict: input field "{name}" on measurement "{point.measurement}" is type '
                    f"{type(value).__name__}, already exists as type {kind.__name__} dropped=1"
                )
        if self.oldest is not None and point.at is not None and point.at < self.oldest:
            raise BadLine("points beyond retention policy dropped=1")

    def put(self, point: LinePoint, now: int) -> None:
        """Write it, over what was there."""
        for name, value in point.fields.items():
            self.kinds.setdefault((point.measurement, name), type(value))
        series = (point.measurement, tuple(sorted(point.tags.items())))
        at = now if point.at is None else point.at
        self.points.setdefault(series, {}).setdefault(at, {}).update(point.fields)

    def delete(self, start: int, stop: int, predicate: str) -> None:
        """Points of [start, stop] whose tags and measurement are so. Raises FluxError."""
        wanted = {}
        for term in re.split(r"\bAND\b", predicate) if predicate.strip() else ():
            found = _TERM.fullmatch(term)
            if found is None:
                raise FluxError(f"the request has an invalid predicate: {term}")
            wanted[found[1]] = re.sub(r"\\(.)", r"\1", found[2])
        for (measurement, tags), rows in self.points.items():
            mine = {"_measurement": measurement, **dict(tags)}
            if all(mine.get(name) == value for name, value in wanted.items()):
                for at in [at for at in rows if start <= at <= stop]:
                    del rows[at]

    def tables(self) -> list[Table]:
        """One table per series and field, rows in order of time."""
        found = []
        for (measurement, tags), rows in sorted(self.points.items()):
            names = sorted({name for fields in rows.values() for name in fields})
            for name in names:
                base: Row = {"_measurement": measurement, "_field": name, **dict(tags)}
                table = Table(tuple(base))
                for at in sorted(rows):
                    if name in rows[at]:
                        table.rows.append({**base, "_time": at, "_value": rows[at][name]})
                found.append(table)
        return found

    def contents(self) -> list[Any]:
        """Everything, in an order of its own: two buckets with the same points are equal in it."""
        return [
            (series, at, sorted(fields.items()))
            for series, rows in sorted(self.points.items())
            for at, fields in sorted(rows.items())
        ]
