"""MQTT over WebSocket and with client certificates on a real mosquitto; the WebSocket against hostile servers."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from mqtt_kit import NOW, SIMPLE, Journal, Ledger, Wall, config, registry, until
from structlog.testing import capture_logs
from tls_kit import Authority, Pair
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

import protocols.mqtt.source as mqtt_source
from gateway.domain.errors import SourceRejected, SourceUnavailable
from protocols.mqtt.probe import probe
from protocols.mqtt.source import MqttSource
from protocols.mqtt.websocket import WebSocket
from simulators.servers import BrokerProcess, free_port, mosquitto, mosquitto_binary

QUICK: dict[str, Any] = {"reconnect": {"min": "0s", "max": "0s"}}
needs_broker = pytest.mark.skipif(
    mosquitto_binary() is None or shutil.which("openssl") is None, reason="mosquitto or openssl is not installed"
)
VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])


@dataclass
class Listeners:
    """One mosquitto: ports of ws, wss and mqtts, the last two for client certificates of `authority` only."""

    broker: BrokerProcess
    authority: Authority
    client: Pair
    ws: int
    wss: int
    mqtts: int

    def tls(self, pair: Pair | None = None) -> dict[str, Any]:
        pair = pair or self.client
        return {"ca_file": str(self.authority.itself.cert), "cert_file": str(pair.cert), "key_file": str(pair.key)}


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    folder = tmp_path_factory.mktemp("listeners")
    authority = Authority(folder)
    server = authority.issue("server")
    ws, wss, mqtts = free_port(), free_port(), free_port()
    secure = f"cafile {authority.itself.cert}\ncertfile {server.cert}\nkeyfile {server.key}\nrequire_certificate true\n"
    extra = f"listener {ws} 127.0.0.1\nprotocol websockets\n"
    extra += f"listener {wss} 127.0.0.1\nprotocol websockets\n{secure}listener {mqtts} 127.0.0.1\n{secure}"
    with mosquitto(folder / "broker", extra=extra) as broker:
        yield Listeners(broker, authority, authority.issue("gateway"), ws, wss, mqtts)


def source_on(url: str, ledger: Ledger, **more: Any) -> MqttSource:
    return MqttSource("src", config([SIMPLE], url=url, **(QUICK | more)), registry(), ledger, Wall())


async def send(broker: BrokerProcess, first: int, count: int) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        for i in range(first, first + count):
            await client.publish("charger/c1/telemetry", f'{{"ts":{NOW // 1000 + i},"temp":{i},"u":1,"wh":1}}', qos=1)


def seen(journal: Journal) -> list[int]:
    return [int(v) for p in journal.parcels for v in p.batch.value[p.batch.point == 1].tolist()]


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.server
@needs_broker
@VERSIONS
@pytest.mark.parametrize("scheme", ["ws", "wss", "mqtts"])
async def test_nothing_is_lost_over_any_transport(listeners: Listeners, version: str, scheme: str) -> None:
    journal = Journal()
    url = f"{scheme}://127.0.0.1:{getattr(listeners, scheme)}" + ("/mqtt" if scheme.startswith("ws") else "")
    more = {} if scheme == "ws" else listeners.tls()
    source = source_on(url, journal.ledger, protocol=version, client_id=f"{scheme}-{version}", **more)
    for first in (0, 100):
        task = asyncio.create_task(source.run(journal))
        await until(lambda: source.stats.connected)
        await send(listeners.broker, first, 50)
        await until(lambda first=first: len(seen(journal)) == first + 50)  # type: ignore[misc]
        await stop(task)
        await send(listeners.broker, first + 50, 50)
    task = asyncio.create_task(source.run(journal))
    await until(lambda: len(seen(journal)) == 200)
    await stop(task)
    assert seen(journal) == list(range(200))
    assert source.stats.resumed


@pytest.mark.server
@needs_broker
@pytest.mark.parametrize("scheme", ["wss", "mqtts"])
async def test_without_a_certificate_of_its_authority_nobody_comes_in(listeners: Listeners, scheme: str) -> None:
    url = f"{scheme}://127.0.0.1:{getattr(listeners, scheme)}"
    for more in (
        {"ca_file": str(listeners.authority.itself.cert)},
        listeners.tls(listeners.authority.stranger()),
    ):
        source = source_on(url, Ledger(), protocol="5", **more)
        task = asyncio.create_task(source.run(Journal()))
        await until(lambda source=source: source.stats.disconnects > 1)  # type: ignore[misc]
        assert source.stats.connects == 0
        await stop(task)


@pytest.mark.server
@needs_broker
async def test_renewed_certificates_are_taken_without_a_restart(
    listeners: Listeners, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_source, "TLS_LOOK", 0.02)
    mine = Pair(tmp_path / "own.pem", tmp_path / "own.key")
    shutil.copy(listeners.client.cert, mine.cert)
    shutil.copy(listeners.client.key, mine.key)
    journal = Journal()
    source = source_on(
        f"mqtts://127.0.0.1:{listeners.mqtts}", journal.ledger, client_id="renews", **listeners.tls(mine)
    )
    with capture_logs() as lines:
        task = asyncio.create_task(source.run(journal))
        await until(lambda: source.stats.connected)
        await send(listeners.broker, 0, 20)
        renewed = listeners.authority.issue("renewed")
        shutil.copy(renewed.cert, mine.cert)  # the key does not fit yet
        await until(lambda: any(line["event"] == "TLS files cannot be used" for line in lines))
        assert source.stats.connects == 1
        await send(listeners.broker, 20, 20)
        shutil.copy(renewed.key, mine.key)
        await until(lambda: source.stats.connects == 2)
        await send(listeners.broker, 40, 20)
        await until(lambda: len(seen(journal)) >= 60)
        await stop(task)
    assert seen(journal) == list(range(60))
    assert source.stats.resumed
    assert [line["event"] for line in lines].count("TLS files cannot be used") == 1


@pytest.mark.server
@needs_broker
@VERSIONS
async def test_a_broker_is_asked_what_it_is(listeners: Listeners, version: str) -> None:
    found = await probe(config([SIMPLE], url=f"ws://127.0.0.1:{listeners.ws}", protocol=version), None)
    assert (found is None) == (version == "3.1.1")
    if found is not None:
        assert found.qos == 2
        assert found.wildcards


async def answering(answer: bytes, source: MqttSource, port: int) -> bytes:
    """What the source sent to a server that answers so."""
    asked: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if not asked.done():
            asked.set_result(head)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(one, "127.0.0.1", port):
        task = asyncio.create_task(source.run(Journal()))
        head = await asyncio.wait_for(asked, 10)
        await until(lambda: source.stats.disconnects >= 1)
        await stop(task) if not task.done() else None
    return head


async def test_headers_are_sent_and_not_logged() -> None:
    port = free_port()
    source = source_on(
        f"ws://127.0.0.1:{port}/iot/mqtt", Ledger(), headers={"Authorization": "Bearer hush-1742", "X-Site": "7"}
    )
    with capture_logs() as lines, suppress(SourceRejected):
        head = await answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", source, port)
    assert head.startswith(b"GET /iot/mqtt HTTP/1.1\r\n")
    assert b"Authorization: Bearer hush-1742\r\n" in head
    assert b"Sec-WebSocket-Protocol: mqtt\r\n" in head
    assert "hush" not in str(lines)
    assert "403" in source.stats.last_error


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", SourceRejected),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", SourceUnavailable),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", SourceUnavailable),
        (b"\x20\x02\x00\x00\r\n\r\n", SourceUnavailable),
    ],
)
def test_answers_that_are_no_websocket(answer: bytes, kind: type) -> None:
    socket = WebSocket("ws://broker/mqtt", {}, 1000)
    socket.begin()
    assert socket.receive(answer) == b""
    assert type(socket.failure) is kind
    assert not socket.opened


def opened(subprotocol: str = "mqtt") -> tuple[WebSocket, ServerProtocol]:
    client = WebSocket("ws://broker/mqtt", {}, 1000)
    server = ServerProtocol(subprotocols=[subprotocol])  # type: ignore[list-item]
    server.receive_data(client.begin())
    (request,) = server.events_received()
    server.send_response(server.accept(request))  # type: ignore[arg-type]
    assert client.receive(b"".join(server.data_to_send())) == b""
    return client, server


def test_bytes_pass_in_frames_of_any_size_and_pings_are_answered() -> None:
    client, server = opened()
    assert client.opened
    server.receive_data(client.wrap(b"\x10\x00"))
    assert [bytes(e.data) for e in server.events_received() if isinstance(e, Frame)] == [b"\x10\x00"]
    server.send_binary(b"one ")
    server.send_binary(b"tw", fin=False)
    server.send_ping(b"?")
    server.send_continuation(b"o", fin=True)
    data = b"".join(server.data_to_send())
    assert b"".join(client.receive(data[at : at + 1]) for at in range(len(data))) == b"one two"
    server.receive_data(client.outgoing())
    assert [e.opcode for e in server.events_received() if isinstance(e, Frame)] == [Opcode.PONG]


def test_text_frames_and_damage_end_it() -> None:
    client, server = opened()
    server.send_text(b"hello")
    client.receive(b"".join(server.data_to_send()))
    assert isinstance(client.failure, SourceUnavailable)
    client, _ = opened()
    client.receive(b"\xff\xff\xff\xff")
    assert isinstance(client.failure, SourceUnavailable)


def test_a_server_without_the_subprotocol_is_no_broker() -> None:
    client = WebSocket("ws://broker/mqtt", {}, 1000)
    server = ServerProtocol()
    server.receive_data(client.begin())
    (request,) = server.events_received()
    server.send_response(server.accept(request))  # type: ignore[arg-type]
    client.receive(b"".join(server.data_to_send()))
    assert isinstance(client.failure, SourceUnavailable)
