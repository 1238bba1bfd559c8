"""A Parquet file that is written piece by piece: each piece becomes a file of its own, in the end DuckDB joins them.

DuckDB holds one piece at a time and streams when it joins, so that memory stays bounded however long the history is.
"""

from collections.abc import Iterable
from pathlib import Path

import duckdb
import numpy as np

from gateway.domain.correction import Correction, originals
from gateway.domain.device import Device, Point
from gateway.domain.reading import Batch, Flag, Quality

MEMORY = "256MiB"
_PARQUET = "(FORMAT parquet, COMPRESSION zstd)"
_NAMED = """
SELECT make_timestamp(r.at)::TIMESTAMPTZ AS time, coalesce(d.code, '#' || r.device) AS device, d.site AS site,
       coalesce(p.name, '#' || r.point) AS point, coalesce(p.component, 0) AS component,
       CASE WHEN NOT isnan(r.value) THEN r.value END AS value, p.unit AS unit, t.text AS text,
       q.word AS quality, f.words AS flags, make_timestamp(r.received)::TIMESTAMPTZ AS received,
       CASE WHEN NOT isnan(o.value) THEN o.value END AS original, b.word AS original_quality, o.correction AS correction
FROM rows_of_piece r LEFT JOIN device d ON d.id = r.device LEFT JOIN point p ON p.id = r.point
LEFT JOIN state_text t ON t.point = r.point AND t.code = r.value
LEFT JOIN quality q ON q.code = r.quality LEFT JOIN flags f ON f.code = r.flags
LEFT JOIN original o ON o.device = r.device AND o.point = r.point AND o.moment = r.at
LEFT JOIN quality b ON b.code = o.quality
ORDER BY r.at, device, point, component
"""
_NAMES = """
CREATE TABLE device (id INTEGER, code VARCHAR, site VARCHAR);
CREATE TABLE point (id INTEGER, name VARCHAR, component INTEGER, unit VARCHAR);
CREATE TABLE state_text (point INTEGER, code DOUBLE, text VARCHAR);
CREATE TABLE quality (code UTINYINT, word VARCHAR);
CREATE TABLE flags (code UTINYINT, words VARCHAR);
CREATE TABLE original
    (device INTEGER, point INTEGER, moment BIGINT, value DOUBLE, quality UTINYINT, correction VARCHAR);
"""


class ParquetFile:
    """Columns time, device, site, point, component, value, unit, text (of a state), quality, flags, received; of
    corrected readings original, original_quality, correction. Raises duckdb.Error and OSError of the disk."""

    def __init__(
        self,
        scratch: Path,
        devices: Iterable[Device],
        points: Iterable[Point],
        corrections: Iterable[Correction] = (),
    ) -> None:
        """`scratch` is an empty folder on the disk of the target; `corrections` are in force, oldest first."""
        self._scratch, self._parts = scratch, 0
        self._connection = duckdb.connect(
            config={"threads": 1, "memory_limit": MEMORY, "temp_directory": str(scratch / "spill")}
        )
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute(_NAMES)
        points = list(points)
        tables: dict[str, list[tuple[object, ...]]] = {
            "device": [(one.id, one.code, one.site) for one in devices],
            "point": [(one.id, one.name, one.component, one.unit) for one in points],
            "state_text": [(one.id, code, text) for one in points for code, text in enumerate(one.values)],
            "quality": [(int(one), one.name.lower()) for one in Quality],
            "flags": [(code, _words(code)) for code in range(256)],
            "original": [(*place, *one) for place, one in originals(corrections).items()],
        }
        for name, rows in tables.items():
            for begin in range(0, len(rows), 1_000):
                some = rows[begin : begin + 1_000]
                marks = ", ".join("(" + ", ".join("?" * len(some[0])) + ")" for _ in some)
                self._connection.execute(f"INSERT INTO {name} VALUES {marks}", [one for row in some for one in row])

    def add(self, batch: Batch) -> None:
        """Rows that are not earlier than those of the batches before."""
        rows_of_piece = {  # noqa: F841 - read by DuckDB by its name
            "at": batch.at,
            "device": batch.device,
            "point": batch.point,
            "value": batch.value,
            "quality": batch.quality,
            "flags": batch.flags,
            "received": batch.received[batch.frame] if len(batch) else np.empty(0, np.int64),
        }
        self._connection.execute(f"COPY ({_NAMED}) TO '{_quoted(self._part(self._parts))}' {_PARQUET}")
        self._parts += 1

    def finish(self, target: Path) -> None:
        """Join all batches into `target`; at least one was added."""
        parts = ", ".join(f"'{_quoted(self._part(number))}'" for number in range(self._parts))
        whole = self._scratch / "whole.parquet"
        self._connection.execute(f"COPY (SELECT * FROM read_parquet([{parts}])) TO '{_quoted(whole)}' {_PARQUET}")
        whole.rename(target)

    def close(self) -> None:
        """Free the memory."""
        self._connection.close()

    def _part(self, number: int) -> Path:
        return self._scratch / f"{number:06}.parquet"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _words(code: int) -> str:
    return " ".join(one.name.lower() for one in Flag if one and one.name is not None and code & one)
