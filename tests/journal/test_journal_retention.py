"""What is deleted, in which order, and what happens when there is no room."""

import asyncio
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_contract import T0, block, collect, config, plain, readings
from pysqlite3 import dbapi2 as sqlite

from gateway.domain.device import Point, Site
from gateway.domain.errors import StoreError, StoreFull, StoreUnavailable
from gateway.domain.record import Body, DeviceDefined, Down, PointDefined, Raw, RecordKind, SiteSet, Tick, kind_of
from gateway.journal import JournalConfig, SqliteJournal
from gateway.journal.retention import DROPPED, JournalState, trim
from gateway.journal.schema import INSERT_RECORD, TABLES, free_space, ident_of
from gateway.ports import Append

SMALL = config(max_bytes="4MiB")
ROWS = 2000  # of a batch: about 76 kB


def small(**changes: str) -> JournalConfig:
    """SMALL with other values."""
    return config(**{"max_bytes": "4MiB", **changes})


async def _fill(journal: SqliteJournal, start: int = 0) -> int:
    """Append batches until the journal refuses; how many it took."""
    for n in range(1000):
        try:
            await journal.append(0, Append((block(start + n, ROWS),)), T0 + n)
        except StoreFull:
            return n
    raise AssertionError("never full")


async def test_unread_records_are_never_deleted_and_facts_still_enter(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", SMALL, partition=0)
    taken = await _fill(journal)
    assert 60 < taken < 72
    with pytest.raises(StoreFull, match="only after every consumer has passed"):
        await journal.append(0, Append((Raw("s", "a", "bad", b"x" * 100_000, 1),)), T0)
    with pytest.raises(StoreFull):  # all or nothing: the fact of a mixed append is not kept alone
        await journal.append(0, Append((SiteSet(Site("S0")), block(1, ROWS))), T0)
    (fact,) = await journal.append(0, Append((SiteSet(Site("S1")),)), T0)
    (tick,) = await journal.append(0, Append((Tick(T0),)), T0)
    assert [fact.seq, tick.seq] == [taken + 1, taken + 2]
    assert len(journal.read(0, 0, 1000)) == taken + 2
    stats = journal.stats()
    assert stats.refused == 3
    assert stats.used_bytes <= 4 * 1024 * 1024 + 64 * 1024
    journal.close()


async def test_a_full_journal_goes_on_when_consumers_do(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", SMALL, partition=0)
    await _fill(journal)
    full_size = journal.stats().file_bytes
    for n in range(300):  # five times its size passes through
        journal.release(0, journal.head(0) - 5)
        await journal.append(0, Append((block(n, ROWS), Tick(T0 + n))), T0 + n)
    stats = journal.stats()
    assert stats.file_bytes <= full_size + 256 * 1024, "freed pages are used again"
    assert stats.deleted > 300
    assert stats.floor > 250
    with pytest.raises(StoreError, match="deleted by retention"):
        journal.read(0, stats.floor - 1, 10)
    assert len(journal.read(0, stats.floor, 1000)) == stats.head - stats.floor
    assert journal.check() == []
    journal.close()
    again = SqliteJournal(tmp_path / "j.db", SMALL, partition=0)
    assert (again.head(0), again.stats().floor) == (stats.head, stats.floor)
    again.close()


async def test_age(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", small(max_age="60s"), partition=0)
    minute = 60_000_000
    for n in range(10):
        await journal.append(0, Append((readings(n), Tick(n))), T0 + n * minute)
    assert journal.stats().floor == 0, "nobody has released anything"
    journal.release(0, 12)
    await journal.append(0, Append((Tick(99),)), T0 + 10 * minute)
    assert journal.stats().floor == 12, "old, but not yet read by all"
    journal.release(0, journal.head(0))
    await journal.append(0, Append((Tick(100),)), T0 + 500 * minute)
    await journal.append(0, Append((Tick(101),)), T0 + 501 * minute)
    last = journal.last(0, RecordKind.TICK)
    assert last is not None
    assert last.body == Tick(101)
    journal.close()


async def test_a_big_batch_of_space_is_given_back(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", small(max_bytes="64MiB", max_age="60s"), partition=0)
    for n in range(60):
        await journal.append(0, Append(tuple(block(n, ROWS) for _ in range(10))), T0)
    peak = journal.stats().file_bytes
    assert peak > 30 * 1024 * 1024
    journal.release(0, journal.head(0))
    for n in range(60):
        await journal.append(0, Append((Tick(n),)), T0 + 10**12 + n)
    assert journal.stats().file_bytes < peak - 10 * 1024 * 1024
    assert journal.check() == []
    journal.close()


async def test_release_belongs_to_this_journal_and_never_goes_back(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", SMALL, partition=0)
    await journal.append(0, Append((Tick(1), Tick(2))), T0)
    with pytest.raises(StoreError, match="already taken record 3"):
        journal.release(0, 3)
    journal.release(0, 2)
    journal.release(0, 1)
    assert journal.stats().released == 2
    journal.close()


async def test_dead_letters_lose_their_content_but_not_their_number(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = SqliteJournal(path, small(raw_max_bytes="10kB"), partition=0)
    for n in range(30):
        await journal.append(0, Append((Raw("broker", f"t/{n}", "bad_json", b"x" * 1000, n), readings(n, 1))), T0 + n)
    kept = journal.dead_letters(100)
    assert [r.seq for r in kept] == [59 - 2 * n for n in range(len(kept))], "the newest stay"
    assert 7 <= len(kept) <= 9
    records = journal.read(0, 0, 100)
    assert len(records) == 60
    assert records[0].body == Raw("", "", "expired", b"", T0)
    assert journal.stats().expired == 30 - len(kept)
    assert journal.check() == []
    journal.close()
    journal = SqliteJournal(path, small(raw_max_bytes="10kB"), partition=0)
    assert plain(journal.dead_letters(100)) == plain(kept)
    await journal.append(0, Append((Raw("broker", "t/30", "bad_json", b"x" * 1000, 1),)), T0)
    assert len(journal.dead_letters(100)) == len(kept)
    journal.close()


DEFINES: list[Callable[[int], Body]] = [
    lambda n: DeviceDefined(n % 3, "t", f"D{n}", "p"),
    lambda n: PointDefined("t", Point(n % 2, "p", f"x{n}")),
]
OTHERS: list[Callable[[int], Body]] = [
    lambda n: readings(n),
    Tick,
    lambda n: SiteSet(Site(f"S{n}")),
    lambda n: Down(n, n),
    lambda n: Raw("s", "a", "bad", b"x" * n, n),
]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([*DEFINES, *OTHERS]), min_size=2, max_size=40),
    st.lists(st.tuples(st.integers(0, 45), st.integers(0, 600), st.integers(0, 45)), max_size=6),
)
def test_trim_keeps_what_must_stay(makers: list[Callable[[int], Body]], steps: list[tuple[int, int, int]]) -> None:
    from gateway.domain.record import encode_body

    db = sqlite.connect(":memory:", isolation_level=None)
    for table in TABLES:
        db.execute(table)
    bodies = {seq: make(seq) for seq, make in enumerate(makers, 1)}
    for seq, body in bodies.items():
        db.execute(INSERT_RECORD, (seq, int(kind_of(body)), seq, 0, ident_of(body), encode_body(body)))
    ticks = [seq for seq, body in bodies.items() if isinstance(body, Tick)]
    raw = sum(len(encode_body(body)) for body in bodies.values() if isinstance(body, Raw))
    state = JournalState(len(bodies), len(bodies), 0, max(ticks, default=0), raw, 0)
    released = 0
    for more, want, before in steps:
        released = max(released, min(more, len(bodies)))
        floor = state.floor
        trimmed = trim(db, state, released, want=want, before=before)
        left = {row[0] for row in db.execute("SELECT seq FROM record")}
        assert floor <= state.floor <= released
        assert {seq for seq in bodies if seq > state.floor} <= left, "dense above the floor"
        assert len(bodies) in left
        assert not ticks or max(ticks) in left
        assert {seq for seq, body in bodies.items() if kind_of(body) is RecordKind.FACT} <= left
        assert not {
            s for s in left if s <= state.floor and kind_of(bodies[s]) in DROPPED and s != max(ticks, default=0)
        }
        newest = {ident_of(body): seq for seq, body in bodies.items() if ident_of(body) and seq <= state.floor}
        below = {seq for seq in left if seq <= state.floor and ident_of(bodies[seq])}
        assert below == set(newest.values()), "of the definitions below the floor the newest of each thing"
        assert (trimmed.rows == 0) == (trimmed.bytes == 0)
    kept_raw = db.execute("SELECT coalesce(sum(length(body)), 0) FROM record WHERE kind = 6").fetchone()[0]
    assert state.raw_bytes == kept_raw
    db.close()


async def test_a_full_disk_by_page_limit_and_back(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", small(max_bytes="64MiB", ballast="1MiB"), partition=0)
    await journal.append(0, Append((block(1, ROWS), Tick(1))), T0)
    assert (tmp_path / "j.db.ballast").stat().st_size == 1024 * 1024
    journal._writer.call(lambda: journal._file._ready().execute("PRAGMA max_page_count=200").fetchall())
    taken = await _fill(journal)
    assert taken > 10
    head = journal.head(0)
    with pytest.raises(StoreFull):
        await journal.append(0, Append((block(1, ROWS),)), T0)
    assert journal.head(0) == head
    assert len(journal.read(0, 0, 1000)) == head
    journal.release(0, head)  # consumers go on: room inside the file
    (record,) = await journal.append(0, Append((block(1, ROWS),)), T0)
    assert record.seq == head + 1
    journal._writer.call(lambda: journal._file._ready().execute("PRAGMA max_page_count=100000").fetchall())
    assert [r.seq for r in await journal.append(0, Append((block(1, 9 * ROWS),)), T0)] == [head + 2]
    assert journal.check() == []
    journal.close()


@contextmanager
def _tiny_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.fault
@pytest.mark.parametrize(
    "guard", [{"ballast": "4MiB"}, {"free_space_floor": "3MiB"}], ids=lambda guard: next(iter(guard))
)
async def test_a_really_full_disk_and_back(tmp_path: Path, guard: dict[str, str]) -> None:
    with _tiny_disk(tmp_path / "disk", "24m") as disk:
        path = disk / "j.db"
        journal = SqliteJournal(path, small(max_bytes="64MiB", **guard), partition=0)
        taken = await _fill(journal)
        assert taken > 200
        assert free_space(path) < 5 * 1024 * 1024
        (fact,) = await journal.append(0, Append((SiteSet(Site("S1")),)), T0)
        assert fact.seq == taken + 1, "facts still enter"
        assert len(await collect(journal, fact.seq)) == fact.seq, "reading goes on"
        journal.release(0, fact.seq)
        for n in range(100):  # room inside the file is enough to go on
            await journal.append(0, Append((block(n, ROWS),)), T0)
            journal.release(0, journal.head(0))
        assert journal.check() == []
        journal.close()
        again = SqliteJournal(path, small(max_bytes="64MiB", **guard), partition=0)
        assert again.head(0) == fact.seq + 100
        again.close()


@pytest.mark.fault
async def test_a_disk_filled_by_somebody_else(tmp_path: Path) -> None:
    with _tiny_disk(tmp_path / "disk", "24m") as disk:
        path = disk / "j.db"
        journal = SqliteJournal(path, small(max_bytes="64MiB", ballast="1MiB"), partition=0)
        await journal.append(0, Append((block(1, ROWS), Tick(1))), T0)
        hog = disk / "hog"
        with hog.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 65536):
                pass
        outcomes = []
        for n in range(60):
            try:
                await journal.append(0, Append((block(n, ROWS),)), T0)
                outcomes.append(True)
            except StoreFull:
                outcomes.append(False)
        assert not all(outcomes)
        head = journal.head(0)
        assert head == 2 + sum(outcomes), "what was not acknowledged is not there"
        hog.unlink()
        (record,) = await journal.append(0, Append((block(1, ROWS),)), T0)
        assert record.seq == head + 1, "without a restart"
        assert journal.check() == []
        journal.close()


async def test_the_last_of_the_disk_is_left_alone(tmp_path: Path) -> None:
    floor = free_space(tmp_path / "x") * 2
    journal = SqliteJournal(tmp_path / "j.db", small(free_space_floor=f"{floor}B"), partition=0)
    with pytest.raises(StoreFull):
        await journal.append(0, Append((block(1, ROWS),)), T0)
    assert [r.seq for r in await journal.append(0, Append((SiteSet(Site("S1")),)), T0)] == [1]
    journal.close()


async def test_a_disk_error_keeps_nothing_and_passes(tmp_path: Path) -> None:
    """A limit on the size of files makes writes fail with an I/O error: nothing half-written may surface later."""
    journal = SqliteJournal(tmp_path / "j.db", small(max_bytes="64MiB"), partition=0)
    await journal.append(0, Append((block(1, ROWS), Tick(1))), T0)
    before = plain(journal.read(0, 0, 100))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        with pytest.raises(StoreUnavailable):
            await journal.append(0, Append((block(1, 9 * ROWS),)), T0)
        with pytest.raises(StoreUnavailable):
            await journal.append(0, Append((block(1, 10 * ROWS),)), T0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert journal.stats().failed >= 2
    records = await journal.append(0, Append((block(5, ROWS), Tick(5))), T0)
    assert plain(journal.read(0, 0, 100)) == [*before, *plain(records)]
    assert [r.seq for r in records] == [len(before) + 1, len(before) + 2]
    assert journal.check() == []
    journal.close()


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3000), st.booleans()), min_size=5, max_size=40))
def test_any_mixture_stays_readable(steps: list[tuple[int, int, bool]]) -> None:
    """Random appends, sizes and releases on a tiny journal: it stays whole, bounded, and keeps every fact."""

    async def scenario(folder: Path) -> None:
        journal = SqliteJournal(folder / "j.db", small(raw_max_bytes="20kB"), partition=0)
        facts = 0
        for n, (kind, rows, release) in enumerate(steps * 4):
            body: Body = OTHERS[kind](n % 900) if kind else block(n, rows)
            try:
                await journal.append(0, Append((body,)), T0 + n)
                facts += kind_of(body) is RecordKind.FACT
            except StoreFull:
                journal.release(0, journal.head(0))
            if release:
                journal.release(0, journal.head(0))
        stats = journal.stats()
        assert journal.check() == []
        assert len(journal.kept(RecordKind.FACT, 0, 10_000)) == facts
        assert len(journal.read(0, stats.floor, 100_000)) == stats.head - stats.floor
        journal.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))
