"""Stored readings as a backtest reads them: sorted, framed, each once, whoever has the files."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gateway.domain.duration import DAY, SECOND
from gateway.domain.errors import StoreError
from gateway.domain.reading import Batch, Reading, batch_of
from gateway.domain.record import Record
from sinks.series import pieces as module
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.history import StoredHistory
from sinks.series.duckdb.store import DuckDbStore

NOW = 1_790_000_000 * SECOND


class Clock:
    """Where the test puts it."""

    def __init__(self, now: int) -> None:
        self.at = now

    def now(self) -> int:
        return self.at


HOLDER = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"


@contextmanager
def held(file: Path) -> Iterator[None]:
    """A file that another process has open: who reads the folder has to ask for it."""
    command = [sys.executable, "-c", HOLDER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield
        holder.communicate()


def reading(device: int, point: int, second: float, value: float = 1.0) -> Reading:
    """`second` after NOW."""
    at = NOW + round(second * SECOND)
    return Reading(device, point, at, value, received=at + 5)


def rows_of(batch: Batch) -> list[tuple[int, int, float, float]]:
    """(device, point, seconds after NOW, value)."""
    rows = zip(batch.device.tolist(), batch.point.tolist(), batch.at.tolist(), batch.value.tolist(), strict=True)
    return [(d, p, (at - NOW) / SECOND, value) for d, p, at, value in rows]


def test_sealed_and_open_files_give_one_history(tmp_path: Path) -> None:
    clock = Clock(NOW)
    store = DuckDbStore(tmp_path, DuckDbConfig(), clock)
    store.write(0, [Record(1, NOW, batch_of([[reading(2, 1, 1), reading(2, 2, 1)], [reading(1, 1, 0)]]))])
    clock.at += DAY
    changed = [reading(2, 1, 1, 7.0), reading(1, 1, 90_000)]
    store.write(0, [Record(2, clock.at, batch_of([changed]))])  # the first day is sealed now
    sealed = tmp_path / "sealed"
    sealed.mkdir()
    closed = [path for path in tmp_path.glob("*.duckdb") if f"{path.stem}" not in _open(store)]
    assert len(closed) == 1
    (sealed / closed[0].name).write_bytes(closed[0].read_bytes())
    with held(sealed / "live-29990101.duckdb"):
        with pytest.raises(StoreError, match="another process"):
            StoredHistory(sealed)
        history = StoredHistory(sealed, store.held)
    expected = [(1, 1, 0, 1.0), (2, 1, 1, 7.0), (2, 2, 1, 1.0), (1, 1, 90_000, 1.0)]
    assert rows_of(history.rows(NOW, NOW + 2 * DAY, None, None)) == expected
    assert history.rows(NOW, NOW + 2 * DAY, None, None).frame.tolist() == [0, 1, 1, 2]
    assert rows_of(history.rows(NOW, NOW + 2 * DAY, [2], [2])) == [(2, 2, 1, 1.0)]
    assert rows_of(history.before(NOW + 80_000 * SECOND, [1, 2], [1])) == [(1, 1, 0, 1.0), (2, 1, 1, 7.0)]
    history.close()
    store.close()
    alone = StoredHistory(tmp_path)
    assert rows_of(alone.rows(NOW, NOW + 2 * DAY, None, None)) == expected
    assert alone.rows(NOW, NOW + 2 * DAY, None, None).received.tolist()[0] == NOW + 5
    alone.close()


def _open(store: DuckDbStore) -> set[str]:
    return {stem for stem, segment in store._folder._segments.items() if not segment.sealed}


def test_spans_are_of_like_size_and_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 50)
    random = np.random.default_rng(4)
    seconds = sorted({*random.uniform(0, 86_000, 600).round(3).tolist(), *(40_000 + k * 0.001 for k in range(400))})
    store = DuckDbStore(tmp_path, DuckDbConfig(), Clock(NOW + DAY))
    store.write(0, [Record(1, NOW, batch_of([[reading(1, 1, second, second)] for second in seconds]))])
    store.close()
    history = StoredHistory(tmp_path)
    start, end = NOW, NOW + DAY
    spans = history.spans(start, end)
    rows = [rows_of(history.rows(first, last, None, None)) for first, last, _ in spans]
    assert [len(one) for one in rows] == [count for _, _, count in spans]
    assert [row[2] for one in rows for row in one] == pytest.approx(seconds)
    assert max(len(one) for one in rows) <= 150
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert history.spans(end, end + DAY) == []
    history.close()
