"""Scenario 15: topics and device codes that want to be more: a filter, a path, SQL, line protocol, a log line.

What names no registered device is a dead letter under its own words, and nothing else. Who may publish under whose
topic is the broker's business (its access list): a message on a device's topic is that device's, and the gateway says
nothing of who sent it.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hostile_kit import NEEDS_MOSQUITTO, client, live, text, until, write_project

from gateway.domain.reading import Batch
from gateway.domain.record import Raw
from gateway.logs import configure
from simulators.servers import mosquitto

pytestmark = NEEDS_MOSQUITTO
FORGED = [
    "../../../../tmp/fieldgate-forged", "..", "/etc/passwd", "a b", "a,b=c", "gun_temp,device=G value=99i 1", "%2e%2e",
    "G'; DROP TABLE device; --", 'G" OR "1"="1', '{"event":"gateway live"}', "${jndi:ldap://x}", "{{ 7*7 }}",
    "$(touch forged)", "$SYS/broker", "G ", " G", "g", "\uff27", "G%00", "G\\n", "<script>alert(1)</script>",
]  # fmt: skip
LINES = ["G\nforged", 'G\r\n{"event":"forged"}', "G\x00", "G\x1b[2J", "\u2028G", "G\u202e", "+", "#", "h/+/telemetry"]
"""Not in a topic, for a broker hangs up over most of them: as the code inside a payload."""


async def test_codes_that_want_to_be_more(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    configure("debug")
    with mosquitto(tmp_path / "broker") as broker:
        config = write_project(tmp_path / "project", devices=["G", "H"], broker=broker.port)
        async with live(config) as app, client(broker.port, "forger") as forger:
            stats: Any = app.ingest.sources.running["broker"].stats  # type: ignore[attr-defined]
            await until(lambda: stats.connected, "connected")
            files = {path.name for path in tmp_path.rglob("*") if path.is_dir()}
            for code in FORGED:
                assert await forger.publish(f"any/{code}", b'{"temp":95}')
            for code in [*FORGED, *LINES]:
                assert await forger.publish("who", text({"id": code, "temp": 95}))
            assert await forger.publish("h/G/now", b'{"temp":20}')  # whoever sent it: it is G's
            total = 2 * len(FORGED) + len(LINES) + 1
            await until(lambda: stats.received == total and not stats.waiting, "all of them")
            records = [record.body for record in app.stores.journal.read(0, 0, 10_000)]
            letters = [body for body in records if isinstance(body, Raw)]
            readings = [one for body in records if isinstance(body, Batch) for one in body.readings()]
            g = app.stores.registry.device("G")
            assert g is not None
            await until(lambda: app.consumers.series.cursor >= app.stores.journal.head(0), "the series store")
            assert {path.name for path in tmp_path.rglob("*") if path.is_dir()} == files, "no folder has such a name"
            assert app.stores.sql.queries.orders().items == []
    assert [letter.reason for letter in letters] == ["unknown_device"] * (total - 1)
    assert [letter.address for letter in letters] == [f"any/{code}" for code in FORGED] + ["who"] * (
        len(FORGED) + len(LINES)
    )
    assert [json.loads(letter.payload).get("id") for letter in letters[len(FORGED) :]] == [*FORGED, *LINES]
    assert [(one.device, one.value) for one in readings] == [(g.id, 20.0)]
    events = [json.loads(line)["event"] for line in capfd.readouterr().err.splitlines()]  # each line is one of ours
    assert "gateway live" in events
    assert "forged" not in events
    assert events.count("gateway live") == 1
    assert not Path("/tmp/fieldgate-forged").exists(), "where it wanted to go"
