"""Receipts: which QoS 1 messages of the last receive-maximum the journal holds (DESIGN section 5).

An MQTT broker has at most receive-maximum messages of a session unacknowledged, and reuses a packet id only after its
acknowledgement: so per packet id only the newest message counts, and only while it is among the newest `keep`.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pysqlite3 import dbapi2 as sqlite

from gateway.domain.record import Receipts
from gateway.journal.schema import Connection

_IDS = 65536
N = TypeVar("N", np.uint16, np.uint64)


class _Session:
    """Newest message per packet id: its digest, and its place in the count of messages (0 = none, or claimed)."""

    def __init__(self) -> None:
        # zeros: pages that are never touched cost no memory
        self.digest: NDArray[np.uint64] = np.zeros(_IDS, np.uint64)
        self.place: NDArray[np.int64] = np.zeros(_IDS, np.int64)
        self.count = 0


class InMemoryReceipts:
    """`claim` of the port ReceiptLedger, in memory. Safe between threads: the writer learns, the loop claims."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._lock = Lock()
        self._sessions: dict[str, _Session] = {}

    def add(self, session: str, packets: NDArray[np.uint16], digests: NDArray[np.uint64]) -> None:
        """Record that these messages are on disk, in this order."""
        with self._lock:
            known = self._sessions.setdefault(session, _Session())
            known.digest[packets] = digests
            known.place[packets] = np.arange(known.count + 1, known.count + 1 + len(packets))
            known.count += len(packets)

    def claim(self, session: str, packet: int, digest: int) -> bool:
        """True, once, if the journal holds exactly this message."""
        with self._lock:
            known = self._sessions.get(session)
            if known is None or not 0 <= packet < _IDS:
                return False
            place = int(known.place[packet])
            if not place or known.count - place >= self._keep or int(known.digest[packet]) != digest:
                return False
            known.place[packet] = 0
            return True


@dataclass(frozen=True, slots=True)
class ReceiptPlan:
    """Changes of one commit: rows to insert and to delete. Applied in memory after the commit."""

    chunks: tuple[tuple[str, NDArray[np.uint16], NDArray[np.uint64]], ...] = ()
    drop: tuple[tuple[str, int], ...] = ()


class ReceiptRows:
    """The rows behind the ledger: one per session and commit, the newest `keep` messages of each session."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self.next_id = 1
        self._rows: dict[str, deque[tuple[int, int]]] = {}  # session -> (row id, messages), oldest first
        self._total: dict[str, int] = {}

    def load(self, db: Connection, ledger: InMemoryReceipts, stale: int) -> None:
        """Read all rows, oldest first. Sessions without a message since `stale` (µs) are deleted."""
        old = db.execute("SELECT session FROM receipt GROUP BY session HAVING max(at) < ?", (stale,)).fetchall()
        with suppress(sqlite.OperationalError):  # the disk is full: at another start
            db.executemany("DELETE FROM receipt WHERE session = ?", old)
        for row, session, packets, digests in db.execute(
            "SELECT id, session, packets, digests FROM receipt ORDER BY id"
        ):
            chunk = (session, np.frombuffer(packets, "<u2"), np.frombuffer(digests, "<u8"))
            ledger.add(*chunk)
            self._note(row, session, len(chunk[1]))
            self.next_id = row + 1

    def _note(self, row: int, session: str, messages: int) -> None:
        self._rows.setdefault(session, deque()).append((row, messages))
        self._total[session] = self._total.get(session, 0) + messages

    def write(self, db: Connection, receipts: Iterable[Receipts], at: int) -> ReceiptPlan:
        """Inside the transaction: one row per session; drop rows that no redelivery can name any more."""
        by_session: dict[str, list[Receipts]] = {}
        for item in receipts:
            if len(item.packets):
                by_session.setdefault(item.session, []).append(item)
        if not by_session:
            return ReceiptPlan()
        chunks = tuple(
            (name, _join([i.packets for i in items], np.uint16), _join([i.digests for i in items], np.uint64))
            for name, items in by_session.items()
        )
        rows = [
            (self.next_id + n, name, at, packets.tobytes(), digests.tobytes())
            for n, (name, packets, digests) in enumerate(chunks)
        ]
        db.executemany("INSERT INTO receipt (id, session, at, packets, digests) VALUES (?, ?, ?, ?, ?)", rows)
        drop = tuple((name, row) for name, packets, _ in chunks for row in self._superseded(name, len(packets)))
        db.executemany("DELETE FROM receipt WHERE id = ?", [(row,) for _, row in drop])
        return ReceiptPlan(chunks, drop)

    def _superseded(self, session: str, more: int) -> list[int]:
        total, out = self._total.get(session, 0) + more, []
        for row, messages in self._rows.get(session, ()):
            if total - messages < self._keep:
                break
            total -= messages
            out.append(row)
        return out

    def committed(self, plan: ReceiptPlan) -> None:
        """Apply `plan` in memory: its transaction is on disk."""
        for session, packets, _ in plan.chunks:
            self._note(self.next_id, session, len(packets))
            self.next_id += 1
        for session, _ in plan.drop:
            _, messages = self._rows[session].popleft()
            self._total[session] -= messages


def _join(parts: Sequence[Sequence[int]], kind: type[N]) -> NDArray[N]:
    arrays = [np.asarray(part, kind) for part in parts]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
