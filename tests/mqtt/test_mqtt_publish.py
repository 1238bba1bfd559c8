"""What the gateway publishes: messages at intervals for devices, its own birth and will; in both versions of MQTT."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiomqtt
import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt_kit import SIMPLE, Journal, Ledger, Peer, Registry, Wall, config, registry, scripted_broker, until
from pydantic import ValidationError
from structlog.testing import capture_logs

from gateway.adapter_ports import CheckedProject
from gateway.domain.device import Device, Life, Profile
from gateway.domain.errors import Problem, SourceUnavailable
from protocols.mqtt.adapter import ADAPTER
from protocols.mqtt.publication import Publication
from protocols.mqtt.publish_config import PublishConfig
from protocols.mqtt.publish_plan import FIRST_ROUND, PublishPlan
from protocols.mqtt.source import MqttSource
from simulators.servers import BrokerProcess, mosquitto, mosquitto_binary

KEEPALIVE = {"topic": "R/{portal}/keepalive", "payload": '{"for": "{device}"}', "every": "1s"}
FLEET = [
    Device(1, "gx-1", "victron", "site", attrs={"portal": "c0619ab1"}),
    Device(2, "gx-2", "victron", "site", attrs={"portal": "c0619ab2"}),
    Device(3, "gx-3", "victron", "site"),  # its portal is not in the list
    Device(4, "gx-4", "victron", "site", attrs={"portal": "a/#"}),
    Device(5, "gx-5", "victron", "site", attrs={"portal": "old"}, life=Life.RETIRED),
    Device(6, "m-1", "meter", "site", attrs={"portal": "p-m"}),
]


# ---- when ---------------------------------------------------------------------------------------------------------
def message(number: int) -> Publication:
    return Publication(f"t/{number}", b"")


@given(
    st.lists(st.sampled_from([1.0, 3.0, 30.0, 100.0]), min_size=1, max_size=8),
    st.lists(st.floats(0.01, 40), min_size=1, max_size=60),
)
def test_each_message_comes_at_its_interval(intervals: list[float], steps: list[float]) -> None:
    """Whenever somebody looks: never sooner than half an interval after the last, never missing for long."""
    plan = PublishPlan()
    every = {message(i): interval for i, interval in enumerate(intervals)}
    plan.use(every, 0)
    assert plan.due(1_000) == []
    plan.start(0)
    now, last = 0.0, dict[Publication, float]()
    for step in steps:
        now += step
        for one in plan.due(now):
            assert one not in last or now - last[one] >= every[one] / 2
            last[one] = now
        for one, interval in every.items():
            assert now - last.get(one, 0) <= max(interval, step) + (FIRST_ROUND if one not in last else 0)
    plan.stop()
    assert plan.due(now + 1_000) == []


def test_what_stays_keeps_its_time_and_what_is_new_comes_soon() -> None:
    plan = PublishPlan()
    plan.use({message(1): 30.0}, 0)
    plan.start(0)
    assert plan.due(0) == [message(1)]
    plan.use({message(1): 30.0, message(2): 30.0}, 10)
    assert plan.due(10) == [message(2)]
    plan.use({message(2): 30.0}, 20)
    assert plan.due(39) == []
    assert plan.due(40) == [message(2)]
    assert plan.due(1_000) == [message(2)]  # once, however long nobody looked


# ---- on a broker --------------------------------------------------------------------------------------------------
class Fleet(Registry):
    """A registry of `FLEET`."""

    def __init__(self) -> None:
        super().__init__({}, [])
        self.fleet = list(FLEET)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    if mosquitto_binary() is None:
        pytest.skip("mosquitto is not installed")
    with mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


def source_on(url: str, directory: Registry, **more: Any) -> MqttSource:
    quick: dict[str, Any] = {"reconnect": {"min": "0s", "max": "0s"}}
    devices = (lambda: tuple(directory.fleet)) if isinstance(directory, Fleet) else tuple
    return MqttSource("src", config([SIMPLE], url=url, **quick, **more), directory, Ledger(), Wall(), devices=devices)


@asynccontextmanager
async def running(source: MqttSource) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.ensure_future(source.run(Journal()))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Listener:
    """Another client: what it received, topic -> payloads with the retain flag of replays."""

    def __init__(self) -> None:
        self.got: dict[str, list[bytes]] = {}

    @asynccontextmanager
    async def listening(self, broker: BrokerProcess, topic: str) -> AsyncIterator[None]:
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            await client.subscribe(topic, qos=1)
            task = asyncio.ensure_future(self._receive(client))
            yield
            task.cancel()
            with suppress(asyncio.CancelledError, aiomqtt.MqttError):
                await task

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            self.got.setdefault(str(message.topic), []).append(message.payload)


@pytest.mark.server
@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_devices_are_kept_awake(broker: BrokerProcess, version: str) -> None:
    entry = KEEPALIVE | {"profiles": ["victron"], "qos": 1}
    fleet, listener = Fleet(), Listener()
    source = source_on(broker.url, fleet, client_id=f"awake-{version}", protocol=version, publish=[entry])
    async with listener.listening(broker, "R/#"), running(source):
        least = 2 if version == "5" else 1
        await until(lambda: len(listener.got) == 2 and all(len(found) >= least for found in listener.got.values()))
        assert listener.got["R/c0619ab1/keepalive"][0] == b'{"for": "gx-1"}'
        assert set(listener.got) == {"R/c0619ab1/keepalive", "R/c0619ab2/keepalive"}
        fleet.fleet = [device for device in fleet.fleet if device.code != "gx-1"] + [
            Device(9, "gx-9", "victron", "site", attrs={"portal": "new"})
        ]
        fleet.version += 1
        await until(lambda: "R/new/keepalive" in listener.got)
    await until(lambda: source.stats.published["acknowledged"] > 2)
    counted = {one.labels: one.value for one in source.samples() if one.family == "source_published"}
    assert counted["sent",] >= sum(map(len, listener.got.values())) >= counted["acknowledged",]
    assert counted["failed",] == 0


@pytest.mark.server
@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_others_see_whether_the_gateway_is_there(broker: BrokerProcess, version: str) -> None:
    topic = f"gateways/{version}"
    listener, status = Listener(), {"topic": topic, "online": "up", "offline": "down"}
    source = source_on(broker.url, registry(), client_id=f"status-{version}", protocol=version, status=status)
    async with listener.listening(broker, topic):
        async with running(source):
            await until(lambda: listener.got.get(topic) == [b"up"])
            assert source._connection is not None
            source._connection.abort(SourceUnavailable("cut by this test"))  # the broker publishes the will
            await until(lambda: listener.got[topic] == [b"up", b"down", b"up"])
        await until(lambda: listener.got[topic][-1] == b"down")
    kept = Listener()
    async with kept.listening(broker, topic):
        await until(lambda: kept.got.get(topic) == [b"down"])


# ---- a broker that refuses ----------------------------------------------------------------------------------------
async def _published(peer: Peer) -> mqtt5.PublishPacket:
    while True:
        packet = await peer.read()
        if isinstance(packet, mqtt5.PublishPacket):
            return packet


async def test_a_message_that_is_refused_is_counted_and_logged_once() -> None:
    entry = {"topic": "poll", "every": "1s", "qos": 1}
    async with scripted_broker() as stage:
        source = source_on(f"mqtt://127.0.0.1:{stage.port}", registry(), publish=[entry])
        with capture_logs() as logs:
            async with running(source):
                peer = await stage.peer()
                await peer.welcome()
                for count in (1, 2):
                    found = await _published(peer)
                    assert found.packet_id is not None
                    peer.send(mqtt5.PubAckPacket(found.packet_id, reason_code=mqtt5.PubAckReasonCode.NOT_AUTHORIZED))
                    await until(lambda count=count: source.stats.published["failed"] == count)  # type: ignore[misc]
        assert [one["event"] for one in logs].count("message not published") == 1
        assert source.stats.published == {"sent": 2, "failed": 2}


async def test_what_is_not_acknowledged_is_not_sent_again_meanwhile() -> None:
    """And a broker that takes one message at a time gets one at a time."""
    entries = [{"topic": name, "every": "1s", "qos": 1} for name in ("one", "two")]
    async with scripted_broker() as stage:
        source = source_on(f"mqtt://127.0.0.1:{stage.port}", registry(), publish=entries)
        async with running(source):
            peer = await stage.peer()
            await peer.read()
            peer.send(mqtt5.ConnAckPacket(receive_max=1))
            requested = await peer.read()
            assert isinstance(requested, mqtt5.SubscribePacket)
            peer.send(mqtt5.SubAckPacket(requested.packet_id, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]))
            await until(lambda: source.stats.published["failed"] >= 2)
            assert source.stats.published["acknowledged"] == 0
            peer.writer.close()
            again = await stage.peer()
            await again.welcome()
            found = await _published(again)
            assert found.packet_id is not None
            again.send(mqtt5.PubAckPacket(found.packet_id, reason_code=mqtt5.PubAckReasonCode.NO_MATCHING_SUBSCRIBERS))
            await until(lambda: source.stats.published["acknowledged"] == 1)


# ---- configuration ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"publish": [{"topic": "a/+/b"}]}, "mqtt.publish_topic"),
        ({"publish": [{"topic": "$SYS/x"}]}, "mqtt.publish_topic"),
        ({"publish": [{"topic": "a/{b"}]}, "mqtt.publish_topic"),
        ({"publish": [{"topic": "a", "every": "10ms"}]}, "mqtt.range"),
        ({"publish": [{"topic": "a", "profiles": ["x"]}]}, "mqtt.publish_profiles"),
        ({"status": {"topic": "a", "online": "x", "offline": "x"}}, "mqtt.status_words"),
        ({"status": {"topic": "a/#"}}, "mqtt.publish_topic"),
    ],
)
def test_what_cannot_be_published(more: Mapping[str, Any], error: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config([SIMPLE], **more)
    assert error in str(caught.value.errors())


@pytest.mark.parametrize(
    ("entry", "keys"),
    [
        (KEEPALIVE, ["mqtt.publish_some"]),
        (KEEPALIVE | {"profiles": ["victron"]}, ["mqtt.publish_some"]),
        (KEEPALIVE | {"profiles": ["victon"]}, ["mqtt.publish_no_profile", "mqtt.publish_nobody"]),
        (KEEPALIVE | {"topic": "R/{serial}"}, ["mqtt.publish_nobody"]),
        ({"topic": "fixed"}, []),
    ],
)
def test_check_finds_devices_without_a_name(entry: Mapping[str, Any], keys: list[str]) -> None:
    project = CheckedProject(
        file="gateway.yaml",
        profiles={name: Profile(name, "site", ()) for name in ("victron", "meter", "charger")},
        devices={device.code: device for device in FLEET},
        profile_files={},
        mapped={},
        cell=lambda *_: Problem("", "", ""),
    )
    found = ADAPTER.check_with({"src": config([SIMPLE], publish=[entry])}, project)
    mine = [one for one in [*found.problems, *found.warnings] if "publish" in one.path]
    assert [one.key for one in mine] == keys
    assert all(one.render() for one in mine)


def test_braces_of_json_are_no_names() -> None:
    entry = PublishConfig(topic="x/{device}", payload='{"a": {"b": 1}, "c": "{site}"}')
    assert entry.names == {"device", "site"}
    device = Device(1, "d", "p", "k", site="S1")
    assert entry.filled(device) == ("x/d", '{"a": {"b": 1}, "c": "S1"}')
    assert entry.filled(Device(1, "d", "p", "k")) is None
