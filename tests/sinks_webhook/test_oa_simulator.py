"""The OA simulator is faithful: it refuses what a real one refuses, and its engineers work an order to its end."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from webhook_receiver import SECRET, StoppedClock, answer, receiving

from gateway.domain.delivery import Delivery
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused
from simulators.oa import Oa, build
from simulators.webhooks import ReceiverFault, decode_secret, running
from sinks.http.signing import headers, parse_secret, verify
from sinks.oa.webhook.config import WebhookConfig
from sinks.oa.webhook.sink import CONTENT_TYPE, WebhookSink

KEY = decode_secret(SECRET)


def event(number: str, version: int, state: str, kind: str = "updated") -> Delivery:
    message = f"evt_{number}_{version}"
    body = {
        "specversion": "1.0",
        "id": message,
        "source": "urn:x",
        "type": f"workorder.{kind}",
        "subject": number,
        "data": {"workOrder": {"no": number, "version": version, "state": state, "title": "枪头过温"}},
    }
    return Delivery(message, "oa", body["type"], number, json.dumps(body, ensure_ascii=False).encode(), CONTENT_TYPE, 1)


def make(port: int, secret: str = SECRET) -> WebhookSink:
    url = f"http://127.0.0.1:{port}/hooks/oa"
    config = WebhookConfig.model_validate(
        {"type": "webhook", "url": url, "secret": secret, "allow": ["127.0.0.1/32"], "timeout": "2s"}
    )
    return WebhookSink("oa", config, StoppedClock(int(time.time() * 1_000_000)))


async def test_orders_duplicates_and_signatures() -> None:
    oa = Oa([KEY])
    async with running(build(oa)) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        sink = make(port)
        for number, version in (("WO-1", 1), ("WO-1", 1), ("WO-2", 1), ("WO-1", 3), ("WO-1", 2)):
            assert (await sink.deliver(event(number, version, "new"))).status == 200
        other = make(port, "another secret of thirty-two byte")
        with pytest.raises(DeliveryDeferred, match="rejected: 401"):
            await other.deliver(event("WO-3", 1, "new"))
        await other.close()
        await sink.close()
        stats = (await http.get("/stats")).json()
        names = ("requests", "events", "duplicates", "unsigned", "out_of_order", "orders")
        assert [stats[name] for name in names] == [6, 4, 1, 1, 1, 2]
        orders = (await http.get("/orders")).json()
        assert [(o["number"], o["version"], o["events"]) for o in orders] == [("WO-1", 3, 3), ("WO-2", 1, 1)]
        assert [e["version"] for e in (await http.get("/orders/WO-1")).json()["history"]] == [1, 3, 2]
        assert (await http.get("/orders/WO-9")).status_code == 404


async def test_an_id_that_differs_from_the_header_is_malformed() -> None:
    oa = Oa([KEY])
    async with running(build(oa)) as port, httpx.AsyncClient() as http:
        for body in (event("WO-1", 1, "new").body, b"[]", b"{", b'{"specversion": "1.0", "id": "x", "data": 1}'):
            signed = headers([parse_secret(SECRET)], "x", int(time.time()), body)
            response = await http.post(f"http://127.0.0.1:{port}/hooks/oa", content=body, headers=signed)
            assert response.status_code == 422
    assert oa.counts["malformed"] == 4
    assert not oa.orders


async def test_faults() -> None:
    oa = Oa([KEY])
    async with running(build(oa)) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        sink = make(port)
        for fault, kind, reason in [
            ({"kind": "error", "status": 502}, DeliveryDeferred, "failing: 502 simulated failure"),
            ({"kind": "busy", "seconds": 7}, DeliveryDeferred, "busy: 429 too many requests"),
            ({"kind": "gone"}, DeliveryRefused, "gone: 410 this endpoint was removed"),
            ({"kind": "refuse"}, DeliveryDeferred, "broken"),
            ({"kind": "reset"}, DeliveryDeferred, "broken"),
            ({"kind": "slow", "seconds": 2.5}, DeliveryDeferred, "timeout"),
        ]:
            assert (await http.post("/faults", json=fault)).status_code == 200
            with pytest.raises(kind) as caught:
                await sink.deliver(event(f"WO-{reason[:3]}", 1, "new"))
            assert caught.value.reason == reason
            if reason.startswith("busy"):
                assert caught.value.retry_after == 7_000_000
        assert (await http.post("/faults", json={"kind": "no such"})).status_code == 422
        oa.faults.queue.append(ReceiverFault("error", count=-1))
        for _ in range(3):
            with pytest.raises(DeliveryDeferred):
                await sink.deliver(event("WO-x", 1, "new"))
        await http.delete("/faults")
        await sink.deliver(event("WO-x", 1, "new"))
        await sink.close()
    assert oa.counts["duplicates"] == 0
    assert oa.faults.injected == {"error": 4, "busy": 1, "gone": 1, "refuse": 1, "reset": 1, "slow": 1}


async def test_the_engineers_work_an_order_to_its_end() -> None:
    """The far side here plays the gateway: every command moves the order and sends the next event."""
    states = {"accept": "accepted", "start": "in_progress", "resolve": "resolved", "close": "closed"}
    commands: list[dict[str, object]] = []
    closed = asyncio.Event()
    failing = iter([503])

    async def gateway(got: object, writer: asyncio.StreamWriter) -> None:
        verify([b"callback secret of thirty-two byt"], got.headers, got.body, int(time.time()))
        if status := next(failing, 0):
            return await answer(status)(got, writer)
        command = json.loads(got.body)
        commands.append(command)
        await answer(200, b"{}")(got, writer)
        version = command["expected_version"] + 1
        state = states[command["action"]]
        await sink.deliver(event("WO-1", version, state))
        if state == "closed":
            closed.set()
        return None

    async with receiving(gateway) as receiver:
        oa = Oa([KEY], callback=receiver.url, callback_key=b"callback secret of thirty-two byt", delay=0.01)
        async with running(build(oa)) as port:
            sink = make(port)
            await sink.deliver(event("WO-1", 1, "assigned", "created"))
            async with asyncio.timeout(10):
                await closed.wait()
            await sink.close()
    assert [(c["order"], c["action"], c["expected_version"]) for c in commands] == [
        ("WO-1", "accept", 1),
        ("WO-1", "start", 2),
        ("WO-1", "resolve", 3),
        ("WO-1", "close", 4),
    ]
    assert len({c["command_id"] for c in commands}) == 4
    assert oa.counts["callbacks_503"] == 1
    assert oa.stats()["states"] == {"closed": 1}


@pytest.mark.fault
@pytest.mark.parametrize("name", ["oa", "sms"])
def test_runs_as_a_process(name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    command = [sys.executable, "-m", f"simulators.{name}", "--port", "0", "--secret-file", str(secret)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert ready["name"] == name
            with httpx.Client(
                base_url=f"http://127.0.0.1:{ready['port']}", transport=httpx.HTTPTransport(retries=3)
            ) as http:
                assert http.get("/stats").json()["faults"] == {}
        finally:
            process.terminate()
        assert process.wait(10) in {0, -15}
