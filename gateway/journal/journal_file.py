"""The journal file as its one writer sees it: blocking, one thread, one transaction per group of appends."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pysqlite3 import dbapi2 as sqlite

from gateway.domain.errors import InvariantBroken, StoreFull, StoreUnavailable
from gateway.domain.record import Receipts, RecordKind
from gateway.journal.config import JournalConfig
from gateway.journal.receipts import InMemoryReceipts, ReceiptPlan, ReceiptRows
from gateway.journal.reserved_space import ReservedSpace
from gateway.journal.retention import ROW_BYTES, JournalState, Trimmed, expire_raw, trim
from gateway.journal.schema import (
    INSERT_RECORD,
    PAGE,
    Connection,
    connect_writer,
    free_space,
    is_full,
    meta,
    pragma,
    seal,
)

Row = tuple[int, int | None, bytes]
"""kind, ident, body"""

CHECKPOINT_LEAST: Final = 1024 * 1024
CHECKPOINT_MOST: Final = 16 * 1024 * 1024
LONG_LOG: Final = 4
"""Multiple of the planned length above which the log is long enough that readers must wait."""
VACUUM_SPARE: Final = 16 * 1024 * 1024
VACUUM_STEP: Final = 1024
STEPS_PER_COMMIT: Final = 4
COMMIT_BYTES: Final = 2 * PAGE
"""Approximate bytes a commit adds to the log besides the bodies."""
META: Final = ("floor", "raw_bytes", "raw_floor")


@dataclass(frozen=True, slots=True)
class EncodedAppend:
    """One append, encoded. `refusable`: it holds batches or dead letters, so it waits upstream while there is no room.

    `size` is about what it takes in the file.
    """

    rows: tuple[Row, ...]
    at: int
    receipts: tuple[Receipts, ...]
    refusable: bool
    size: int


@dataclass(slots=True)
class Counters:
    """Since the start of the process."""

    commits: int = 0
    fsyncs: int = 0
    deleted: int = 0
    expired: int = 0
    refused: int = 0
    failed: int = 0


class JournalFile:
    """Owns the writing connection. `released` is set from outside: what every consumer has passed."""

    def __init__(
        self,
        path: Path,
        config: JournalConfig,
        db: Connection,
        state: JournalState,
        ledger: InMemoryReceipts,
        reserved_space: ReservedSpace,
    ) -> None:
        self.path, self._config, self._ledger = path, config, ledger
        self._db: Connection | None = db
        self.state = state
        self.released = 0
        self.counters = Counters()
        self.reserved_space = reserved_space
        self._receipts = ReceiptRows(config.receipts)
        self._receipts.load(db, ledger, state.head_at - config.max_age)
        # The log is copied into the file after about this much; on a full disk that must fit into the ballast.
        self._log_bytes = min(max(CHECKPOINT_LEAST, config.ballast // 2), CHECKPOINT_MOST)
        self._unchecked = self._log_bytes  # the log left by the last process counts as due
        self._refused = False
        self.file_bytes, self.used_bytes = self._measure(db)
        reserved_space.take()
        self.limit = config.max_bytes

    def write(self, entries: Sequence[EncodedAppend]) -> list[int | None]:
        """Commit a group. Returns per entry the seq before its first record, or None: refused, there is no room.

        Raises StoreFull when the disk takes nothing at all, StoreUnavailable when it fails; then nothing was kept.
        """
        db, need = self._ready(), sum(entry.size for entry in entries)
        try:
            return self._write(db, entries, need, may_grow=True)
        except sqlite.Error as error:
            self._undo(db, error)
        # The disk is full: make room inside the file, then take what fits there.
        try:
            self._emergency(db, need)
            return self._write(db, entries, need, may_grow=False)
        except sqlite.Error as error:
            self._undo(db, error)
            self.counters.refused += len(entries)
            raise StoreFull.of("journal.disk_full", path=self.path) from error

    def _undo(self, db: Connection, error: sqlite.Error) -> None:
        """Roll back. Raises StoreUnavailable unless the disk is full: after any other error the file is opened anew."""
        with suppress(sqlite.Error):
            if db.in_transaction:
                db.execute("ROLLBACK")
        if not is_full(error, self.path):
            self.counters.failed += 1
            self._db = None
            with suppress(sqlite.Error):
                db.close()
            raise StoreUnavailable.of("journal.failing", path=self.path, what=error) from error

    def _ready(self) -> Connection:
        """The connection; after a failure a new one.

        A failed commit may be in the log, valid but unsynced, and later commits would depend on it. So the whole log
        goes into the file (synced) first, and records that were not acknowledged are deleted.
        """
        if self._db is None:
            try:
                db = connect_writer(self.path)
                busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if busy:
                    raise sqlite.OperationalError("a reader holds the log")
                self._take_back(db)
                state = stored_state(db)
            except sqlite.Error as error:
                self.counters.failed += 1
                raise StoreUnavailable.of("journal.failing", path=self.path, what=error) from error
            if state.head != self.state.head:
                raise InvariantBroken(
                    f"journal {self.path}: record {self.state.head} was on disk, now {state.head} is last"
                )
            self._db, self.state = db, state
        return self._db

    def _take_back(self, db: Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM record WHERE seq > ?", (self.state.head,))
        db.execute("DELETE FROM receipt WHERE id >= ?", (self._receipts.next_id,))
        db.execute(
            "UPDATE meta SET value = (SELECT coalesce(sum(length(body)), 0) FROM record WHERE kind = 6 AND kind <> 1)"
            " WHERE key = 'raw_bytes'"
        )
        db.execute("COMMIT")

    def _write(
        self, db: Connection, entries: Sequence[EncodedAppend], need: int, *, may_grow: bool
    ) -> list[int | None]:
        config, state = self._config, replace(self.state)
        db.execute("BEGIN IMMEDIATE")
        limit = self.limit = self._limit(need if may_grow else None)
        trimmed = self._make_room(db, state, limit, need)
        used = self._measure(db)[1]
        firsts: list[int | None] = []
        rows: list[tuple[int, int, int, int, int | None, bytes]] = []
        receipts: list[Receipts] = []
        for entry in entries:
            if entry.refusable and used + entry.size > limit:
                firsts.append(None)
                continue
            used += entry.size
            firsts.append(state.head)
            receipts.extend(entry.receipts)
            state.head_at = entry.at  # earlier than before when the clock was set back
            for kind, ident, body in entry.rows:
                state.head += 1
                state.tick = state.head if kind == RecordKind.TICK else state.tick
                state.raw_bytes += len(body) if kind == RecordKind.RAW else 0
                rows.append((state.head, kind, entry.at, seal(state.head, kind, entry.at, body), ident, body))
        db.executemany(INSERT_RECORD, rows)
        plan = self._receipts.write(db, receipts, state.head_at)
        expired = expire_raw(db, state, config.raw_max_bytes)
        self._write_meta(db, state)
        measured = self._measure(db)
        db.execute("COMMIT")
        self._committed(state, plan, trimmed, measured)
        self.counters.expired += expired
        self._refused = None in firsts
        self.counters.refused += firsts.count(None)
        self._unchecked += COMMIT_BYTES + sum(len(row[5]) for row in rows) + trimmed.rows * ROW_BYTES
        return firsts

    def _committed(self, state: JournalState, plan: ReceiptPlan, trimmed: Trimmed, measured: tuple[int, int]) -> None:
        self.state = state
        self._receipts.committed(plan)
        for chunk in plan.chunks:
            self._ledger.add(*chunk)
        self.counters.commits += 1
        self.counters.fsyncs += 1
        self.counters.deleted += trimmed.rows
        self.file_bytes, self.used_bytes = measured

    def _limit(self, need: int | None) -> int:
        """Bytes of pages that may be in use: the configured bound, and what the disk holds (None: no growth).

        Pages may still be in the log only, and the file may have holes: what counts is the room it really takes. The
        disk must also hold `need` in the log, and keeps its last `free_space_floor` bytes.
        """
        growth = 0 if need is None else free_space(self.path) - self._config.free_space_floor - need
        return min(self._config.max_bytes, self.path.stat().st_blocks * 512 + max(0, growth))

    def disk_bound(self) -> tuple[int, int] | None:
        """(bytes free, floor) when it is the disk that bounds the file, not `max_bytes`."""
        if self.limit >= self._config.max_bytes:
            return None
        return free_space(self.path), self._config.free_space_floor

    def _make_room(self, db: Connection, state: JournalState, limit: int, need: int) -> Trimmed:
        before, rows, freed = state.head_at - self._config.max_age, 0, 0
        for _ in range(STEPS_PER_COMMIT):
            want = self._measure(db)[1] + need - limit
            step = trim(db, state, self.released, want=max(0, want), before=before)
            rows, freed = rows + step.rows, freed + step.bytes
            if want <= 0 or not step.rows:  # measured, not believed: pages are not freed by the byte
                break
        return Trimmed(rows, freed)

    def _emergency(self, db: Connection, need: int) -> None:
        """On a full disk: free the ballast, reuse the log from its start, delete what may be deleted."""
        self.reserved_space.release()
        with suppress(sqlite.OperationalError):  # not even that fits: the log may grow into what the ballast gave
            self._checkpoint(db)
        db.execute("BEGIN IMMEDIATE")
        state = replace(self.state)
        trimmed = trim(db, state, self.released, want=2 * need, before=state.head_at - self._config.max_age)
        self._write_meta(db, state)
        measured = self._measure(db)
        db.execute("COMMIT")
        self._committed(state, ReceiptPlan(), trimmed, measured)

    @staticmethod
    def _measure(db: Connection) -> tuple[int, int]:
        """(size of the file, size of its pages in use), bytes, as of this transaction."""
        pages, free, size = pragma(db, "page_count"), pragma(db, "freelist_count"), pragma(db, "page_size")
        return pages * size, (pages - free) * size

    def _write_meta(self, db: Connection, state: JournalState) -> None:
        changed = [(getattr(state, key), key) for key in META if getattr(state, key) != getattr(self.state, key)]
        if changed:
            db.executemany("UPDATE meta SET value = ? WHERE key = ?", changed)

    def maintain(self) -> None:
        """After a commit, outside of it: checkpoint when the log is long, return spare pages, keep the ballast.

        A full disk is no error here: nothing is lost by doing it later. Raises StoreUnavailable for other errors.
        """
        db = self._ready()
        try:
            if self._unchecked >= self._log_bytes or (self._refused and self._unchecked > COMMIT_BYTES):
                self._checkpoint(db)
            spare = self.file_bytes - self.used_bytes
            if spare > VACUUM_SPARE and spare > self.used_bytes:
                db.execute(f"PRAGMA incremental_vacuum({VACUUM_STEP})").fetchall()
                self.counters.fsyncs += 1
                self.file_bytes, self.used_bytes = self._measure(db)
        except sqlite.Error as error:
            self._undo(db, error)
        self.reserved_space.take()

    def _checkpoint(self, db: Connection) -> None:
        _, frames, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if (
            frames * PAGE > LONG_LOG * self._log_bytes
        ):  # readers follow each other so closely that the log never starts anew: wait for a gap
            db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        self.counters.fsyncs += 2
        self._unchecked = 0

    def lease(self, partition: int, owner: str, at: int) -> int:
        """Raise the epoch, durably. Raises StoreUnavailable."""
        db = self._ready()
        try:
            db.execute("BEGIN IMMEDIATE")
            row = db.execute(
                "INSERT INTO lease (partition, epoch, owner, at) VALUES (?, 1, ?, ?) ON CONFLICT (partition) DO UPDATE"
                " SET epoch = epoch + 1, owner = excluded.owner, at = excluded.at RETURNING epoch",
                (partition, owner, at),
            ).fetchone()
            db.execute("COMMIT")
        except sqlite.Error as error:
            self._undo(db, error)
            raise StoreUnavailable.of("journal.disk_full", path=self.path) from error
        return int(row[0])

    def close(self) -> None:
        """Copy the log into the file and close; the log file is deleted."""
        if self._db is not None:
            with suppress(sqlite.Error):  # what is committed is safe in the log
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._db.close()
            self._db = None


def stored_state(db: Connection) -> JournalState:
    """Read the state of an intact file."""
    head, head_at = db.execute("SELECT seq, at FROM record ORDER BY seq DESC LIMIT 1").fetchone() or (0, 0)
    lost = db.execute("SELECT max(last) FROM lost").fetchone()[0] or 0
    newest_tick = "SELECT seq FROM record WHERE kind = 2 AND kind <> 1 ORDER BY seq DESC LIMIT 1"
    (tick,) = db.execute(newest_tick).fetchone() or (0,)
    floor = meta(db, "floor")
    return JournalState(max(head, lost, floor), head_at, floor, tick, meta(db, "raw_bytes"), meta(db, "raw_floor"))
