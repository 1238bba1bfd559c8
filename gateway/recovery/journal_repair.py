"""Repair of the journal, with the lost records by number and time."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite

from gateway.journal.open_and_salvage import open_file
from gateway.journal.schema import connect_reader


@dataclass(frozen=True, slots=True)
class Gap:
    """Records [first, last] are lost; `since`, `until` µs are the times of their neighbours (0 = there is none)."""

    first: int
    last: int
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class JournalRepair:
    """`aside` is the damaged file (None: it was intact), `missed`: there was none. Readings after `floor` (µs
    `since`) are there. `emptied`: it holds no definitions any more. `skipped`: numbering continues far above `head`."""

    aside: Path | None
    missed: bool
    gaps: tuple[Gap, ...]
    kept: int
    head: int
    floor: int
    since: int
    skipped: bool
    emptied: bool


def repair(path: Path, partition: int, consumed: int, *, epoch: int, missed: bool) -> JournalRepair:
    """See `gateway.journal.open_and_salvage`. `epoch` is the newest known lease: the next one must be above it.
    Raises StoreError for a file of another program."""
    gone = missed and not path.exists()
    before, known = set(path.parent.glob(path.name + ".damaged-*")), _lost(path)
    db, state = open_file(path, partition, recover=True, consumed=consumed)
    with closing(db):
        kept, facts = db.execute("SELECT count(*), count(*) FILTER (WHERE kind = 3) FROM record").fetchone()
        (newest,) = db.execute("SELECT coalesce(max(seq), 0) FROM record").fetchone()
        ranges = set(db.execute("SELECT first, last FROM lost")) - known
        until = max(newest, consumed)
        gaps = [_gap(db, first, min(last, until)) for first, last in sorted(ranges) if first <= until]
        oldest = db.execute("SELECT at FROM record WHERE seq > ? ORDER BY seq LIMIT 1", (state.floor,)).fetchone()
        db.execute(
            "INSERT INTO lease (partition, epoch, owner, at) VALUES (?, ?, 'recover', 0) ON CONFLICT (partition)"
            " DO UPDATE SET epoch = max(epoch, excluded.epoch)",
            (partition, epoch),
        )
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    asides = [one for one in path.parent.glob(path.name + ".damaged-*") if one not in before]
    aside = next((one for one in asides if not one.name.endswith("-wal")), None)
    return JournalRepair(
        aside, gone, tuple(gaps), kept, newest, state.floor, oldest[0] if oldest else 0, bool(ranges), facts == 0
    )


def _lost(path: Path) -> set[tuple[int, int]]:
    if not path.exists():
        return set()
    try:
        with closing(connect_reader(path)) as db:
            return set(db.execute("SELECT first, last FROM lost"))
    except sqlite.Error:  # the file may be damaged anywhere
        return set()


def _gap(db: Any, first: int, last: int) -> Gap:
    before = db.execute("SELECT at FROM record WHERE seq < ? ORDER BY seq DESC LIMIT 1", (first,)).fetchone()
    after = db.execute("SELECT at FROM record WHERE seq > ? ORDER BY seq LIMIT 1", (last,)).fetchone()
    return Gap(first, last, before[0] if before else 0, after[0] if after else 0)
