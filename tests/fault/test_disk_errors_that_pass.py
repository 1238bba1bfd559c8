"""A disk that fails for a moment: each store goes on by itself, nothing is lost or doubled.

The whole gateway under load on a shim that fails single calls (`shim/disk.c`).
"""

import subprocess
import sys
import time
from pathlib import Path

import process_kit as kit
import pytest
from fault_kit import installation
from faulty_disk import FaultyDisk
from hostile_kit import ready

pytestmark = kit.NEEDS_MOSQUITTO

FAULTS = {
    "series, one fsync": ["fsync EIO .duckdb 1"],
    "series, one write": ["write EIO .duckdb 1"],
    "journal, one fsync": ["fsync EIO journal.sqlite 1"],
    "database, one fsync": ["fsync EIO fieldgate.sqlite 1"],
    "database, one write": ["write EIO fieldgate.sqlite 1"],
}


@pytest.mark.slow_fault
def test_one_failed_call_after_another_loses_and_doubles_nothing(tmp_path: Path) -> None:
    disk = FaultyDisk(tmp_path)
    with installation(tmp_path) as site:
        site.start(disk.environment)
        site.send(800)
        for name, rules in FAULTS.items():
            disk.rules(*rules)
            site.send(800, seconds=1.5)
            disk.rules()
            kit.wait_until(lambda: ready(site.api), 30, f"ready after: {name}", site.log)
        site.settled()
        assert site.metric("fieldgate_balance_", "") == 0, "no count was lost on the way"
        said = site.said()
        assert "opened anew" in said
        assert "Traceback" not in said
        site.check()


@pytest.mark.slow_fault
@pytest.mark.parametrize(("part", "rule"), [("series", "fsync EIO .duckdb"), ("journal", "write EIO journal.sqlite")])
def test_while_a_store_fails_readyz_says_which_and_why(tmp_path: Path, part: str, rule: str) -> None:
    disk = FaultyDisk(tmp_path)
    with installation(tmp_path, more="intake: {full_wait: 2m}\n") as site:
        site.start(disk.environment)
        site.send(400)
        disk.rules(rule)
        site.send(400, seconds=2.5)
        seen = [site.readiness() for _ in range(20) if not time.sleep(0.1)]
        assert not any(answer["ready"] for answer in seen), seen
        assert {answer["parts"][part] for answer in seen} == {"down: the disk fails, or another process holds the file"}
        disk.rules()
        kit.wait_until(lambda: ready(site.api), 20, "ready again", site.log)
        site.settled()
        assert site.said().count("source down") == 0, "the broker's messages wait, the session stays"
        site.check()


SERIES = """
import sys
from pathlib import Path
import structlog
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
sys.path.insert(0, sys.argv[2])
from store_contract import NOW, at, record
from gateway.domain.errors import StoreError
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore
class C:
    def now(self): return NOW
store = DuckDbStore(Path(sys.argv[1]), DuckDbConfig(), C())
for seq in range(1, 5):
    input()
    made = None
    try:
        made = store.write(0, [record(n, at(n, float(n))) for n in range(1, seq + 1)])
        print(made.stored, flush=True)
    except StoreError as error:
        print(type(error).__name__, flush=True)
rows = sum(len(batch) for batch in store.scan(0, 2**62))
print(rows, store.stats().rows, flush=True)
"""


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("fsync EIO .duckdb 1", "StoreUnavailable"),
        ("write EIO .duckdb 1", "StoreUnavailable"),
        ("write ENOSPC .duckdb", "StoreFull"),
    ],
)
def test_the_series_store_names_the_first_error_and_counts_every_row_once(tmp_path: Path, rule: str, name: str) -> None:
    disk = FaultyDisk(tmp_path)
    command = [sys.executable, "-c", SERIES, str(tmp_path / "series"), str(Path(__file__).parents[1] / "series")]
    pipe = subprocess.PIPE
    store = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=disk.environment)
    assert store.stdin is not None
    assert store.stdout is not None
    said = []
    try:
        for rules in ([], [rule], [], []):
            disk.rules(*rules)
            store.stdin.write("\n")
            store.stdin.flush()
            said.append(store.stdout.readline().strip())
        rows = store.stdout.readline().split()
    finally:
        store.kill()
        store.wait(10)
        store.stdin.close()
        store.stdout.close()
    assert said == ["1", name, "2", "1"], "what failed is stored, and counted, by the next write"
    assert rows == ["4", "4"]


@pytest.mark.slow_fault
def test_a_small_journal_stops_intake_for_no_longer_than_the_series_store_is_away(tmp_path: Path) -> None:
    small = "journal: {max_bytes: 4MiB, ballast: 0B}\n"
    disk = FaultyDisk(tmp_path)
    with installation(tmp_path, more=small) as site:
        site.start(disk.environment)
        site.send(800)
        disk.rules("fsync EIO .duckdb")
        site.send(40_000, seconds=12)
        kit.wait_until(lambda: "journal.max_bytes" in str(site.readiness()), 30, "the journal is full", site.log)
        disk.rules()
        began = time.monotonic()
        kit.wait_until(lambda: site.readiness()["parts"]["journal"] == "ok", 30, "intake goes on", site.log)
        assert time.monotonic() - began < 25, "a try at least every 5 s, a release every 10 s"
        site.settled()
        assert "Traceback" not in site.said()
        site.check(journal=False)
