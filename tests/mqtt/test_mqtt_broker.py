"""The source on real brokers: nothing lost, nothing twice, over reconnects, refusals and a killed source."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from mqtt_kit import NOW, SIMPLE, Journal, Ledger, Wall, config, publish, registry, scripted_broker, until
from structlog.testing import capture_logs

from gateway.domain.errors import SourceRejected
from gateway.domain.reading import Flag
from protocols.mqtt.source import MqttSource
from simulators.servers import BrokerProcess, iotcore, mosquitto, mosquitto_binary

QUICK: dict[str, Any] = {"reconnect": {"min": "0s", "max": "0s"}, "username": "u"}
needs_mosquitto = pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    with mosquitto(tmp_path) as running:
        yield running


@pytest.fixture(params=["5", "3.1.1"])
def version(request: pytest.FixtureRequest) -> str:
    """The gateway's; the devices of these tests speak 5."""
    return str(request.param)


def source_on(url: str, ledger: Ledger, **more: Any) -> MqttSource:
    return MqttSource("src", config([SIMPLE], url=url, **(QUICK | more)), registry(), ledger, Wall(), "secret")


async def send(broker: BrokerProcess, first: int, count: int, qos: int = 1) -> None:
    """Messages whose temperatures are first, first + 1, …: acknowledged by the broker when this returns."""
    async with aiomqtt.Client("127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        for i in range(first, first + count):
            body = f'{{"ts":{NOW // 1000 + i},"temp":{i},"u":1,"wh":1}}'
            await client.publish("charger/c1/telemetry", body, qos=qos)


def seen(journal: Journal) -> list[int]:
    """The temperatures in the journal, in order."""
    return [int(v) for p in journal.parcels for v in p.batch.value[p.batch.point == 1].tolist()]


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.server
@needs_mosquitto
async def test_what_came_while_we_were_away_is_delivered(broker: BrokerProcess, version: str) -> None:
    journal = Journal()
    source = source_on(broker.url, journal.ledger, protocol=version)
    task = asyncio.create_task(source.run(journal))
    await until(lambda: source.stats.connected)
    await send(broker, 0, 20)
    await until(lambda: len(seen(journal)) == 20)
    await stop(task)
    await send(broker, 20, 200)
    task = asyncio.create_task(source.run(journal))
    await until(lambda: len(seen(journal)) == 220)
    assert source.stats.resumed
    await stop(task)
    assert seen(journal) == list(range(220))
    assert source.stats.duplicates == 0


@pytest.mark.server
@needs_mosquitto
async def test_a_parcel_that_was_refused_comes_again(broker: BrokerProcess, version: str) -> None:
    journal = Journal(refuse=2)
    source = source_on(broker.url, journal.ledger, protocol=version)
    task = asyncio.create_task(source.run(journal))
    await until(lambda: source.stats.connected)
    await send(broker, 0, 50)
    await until(lambda: len(set(seen(journal))) == 50)
    await stop(task)
    assert sorted(seen(journal)) == list(range(50))
    assert source.stats.returned > 0
    assert source.stats.disconnects == 2


async def supervised(source: MqttSource, journal: Journal) -> None:
    """A broker may say why it throws us out, or just close: a supervisor starts the source again then."""
    while True:
        with suppress(SourceRejected):
            await source.run(journal)


@pytest.mark.server
@needs_mosquitto
async def test_a_killed_connection_loses_and_doubles_nothing(broker: BrokerProcess, version: str) -> None:
    """Messages are on disk, their PUBACKs are not out: the connection dies. The broker sends all of them again."""
    journal = Journal()
    gate = asyncio.Event()
    journal.gate = lambda parcel: None if gate.is_set() else gate
    source = source_on(broker.url, journal.ledger, protocol=version, linger_messages=10)
    task = asyncio.create_task(supervised(source, journal))
    await until(lambda: source.stats.connected)
    await send(broker, 0, 40)
    await until(lambda: source.stats.waiting == 40)
    rival = source_on(broker.url, Ledger(), protocol=version)  # the same client id: the broker throws the first one out
    rival_task = asyncio.create_task(rival.run(lambda parcel: asyncio.sleep(3600)))
    await until(lambda: source.stats.disconnects == 1)
    await stop(rival_task)
    gate.set()
    await until(lambda: source.stats.duplicates == 40)
    assert len(seen(journal)) == 40
    await send(broker, 40, 10)
    await until(lambda: len(seen(journal)) >= 50)
    await stop(task)
    assert seen(journal) == list(range(50))


@pytest.mark.server
@needs_mosquitto
async def test_a_broker_that_restarts_is_found_again(tmp_path: Path, version: str) -> None:
    journal = Journal()
    with mosquitto(tmp_path, autosave=True) as broker:
        source = source_on(broker.url, journal.ledger, protocol=version)
        task = asyncio.create_task(source.run(journal))
        await until(lambda: source.stats.connected)
        await send(broker, 0, 5)
        await until(lambda: len(seen(journal)) == 5)
        broker.kill()
        await until(lambda: source.stats.disconnects >= 1)
        await asyncio.to_thread(broker.restart)
        await until(lambda: source.stats.connects == 2)
        await send(broker, 5, 5)
        await until(lambda: len(set(seen(journal))) == 10)
        await stop(task)


@pytest.mark.server
@needs_mosquitto
async def test_retained_messages_are_replayed_once_if_wanted(broker: BrokerProcess) -> None:
    """B9, too: a replay without a time of its own is uncertain, a fresh one good, an ignored one never sent."""
    keep = SIMPLE | {"filter": "keep/{device}", "time": SIMPLE["time"] | {"absent": "receive"}}  # type: ignore[operator]
    async with aiomqtt.Client("127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        fresh = f'{{"ts":{NOW // 1000 - 1000},"temp":7,"u":1,"wh":1}}'
        for topic, body in (("keep/c1", fresh), ("keep/c2", '{"temp":6}'), ("charger/c1/telemetry", fresh)):
            await client.publish(topic, body, qos=1, retain=True)
    journal = Journal()
    settings = config([SIMPLE | {"retained": "ignore"}, keep], url=broker.url, **QUICK)
    source = MqttSource("src", settings, registry(), journal.ledger, Wall(), "x")
    for number in (8, 9):
        task = asyncio.create_task(source.run(journal))
        await until(lambda: source.stats.connected and len(seen(journal)) >= 2)
        await send(broker, number, 1)
        await until(lambda number=number: number in seen(journal))  # type: ignore[misc]
        await stop(task)
    found = [r for p in journal.parcels for r in p.batch.readings() if r.point == 1]
    assert sorted((r.value, int(r.quality), int(r.flags)) for r in found) == [
        (6.0, 1, int(Flag.RETAINED)),
        (7.0, 2, 0),
        (8.0, 2, 0),
        (9.0, 2, 0),
    ]
    assert source.stats.ignored == 0  # nobody wanted the last one, so the broker never sent it


@pytest.mark.server
@needs_mosquitto
async def test_refused_credentials(tmp_path: Path, version: str) -> None:
    extra = "allow_anonymous false\n"
    with mosquitto(tmp_path, extra=extra) as broker:
        source = source_on(broker.url, Ledger(), protocol=version)
        with pytest.raises(SourceRejected, match="not authorized"):
            await asyncio.wait_for(source.run(Journal()), 10)
        assert "secret" not in source.stats.last_error


@pytest.mark.server
async def test_the_broker_that_comes_with_pip(tmp_path: Path) -> None:
    journal = Journal()
    with iotcore(tmp_path) as broker:
        source = source_on(broker.url, journal.ledger)
        task = asyncio.create_task(source.run(journal))
        await until(lambda: source.stats.connected)
        await send(broker, 0, 100)
        await until(lambda: len(set(seen(journal))) == 100)
        await stop(task)
    assert seen(journal) == list(range(100))


def authority(folder: Path, name: str, host: str) -> tuple[Path, Path]:
    """A self-signed certificate for `host`."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host}"]
    command += ["-addext", f"subjectAltName=IP:{host}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@pytest.mark.server
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_tls_is_verified_or_refused(tmp_path: Path) -> None:
    import ssl

    certificate, key = authority(tmp_path, "broker", "127.0.0.1")
    other, _ = authority(tmp_path, "other", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    journal = Journal()
    async with scripted_broker(context) as stage:
        url = f"mqtts://127.0.0.1:{stage.port}"
        source = source_on(url, journal.ledger, ca_file=str(certificate))
        task = asyncio.create_task(source.run(journal))
        peer = await stage.peer()
        await peer.welcome()
        peer.send(publish({"ts": NOW // 1000, "temp": 1, "u": 1, "wh": 1}, 1))
        assert await peer.acks(1) == [1]
        await stop(task)
        for trusted in ({"ca_file": str(other)}, {}):
            with pytest.raises(SourceRejected, match="certificate"):
                await asyncio.wait_for(source_on(url, Ledger(), **trusted).run(journal), 10)
        with pytest.raises(SourceRejected, match="TLS files"):
            await source_on(url, Ledger(), ca_file=str(tmp_path / "absent.pem")).run(journal)


@pytest.mark.server
@needs_mosquitto
async def test_two_gateways_of_one_client_id_say_so_once(broker: BrokerProcess) -> None:
    """C5: endless "closed the connection"."""
    sources = [source_on(broker.url, Ledger()) for _ in range(2)]
    with capture_logs() as said:
        tasks = [asyncio.create_task(source.run(Journal())) for source in sources]
        await until(lambda: any(line["event"] == "client_id is used twice" for line in said))
        troubles = [str(trouble) for source in sources if (trouble := source.trouble()) is not None]
        assert any(text.startswith("another client uses client_id 'gw-01'") for text in troubles), troubles
        for task in tasks:
            await stop(task)
    events = [line["event"] for line in said]
    assert events.count("client_id is used twice") == 1
    assert events.count("source down") <= 5, "mosquitto only closes: the third time in a row is no accident"
