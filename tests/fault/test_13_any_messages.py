"""Scenario 13: whatever bytes a broker hands over: every message is acknowledged and accounted for, nothing falls over.

The whole gateway in this process, fed by a scripted broker, so that topics and flags may be such as no real one lets
through. Afterwards the same journal is replayed by a new start.
"""

import asyncio
import json
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from depth import examples
from hostile_kit import CONFIG, ScriptedBroker, live, publish_bytes, until, write_project
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.app.lifecycle import App
from gateway.domain.reading import Batch, Quality
from gateway.domain.record import Raw

pytestmark = pytest.mark.fault
QUICK = CONFIG.replace("    client_id: hostile-gateway\n", "    client_id: hostile-gateway\n    linger: 0ms\n").replace(
    "ballast: 0B}", "ballast: 0B, linger: 0ms}\nintake: {linger: 0ms}"
)


@dataclass
class LiveGateway:
    runner: asyncio.Runner
    broker: ScriptedBroker
    app: App
    config: Path
    packet: int = 0
    requested: int = 0

    @property
    def stats(self) -> Any:
        return self.app.ingest.sources.running["broker"].stats  # type: ignore[attr-defined]

    async def publish(self, messages: list[tuple[bytes, bytes, int, bool, bool]]) -> None:
        before, wanted = self.stats.received, self.broker.acknowledged
        wire = b""
        for topic, payload, qos, retain, again in messages:
            self.packet = self.packet % 65_000 + 1
            frame = publish_bytes(topic, payload, self.packet if qos else 0, retain)
            wire += bytes([frame[0] | (8 if again and qos else 0)]) + frame[1:]
            wanted += qos
        assert self.broker.writer is not None
        self.broker.writer.write(wire)
        await until(lambda: self.stats.received == before + len(messages) and not self.stats.waiting, "taken", 5)
        await until(lambda: self.broker.acknowledged == wanted, "acknowledged", 5)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    folder = tmp_path_factory.mktemp("fuzz")
    with asyncio.Runner() as runner, ExitStack() as stack:
        broker = ScriptedBroker()
        runner.run(broker.open())
        config = write_project(folder, devices=["G", "H"], config=QUICK, broker=broker.port)
        opened = live(config)
        app = runner.run(opened.__aenter__())
        made = LiveGateway(runner, broker, app, config)
        assert broker.server is not None
        stack.callback(broker.server.close)
        runner.run(until(lambda: made.stats.connected, "connected"))
        yield made
        runner.run(opened.__aexit__(None, None, None))
        runner.run(replayed(made))


async def replayed(gateway: LiveGateway) -> None:
    """The same folder starts again: journal, snapshot and stores can live with what they were given."""
    before = gateway.app.ingest.intake.balance()
    async with live(gateway.config) as app:
        assert app.operation.readiness.ready
        journaled = rejected = after = 0
        while records := app.stores.journal.read(0, after, 512):
            after = records[-1].seq
            journaled += sum(len(record.body) for record in records if isinstance(record.body, Batch))
            rejected += sum(isinstance(record.body, Raw) for record in records)
        assert (journaled, rejected) == (before.readings_journaled, before.rejected)
        stored = sum(len(batch) for batch in app.stores.series.scan(0, 2**62))
        written = gateway.app.consumers.series.written
        assert written.stored + written.duplicate + written.expired == journaled
        assert stored == written.stored - written.conflict


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**40), 10**40), st.integers(-5, 2_000_000_000_000),
        st.floats(), st.text(max_size=8), st.sampled_from(["NaN", "1e309", "charging", "-40", "\ud800", "\x00", ""]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "temp", "ts", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip
FIELDS = st.sampled_from(["ts", "temp", "u", "s", "items", "id", "kind", "x", "\ud800", "e\u0301"])
DOCUMENTS = st.one_of(st.dictionaries(FIELDS, VALUES, max_size=6), VALUES).map(lambda v: json.dumps(v).encode())
BYTES = st.one_of(
    DOCUMENTS,
    DOCUMENTS,
    DOCUMENTS,
    st.binary(max_size=80),
    st.tuples(DOCUMENTS, st.integers(0, 200), st.binary(max_size=3)).map(lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :]),
    st.tuples(st.sampled_from([b"[", b'{"x":', b'"', b"9", b"\\u00"]), st.integers(1, 3000)).map(lambda t: t[0] * t[1]),
)
TOPICS = st.one_of(
    st.sampled_from(
        [b"h/H/telemetry", b"h/H/telemetry", b"h/H/now", b"h/H/plain", b"h/H/list", b"h/H/kinds", b"kept/H", b"any/H",
         b"who", b"h/G/telemetry", b"h/nobody/now", b"h/+/now", b"h/H/#", b"$SYS/x", b"/", b"h//now", b"h/H/now/"]
    ),
    st.text(max_size=10).map(lambda text: b"any/" + text.encode()),
    st.text(max_size=10).map(lambda text: text.encode()),
    st.sampled_from([b"any/\xff", b"\xed\xa0\x80"]),  # not UTF-8
)  # fmt: skip
MESSAGES = st.lists(st.tuples(TOPICS, BYTES, st.integers(0, 1), st.booleans(), st.booleans()), min_size=1, max_size=12)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the codec panics over bad topics
@given(MESSAGES)
@settings(max_examples=examples(50), deadline=None, suppress_health_check=list(HealthCheck))
@example([(b"h/H/telemetry", b'{"ts":1e308,"temp":1}', 1, False, True)] * 3)
@example([(b"\xff\xff", b"\xff", 1, True, True), (b"", b"", 0, False, False)])
def test_any_messages_are_acknowledged_and_accounted_for(
    gateway: LiveGateway, messages: list[tuple[bytes, bytes, int, bool, bool]]
) -> None:
    app, head = gateway.app, gateway.app.stores.journal.head(0)
    gateway.runner.run(gateway.publish(messages))
    stats, balance = gateway.stats, app.ingest.intake.balance("broker")
    balance.check()
    settled = stats.journaled + stats.duplicates + stats.rejected.total() + stats.ignored
    assert (stats.received, stats.returned, stats.lost) == (settled, 0, 0)
    assert balance.received == stats.received - stats.ignored
    assert balance.rejected == stats.rejected.total()
    assert stats.connects == 1
    assert not app.operation.supervisor.fatal.is_set()
    assert {
        name for name, health in app.operation.supervisor.health.items() if health.restarts or not health.up
    } == set()
    for record in app.stores.journal.read(0, head, 1000):
        if isinstance(record.body, Batch):
            for reading in record.body.readings():
                assert math.isfinite(reading.value) == (reading.quality is not Quality.BAD)
                assert 946_684_800_000_000 <= reading.at <= reading.received + 300_000_000


def test_rules_and_stores_kept_up(gateway: LiveGateway) -> None:
    head = gateway.app.stores.journal.head(0)
    gateway.runner.run(
        until(
            lambda: gateway.app.consumers.rules.judged >= head and gateway.app.consumers.series.cursor >= head,
            "consumers",
        )
    )
    assert not gateway.app.operation.supervisor.fatal.is_set()
