"""Reading the journal: own connections that cannot write; also from another process while the gateway runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Final

from pysqlite3 import dbapi2 as sqlite

from gateway.domain.errors import InvariantBroken, StoreError, StoreUnavailable
from gateway.domain.record import Raw, Record, RecordKind
from gateway.journal.schema import (
    Connection,
    check_identity,
    check_version,
    connect_reader,
    is_damage,
    is_intact,
    meta,
    open_body,
)

READ_BYTES: Final = 16 * 1024 * 1024
"""Bytes of bodies after which a read returns fewer records than requested."""
CHECK_PROBLEMS: Final = 20
COLUMNS: Final = "SELECT seq, kind, at, crc, body FROM record "
_Row = tuple[int, int, int, int, bytes]


class JournalReader:
    """Blocking reads of one journal file. Any thread; each call takes a connection of its own.

    `partition`: the one that must be in it, None = whichever it holds.
    """

    def __init__(self, path: Path, partition: int | None = None) -> None:
        check_version()
        self._path = path
        self._lock = Lock()
        self._idle: list[Connection] = []
        self._closed = False
        with self._connection() as db:
            if not check_identity(db, path, partition):
                raise StoreError.of("journal.foreign", path=path)
            self.partition = meta(db, "partition")

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection inside one read transaction; SQLite's errors become StoreErrors."""
        with self._lock:
            if self._closed:
                raise StoreUnavailable.of("journal.closed", path=self._path)
            db = self._idle.pop() if self._idle else None
        try:
            if db is None:
                db = connect_reader(self._path)
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")
        except sqlite.Error as error:
            if db is not None:
                db.close()
            if is_damage(error):
                raise InvariantBroken(f"journal {self._path}: {error}") from error
            raise StoreUnavailable.of("journal.failing", path=self._path, what=error) from error
        except BaseException:
            self._return_connection(db)
            raise
        self._return_connection(db)

    def _return_connection(self, db: Connection | None) -> None:
        with self._lock:
            if db is not None and not self._closed and len(self._idle) < 4:
                self._idle.append(db)
                return
        if db is not None:
            db.close()

    def read(self, partition: int, after: int, limit: int) -> Sequence[Record]:
        """Implements PartitionedLog.read: records after `after`, in order, gap- and checksum-checked; fewer when
        they are big."""
        self.check_partition(partition)
        with self._connection() as db:
            floor = meta(db, "floor")
            if after < floor:
                raise StoreError.of("journal.gone", floor=floor, after=after)
            out: list[Record] = []
            size, expected = 0, after + 1
            for row in db.execute(COLUMNS + "WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)):
                if row[0] != expected and not self._lost(db, expected, row[0] - 1):
                    raise InvariantBroken(f"journal {self._path}: record {expected} is missing before {row[0]}")
                out.append(self._record(row))
                expected = row[0] + 1
                size += len(row[4])
                if size >= READ_BYTES:
                    break
        return out

    def _lost(self, db: Connection, first: int, last: int) -> bool:
        """True when a recovery listed all of [first, last] as lost."""
        while first <= last:
            row = db.execute("SELECT max(last) FROM lost WHERE first <= ? AND last >= ?", (first, first)).fetchone()
            if row[0] is None:
                return False
            first = row[0] + 1
        return True

    def _record(self, row: _Row) -> Record:
        seq, kind, at, crc, body = row
        if not is_intact(seq, kind, at, crc, body):
            raise InvariantBroken(f"journal {self._path}: record {seq} has a wrong checksum")
        return Record(seq, at, open_body(seq, kind, at, body))

    def floor(self) -> int:
        """The newest sequence number below which records may be gone."""
        with self._connection() as db:
            return meta(db, "floor")

    def last(self, partition: int, kind: RecordKind | None = None) -> Record | None:
        """The newest record of a kind (of any kind when None); None when there is none."""
        self.check_partition(partition)
        with self._connection() as db:
            if kind is None:
                row = db.execute(COLUMNS + "ORDER BY seq DESC LIMIT 1").fetchone()
            elif kind is RecordKind.BATCH:
                row = db.execute(COLUMNS + "WHERE kind = 1 ORDER BY seq DESC LIMIT 1").fetchone()
            else:
                row = db.execute(COLUMNS + "WHERE kind = ? AND kind <> 1 ORDER BY seq DESC LIMIT 1", (kind,)).fetchone()
        return self._record(row) if row else None

    def kept(self, kind: RecordKind, after: int, limit: int) -> Sequence[Record]:
        """Records of one kind after `after`, in order, also below what retention kept whole: facts and definitions."""
        query = COLUMNS + "WHERE kind = ? AND kind <> 1 AND seq > ? ORDER BY seq LIMIT ?"
        with self._connection() as db:
            return [self._record(row) for row in db.execute(query, (kind, after, limit))]

    def dead_letters(self, limit: int, before_seq: int | None = None, tenant: str = "") -> list[Record]:
        """Dead letters that still have their content, newest first, below `before_seq`; of one tenant when it is named,
        with those of the first release, which have no tenant."""
        query = COLUMNS + "WHERE kind = 6 AND kind <> 1 AND seq < ? AND seq > ? AND length(body) > 0 ORDER BY seq DESC"
        with self._connection() as db:
            before = before_seq if before_seq is not None else 2**63 - 1
            records = map(self._record, db.execute(query, (before, meta(db, "raw_floor"))))
            mine = (r for r in records if not tenant or (isinstance(r.body, Raw) and r.body.tenant in {"", tenant}))
            return list(islice(mine, limit))

    def epoch(self) -> tuple[int, str]:
        """(epoch, owner) of the last lease; (0, "") when there was none."""
        with self._connection() as db:
            row = db.execute("SELECT epoch, owner FROM lease WHERE partition = ?", (self.partition,)).fetchone()
        return (int(row[0]), str(row[1])) if row else (0, "")

    def lost(self) -> list[tuple[int, int]]:
        """Ranges of numbers [first, last] that a recovery declared lost and retention has not passed."""
        with self._connection() as db:
            return [(int(a), int(b)) for a, b in db.execute("SELECT first, last FROM lost ORDER BY first")]

    def check(self) -> list[str]:
        """Read the whole file; returns its damage as texts, [] = none. Takes a while."""
        with self._connection() as db:
            found = [str(row[0]) for row in db.execute("PRAGMA quick_check(20)") if row[0] != "ok"]
        expected, more = 1, True
        while more and len(found) < CHECK_PROBLEMS:
            with self._connection() as db:  # one short transaction per step: the log can start anew in between
                before = expected
                expected = self._check_some(db, expected, found)
                more = expected != before
        return found

    def _check_some(self, db: Connection, expected: int, found: list[str]) -> int:
        floor = meta(db, "floor")
        for seq, kind, at, crc, body in db.execute(COLUMNS + "WHERE seq >= ? ORDER BY seq LIMIT 500", (expected,)):
            if not is_intact(seq, kind, at, crc, body):
                found.append(f"record {seq} has a wrong checksum")
            expected = max(expected, floor + 1)
            if seq > expected and not self._lost(db, expected, seq - 1):
                found.append(f"record {expected} is missing before {seq}")
            expected = seq + 1
        return expected

    def check_partition(self, partition: int) -> None:
        """Raises StoreError when this file holds another one."""
        if partition != self.partition:
            raise StoreError.of("journal.wrong_partition", found=self.partition, wanted=partition)

    def close(self) -> None:
        """Close all connections; later calls raise StoreUnavailable."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()
