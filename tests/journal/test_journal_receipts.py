"""Receipts: a redelivery is told from a repeat, once, also after a restart."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_contract import FAST, T0

from gateway.domain.record import Receipts, RecordKind, Tick
from gateway.journal import SqliteJournal
from gateway.journal.receipts import InMemoryReceipts, ReceiptRows
from gateway.journal.schema import connect_writer, create
from gateway.ports import Append

MESSAGES = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 12), st.integers(0, 3)), max_size=12)


class Model:
    """The plain definition: of the last `keep` messages of a session, the newest per packet id, each once."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.seen: list[tuple[str, int, int, int]] = []
        self.claimed: set[tuple[str, int, int, int]] = set()
        self.count = {"a": 0, "b": 0}

    def learn(self, session: str, packet: int, digest: int) -> None:
        self.count[session] += 1
        self.seen.append((session, packet, digest, self.count[session]))

    def claim(self, session: str, packet: int, digest: int) -> bool:
        newest = next((item for item in reversed(self.seen) if item[:2] == (session, packet)), None)
        if newest is None or newest in self.claimed or newest[2] != digest:
            return False
        if self.count[session] - newest[3] >= self.keep:
            return False
        self.claimed.add(newest)
        return True


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            MESSAGES, st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 12), st.integers(0, 3))), st.booleans()
        ),
        max_size=8,
    ),
    st.integers(1, 10),
)
def test_the_ledger_is_the_plain_definition(
    rounds: Sequence[tuple[list[tuple[str, int, int]], list[tuple[str, int, int]], bool]], keep: int
) -> None:
    """Commits, claims and restarts in any order. After a restart what was claimed can be claimed again: the answer to
    the redelivery may have been lost with the process."""
    with tempfile.TemporaryDirectory() as folder:
        db = connect_writer(Path(folder) / "r.db")
        create(db, 0)
        db.execute("PRAGMA synchronous=OFF")  # the rows matter here, not the disk
        ledger, rows, model = InMemoryReceipts(keep), ReceiptRows(keep), Model(keep)
        rows.load(db, ledger, 0)
        for messages, claims, restart in rounds:
            receipts = [Receipts(session, [packet], [digest]) for session, packet, digest in messages]
            plan = rows.write(db, receipts, T0)
            rows.committed(plan)
            for chunk in plan.chunks:
                ledger.add(*chunk)
            for session in "ab":  # the rows of one commit are ordered within a session
                for name, packet, digest in messages:
                    if name == session:
                        model.learn(name, packet, digest)
            if restart:
                ledger, rows = InMemoryReceipts(keep), ReceiptRows(keep)
                rows.load(db, ledger, 0)
                model.claimed.clear()
            assert [ledger.claim(*claim) for claim in claims] == [model.claim(*claim) for claim in claims]
            kept = dict(db.execute("SELECT session, sum(length(packets)) / 2 FROM receipt GROUP BY session"))
            assert all(count <= keep + len(messages) + 12 for count in kept.values()), "bounded"
        db.close()


async def test_receipts_are_kept_with_their_commit(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", FAST, partition=0)
    big = 2**64 - 1
    receipts = (Receipts("a", [1, 65535], [7, big]), Receipts("b", np.array([1], "<u2"), np.array([8], "<u8")))  # type: ignore[arg-type]
    await journal.append(0, Append((Tick(1),), receipts), T0)
    assert await journal.append(0, Append((), (Receipts("a", [2], [9]),)), T0) == ()
    assert journal.head(0) == 1
    assert journal.claim("a", 65535, big)
    assert not journal.claim("a", 65535, big)
    journal.close()
    journal = SqliteJournal(tmp_path / "j.db", FAST, partition=0)
    assert [journal.claim("a", 1, 7), journal.claim("a", 1, 7)] == [True, False]
    assert journal.claim("a", 65535, big)
    assert journal.claim("a", 2, 9)
    assert journal.claim("b", 1, 8)
    assert not journal.claim("b", 1, 7)
    assert not journal.claim("c", 1, 7)
    assert not journal.claim("a", 70_000, 7)
    assert not journal.claim("a", 0, 0)
    journal.close()


@pytest.mark.parametrize(("later", "kept"), [(1, True), (73 * 3600 * 10**6, False)])
async def test_sessions_of_long_ago_are_forgotten(tmp_path: Path, later: int, kept: bool) -> None:
    journal = SqliteJournal(tmp_path / "j.db", FAST, partition=0)
    await journal.append(0, Append((Tick(1),), (Receipts("old", [1], [7]),)), T0)
    await journal.append(0, Append((Tick(2),), (Receipts("new", [1], [7]),)), T0 + later)
    journal.close()
    for _ in range(2):
        journal = SqliteJournal(tmp_path / "j.db", FAST, partition=0)
        assert journal.claim("old", 1, 7) is kept
        assert journal.claim("new", 1, 7)
        last = journal.last(0, RecordKind.TICK)
        assert last is not None
        assert last.body == Tick(2)
        journal.close()
