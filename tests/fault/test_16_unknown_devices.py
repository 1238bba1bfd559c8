"""Scenario 16: a flood of device names nobody registered.

Each message is counted and acknowledged, its content kept within a bound; memory does not grow with the number of
names; the devices that are known lose nothing.
"""

from pathlib import Path

import pytest
from fault_kit import Installation, installation
from hostile_kit import spawn
from process_kit import wait_until
from process_memory import MIB, resident

from simulators.load import GATE_BYTES
from simulators.servers import mosquitto_binary
from simulators.shared_counters import Shared

pytestmark = [
    pytest.mark.slow_fault,
    pytest.mark.server,
    pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed (apt-get install mosquitto)"),
]
NAMES = 120_000


def test_names_nobody_knows(tmp_path: Path) -> None:
    with installation(tmp_path, more="journal: {raw_max_bytes: 4MiB}\n") as it:
        it.start()
        assert it.gateway is not None
        it.send(4_000, 2.0)
        it.settled()
        with Shared(tmp_path / "strangers", GATE_BYTES) as gate:
            strangers = spawn(
                "-m",
                "simulators.load",
                "--broker",
                f"127.0.0.1:{it.broker}",
                "--topic",
                "kill/stranger-{}/telemetry",
                "--devices",
                str(NAMES),
                "--gate",
                str(gate.path),
                "--name",
                "strangers",
            )
            try:
                sizes = []
                for part in range(1, 5):
                    upto = NAMES * part // 4
                    gate.set(0, upto)
                    wait_until(lambda upto=upto: rejected(it) >= upto, 120, "every stranger is counted", it.log)
                    sizes.append(resident(it.gateway.pid))
                    it.send(500, 0.5)
            finally:
                gate.set(2, 1)
                strangers.wait(10)
        assert rejected(it) == NAMES
        assert it.metric("fieldgate_dead_letters_total", 'reason="unknown_device"') == NAMES
        assert sizes[-1] - sizes[0] < 30 * MIB, [size // MIB for size in sizes]
        assert it.metric("fieldgate_dead_letters_expired_total", "") > NAMES / 4, "the oldest lost their content"
        it.settled()
        it.check()


def rejected(it: Installation) -> float:
    return it.metric("fieldgate_messages_total", 'state="rejected"')
