"""Opens the journal file: checks the newest part, and recovers intact records of a damaged file.

A torn write is no damage: SQLite drops the unfinished end of its log, and nothing in it was acknowledged (every commit
is synced before its acknowledgement). Damage is: pages or rows that do not match their checksums, numbers
missing in between, a file that ends before what its consumers have taken. Then the journal refuses to start. With
`recover` the damaged file is moved aside and its intact records are copied; numbers that are gone are listed as lost,
and numbering goes on well above everything anyone may have seen: a number must never mean two records.
"""

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pysqlite3 import dbapi2 as sqlite

from gateway.domain.duration import to_us
from gateway.domain.error_reasons import library_text, reason
from gateway.domain.errors import InvariantBroken, StoreError, StoreUnavailable
from gateway.domain.record import RecordKind
from gateway.journal.journal_file import stored_state
from gateway.journal.reader import JournalReader
from gateway.journal.retention import JournalState
from gateway.journal.schema import (
    INSERT_RECORD,
    Connection,
    check_identity,
    check_version,
    connect_reader,
    connect_writer,
    create,
    is_damage,
    is_intact,
    meta,
    sync_folder,
)

TAIL_ROWS: Final = 256
TAIL_BYTES: Final = 8 * 1024 * 1024
RECOVERY_SKIP: Final = 1_000_000
BAD_IN_A_ROW: Final = 64
COLUMNS: Final = "SELECT seq, kind, at, crc, body, ident FROM record "

_Row = tuple[int, int, int, int, bytes, int | None]


def open_file(path: Path, partition: int, *, recover: bool, consumed: int) -> tuple[Connection, JournalState]:
    """The writing connection and the state of the file; a missing file is created.

    `consumed` is the highest sequence number any consumer has taken. Raises StoreError (see the module's text).
    """
    check_version()
    if not path.exists() and _recovery_file(path).exists():
        _recovery_file(path).rename(path)  # a recovery was cut off in its last step
    try:
        what = _damage(path, partition)
        if recover and not what:
            what = _hidden_damage(path, partition)
        if what and not recover:
            raise StoreError.of("journal.damaged", path=path, what=library_text(what))
        if what:
            _salvage(path, partition, consumed)
        db = connect_writer(path)
        if not check_identity(db, path, partition):
            create(db, partition)
            sync_folder(path)
        state = stored_state(db)
        if state.head < consumed:
            if not recover:
                db.close()
                raise StoreError.of("journal.behind", path=path, head=state.head, consumed=consumed)
            _skip(db, state, consumed + RECOVERY_SKIP)
    except (sqlite.Error, OSError) as error:
        raise StoreUnavailable.of("journal.failing", path=path, what=reason(error)) from error
    return db, state


def _recovery_file(path: Path) -> Path:
    return path.with_name(path.name + ".recovering")


def _damage(path: Path, partition: int) -> str:
    """The damage in the newest part of the file; "" = none. Changes nothing: a foreign file stays as it is."""
    if not path.exists() or not path.stat().st_size:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o640))
        return ""
    try:
        with closing(connect_reader(path)) as db:
            return _tail_damage(db) if check_identity(db, path, partition) else ""
    except sqlite.Error as error:
        if not is_damage(error):
            raise
        return str(error)


def _hidden_damage(path: Path, partition: int) -> str:
    """The damage in the whole file; "" = none."""
    if not path.stat().st_size:
        return ""
    try:
        with closing(JournalReader(path, partition)) as reader:
            return "; ".join(reader.check())
    except InvariantBroken as error:
        return str(error)


def _tail_damage(db: Connection) -> str:
    for row, packets, digests in db.execute("SELECT id, packets, digests FROM receipt"):
        if not isinstance(packets, bytes) or not isinstance(digests, bytes) or len(packets) * 4 != len(digests):
            return f"receipt {row} is cut short"
    state, size, expected = stored_state(db), 0, 0
    lost = db.execute("SELECT first, last FROM lost").fetchall()
    query = COLUMNS + "WHERE seq > ? ORDER BY seq DESC LIMIT ?"
    for seq, kind, at, crc, body, _ in db.execute(query, (state.floor, TAIL_ROWS)):
        if not is_intact(seq, kind, at, crc, body):
            return f"record {seq} has a wrong checksum"
        if expected and seq != expected and not any(first <= expected <= last for first, last in lost):
            return f"record {expected} is missing after {seq}"
        expected = seq - 1
        size += len(body)
        if size >= TAIL_BYTES:
            break
    return ""


def _salvage(path: Path, partition: int, consumed: int) -> None:
    """Copy the intact records into a new file, list the lost ones, skip ahead; then exchange the files."""
    fresh = _recovery_file(path)
    for suffix in ("", "-wal", "-shm"):
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT, 0o640))
    with closing(connect_writer(fresh)) as db:
        create(db, partition)
        _fill_to_header_size(path)
        if _has_records(path):
            with closing(connect_reader(path)) as old:
                _copy(old, db)
        state = stored_state(db)
        _skip(db, state, max(state.head, consumed) + RECOVERY_SKIP)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    for suffix in ("-wal", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    fresh.rename(path)
    sync_folder(path)


def _fill_to_header_size(path: Path) -> None:
    """Extend a file that is shorter than the size in its header with zeros (a hole): else SQLite reads nothing of
    it."""
    with path.open("r+b") as file:
        head = file.read(32)
        page = int.from_bytes(head[16:18], "big") if head[:16] == b"SQLite format 3\0" else 0
        size = (65536 if page == 1 else page) * int.from_bytes(head[28:32], "big")
        if path.stat().st_size < size:
            file.truncate(size)


def _has_records(path: Path) -> bool:
    """True when the file is a database with table `record`."""
    try:
        with closing(connect_reader(path)) as db:
            db.execute("SELECT seq FROM record LIMIT 1").fetchone()
    except sqlite.Error:
        return False
    return True


def _copy(old: Connection, new: Connection) -> None:
    """Rows with the right checksum; the numbers between them become lost ranges; leases and receipts as they are.

    One transaction: a recovery is whole or has not begun.
    """
    floor = raw = 0
    with suppress(sqlite.Error):
        floor = meta(old, "floor")
    new.execute("BEGIN IMMEDIATE")
    seqs: list[int] = []
    for seq, kind, at, crc, body, ident in _intact(old):
        new.execute(INSERT_RECORD, (seq, kind, at, crc, ident, body))
        raw += len(body) if kind == RecordKind.RAW else 0
        seqs.append(seq)
    for table, columns in (("lease", 4), ("receipt WHERE length(packets) * 4 = length(digests)", 5), ("lost", 3)):
        rows = []
        with suppress(sqlite.Error):
            rows = old.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - names of ours
        new.executemany(f"INSERT OR IGNORE INTO {table.split()[0]} VALUES ({', '.join('?' * columns)})", rows)  # noqa: S608
    expected = floor + 1
    for seq in sorted(seqs):
        if seq > expected:
            _record_lost(new, expected, seq - 1)
        expected = max(expected, seq + 1)
    new.executemany("UPDATE meta SET value = ? WHERE key = ?", [(floor, "floor"), (raw, "raw_bytes")])
    new.execute("COMMIT")


def _intact(db: Connection) -> Iterator[_Row]:
    """Rows that can be read and whose checksum is right: from the front until the pages end, then from the back."""
    seen = 0
    for row in _readable_rows(db, COLUMNS + "WHERE seq > ? ORDER BY seq LIMIT 1", 0, 1):
        if is_intact(*row[:5]):
            seen = row[0]
            yield row
    for row in _readable_rows(db, COLUMNS + "WHERE seq < ? ORDER BY seq DESC LIMIT 1", 2**62, -1):
        if row[0] <= seen:
            return
        if is_intact(*row[:5]):
            yield row


def _readable_rows(db: Connection, query: str, place: int, step: int) -> Iterator[_Row]:
    """Row by row; a row that cannot be read is stepped over. Ends when too many in a row cannot."""
    errors = 0
    while errors < BAD_IN_A_ROW:
        try:
            row = db.execute(query, (place,)).fetchone()
        except sqlite.Error:
            place += step
            errors += 1
            continue
        if row is None:
            return
        if (row[0] - place) * step <= 0:  # a damaged tree may answer anything; we only go on
            place += step
            errors += 1
            continue
        errors, place = 0, row[0]
        yield row


def _record_lost(db: Connection, first: int, last: int) -> None:
    now = to_us(datetime.now(UTC))
    db.execute("INSERT OR REPLACE INTO lost (first, last, at) VALUES (?, ?, ?)", (first, last, now))


def _skip(db: Connection, state: JournalState, head: int) -> None:
    """Continue numbering after `head`."""
    _record_lost(db, state.head + 1, head)
    state.head = head
