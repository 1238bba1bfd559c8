"""Scenario 8: one thing among many is bad, and only that is put aside, with its reason.

On the way in a bad point of a message, a bad message of a batch; on the way out an event the receiver does not accept.
"""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from delivery_kit import post
from hostile_kit import CONFIG, client, live, needs_mosquitto, text, until, write_project
from rough_receiver import Said, receiving

from gateway.domain.reading import Quality
from gateway.domain.record import Raw
from simulators.servers import mosquitto

START = 1_767_225_600_000  # ms


@needs_mosquitto
async def test_a_bad_point_spoils_neither_its_message_nor_the_batch(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        config = write_project(tmp_path / "project", devices=["D1"], config=CONFIG, broker=broker.port)
        async with live(config) as app:
            source = app.ingest.sources.running["broker"]
            await until(lambda: source.stats.connected, "connected")  # type: ignore[attr-defined]
            async with client(broker.port, "device") as device:
                for n in range(50):
                    body = {"ts": START + n, "temp": "NaN" if n == 20 else 20.0 + n / 10, "u": 230}
                    assert await device.publish("h/D1/telemetry", b"{" if n == 30 else text(body))
            head = app.stores.journal.head(0)
            await until(lambda: app.consumers.series.cursor >= head, "stored")
            batches = list(app.stores.series.scan(0, 2**62))
            at = np.concatenate([b.at for b in batches]) // 1000 - START
            quality = np.concatenate([b.quality for b in batches])
            assert len(at) == 2 * 49, "both points of every message but one"
            assert set(at.tolist()) == set(range(50)) - {30}
            assert at[quality == Quality.BAD].tolist() == [20]
            (letter,) = app.stores.journal.dead_letters(10)
            assert isinstance(letter.body, Raw)
            assert (letter.body.reason, letter.body.payload) == ("bad_json", b"{")
            balance = app.ingest.intake.balance("broker")
            assert (balance.journaled, balance.rejected) == (49, 1)


@pytest.mark.parametrize(("status", "tries"), [(400, 4), (422, 4), (413, 4)])
async def test_an_event_that_is_refused_is_a_dead_letter_and_the_others_arrive(
    tmp_path: Path, status: int, tries: int
) -> None:
    def answers(event: dict[str, object], _: int) -> Said:
        return Said(status, body="field 7 is wrong") if event["id"] == "evt_S3_1" else Said()

    async with receiving(answers) as oa, post(tmp_path, {"oa": oa.port}, config={"retries": ["50ms"] * 8}) as out:
        for _ in range(2):
            for subject in range(6):
                out.put("oa", subject=f"S{subject}")
        await out.settled()
        await asyncio.sleep(0.1)
        states = {row.event: row.state for row in out.rows()}
        assert {event for event, state in states.items() if state == "dead"} == {"evt_S3_1"}
        assert len(oa.taken) == 11, "its own later event too"
        (dead,) = [row for row in out.rows() if row.state == "dead"]
        assert dead.reason == f"rejected: {status} field 7 is wrong"
        assert [a.status for a in out.attempts("evt_S3_1")] == [status] * tries
        assert out.relay.stats()["oa"].breaker == "closed", "the endpoint itself works"
