"""Scenario 28: memory does not grow with the time a store is away, nor with what has passed through.

Hours at 500 messages/s are compressed into half a minute at 4,000. Journal and engine go on, the series store cannot
write; what it has not taken is read from the file, so the memory in use stays what it was after the first seconds.
"""

import time
from pathlib import Path

import pytest
from fault_kit import installation
from faulty_disk import FaultyDisk
from process_kit import wait_until
from process_memory import MIB, resident

from simulators.servers import mosquitto_binary

pytestmark = [
    pytest.mark.slow_fault,
    pytest.mark.server,
    pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed (apt-get install mosquitto)"),
]
RATE, SECONDS = 4_000, 40
KEPT = 40 * MIB  # ten seconds of records at this rate, DuckDB's and SQLite's own caches


def test_memory_is_flat_while_the_series_store_is_away(tmp_path: Path) -> None:
    disk = FaultyDisk(tmp_path)
    with installation(tmp_path) as it:
        it.start(disk.environment)
        assert it.gateway is not None
        it.send(RATE * 4, 4.0)
        it.settled()
        disk.rules("fsync EIO .duckdb")
        it.send(RATE * 12, 12.0)  # until what is kept for live consumers is full
        began, at_first = time.monotonic(), resident(it.gateway.pid)
        peak = at_first
        for _ in range(SECONDS // 4):
            it.send(RATE * 4, 4.0)
            peak = max(peak, resident(it.gateway.pid))
        assert it.metric("fieldgate_lag_records", 'consumer="series"') > 100, "it really was away"
        hours = RATE * (time.monotonic() - began) / 500 / 60
        assert peak - at_first < 25 * MIB, f"grew by {(peak - at_first) / MIB:.0f} MiB in {hours:.0f} minutes' messages"
        assert it.metric("fieldgate_journal_bytes", 'what="memory"') <= KEPT
        disk.rules()
        wait_until(lambda: it.metric("fieldgate_lag_records", 'consumer="series"') <= 1, 120, "caught up", it.log)
        it.settled(120)
        it.check()
