"""What tells a redelivery: seeds of topics are remembered within a bound, and the digest does not depend on it."""

import pytest
from mqtt_kit import said

from protocols.mqtt.acknowledge import Digests


def test_topics_nobody_knows_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.mqtt.acknowledge._SEEDS", 10)
    digests, fresh = Digests(), Digests()
    for i in range(100):
        message = said(f"charger/x{i}/telemetry", {"temp": 1})
        assert digests.of(message) == fresh.of(message) == Digests().of(message)
        assert len(digests) <= 10
    digests.clear()
    digests.of(said("x" * 60_000, {"temp": 1}))
    assert len(digests) == 0
