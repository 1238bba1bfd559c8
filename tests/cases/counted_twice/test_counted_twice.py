"""A read that failed after a write made the next write answer with the counts of the one before as well: more readings
were stored than decoded, and the balance of `/metrics` did not close."""

from pathlib import Path

import duckdb
import pytest
from store_contract import NOW, at, record

from gateway.domain.duration import DAY
from gateway.domain.errors import StoreUnavailable
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore


class Clock:
    def now(self) -> int:
        return NOW


def test_a_read_that_fails_counts_nothing_again(tmp_path: Path) -> None:
    store = DuckDbStore(tmp_path, DuckDbConfig(), Clock())
    assert store.write(0, [record(1, at(0, 1.0), at(1, 2.0))]).stored == 2
    with pytest.raises(StoreUnavailable) as failed:
        store.range(1, 1, NOW, NOW + DAY, limit=-1)
    assert isinstance(failed.value.__cause__, duckdb.Error)
    assert store.write(0, [record(2, at(2, 3.0))]).stored == 1
    store.close()
