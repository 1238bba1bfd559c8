"""A disk that fails for a moment: each store goes on by itself, nothing is lost or doubled.

The whole gateway under load on a shim that fails single calls (`shim/disk.c`).
"""

from pathlib import Path

import pytest
import test_kill as kill
from fault_kit import installation
from faulty_disk import FaultyDisk

pytestmark = kill.pytestmark

FAULTS = {
    "series, one fsync": ["fsync EIO .duckdb 1"],
    "series, one write": ["write EIO .duckdb 1"],
    "journal, one fsync": ["fsync EIO journal.sqlite 1"],
    "database, one fsync": ["fsync EIO fieldgate.sqlite 1"],
    "database, one write": ["write EIO fieldgate.sqlite 1"],
}


def test_one_failed_call_after_another_loses_and_doubles_nothing(tmp_path: Path) -> None:
    disk = FaultyDisk(tmp_path)
    with installation(tmp_path) as site:
        site.start(disk.environment)
        site.send(800)
        for name, rules in FAULTS.items():
            disk.rules(*rules)
            site.send(800, seconds=1.5)
            disk.rules()
            kill.wait_until(lambda: kill.ready(site.api), 30, f"ready after: {name}", site.log)
        site.settled()
        assert site.metric("fieldgate_balance_", "") == 0, "no count was lost on the way"
        said = site.said()
        assert "opened anew" in said
        assert "Traceback" not in said
        site.check()


@pytest.mark.parametrize(("part", "rule"), [("series", "fsync EIO .duckdb"), ("journal", "write EIO journal.sqlite")])
def test_while_a_store_fails_readyz_says_which_and_why(tmp_path: Path, part: str, rule: str) -> None:
    disk = FaultyDisk(tmp_path)
    with installation(tmp_path) as site:
        site.start(disk.environment)
        site.send(400)
        disk.rules(rule)
        site.send(400, seconds=2.5)
        seen = [site.readiness() for _ in range(20) if not kill.time.sleep(0.1)]
        assert not any(answer["ready"] for answer in seen), seen
        assert {answer["parts"][part] for answer in seen} == {"down: the disk fails, or another process holds the file"}
        disk.rules()
        kill.wait_until(lambda: kill.ready(site.api), 20, "ready again", site.log)
        site.settled()
        assert site.said().count("source down") == 0, "the broker's messages wait, the session stays"
        site.check()
