"""Parts for the hostile tests: a project on disk, a raw MQTT 5 client that may say anything, real processes."""

import asyncio
import http.client
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mqtt5
import pytest

from gateway.app.build import build
from gateway.app.lifecycle import App
from gateway.settings import load_project
from simulators.packets import whole_packets
from simulators.servers import mosquitto_binary

NEEDS_MOSQUITTO = [
    pytest.mark.fault,
    pytest.mark.server,
    pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed (apt-get install mosquitto)"),
]


def needs_mosquitto(test: Any) -> Any:
    """For one test of a module."""
    for mark in NEEDS_MOSQUITTO:
        test = mark(test)
    return test


SECRET = "whsec_" + "a2lsbC10ZXN0LXNlY3JldC1vZi0zMi1ieXRlcyEhISE="
CLIENT = "hostile-gateway"
START = 1_767_225_600_000  # ms
CONFIG = """\
name: hostile
timezone: Asia/Shanghai
language: en
data_dir: var
registry: {devices: devices.csv}
profiles: profiles
rules: rules
log: {level: info}
api: {port: @api@}
health: {port: 0}
journal: {free_space_floor: 0B, ballast: 0B}
desk: {order_types: {repair: {}}}
sources:
  broker:
    type: mqtt
    url: mqtt://127.0.0.1:@broker@
    client_id: hostile-gateway
    reconnect: {min: 20ms, max: 100ms}
    routes:
    - filter: "h/{device}/telemetry"
      device: "{device}"
      time: {path: ts, unit: ms}
      points: {gun_temp: {path: temp}, voltage: {path: u}, status: {path: s}}
    - filter: "h/{device}/now"
      device: "{device}"
      points: {gun_temp: {path: temp}}
    - filter: "h/{device}/plain"
      device: "{device}"
      points: {gun_temp: {path: .}}
    - filter: "h/{device}/list"
      device: "{device}"
      each: "items[*]"
      points: {gun_temp: {path: temp}}
    - filter: "h/{device}/kinds"
      when: {path: kind, equals: live}
      device: "{device}"
      points: {gun_temp: {path: temp}}
    - filter: "kept/{device}"
      device: "{device}"
      retained: use
      points: {voltage: {path: u}}
    - filter: "any/{device*}"
      device: "{device}"
      points: {gun_temp: {path: temp}}
    - filter: "who"
      device: {path: id}
      points: {gun_temp: {path: temp}}
"""
ENDPOINT = """\
endpoints:
  oa: {type: webhook, url: "http://127.0.0.1:@oa@/hooks/oa", secret: @secret@, allow: [127.0.0.0/8]}
"""
PROFILE = """\
id: hostile
kind: charger
source: this test
points:
  gun_temp: {unit: degC, every: 1s, plausible: {min: -60, max: 1000}}
  voltage: {unit: V, every: 1s}
  status: {kind: state, values: [idle, charging]}
"""
RULES = """\
format: 1
rules:
- id: hostile.hot
  title: {en: Hot, zh: 过热}
  watch: {kind: charger}
  when: "gun_temp >= 90 degC"
  clear: "gun_temp < 50 degC"
  then: {order: {type: repair, fault: E07, level: major}}
"""


def write_project(
    folder: Path,
    *,
    devices: Sequence[str],
    config: str = CONFIG,
    files: Mapping[str, str] | None = None,
    **holes: object,
) -> Path:
    """The folder of a configuration; `@hole@` in `config` is filled."""
    for name, value in {"api": 0, "secret": SECRET, **holes}.items():
        config = config.replace(f"@{name}@", str(value))
    texts = {
        "gateway.yaml": config,
        "profiles/hostile.yaml": PROFILE,
        "rules/hostile.yaml": RULES,
        "devices.csv": "code,profile\n" + "".join(f"{code},hostile\n" for code in devices),
        **(files or {}),
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder / "gateway.yaml"


@asynccontextmanager
async def live(config: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[App]:
    """The whole gateway in this process."""
    app = build(load_project(config, environment))
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Bounded polling on the event loop."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        assert loop.time() < end, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.005)


class Client:
    """An MQTT 5 client that sends what it is told, bytes of its own making too."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._buffer = b""
        self._packet = 0
        self.resumed = False

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def read(self) -> mqtt5.Packet:
        """The next packet. Raises ConnectionError when the broker hung up."""
        async with asyncio.timeout(10):
            while True:
                with suppress(IndexError):
                    packet, size = mqtt5.read(memoryview(self._buffer))
                    self._buffer = self._buffer[size:]
                    return packet
                data = await self._reader.read(1 << 16)
                if not data:
                    raise ConnectionResetError("the broker closed the connection")
                self._buffer += data

    async def transmit(self, data: bytes) -> bool:
        """Send these bytes; False when the broker hangs up over them."""
        self.send(data)
        try:
            return not isinstance(await self.read(), mqtt5.DisconnectPacket)
        except ConnectionError:
            return False

    async def publish(self, topic: str | bytes, payload: bytes, qos: int = 1, retain: bool = False) -> bool:
        """True when the broker took it (QoS 0: when it is still there afterwards), False when it hung up or refused."""
        self._packet = self._packet % 60_000 + 1
        self.send(publish_bytes(topic, payload, self._packet if qos else 0, retain))
        try:
            if not qos:  # an answer to a ping means that all before it was read
                self.send(b"\xc0\x00")
                return isinstance(await self.read(), mqtt5.PingRespPacket)
            answer = await self.read()
        except ConnectionError:
            return False
        return isinstance(answer, mqtt5.PubAckPacket) and int(answer.reason_code) < 0x80


@asynccontextmanager
async def client(
    port: int, name: str, *, expiry: int = 0, user: str | None = None, password: bytes | None = None
) -> AsyncIterator[Client]:
    """Connected; with `expiry` the broker's session of that name goes on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        made = Client(reader, writer)
        made.send(
            mqtt5.ConnectPacket(
                name,
                clean_start=not expiry,
                session_expiry_interval=expiry,
                username=user,
                password=password,
                keep_alive=0,
                receive_max=10_000,
            ).write()
        )
        answer = await made.read()
        assert isinstance(answer, mqtt5.ConnAckPacket)
        made.resumed = answer.session_present
        yield made
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def stats(app: App) -> Any:
    """Counts of the one source."""
    return app.ingest.sources.running["broker"].stats  # type: ignore[attr-defined]


async def say(sender: Client, device: str, number: int, temp: float = 20.0) -> bool:
    """A temperature, `number` ms after START; True when the broker took it."""
    return await sender.publish(f"h/{device}/telemetry", text({"ts": START + number, "temp": temp}))


@dataclass
class ScriptedBroker:
    """Says yes to everything; counts the acknowledgements."""

    port: int = 0
    acknowledged: int = 0
    writer: asyncio.StreamWriter | None = None
    server: asyncio.Server | None = None
    tasks: set[Any] = field(default_factory=set)

    async def open(self) -> None:
        self.server = await asyncio.start_server(self._came, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer, buffer = writer, b""
        while data := await reader.read(1 << 16):
            packets, buffer = whole_packets(buffer + data)
            for packet in packets:
                self._answer(packet, writer)
        writer.close()

    def _answer(self, packet: Any, writer: asyncio.StreamWriter) -> None:
        if isinstance(packet, mqtt5.ConnectPacket):
            writer.write(mqtt5.ConnAckPacket(session_present=True).write())
        elif isinstance(packet, mqtt5.SubscribePacket):
            granted = [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * len(packet.topic_filters)
            writer.write(mqtt5.SubAckPacket(packet.packet_id, granted).write())
        elif isinstance(packet, mqtt5.PubAckPacket):
            self.acknowledged += 1


def publish_bytes(topic: str | bytes, payload: bytes, packet: int = 0, retain: bool = False) -> bytes:
    """A PUBLISH written by hand: no library stands between a hostile device and the wire."""
    name = topic.encode("utf-8", "surrogatepass") if isinstance(topic, str) else topic
    body = len(name).to_bytes(2, "big") + name + (packet.to_bytes(2, "big") if packet else b"") + b"\x00" + payload
    size, length = len(body), b""
    while True:
        size, low = size >> 7, size & 0x7F
        length += bytes([low | (0x80 if size else 0)])
        if not size:
            return bytes([0x30 | (2 if packet else 0) | int(retain)]) + length + body


def text(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


# ---- processes ---------------------------------------------------------------------------------------------------
def spawn(*command: str, **options: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, *command], **options)


@contextmanager
def gateway_process(config: Path, log: Path, **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """`fieldgate run`; everything it says goes to `log`. Killed at the end if it still runs."""
    with log.open("ab") as out:
        process = spawn("-m", "gateway", "run", "-c", str(config), "--lang", "en", stdout=out, stderr=out, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def wait_until(true: Callable[[], object], seconds: float, what: Callable[[], str] | str) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.02)


def fetch(
    port: int, path: str, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """(status, body) of a request to this machine; status 0 = nobody is there. Plain: polling must cost little."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        data = body if isinstance(body, bytes) or body is None else text(body)
        connection.request(method, path, data, {"content-type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def ready(api: int) -> bool:
    return fetch(api, "/readyz")[0] == 200


@contextmanager
def simulator(folder: Path, name: str, secret: str, *options: str) -> Iterator[int]:
    """`simulators.NAME` as a process with a file for its secret; gives its port."""
    file = folder / f"{name}.secret"
    file.write_text(secret)
    process = spawn("-m", f"simulators.{name}", "--secret-file", str(file), *options, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(json.loads(process.stdout.readline())["port"])
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


@contextmanager
def oa_system(folder: Path, *options: str, port: int = 0, secret: str = SECRET) -> Iterator[int]:
    """The OA simulator as a process; gives its port."""
    with simulator(folder, "oa", secret, "--port", str(port), *(options or ("--actions", ""))) as given:
        yield given


def oa_stats(port: int) -> dict[str, Any]:
    """Counts of a simulator; {} while it does not answer."""
    status, body = fetch(port, "/stats")
    found: dict[str, Any] = json.loads(body) if status == 200 else {}
    return found


def said(log: Path, event: str = "") -> list[dict[str, Any]]:
    """The lines of a gateway's log, those about `event` alone if it is given."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if event in {"", line["event"]}]
