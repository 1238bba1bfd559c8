"""What is DuckDB's own: segments, sealing, files. The contract of the port is in tests/contract."""

import struct
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_contract import NOW, Open, at, expire, record

from gateway.domain.duration import DAY, HOUR, SECOND
from gateway.domain.errors import StoreError
from gateway.domain.reading import Reading, concat
from gateway.ports import SeriesStore
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.repair import replace
from sinks.series.duckdb.store import DuckDbStore


class HandClock:
    def __init__(self, now: int = NOW) -> None:
        self.time = now

    def now(self) -> int:
        return self.time


CONFIG = DuckDbConfig.model_validate({"retention": "10d"})


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def reopen(tmp_path: Path, clock: HandClock) -> Iterator[Open]:
    opened: list[DuckDbStore] = []

    def again() -> SeriesStore:
        opened.append(DuckDbStore(tmp_path / "series", CONFIG, clock))
        return opened[-1]

    yield again
    if opened:
        opened[-1].close()


@pytest.fixture
def store(reopen: Open) -> SeriesStore:
    return reopen()


def test_a_new_day_seals_the_one_before_and_reads_go_over_both(
    store: SeriesStore, clock: HandClock, reopen: Open
) -> None:
    store.write(0, [record(1, at(0, 1.0), at(0, 4.0, device=2))])
    clock.time += DAY
    store.write(0, [record(2, at(DAY / SECOND, 2.0))])
    clock.time += DAY
    store.write(0, [record(3, at(2 * DAY / SECOND, 3.0))])
    assert store.stats().segments == 3
    assert store.range(1, 1, NOW, NOW + 9 * DAY).value.tolist() == [1.0, 2.0, 3.0]
    store.close()
    again = reopen()
    assert again.cursor(0) == 3
    assert [r.value for r in again.latest(2)] == [4.0], "a silent device keeps its newest reading over sealed days"
    assert again.write(0, [record(4, at(0, 4.0, device=2))]).duplicate == 1


def test_retention_deletes_files(store: SeriesStore, clock: HandClock, tmp_path: Path) -> None:
    for day in range(4):
        store.write(0, [record(day + 1, at(day * DAY / SECOND, 1.0))])
        clock.time += DAY
    store.write(0, [record(9, at(4 * DAY / SECOND, 1.0))])
    assert len(list((tmp_path / "series").glob("live-*.duckdb"))) == 5
    assert store.retain(NOW + 2 * DAY + SECOND) == 3
    assert len(list((tmp_path / "series").glob("live-*.duckdb"))) == 2
    assert store.cursor(0) == 9


def bytes_of(folder: Path, value: float) -> list[str]:
    """Sealed files in which this value stands. (Closing a file that is open lets its lock go, so not the live one.)"""
    sealed = sorted(folder.glob("live-*.duckdb"))[:-1]
    return [path.name for path in sealed if struct.pack("<d", value) in path.read_bytes()]


OTHER_READER = """
import sys
from pathlib import Path
from gateway.domain.reading import empty_batch
from sinks.series.duckdb.history import StoredHistory

class Nothing:
    def rows(self, *_):
        return empty_batch()

history = StoredHistory(Path(sys.argv[1]), lambda: Nothing())
print(len(history.rows(0, 2**62, None, [2])), flush=True)
sys.stdin.readline()
print(len(history.rows(0, 2**62, None, [2])), flush=True)
"""


def test_a_sealed_file_is_written_anew_without_the_points_that_are_kept_for_a_shorter_time(
    store: SeriesStore, clock: HandClock, reopen: Open, tmp_path: Path
) -> None:
    """Every file but today's and the late one: no row, no page, no `newest` of the point; who reads goes on reading."""
    folder, secret = tmp_path / "series", 30.287463917
    for day in range(6):
        clock.time = NOW + day * DAY
        second = day * DAY / SECOND
        parked = [at(second, secret, device=9, point=2)] if day == 0 else []
        store.write(0, [record(day + 1, at(second, float(day)), at(second, secret + day, point=2), *parked)])
    assert bytes_of(folder, secret)
    command = [sys.executable, "-c", OTHER_READER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "6\n", "five days, and the parked vehicle; today's file is ours"
        expire(store, {2: NOW + 3 * DAY})
        assert reader.communicate("\n", timeout=20)[0] == "6\n", "it had the files open and is not disturbed"
    assert bytes_of(folder, secret) == []
    for _ in range(2):
        assert store.range(1, 2, NOW, NOW + 9 * DAY).value.tolist() == [secret + day for day in (3, 4, 5)]
        assert store.range(1, 1, NOW, NOW + 9 * DAY).value.tolist() == [float(day) for day in range(6)]
        assert (store.latest(9), store.cursor(0), store.stats().rows) == ([], 6, 9)
        store.close()
        store = reopen()
    before = {path.name: path.stat().st_ino for path in folder.glob("*.duckdb")}
    expire(store, {2: NOW + 4 * DAY})
    changed = [name for name, number in before.items() if (folder / name).stat().st_ino != number]
    assert len(changed) == 1, "only the file with the day that has passed"
    assert store.retain(NOW + 3 * DAY + SECOND) == 4
    assert store.range(1, 1, NOW, NOW + 9 * DAY).value.tolist() == [4.0, 5.0]


@pytest.mark.parametrize("step", ["fsync", "replace", "sync_names"])
def test_a_crash_while_a_file_is_written_anew_loses_nothing(
    store: SeriesStore, clock: HandClock, reopen: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    import sinks.series.duckdb.short_retention as module

    store.write(0, [record(1, at(0, 1.0), at(0, 2.0, point=2))])
    clock.time += DAY
    store.write(0, [record(2, at(DAY / SECOND, 3.0), at(DAY / SECOND, 4.0, point=2))])

    def crash(*_: object) -> None:
        raise SystemExit

    owner = {"fsync": module.os, "replace": Path, "sync_names": module}[step]
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, crash)
        with pytest.raises(SystemExit):
            store.expire({2: NOW + DAY})
    store._folder.abandon()  # type: ignore[attr-defined]
    again = reopen()
    assert not list((tmp_path / "series").glob("*.part*"))
    assert again.range(1, 1, NOW, NOW + 9 * DAY).value.tolist() == [1.0, 3.0]
    expire(again, {2: NOW + DAY})
    assert again.range(1, 2, NOW, NOW + 9 * DAY).value.tolist() == [4.0]
    assert again.range(1, 1, NOW, NOW + 9 * DAY).value.tolist() == [1.0, 3.0]


@pytest.mark.parametrize("left", ["", "\0\0\0", "[]", None])
def test_when_nobody_knows_what_is_done_all_files_are_looked_at_again(
    store: SeriesStore, clock: HandClock, reopen: Open, tmp_path: Path, left: str | None
) -> None:
    done = tmp_path / "series" / "shorter.json"
    store.write(0, [record(1, at(0, 1.0, point=2), at(0, 1.5))])
    expire(store, {2: NOW})
    clock.time += DAY
    store.write(0, [record(2, at(DAY / SECOND, 2.0))])
    store.close()
    if left is None:
        path = next(iter(sorted((tmp_path / "series").glob("live-*.duckdb"))))
        _, kept, _ = replace(path)  # as a recovery does: the rows come from the file as it lies there
        assert kept == 2
        assert not done.exists()
    else:
        done.write_text(left)
    again = reopen()
    expire(again, {2: NOW + SECOND})
    assert again.range(1, 2, NOW - DAY, NOW + DAY).value.tolist() == []
    assert again.range(1, 1, NOW - DAY, NOW + 2 * DAY).value.tolist() == [1.5, 2.0]


def test_points_expire_while_a_scan_is_under_way(
    store: SeriesStore, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinks.series.duckdb.query.SCAN_ROWS", 100)
    for day in range(3):
        clock.time = NOW + day * DAY
        rows = [at(day * DAY / SECOND + i, float(i), point=1 + i % 2) for i in range(10_000)]
        store.write(0, [record(day + 1, *rows)])
    scan = store.scan(NOW, NOW + 9 * DAY)
    seen = len(next(scan))
    expire(store, {2: clock.time + HOUR})
    assert seen + sum(len(batch) for batch in scan) == 30_000, "it shows what was there when it began"
    assert store.stats().rows == 15_000 + (10_000 - 3_600) // 2


def test_a_clock_that_was_far_ahead_and_is_set_back_blocks_neither_rows_nor_retention(
    store: SeriesStore, clock: HandClock, reopen: Open
) -> None:
    store.write(0, [record(1, at(0, 1.0))])
    clock.time += 30 * DAY
    store.write(0, [record(2, at(30 * DAY / SECOND, 2.0))])
    store.retain(clock.time - 10 * DAY)
    clock.time = NOW + DAY
    assert store.write(0, [record(3, at(DAY / SECOND, 3.0))]).expired == 1, "by the floor of the wrong clock"
    store.retain(clock.time - 10 * DAY)
    for day in range(2, 15):
        clock.time = NOW + day * DAY
        assert store.write(0, [record(2 + day, at(day * DAY / SECOND, float(day)))]).stored == 1
        store.retain(clock.time - 10 * DAY)
    kept = store.range(1, 1, NOW, clock.time + SECOND).value.tolist()
    assert kept == [float(day) for day in range(4, 15)], "ten days"
    assert store.stats().rows == len(kept) + 1, (
        "what is older takes no room, though its file is named after a day to come"
    )
    store.close()
    assert reopen().range(1, 1, NOW, clock.time + SECOND).value.tolist() == kept


def test_a_crash_between_the_late_and_the_live_commit_loses_and_doubles_nothing(
    store: SeriesStore, reopen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sinks.series.duckdb.folder as module

    whole = module.insert
    calls: list[str] = []

    def once(*args: object, **kwargs: object) -> object:
        calls.append("insert")
        if len(calls) == 2:
            raise SystemExit
        return whole(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "insert", once)
    rows = [at(-5 * DAY / SECOND, 1.0), at(0, 2.0)]
    with pytest.raises(SystemExit):
        store.write(0, [record(1, *rows)])
    store.close()
    again = reopen()
    assert again.cursor(0) == 0
    again.write(0, [record(1, *rows)])
    assert again.range(1, 1, NOW - 9 * DAY, NOW + DAY).value.tolist() == [1.0, 2.0]


def test_two_processes_cannot_write_one_folder(store: SeriesStore, tmp_path: Path) -> None:
    store.write(0, [record(1, at(0, 1.0))])
    code = textwrap.dedent("""
        import sys
        from pathlib import Path
        from gateway.domain.errors import StoreError
        from sinks.series.duckdb.config import DuckDbConfig
        from sinks.series.duckdb.store import DuckDbStore
        class C:
            def now(self): return int(sys.argv[2])
        try:
            DuckDbStore(Path(sys.argv[1]), DuckDbConfig(), C())
        except StoreError as error:
            print("refused", "lock" in str(error))
    """)
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "series"), str(NOW)], capture_output=True, text=True
    )
    assert out.stdout.strip() == "refused True", out.stderr


def test_a_foreign_file_is_refused(tmp_path: Path, clock: HandClock) -> None:
    (tmp_path / "live-20260101.duckdb").write_bytes(b"not a database")
    with pytest.raises(StoreError, match="live-20260101"):
        DuckDbStore(tmp_path, CONFIG, clock)


ROWS = st.lists(
    st.builds(
        lambda d, p, s, v: at(s, v, d, p),
        st.integers(0, 2),
        st.integers(0, 1),
        st.integers(-400_000, 50),
        st.sampled_from([1.0, 2.0]),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, max_size=5))
def test_reads_equal_a_dict(tmp_path_factory: pytest.TempPathFactory, writes: list[list[Reading]]) -> None:
    store = DuckDbStore(tmp_path_factory.mktemp("series"), CONFIG, HandClock())
    model: dict[tuple[int, int, int], float] = {}
    stored = duplicate = 0
    for seq, rows in enumerate(writes, 1):
        written = store.write(0, [record(seq, *rows)])
        stored, duplicate = stored + written.stored, duplicate + written.duplicate
        model.update({(r.device, r.point, r.at): r.value for r in rows})
    batches = list(store.scan(NOW - 9 * DAY, NOW + DAY))
    got = {(r.device, r.point, r.at): r.value for r in (concat(batches).readings() if batches else [])}
    assert got == model
    assert stored + duplicate == sum(map(len, writes))
    for device in range(3):
        newest = {
            p: max(a for d, q, a in model if (d, q) == (device, p)) for p in {q for d, q, _ in model if d == device}
        }
        assert {r.point: r.at for r in store.latest(device)} == newest
    store.close()
