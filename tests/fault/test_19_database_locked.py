"""Another process holds the database's write lock for longer than a writer waits: the gateway says so and lives on,
readings are kept and judged meanwhile, then there is exactly one order of each."""

import time
from contextlib import closing
from pathlib import Path

import httpx
import process_kit as kit
import pytest
from fault_kit import installation
from hostile_kit import ready
from pysqlite3 import dbapi2 as sqlite

pytestmark = kit.NEEDS_MOSQUITTO
HELD = 14.0  # seconds; a writer waits 10


@pytest.mark.slow_fault
def test_a_held_write_lock_delays_orders_and_makes_none_twice(tmp_path: Path) -> None:
    with installation(tmp_path) as site:
        site.start()
        with closing(sqlite.connect(str(site.data / "fieldgate.sqlite"), isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            site.send(800, seconds=2)
            kit.wait_until(lambda: not ready(site.api), 30, "not ready", site.log)
            answer = site.readiness()
            assert answer["parts"]["rules.commit"] == "down: the disk fails, or another process holds the file"
            assert answer["parts"]["journal"] == answer["parts"]["series"] == "ok"
            assert httpx.get(f"http://127.0.0.1:{site.api}/healthz", timeout=5).status_code == 200
            time.sleep(max(0.0, HELD - (time.monotonic() - began)))
            other.execute("ROLLBACK")
        kit.wait_until(lambda: ready(site.api), 30, "ready again", site.log)
        site.settled()
        assert "Traceback" not in site.said()
        site.check()
