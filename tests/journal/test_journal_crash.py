"""Promise 1: what was acknowledged survives SIGKILL at any moment; a torn log loses only its end."""

import asyncio
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from append_child import SESSION, digest
from log_contract import FAST, T0, plain, readings
from pysqlite3 import dbapi2 as sqlite3

from gateway.domain.errors import StoreError
from gateway.domain.reading import Batch
from gateway.domain.record import Receipts, Tick
from gateway.journal import SqliteJournal
from gateway.journal.open_and_salvage import RECOVERY_SKIP
from gateway.ports import Append

ROOT = Path(__file__).parents[2]


def _start(path: Path, seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(__file__).with_name("append_child.py")), str(path), str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})


def _kill_after(child: subprocess.Popen[str], acks: int) -> list[tuple[int, int, int]]:
    """Read `acks` lines, kill, read the rest: every complete line was acknowledged."""
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(acks)]
    child.send_signal(signal.SIGKILL)
    lines += child.stdout.readlines()
    child.stdout.close()
    assert child.wait(10) == -signal.SIGKILL
    complete = [line.split() for line in lines if line.endswith("\n")]
    return [(int(seq), int(n), int(packet)) for seq, n, packet in complete]


@pytest.mark.fault
def test_kill_at_any_moment(tmp_path: Path) -> None:
    seeds = range(8)
    children = {seed: _start(tmp_path / f"{seed}.db", seed) for seed in seeds}
    for seed, child in children.items():
        acked = _kill_after(child, random.Random(seed).randrange(1, 120))
        journal = SqliteJournal(tmp_path / f"{seed}.db", FAST, partition=0)
        records = journal.read(0, 0, 100_000)
        assert [r.seq for r in records] == list(range(1, len(records) + 1)), "dense"
        by_seq = {r.seq: r.body for r in records}
        for seq, n, _ in acked:
            body = by_seq[seq]
            assert isinstance(body, Batch)
            assert body.device[0] == n, f"seed {seed}: record {seq} is another one"
            assert len(body) == body.point[0], "whole"
        assert journal.check() == []
        packets = {packet for _, _, packet in acked}
        assert all(journal.claim(SESSION, packet, digest(packet, seed)) for packet in packets)
        assert not any(journal.claim(SESSION, packet, digest(packet, seed)) for packet in packets), "once"
        assert not journal.claim(SESSION, 65_535, digest(65_535, seed))
        journal.close()


async def _filled(path: Path, appends: int) -> SqliteJournal:
    journal = SqliteJournal(path, FAST, partition=0)
    for n in range(appends):
        receipts = Receipts("s", [n + 1], [n + 100])
        await journal.append(0, Append((readings(n, 1 + n * 7 % 400), Tick(n)), (receipts,)), T0 + n)
    return journal


async def test_a_torn_log_loses_whole_commits_from_its_end_only(tmp_path: Path) -> None:
    """Cutting the log by hand loses acknowledged commits (no crash does that: each was synced), but nothing else:
    what is left is dense, whole, and agrees with its receipts; and consumers that were further are not fooled."""
    journal = await _filled(tmp_path / "j.db", 40)
    whole = plain(journal.read(0, 0, 1000))
    for name in ("j.db", "j.db-wal"):
        shutil.copy(tmp_path / name, tmp_path / f"copy-{name}")
    journal.close()
    size = (tmp_path / "copy-j.db-wal").stat().st_size
    rng = random.Random(3)
    lengths = set()
    for case in range(24):
        path = tmp_path / f"{case}.db"
        shutil.copy(tmp_path / "copy-j.db", path)
        log = (tmp_path / "copy-j.db-wal").read_bytes()
        cut = rng.randrange(size // 4, size)
        damaged = bytearray(log[:cut] if case % 2 else log)
        if not case % 2:
            damaged[cut] ^= 0x40  # a flipped bit ends the log there as well
        path.with_name(f"{case}.db-wal").write_bytes(damaged)
        again = SqliteJournal(path, FAST, partition=0)
        left = plain(again.read(0, 0, 1000))
        assert left == whole[: len(left)]
        assert len(left) % 2 == 0, "a commit is kept whole or not at all"
        commits = len(left) // 2
        assert all(again.claim("s", n + 1, n + 100) == (n < commits) for n in range(40))
        assert again.check() == []
        again.close()
        lengths.add(len(left))
        if len(left) < len(whole):
            with pytest.raises(StoreError, match="consumers have already taken record 80"):
                SqliteJournal(path, FAST, consumed=80, partition=0)
    assert len(lengths) > 5, "the cuts hit different commits"


async def test_recovery_continues_above_what_consumers_have_taken(tmp_path: Path) -> None:
    journal = await _filled(tmp_path / "j.db", 3)
    journal.close()
    again = SqliteJournal(tmp_path / "j.db", FAST, recover=True, consumed=50, partition=0)
    (record,) = await again.append(0, Append((Tick(9),)), T0)
    assert record.seq == 50 + RECOVERY_SKIP + 1
    assert again.lost() == [(7, 50 + RECOVERY_SKIP)]
    assert [r.seq for r in again.read(0, 0, 100)] == [1, 2, 3, 4, 5, 6, record.seq]
    assert [r.seq for r in again.read(0, 50, 100)] == [record.seq]
    assert [r.seq for r in await again.wait(0, 50)] == [record.seq]
    again.close()
    third = SqliteJournal(tmp_path / "j.db", FAST, consumed=record.seq, partition=0)
    assert third.head(0) == record.seq
    third.close()


async def test_a_missing_journal_is_not_silently_begun_anew(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="already taken record 9"):
        SqliteJournal(tmp_path / "j.db", FAST, consumed=9, partition=0)


def _damage_row(path: Path, needle: bytes) -> None:
    data = bytearray(path.read_bytes())
    place = data.rindex(needle)
    data[place + len(needle) // 2] ^= 0xFF
    path.write_bytes(data)


async def test_a_damaged_record_is_found_at_the_start_and_only_it_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = await _filled(path, 30)
    records = journal.read(0, 0, 1000)
    journal.lease(0, "me")
    journal.close()
    _damage_row(path, plain(records)[44][3])
    for _ in range(2):
        with pytest.raises(StoreError, match="record 45 has a wrong checksum"):
            SqliteJournal(path, FAST, partition=0)
    damaged = path.read_bytes()
    again = SqliteJournal(path, FAST, recover=True, partition=0)
    (aside,) = tmp_path.glob("j.db.damaged-*Z")
    assert aside.read_bytes() == damaged, "the evidence is kept"
    left = again.read(0, 0, 1000)
    assert plain(left) == [row for row in plain(records) if row[0] != 45]
    assert again.lost() == [(45, 45), (61, 60 + RECOVERY_SKIP)]
    assert again.lease(0, "me") == 2
    assert again.claim("s", 30, 129)
    (record,) = await again.append(0, Append((Tick(1),)), T0)
    assert record.seq == 60 + RECOVERY_SKIP + 1
    assert again.check() == []
    again.close()


async def test_damage_far_from_the_end_is_found_by_recovery(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = await _filled(path, 150)
    records = journal.read(0, 0, 1000)
    journal.close()
    _damage_row(path, plain(records)[20][3])
    again = SqliteJournal(path, FAST, partition=0)  # only the newest part is looked at
    assert again.check() == ["record 21 has a wrong checksum"]
    again.close()
    again = SqliteJournal(path, FAST, recover=True, partition=0)
    assert again.lost()[0] == (21, 21)
    assert len(again.read(0, 0, 1000)) == 299
    again.close()


@pytest.mark.parametrize("left", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.0])
async def test_a_file_cut_short_keeps_what_can_be_read(tmp_path: Path, left: float) -> None:
    path = tmp_path / "j.db"
    journal = await _filled(path, 120)
    whole = {row[0]: row for row in plain(journal.read(0, 0, 1000))}
    journal.close()
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * left)] if left else b"\xa5" * 5000)
    with pytest.raises(StoreError, match="damaged"):
        SqliteJournal(path, FAST, partition=0)
    again = SqliteJournal(path, FAST, recover=True, consumed=240, partition=0)
    (record,) = await again.append(0, Append((Tick(1),)), T0)
    assert record.seq > 240 + RECOVERY_SKIP
    rows = plain(again.read(0, 0, 1000))
    assert all(whole[row[0]] == row for row in rows[:-1])
    assert len(rows) > 1 or left < 0.3
    assert again.check() == []
    again.close()


async def test_a_recovery_cut_off_in_its_last_step_is_finished(tmp_path: Path) -> None:
    journal = await _filled(tmp_path / "j.db", 3)
    journal.close()
    (tmp_path / "j.db").rename(tmp_path / "j.db.recovering")
    again = SqliteJournal(tmp_path / "j.db", FAST, partition=0)
    assert again.head(0) == 6
    again.close()


async def test_a_damaged_receipt_is_found_and_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = await _filled(path, 3)
    journal.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE receipt SET digests = x'00' WHERE id = 2")
    db.close()
    with pytest.raises(StoreError, match="receipt 2 is cut short"):
        SqliteJournal(path, FAST, partition=0)
    again = SqliteJournal(path, FAST, recover=True, partition=0)
    assert [again.claim("s", n + 1, n + 100) for n in range(3)] == [True, False, True]
    assert len(again.read(0, 0, 10)) == 6
    again.close()
    SqliteJournal(path, FAST, partition=0).close()


def test_closing_twice_is_fine(tmp_path: Path) -> None:
    journal = asyncio.run(_filled(tmp_path / "j.db", 1))
    journal.close()
    journal.close()
    assert not (tmp_path / "j.db-wal").exists()
