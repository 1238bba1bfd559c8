"""The SQLite journal: the contract, group commit, live consumers, what opening refuses."""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_contract import FAST, T0, LogContract, collect, config, plain, readings
from pysqlite3 import dbapi2 as sqlite3

from gateway.domain.device import Point
from gateway.domain.errors import InvariantBroken, StoreError, StoreUnavailable
from gateway.domain.record import DeviceDefined, PointDefined, Raw, RecordKind, Tick
from gateway.journal import JournalReader, SqliteJournal
from gateway.journal.schema import INSERT_RECORD, seal
from gateway.lock import FileLock
from gateway.ports import Append


class TestContract(LogContract):
    def open(self, folder: Path) -> SqliteJournal:
        return SqliteJournal(folder / "journal.db", FAST, partition=0)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=6), min_size=1, max_size=5), st.integers(0, 20_000))
def test_group_commit_keeps_order_and_loses_nothing(waves: list[list[int]], memory: int) -> None:
    """Waves of appends from one loop, with little memory: ring, file and answers tell the same story."""

    async def scenario(folder: Path) -> None:
        little = config(linger="1ms", memory=f"{memory}B")
        journal = SqliteJournal(folder / "journal.db", little, partition=0)
        total = sum(map(sum, waves))
        consumers = [asyncio.create_task(collect(journal, total)) for _ in range(2)]
        answers = []
        for wave in waves:
            calls = [journal.append(0, Append(tuple(readings(n, n) for _ in range(n))), T0) for n in wave]
            answers += await asyncio.gather(*calls)
        written = [record for records in answers for record in records]
        assert [r.seq for r in written] == list(range(1, total + 1))
        expected = plain(written)
        assert plain(journal.read(0, 0, 10_000)) == expected
        assert [plain(await consumer) for consumer in consumers] == [expected] * 2
        assert plain(await collect(journal, total)) == expected
        assert journal.stats().memory_bytes <= memory
        assert journal.stats().commits <= len(answers)
        assert journal.check() == []
        journal.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))


async def test_appends_made_during_a_commit_share_the_next(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", FAST.model_copy(update={"linger": 20_000}), partition=0)
    await journal.append(0, Append((Tick(0),)), T0)
    await asyncio.gather(*(journal.append(0, Append((Tick(n),)), T0) for n in range(500)))
    stats = journal.stats()
    assert stats.records == {RecordKind.TICK: 501}
    assert stats.commits <= 5
    assert stats.fsyncs >= stats.commits
    assert 0 < stats.latency_last <= stats.latency_max
    journal.close()


async def test_a_body_that_cannot_be_kept_fails_alone(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", FAST, partition=0)
    bad = journal.append(0, Append((object(),)), T0)  # type: ignore[arg-type]
    huge = journal.append(0, Append((DeviceDefined(2**70, "t", "c", "p"),)), T0)
    good = journal.append(0, Append((Tick(1),)), T0)
    results = await asyncio.gather(bad, huge, good, return_exceptions=True)
    assert isinstance(results[0], TypeError)
    assert isinstance(results[1], OverflowError)
    assert not isinstance(results[2], BaseException)
    assert [r.seq for r in results[2]] == [1]
    journal.close()


async def test_a_cancelled_append_leaves_the_others_alone(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", FAST.model_copy(update={"linger": 50_000}), partition=0)
    await journal.append(0, Append((Tick(0),)), T0)
    gone = asyncio.create_task(journal.append(0, Append((Tick(1),)), T0))
    stays = asyncio.create_task(journal.append(0, Append((Tick(2),)), T0))
    await asyncio.sleep(0)
    gone.cancel()
    (record,) = await stays
    assert record.body == Tick(2)
    assert record.seq == journal.head(0) == len(journal.read(0, 0, 10))
    journal.close()


async def test_two_event_loops_share_a_journal(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", FAST, partition=0)
    elsewhere = asyncio.to_thread(lambda: asyncio.run(collect(journal, 20)))
    consumer = asyncio.create_task(elsewhere)
    for n in range(20):
        await journal.append(0, Append((Tick(n),)), T0)
    assert [r.seq for r in await consumer] == list(range(1, 21))
    journal.close()


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", FAST, partition=0)
    script = (
        "import sys; from pathlib import Path; from gateway.lock import FileLock\n"
        "from gateway.domain.errors import StoreUnavailable\n"
        "try: FileLock(Path(sys.argv[1]))\n"
        "except StoreUnavailable as error: print(error)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "j.db")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert f"process {os.getpid()} (fieldgate)" in said.stdout
    journal.close()
    FileLock(tmp_path / "j.db").release()


async def test_others_may_read_while_one_writes_and_after(tmp_path: Path) -> None:
    path = tmp_path / "with space & ü?.db"
    journal = SqliteJournal(path, FAST, partition=0)
    records = await journal.append(0, Append((readings(1), Tick(2))), T0)
    journal.lease(0, "me")
    reader = JournalReader(path)
    assert plain(reader.read(0, 0, 10)) == plain(records)
    assert reader.epoch() == (1, "me")
    journal.close()
    assert plain(reader.read(0, 0, 10)) == plain(records)
    reader.close()
    with pytest.raises(StoreUnavailable):
        reader.read(0, 0, 1)
    again = JournalReader(path)
    assert again.check() == []
    again.close()


async def test_dead_letters_newest_first(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", FAST, partition=0)
    for n in range(5):
        await journal.append(0, Append((Raw("broker", f"t/{n}", "bad_json", b"{", n), Tick(n))), T0)
    assert [r.body.address for r in journal.dead_letters(2) if isinstance(r.body, Raw)] == ["t/4", "t/3"]
    assert [r.seq for r in journal.dead_letters(10, before_seq=7)] == [5, 3, 1]
    journal.close()


async def test_definitions_can_be_listed(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", FAST, partition=0)
    bodies = (DeviceDefined(1, "t", "A", "p"), readings(1), PointDefined("t", Point(1, "p", "x")))
    await journal.append(0, Append(bodies), T0)
    assert [r.body for r in journal.kept(RecordKind.DEFINE, 0, 10)] == [bodies[0], bodies[2]]
    assert [r.seq for r in journal.kept(RecordKind.DEFINE, 1, 10)] == [3]
    journal.close()


async def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = path.read_bytes()
    for recover in (False, True):
        with pytest.raises(StoreError, match="not a journal of this program"):
            SqliteJournal(path, FAST, recover=recover, partition=0)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "says"),
    [("PRAGMA user_version=99", "format 99"), ("UPDATE meta SET value = 4 WHERE key = 'partition'", "partition 4")],
)
async def test_a_journal_of_another_kind_is_refused(tmp_path: Path, statement: str, says: str) -> None:
    path = tmp_path / "j.db"
    SqliteJournal(path, FAST, partition=0).close()
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()
    with pytest.raises(StoreError, match=says):
        SqliteJournal(path, FAST, partition=0)


@pytest.mark.parametrize(
    "statement", ["DELETE FROM record WHERE seq = 4", "UPDATE record SET at = at + 1 WHERE seq = 4"]
)
async def test_a_gap_and_a_wrong_checksum_stop_the_reader(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "j.db"
    journal = SqliteJournal(path, FAST, partition=0)
    await journal.append(0, Append(tuple(Tick(n) for n in range(8))), T0)
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()
    assert len(journal.read(0, 4, 10)) == 4
    with pytest.raises(InvariantBroken, match="record 4"):
        journal.read(0, 0, 10)
    assert any("record 4" in line for line in journal.check())
    journal.close()


async def test_a_record_of_a_newer_version_is_an_error_not_damage(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = SqliteJournal(path, FAST, partition=0)
    await journal.append(0, Append((Tick(1),)), T0)
    body = b"\x81\xa4type\xa6future"
    with sqlite3.connect(path) as db:
        db.execute(INSERT_RECORD, (2, RecordKind.FACT, T0, seal(2, RecordKind.FACT, T0, body), None, body))
    db.close()
    with pytest.raises(StoreError, match="record 2 was written by a newer version"):
        journal.read(0, 0, 10)
    assert journal.check() == []
    journal.close()


def test_an_unsafe_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.journal.schema.sqlite.sqlite_version_info", (3, 51, 2))
    with pytest.raises(StoreError, match=r"3\.51\.3 or newer"):
        SqliteJournal(tmp_path / "j.db", FAST, partition=0)
    monkeypatch.undo()
    SqliteJournal(tmp_path / "j.db", FAST, partition=0).close()


async def test_a_failing_writer_tells_everyone(tmp_path: Path) -> None:
    """Records that were acknowledged vanish behind its back: the journal must stop, not go on."""
    path = tmp_path / "j.db"
    journal = SqliteJournal(path, FAST, partition=0)
    await journal.append(0, Append((Tick(1), Tick(2))), T0)
    waiting = asyncio.create_task(journal.wait(0, 2))
    await asyncio.sleep(0)

    def lose() -> None:
        db = journal._file._ready()
        db.execute("DELETE FROM record WHERE seq = 2")
        db.close()
        journal._file._db = None

    journal._writer.call(lose)
    for _ in range(2):
        with pytest.raises(InvariantBroken):
            await journal.append(0, Append((Tick(3),)), T0)
    with pytest.raises(InvariantBroken):
        await waiting
    journal.close()
