"""The file: tables, checksums, connections, and the meaning of SQLite's errors.

One row per record. `crc` covers seq, kind, at and body. `ident` names what a definition defines, so that superseded
ones are found. Rows (floor, head] are dense except for the ranges in `lost`, which only a recovery writes.
"""

import os
import secrets
import struct
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from pysqlite3 import dbapi2 as sqlite

from gateway.domain.errors import StoreError
from gateway.domain.record import Body, DeviceDefined, PointDefined, Raw, RecordKind, decode_body

Connection = Any
"""pysqlite3 ships no types."""

OLDEST_SQLITE: Final = (3, 51, 3)
"""Older ones can corrupt the write-ahead log (sqlite.org/wal.html#walresetbug)."""
APPLICATION: Final = 0x46474A4C  # "FGJL"
FORMAT: Final = 1
PAGE: Final = 8192

PRAGMAS: Final = (
    f"page_size={PAGE}",
    "auto_vacuum=INCREMENTAL",
    "journal_mode=WAL",
    "synchronous=FULL",
    "wal_autocheckpoint=0",
    "journal_size_limit=67108864",
    "cache_size=-8192",
    "trusted_schema=OFF",
)
TABLES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    (
        "CREATE TABLE record (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, at INTEGER NOT NULL,"
        " crc INTEGER NOT NULL, ident INTEGER, body BLOB NOT NULL) STRICT"
    ),
    "CREATE INDEX record_kind ON record (kind) WHERE kind <> 1",  # not for batches: they are the many
    "CREATE INDEX record_ident ON record (ident) WHERE ident IS NOT NULL",
    (
        "CREATE TABLE receipt (id INTEGER PRIMARY KEY, session TEXT NOT NULL, at INTEGER NOT NULL,"
        " packets BLOB NOT NULL, digests BLOB NOT NULL) STRICT"
    ),
    "CREATE TABLE lost (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, at INTEGER NOT NULL) STRICT",
    (
        "CREATE TABLE lease (partition INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT NOT NULL,"
        " at INTEGER NOT NULL) STRICT"
    ),
)

INSERT_RECORD: Final = "INSERT INTO record (seq, kind, at, crc, ident, body) VALUES (?, ?, ?, ?, ?, ?)"

_HEAD = struct.Struct("<qqB")
_CORRUPT, _FULL, _NOTADB, _IOERR = 11, 13, 26, 10
NO_SPACE: Final = 1024 * 1024
"""Free bytes below which an I/O error counts as a full disk (growing the shared index file raises one)."""


def seal(seq: int, kind: int, at: int, body: bytes) -> int:
    """The checksum of a row."""
    return crc32(body, crc32(_HEAD.pack(seq, at, kind)))


def is_intact(seq: int, kind: int, at: int, crc: int, body: bytes) -> bool:
    """True when the checksum of the row is right. A damaged page may yield anything, also NULL."""
    try:
        return seal(seq, kind, at, body) == crc
    except (struct.error, TypeError):
        return False


def ident_of(body: Body) -> int | None:
    """Number of the device or point of a definition; None for other records."""
    if isinstance(body, DeviceDefined):
        return body.id * 2
    if isinstance(body, PointDefined):
        return body.point.id * 2 + 1
    return None


def open_body(seq: int, kind: int, at: int, blob: bytes) -> Body:
    """Decode a row's body; an empty one is a dead letter that lost its content. Raises StoreError."""
    if not blob and kind == RecordKind.RAW:
        return Raw("", "", "expired", b"", at)
    try:
        return decode_body(kind, blob)
    except ValueError as error:
        raise StoreError.of("journal.newer_record", seq=seq) from error


def check_version() -> None:
    """Raises StoreError when the installed SQLite is not safe."""
    if sqlite.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError.of("journal.sqlite_old", found=sqlite.sqlite_version, needed=needed)


def connect_writer(path: Path) -> Connection:
    """The one connection that writes and checkpoints. Every commit is synced; no other connection checkpoints."""
    db = sqlite.connect(str(path), isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        for setting in PRAGMAS:
            db.execute(f"PRAGMA {setting}").fetchall()
    except sqlite.Error:
        db.close()
        raise
    return db


def connect_reader(path: Path) -> Connection:
    """A connection that cannot write, nor checkpoint."""
    db = sqlite.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA query_only=1").fetchall()
    return db


def create(db: Connection, partition: int) -> None:
    """The tables of a new file, in one transaction."""
    db.execute("BEGIN IMMEDIATE")
    for statement in TABLES:
        db.execute(statement)
    rows = [("partition", partition), ("floor", 0), ("raw_bytes", 0), ("raw_floor", 0), ("identity", new_identity())]
    db.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", rows)
    db.execute(f"PRAGMA application_id={APPLICATION}").fetchall()
    db.execute(f"PRAGMA user_version={FORMAT}").fetchall()
    db.execute("COMMIT")


def new_identity() -> int:
    """A random number that identifies a file."""
    return secrets.randbelow(2**62) + 1


def identity(db: Connection) -> int:
    """Identity of the file; created now for a file of an older release."""
    row = (new_identity(),)
    db.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('identity', ?)", row)
    return meta(db, "identity")


def check_identity(db: Connection, path: Path, partition: int | None) -> bool:
    """True when the file belongs to this program and partition (None = any), False when it is empty. Raises
    StoreError for another file."""
    application, version = pragma(db, "application_id"), pragma(db, "user_version")
    if application != APPLICATION:
        if application == 0 and db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
            return False
        raise StoreError.of("journal.foreign", path=path)
    if version > FORMAT:
        raise StoreError.of("journal.newer", path=path, found=version, known=FORMAT)
    found = meta(db, "partition")
    if partition is not None and found != partition:
        raise StoreError.of("journal.other_partition", path=path, found=found, wanted=partition)
    return True


def pragma(db: Connection, name: str) -> int:
    """An integer PRAGMA."""
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def meta(db: Connection, key: str) -> int:
    """A number of the file. Raises sqlite.DatabaseError (damage) when it is missing."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    if row is None or not isinstance(row[0], int):
        error = sqlite.DatabaseError(f"{key} is missing")
        error.sqlite_errorcode = _CORRUPT
        raise error
    return row[0]


def is_full(error: sqlite.Error, path: Path) -> bool:
    """True when the disk (or the page limit) is full."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code == _FULL or (code == _IOERR and free_space(path) < NO_SPACE)


def is_damage(error: sqlite.Error) -> bool:
    """True for an error that means a damaged file."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {_CORRUPT, _NOTADB}


def free_space(path: Path) -> int:
    """Bytes that an ordinary user may still write on the disk of `path`."""
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize


def sync_folder(path: Path) -> None:
    """Make the names in the folder of `path` durable."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
