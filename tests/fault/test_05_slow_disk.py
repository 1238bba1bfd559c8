"""Scenario 5: each sync of the disk takes two seconds.

The gateway says so, acknowledges no sooner, holds back the broker (receive maximum), keeps its memory, and goes on at
once when the disk is quick again; nothing is lost or doubled.
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
MOST = 500  # receive maximum
UNREAD = 6_000  # mosquitto 2.0 goes beyond it: then the gateway stops reading, and what is in the sockets waits
FLOOD = 40_000


def test_a_disk_that_takes_two_seconds_for_a_sync(tmp_path: Path) -> None:
    disk = FaultyDisk(tmp_path)
    with installation(tmp_path) as it:
        text = it.config.read_text().replace("    reconnect:", f"    receive_maximum: {MOST}\n    reconnect:")
        it.config.write_text(text)
        it.start(disk.environment)
        assert it.gateway is not None
        it.send(4_000, 2.0)
        it.settled()
        before = resident(it.gateway.pid)
        disk.rules("fsync 2000 /")
        it.flood(FLOOD)
        peak, most_on_the_way, until = 0, 0.0, time.monotonic() + 20
        while time.monotonic() < until:
            peak = max(peak, resident(it.gateway.pid))
            on_the_way = it.metric("fieldgate_messages_total", 'state="in_flight"')
            most_on_the_way = max(most_on_the_way, on_the_way)
            time.sleep(0.5)
        assert it.metric("fieldgate_journal_last_commit_seconds", "") >= 2, "it can be seen"
        assert most_on_the_way <= UNREAD, "the broker is held back"
        assert peak - before < 60 * MIB
        journaled = it.metric("fieldgate_messages_total", 'state="journaled"')
        assert 4_000 < journaled < 4_000 + FLOOD, "slow, and it goes on all the same"
        disk.rules()
        wait_until(lambda: it.acknowledged() == it.sent, 60, "the broker's acknowledgements", it.log)
        it.settled(120)
        assert it.metric("fieldgate_messages_total", 'state="duplicate"') == 0, "no connection was given up"
        it.check()
