"""Files of the series store: checks, salvage of a damaged one, and a cursor to replay from."""

from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb

from gateway.adapter_ports import LOCKED
from gateway.domain.reading import Flag
from gateway.durable import move_aside
from sinks.series.duckdb.segment import COLUMNS, Kind, attach, segment_names, write_names
from sinks.series.duckdb.short_retention import DONE

GROUP: Final = 122_880
"""Rows of one row group of DuckDB: the loss from one damaged block."""
_KEPT = "device, point, ts, value, quality, flags, received"


def damage(path: Path) -> str:
    """Read every block; returns the damage, "" = none, "locked" = a running gateway has the file open."""
    name = str(path).replace("'", "''")
    try:
        with closing(duckdb.connect(":memory:")) as db:
            db.execute(f"ATTACH '{name}' AS it (READ_ONLY)")
            db.execute(f"SELECT bit_xor(hash({COLUMNS})) FROM it.reading").fetchall()
            for table in ("meta", "newest", "progress"):
                db.execute(f"SELECT * FROM it.{table}").fetchall()
    except duckdb.Error as error:
        message = " ".join(str(error).split())
        return LOCKED if "Could not set lock on file" in message else message
    return ""


def listed(folder: Path) -> list[str]:
    """Segments that are in the list and missing in the folder."""
    return sorted(name for name in segment_names(folder) if not (folder / f"{name}.duckdb").exists())


def finish(folder: Path) -> None:
    """Complete a recovery that was cut off: move finished files into place."""
    for path in sorted((folder / "recovering").glob("*.duckdb")):
        if not (folder / path.name).exists() and not damage(path):
            path.rename(folder / path.name)


def replace(path: Path) -> tuple[Path, int, int]:
    """Move a damaged file aside and replace it with its readable rows: (the file aside, rows kept, rows lost; -1 =
    unknown). Without readable rows there is no new file."""
    fresh = path.parent / "recovering" / path.name
    fresh.parent.mkdir(exist_ok=True)
    for left in fresh.parent.glob(path.name + "*"):
        left.unlink()
    kind: Kind = "late" if path.stem.startswith("late") else "live"
    kept, lost = _salvage(path, fresh, kind)
    aside = move_aside(path, ".wal")
    (path.parent / DONE).unlink(missing_ok=True)  # what was saved may hold again what had expired
    if kept:
        fresh.rename(path)
    else:
        fresh.unlink(missing_ok=True)
    with suppress(OSError):
        fresh.parent.rmdir()
    return aside, kept, lost


def _salvage(path: Path, fresh: Path, kind: Kind) -> tuple[int, int]:
    expected = _rows(path)
    if expected is None:
        return 0, -1
    with closing(duckdb.connect(":memory:")) as db:
        made = attach(db, fresh, kind, sealed=False)
        kept = 0
        for start in range(0, expected, GROUP):
            rows = _group(path, start)
            if rows is not None:
                db.execute(f"INSERT INTO {made.name}.reading SELECT {COLUMNS} FROM rows")
                kept += len(rows["ts"])  # type: ignore[arg-type]
        newest = "row_number() OVER (PARTITION BY device, point ORDER BY ts DESC, seq DESC) = 1"
        db.execute(f"INSERT INTO {made.name}.newest SELECT {_KEPT} FROM {made.name}.reading QUALIFY {newest}")
        db.execute(
            f"UPDATE {made.name}.meta SET first = (SELECT min(ts) FROM {made.name}.reading),"
            f" last = (SELECT max(ts) FROM {made.name}.reading), rows = ?,"
            f" conflicts = (SELECT count(*) FROM {made.name}.reading WHERE flags & {int(Flag.CONFLICT)} > 0)",
            [kept],
        )
        db.execute(f"CHECKPOINT {made.name}")
    return kept, max(0, expected - kept)


def _rows(path: Path) -> int | None:
    """Number of rows by the file's own metadata; None when nothing can be read."""
    name = str(path).replace("'", "''")
    with suppress(duckdb.Error), closing(duckdb.connect(":memory:")) as db:
        db.execute(f"ATTACH '{name}' AS it (READ_ONLY)")
        row = db.execute("SELECT max(rowid) FROM it.reading").fetchone()
        return int(row[0]) + 1 if row and row[0] is not None else 0
    return None


def _group(path: Path, start: int) -> dict[str, object] | None:
    """One row group as columns; None if it is damaged, and its connection must not be used again."""
    name = str(path).replace("'", "''")
    with suppress(duckdb.Error), closing(duckdb.connect(":memory:")) as db:
        db.execute(f"ATTACH '{name}' AS it (READ_ONLY)")
        found: dict[str, object] = db.execute(
            f"SELECT {COLUMNS} FROM it.reading WHERE rowid >= {start} AND rowid < {start + GROUP}"
        ).fetchnumpy()
        return found
    return None


def rewind(folder: Path, partition: int, seq: int) -> None:
    """Let the next start store the readings after `seq` again; rows that are present stay."""
    paths = sorted(folder.glob("*.duckdb"))
    if not any(path.stem.startswith("live") for path in paths):
        paths.append(folder / f"live-{datetime.now(UTC):%Y%m%d}.duckdb")
    newest = max(path.stem for path in paths if path.stem.startswith("live"))
    with closing(duckdb.connect(":memory:")) as db:
        for path in paths:
            segment = attach(db, path, "late" if path.stem.startswith("late") else "live", sealed=False)
            least = f"UPDATE {segment.name}.progress SET seq = least(seq, ?) WHERE part = ?"
            db.execute(least, [seq, partition])
            if path.stem == newest:
                here = "VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET seq = excluded.seq"
                db.execute(f"INSERT INTO {segment.name}.progress {here}", [partition, seq])
            db.execute(f"CHECKPOINT {segment.name}")
            db.execute(f"DETACH {segment.name}")
    write_names(folder, [path.stem for path in paths])


def cursor(folder: Path, partition: int) -> int:
    """The highest sequence number that an intact file has as stored."""
    found = 0
    for path in folder.glob("live*.duckdb"):
        name = str(path).replace("'", "''")
        with suppress(duckdb.Error), closing(duckdb.connect(":memory:")) as db:
            db.execute(f"ATTACH '{name}' AS it (READ_ONLY)")
            row = db.execute("SELECT seq FROM it.progress WHERE part = ?", [partition]).fetchone()
            found = max(found, int(row[0]) if row else 0)
    return found
