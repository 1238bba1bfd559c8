"""One DuckDB file: rows, and what a reader must know without opening the rows.

The file's table `meta` holds its kind and its bounds of event time, `progress` the journal cursor of the rows in it;
cursor and rows move in one transaction. `newest` is what was newest when the file was begun, so that a start reads the
unsealed files only. One process may write a file and nobody else may read it meanwhile: sealed files are attached
read-only, the live ones answer through this process (DESIGN section 5).
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import duckdb

from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError
from gateway.durable import replace_synced

Kind = Literal["live", "late"]
FORMAT = 1
NAMES = "segments.json"
HEAD_BYTES = 3 * 4096  # a shorter file never held anything
COLUMNS = "device, point, ts, value, quality, flags, received, seq"

_CREATE = """
CREATE TABLE {name}.reading (device INTEGER, point INTEGER, ts BIGINT, value DOUBLE, quality UTINYINT, flags UTINYINT,
                             received BIGINT, seq BIGINT);
CREATE TABLE {name}.meta (format INTEGER, kind VARCHAR, first BIGINT, last BIGINT, rows BIGINT, conflicts BIGINT);
CREATE TABLE {name}.newest (device INTEGER, point INTEGER, ts BIGINT, value DOUBLE, quality UTINYINT, flags UTINYINT,
                            received BIGINT);
CREATE TABLE {name}.progress (part INTEGER PRIMARY KEY, seq BIGINT);
INSERT INTO {name}.meta VALUES ({format}, '{kind}', NULL, NULL, 0, 0);
"""


@dataclass(frozen=True, slots=True)
class Segment:
    """State of an attached file. `first`, `last` µs (None while empty); `name` is its schema in SQL."""

    path: Path
    name: str
    kind: Kind
    sealed: bool
    first: int | None
    last: int | None
    rows: int
    conflicts: int

    def touches(self, start: int, end: int) -> bool:
        """True if it may hold a row with start <= at < end."""
        return self.first is not None and self.last is not None and self.first < end and self.last >= start


def attach(connection: duckdb.DuckDBPyConnection, path: Path, kind: Kind, *, sealed: bool) -> Segment:
    """Open (or create) the file; one whose creation was cut off is created again. Raises StoreError for a file of
    another format, or that cannot be opened."""
    name = f"s_{path.stem.replace('-', '_')}"
    if not sealed and _creation_was_cut(path):
        path.unlink()
    quoted = str(path).replace("'", "''")
    try:
        connection.execute(f"ATTACH '{quoted}' AS {name}" + (" (READ_ONLY)" if sealed else ""))
        tables = "SELECT count(*) FROM duckdb_tables() WHERE database_name = ?"
        if not sealed and connection.execute(tables, [name]).fetchall() == [(0,)]:
            create(connection, name, kind)
        row = connection.execute(f"SELECT format, kind, first, last, rows, conflicts FROM {name}.meta").fetchone()
    except duckdb.Error as error:
        locked = "lock on file" in str(error)
        key = "store.segment.locked" if locked else "store.segment.damaged"
        raise StoreError.of(key, path=path, what=reason(error)) from error
    if row is None or row[0] != FORMAT:
        raise StoreError.of("store.segment.damaged", path=path, what=f"not a segment of format {FORMAT}")
    return Segment(path, name, row[1], sealed, row[2], row[3], row[4], row[5])


def create(connection: duckdb.DuckDBPyConnection, name: str, kind: Kind) -> None:
    """Create the tables of an attached file that has none, in one transaction."""
    connection.execute("BEGIN")
    connection.execute(_CREATE.format(name=name, format=FORMAT, kind=kind))
    connection.execute("COMMIT")


def _creation_was_cut(path: Path) -> bool:
    """True if the creation of the file was cut off before anything was in it."""
    if not path.exists() or path.stat().st_size >= HEAD_BYTES or path.with_name(path.name + ".wal").exists():
        return False
    head = path.read_bytes()
    return head[8:12] == b"DUCK" or not any(head)


def segment_names(folder: Path) -> list[str]:
    """Names of the segments that must exist, by the list in the folder; [] when there is none. Raises StoreError."""
    try:
        return [str(name) for name in json.loads((folder / NAMES).read_text("utf-8"))["segments"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError.of("store.marker", path=folder / NAMES, error=reason(error)) from error


def write_names(folder: Path, names: Iterable[str]) -> None:
    """Write that list, synced. Raises OSError."""
    replace_synced(folder / NAMES, {"segments": sorted(names)})


def progress(connection: duckdb.DuckDBPyConnection, segment: Segment, partition: int) -> int:
    """The journal cursor of a segment: 0 when it has none of this partition."""
    row = connection.execute(f"SELECT seq FROM {segment.name}.progress WHERE part = ?", [partition]).fetchone()
    return int(row[0]) if row else 0


def insert(
    connection: duckdb.DuckDBPyConnection,
    segment: Segment,
    partition: int,
    seq: int,
    rows: dict[str, object],
    conflicts: int,
) -> Segment:
    """Rows and cursor in one transaction; returns the segment with its new bounds.

    `rows` are the columns of COLUMNS as arrays of one length; may be empty, then only the cursor moves.
    """
    at = rows["ts"]
    count = len(at)  # type: ignore[arg-type]
    connection.execute("BEGIN")
    try:
        if count:
            connection.execute(f"INSERT INTO {segment.name}.reading SELECT {COLUMNS} FROM rows")
            low, high = int(at.min()), int(at.max())  # type: ignore[attr-defined]
            segment = replace(
                segment,
                first=low if segment.first is None else min(low, segment.first),
                last=high if segment.last is None else max(high, segment.last),
                rows=segment.rows + count,
                conflicts=segment.conflicts + conflicts,
            )
            connection.execute(
                f"UPDATE {segment.name}.meta SET first = ?, last = ?, rows = ?, conflicts = ?",
                [segment.first, segment.last, segment.rows, segment.conflicts],
            )
        connection.execute(
            f"INSERT INTO {segment.name}.progress VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET seq = excluded.seq",
            [partition, seq],
        )
        connection.execute("COMMIT")
    except duckdb.Error:
        with suppress(duckdb.Error):  # what went wrong first is what counts
            connection.execute("ROLLBACK")
        raise
    return segment
