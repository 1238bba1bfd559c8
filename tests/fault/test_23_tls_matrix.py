"""Scenario 23: TLS that is not in order, towards a broker and towards an OA: refused, said why, no way around.

Certificates are made by openssl, listeners are a real mosquitto's; it speaks nothing below TLS 1.2 on Debian, so that
servers of TLS 1.0 and 1.1 are openssl's.
"""

import asyncio
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from mqtt_kit import SIMPLE, Journal, Wall, config, registry, until
from pydantic import ValidationError
from tls_kit import Authority, Pair
from webhook_receiver import SECRET, StoppedClock, answer, receiving

from gateway.domain.delivery import Delivery
from gateway.domain.duration import SECOND
from gateway.domain.errors import DeliveryDeferred, SourceRejected
from protocols.mqtt.source import MqttSource
from simulators.servers import free_port, mosquitto, mosquitto_binary, wait_listening
from sinks.oa.webhook.config import WebhookConfig
from sinks.oa.webhook.sink import WebhookSink

MISSING = [
    program
    for program, found in (("mosquitto", mosquitto_binary()), ("openssl", shutil.which("openssl")))
    if found is None
]
pytestmark = [
    pytest.mark.fault,
    pytest.mark.server,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (apt-get install)"),
    pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning"),  # of the servers that are too old
]
PASSWORD = "tls-matrix-password"


@dataclass
class Matrix:
    """What listens: case -> port, and the certificates it is all about."""

    authority: Authority
    client: Pair
    served: dict[str, Pair]
    ports: dict[str, int]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder)
    good = authority.issue("good")
    served = {
        "good": good,
        "expired": authority.issue("expired", days=-1),
        "self-signed": authority.stranger(),
        "wrong host": authority.issue("elsewhere", "192.0.2.7"),
        "client certificate": good,
    }
    ports, extra = {name: free_port() for name in served}, ""
    for name, pair in served.items():
        extra += f"listener {ports[name]} 127.0.0.1\ncertfile {pair.cert}\nkeyfile {pair.key}\n"
        if name == "client certificate":
            extra += f"cafile {authority.itself.cert}\nrequire_certificate true\n"
    with mosquitto(folder / "broker", extra=extra) as broker:
        ports["plaintext"] = broker.port
        yield Matrix(authority, authority.issue("gateway"), served, ports)


def source(matrix: Matrix, port: int, journal: Journal, **more: Any) -> MqttSource:
    settings = config(
        [SIMPLE],
        url=f"mqtts://127.0.0.1:{port}",
        ca_file=str(matrix.authority.itself.cert),
        username="gw",
        reconnect={"min": "20ms", "max": "50ms"},
        **more,
    )
    return MqttSource("src", settings, registry(), journal.ledger, Wall(), PASSWORD)


async def refusal(made: MqttSource, journal: Journal) -> str:
    """What is said of the broker after a few tries; it was never connected to."""
    task = asyncio.create_task(made.run(journal))
    try:
        await until(lambda: task.done() or made.stats.disconnects >= 3)
        if task.done():
            assert isinstance(task.exception(), SourceRejected)
        assert made.stats.connects == 0
        assert journal.parcels == []
        assert PASSWORD not in made.stats.last_error
        return made.stats.last_error
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, SourceRejected):
            await task


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("expired", "certificate has expired"),
        ("wrong host", "IP address mismatch"),
        ("self-signed", "self-signed certificate"),
        ("plaintext", "TLS handshake"),
        ("client certificate", "alert certificate required"),
    ],
)
async def test_a_broker_whose_tls_is_not_in_order(matrix: Matrix, case: str, said: str) -> None:
    journal = Journal()
    assert said in await refusal(source(matrix, matrix.ports[case], journal), journal)


@pytest.mark.parametrize("case", ["good", "client certificate"])
async def test_a_broker_whose_tls_is_in_order(matrix: Matrix, case: str) -> None:
    own = {"cert_file": str(matrix.client.cert), "key_file": str(matrix.client.key)}
    journal = Journal()
    made = source(matrix, matrix.ports[case], journal, **(own if case == "client certificate" else {}))
    task = asyncio.create_task(made.run(journal))
    await until(lambda: made.stats.connected)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def server_context(matrix: Matrix, case: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pair = matrix.served.get(case, matrix.served["good"])
    context.load_cert_chain(pair.cert, pair.key)
    if case == "client certificate":
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(matrix.authority.itself.cert)
    return context


OLD = {"TLS 1.0": "TLSv1", "TLS 1.1": "TLSv1.1"}


@contextmanager
def old_server(matrix: Matrix, version: str) -> Iterator[int]:
    """A server that speaks this version alone; gives its port."""
    port, pair = free_port(), matrix.served["good"]
    flag = "-" + OLD[version].lower().replace("v", "").replace(".", "_")
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(pair.cert), "-key", str(pair.key)]
    process = subprocess.Popen(
        [*command, flag, "-cipher", "ALL:@SECLEVEL=0", "-quiet"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_listening(process, port)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(matrix.authority.itself.cert)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            context.wrap_socket(raw, server_hostname="127.0.0.1") as careless,
        ):
            assert careless.version() == OLD[version], "it does work for whoever does not care"
        yield port
    finally:
        assert process.stdin is not None
        process.kill()
        process.wait(10)
        process.stdin.close()


@pytest.mark.parametrize("version", OLD)
async def test_a_broker_of_an_old_tls(matrix: Matrix, version: str) -> None:
    with old_server(matrix, version) as port:
        journal = Journal()
        assert "alert protocol version" in await refusal(source(matrix, port, journal), journal)


@pytest.mark.parametrize("case", ["expired", "wrong host", "self-signed", "client certificate"])
async def test_an_oa_whose_tls_is_not_in_order(matrix: Matrix, case: str) -> None:
    async with receiving(answer(200), ssl=server_context(matrix, case)) as receiver:
        error = await attempt(matrix, receiver.port)
        assert error is not None
        assert error.reason == "tls"
        assert receiver.got == [], "no request"


@pytest.mark.parametrize("version", OLD)
async def test_an_oa_of_an_old_tls(matrix: Matrix, version: str) -> None:
    with old_server(matrix, version) as port:
        error = await attempt(matrix, port)
    assert error is not None
    assert error.reason == "tls"


async def test_an_oa_without_tls(matrix: Matrix) -> None:
    """It answers as web servers do; what was signed is never sent to it in the clear."""
    read: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read.append(await reader.read(10_000))
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        with suppress(OSError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        error = await attempt(matrix, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()
    assert error is not None
    assert error.reason == "tls"
    (hello,) = read
    assert hello[:1] == b"\x16"  # a TLS handshake, nothing else
    assert b"webhook" not in hello.lower()


async def test_an_oa_whose_tls_is_in_order(matrix: Matrix) -> None:
    async with receiving(answer(200), ssl=server_context(matrix, "good")) as receiver:
        assert await attempt(matrix, receiver.port) is None
        assert len(receiver.got) == 1


async def attempt(matrix: Matrix, port: int) -> DeliveryDeferred | None:
    settings = WebhookConfig.model_validate(
        {
            "type": "webhook",
            "url": f"https://127.0.0.1:{port}/hook",
            "secret": SECRET,
            "allow": ["127.0.0.0/8"],
            "timeout": "5s",
            "ca_file": str(matrix.authority.itself.cert),
        }
    )
    sink = WebhookSink("oa", settings, StoppedClock(int(time.time()) * SECOND))
    try:
        await sink.deliver(Delivery("evt_1", "oa", "workorder.created", "WO-1", b"{}", "application/json", 9))
    except DeliveryDeferred as error:
        return error
    finally:
        await sink.close()
    return None


@pytest.mark.parametrize("key", ["verify", "insecure", "unsafe_verify", "tls_verify", "check_hostname"])
def test_no_key_turns_verification_off(key: str) -> None:
    for make in (
        lambda: config([SIMPLE], url="mqtts://127.0.0.1:8883", **{key: False}),
        lambda: WebhookConfig.model_validate(
            {"type": "webhook", "url": "https://oa.example/", "secret": SECRET, key: False}
        ),
    ):
        with pytest.raises(ValidationError) as caught:
            make()
        assert [error["type"] for error in caught.value.errors()] == ["extra_forbidden"]
