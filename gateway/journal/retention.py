"""Retention of the journal: the records that may be deleted, and in which order.

Only records that every consumer has passed: batches, ticks, down records, dead letters and looked-up history, oldest
first. Facts stay
for ever (they are the causes of alarms); of definitions the superseded go. The newest tick and the newest record stay
always: the one gives the length of a down-time, the other carries the numbering on. Dead letters have a bound of
their own: over it the oldest lose their content but keep their number, so that the numbering stays dense.
Everything here runs inside the writer's transaction on a copy of the state.
"""

from dataclasses import dataclass
from typing import Final

from gateway.domain.record import RecordKind
from gateway.journal.schema import Connection, seal

DROPPED: Final = (RecordKind.BATCH, RecordKind.TICK, RecordKind.DOWN, RecordKind.RAW, RecordKind.RERUN)
STEP_ROWS: Final = 2048
STEP_BYTES: Final = 8 * 1024 * 1024
ROW_BYTES: Final = 24
"""Approximate bytes of a row besides its body."""


@dataclass(slots=True)
class JournalState:
    """State of the file, committed together with the rows.

    `head` newest seq, `head_at` newest append time (µs), `floor` newest seq below which records may be gone, `tick` seq
    of the newest tick (0 = none), `raw_bytes` content of dead letters, `raw_floor` the newest one without content.
    """

    head: int
    head_at: int
    floor: int
    tick: int
    raw_bytes: int
    raw_floor: int


@dataclass(frozen=True, slots=True)
class Trimmed:
    """One step of retention: rows deleted, approximate bytes freed."""

    rows: int = 0
    bytes: int = 0


def trim(db: Connection, state: JournalState, released: int, *, want: int, before: int) -> Trimmed:
    """Delete the oldest until `want` bytes are free and nothing older than `before` (µs) is left; one bounded step.

    Never above `released`. Moves `state.floor`.
    """
    upto = min(released, state.head - 1)
    start, cut, freed, raw, rows = state.floor, state.floor, 0, 0, 0
    cursor = db.execute(
        "SELECT seq, kind, at, length(body) FROM record WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        (start, upto, STEP_ROWS),
    )
    for seq, kind, at, size in cursor:
        if freed >= STEP_BYTES or (freed >= want and at >= before):
            break
        cut = seq
        if kind in DROPPED and seq != state.tick:
            freed += size + ROW_BYTES
            raw += size if kind == RecordKind.RAW else 0
            rows += 1
    cursor.close()
    if cut == start:
        return Trimmed()
    drop = "DELETE FROM record WHERE seq > ? AND seq <= ? AND seq <> ? AND kind IN (1, 2, 5, 6, 7)"
    db.execute(drop, (start, cut, state.tick))
    # A tick that was the newest once may have stayed behind.
    db.execute("DELETE FROM record WHERE kind = 2 AND kind <> 1 AND seq <= ? AND seq <> ?", (start, state.tick))
    db.execute("DELETE FROM lost WHERE last <= ?", (cut,))
    _drop_superseded(db, start, cut)
    state.floor = cut
    state.raw_bytes -= raw
    return Trimmed(rows, freed)


def _drop_superseded(db: Connection, start: int, cut: int) -> None:
    """Delete superseded definitions up to `cut`; checks those of (start, cut] only."""
    fresh = db.execute(
        "SELECT ident, max(seq) FROM record WHERE kind = 4 AND kind <> 1 AND seq > ? AND seq <= ? GROUP BY ident",
        (start, cut),
    ).fetchall()
    db.executemany("DELETE FROM record WHERE ident IS NOT NULL AND ident = ? AND seq < ?", fresh)


def expire_raw(db: Connection, state: JournalState, bound: int) -> int:
    """Take the content from the oldest dead letters until `bound` holds; returns how many. One bounded step."""
    if state.raw_bytes <= bound:
        return 0
    rows = db.execute(
        "SELECT seq, at, length(body) FROM record WHERE kind = 6 AND kind <> 1 AND seq > ? ORDER BY seq LIMIT ?",
        (state.raw_floor, STEP_ROWS),
    ).fetchall()
    emptied = []
    for seq, at, size in rows:
        if state.raw_bytes <= bound:
            break
        emptied.append((seal(seq, RecordKind.RAW, at, b""), seq))
        state.raw_bytes -= size
        state.raw_floor = seq
    db.executemany("UPDATE record SET body = x'', crc = ? WHERE seq = ?", emptied)
    return len(emptied)
