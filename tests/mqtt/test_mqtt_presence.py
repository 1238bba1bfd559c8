"""Presence of devices: the state machine against a slow reference, a source on a real broker, a rule that reads it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_kit import CHARGER, Journal, Registry, config, until
from pydantic import ValidationError

from gateway.adapter_ports import CheckedProject
from gateway.clock import SystemClock
from gateway.domain.device import Device, Point, PointKind, PointSpec, Profile
from gateway.domain.duration import SECOND
from gateway.domain.errors import Problem
from gateway.domain.reading import Batch, Reading, batch_of
from gateway.domain.record import Body, DeviceSet, PointDefined, Record, RuleSet
from protocols.mqtt.adapter import ADAPTER
from protocols.mqtt.presence import FlapLimits, KnownPresence, PresenceChange, PresenceLimits, PresenceTracker
from protocols.mqtt.presence_config import OFFLINE, ONLINE
from protocols.mqtt.source import MqttSource
from rules.compiled import Names
from rules.engine import Engine
from rules.format import compile_source, load_text
from simulators.servers import BrokerProcess, mosquitto, mosquitto_binary

END = 80


def tracker_of(timeout: int, debounce: int, flap: FlapLimits | None = None) -> PresenceTracker:
    return PresenceTracker(lambda _: PresenceLimits(timeout, debounce), flap)


EVENTS = st.lists(
    st.tuples(st.integers(0, END), st.sampled_from(["alive", "alive", "gone", "disconnected", "connected"])),
    max_size=14,
).map(lambda events: sorted(events, key=lambda event: event[0]))


def reference(events: list[tuple[int, str]], timeout: int, debounce: int) -> list[tuple[bool, int]]:
    """Tick by tick: what is published of one device, and when."""
    raw: bool | None = None
    published: bool | None = None
    alive = since = 0
    connected = True
    found: list[tuple[bool, int]] = []

    def settle(now: int) -> None:
        nonlocal published
        if raw is not None and raw != published and (published is None or now - since >= debounce):
            published = raw
            found.append((raw, now))

    for now in range(END + 40):
        settle(now)
        if raw and timeout and connected and now - alive >= timeout:
            raw, since = False, now
            settle(now)
        for _, event in (one for one in events if one[0] == now):
            if event == "connected":
                connected, alive = True, max(alive, now)
            elif event == "disconnected":
                connected = False
            else:
                if event == "alive":
                    alive = now
                if raw != (event == "alive"):
                    alive = now if raw is None else alive
                    raw, since = event == "alive", now
                settle(now)
    return found


@settings(max_examples=400)
@given(EVENTS, st.sampled_from([0, 3, 10]), st.sampled_from([0, 2, 7]), st.lists(st.integers(0, END + 39)))
def test_states_are_those_of_a_tick_by_tick_reference(
    events: list[tuple[int, str]], timeout: int, debounce: int, looks: list[int]
) -> None:
    """Whenever somebody looks: decisions bear the time at which they were due."""
    tracker, found = tracker_of(timeout, debounce), list[PresenceChange]()
    tracker.connected(0)
    steps = sorted([*((at, 1, kind) for at, kind in events), *((at, 0, "look") for at in looks)], key=lambda s: s[:2])
    for at, _, kind in [*steps, (END + 39, 0, "look")]:
        if kind == "look":
            found += tracker.changes(at)
        elif kind in ("connected", "disconnected"):
            getattr(tracker, kind)(at)
        else:
            getattr(tracker, kind)(7, at)
    assert [(change.state == ONLINE, change.at) for change in found] == reference(events, timeout, debounce)
    assert [change.number for change in found] == list(range(1, len(found) + 1))


def test_the_will_of_an_old_connection_after_the_birth_of_the_new_one() -> None:
    tracker = tracker_of(0, 5)
    tracker.connected(0)
    tracker.alive(1, 0)
    tracker.alive(1, 100)
    tracker.gone(1, 101)
    tracker.alive(1, 103)  # a reading of the new connection
    assert tracker.changes(1000) == [PresenceChange(1, ONLINE, at=0, number=1)]


def test_states_of_the_last_run_go_on_and_silence_counts_from_the_connection() -> None:
    tracker = tracker_of(10, 0)
    tracker.restore({1: KnownPresence(ONLINE, 3), 2: KnownPresence(OFFLINE, 8)}, 1000)
    assert tracker.changes(5000) == [], "no broker yet"
    tracker.connected(6000)
    tracker.alive(1, 6005)
    assert tracker.changes(6014) == []
    assert tracker.changes(6015) == [PresenceChange(1, OFFLINE, at=6015, number=4)]
    assert tracker.published() == {1: KnownPresence(OFFLINE, 4), 2: KnownPresence(OFFLINE, 8)}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), max_size=30))
def test_devices_do_not_disturb_each_other(signs: list[tuple[int, int]]) -> None:
    signs.sort(key=lambda sign: sign[1])
    together = tracker_of(7, 3)
    together.connected(0)
    for device, at in signs:
        together.alive(device, at)
    all_changes = together.changes(100)
    for device in range(4):
        alone = tracker_of(7, 3)
        alone.connected(0)
        for one, at in signs:
            if one == device:
                alone.alive(device, at)
        assert [change for change in all_changes if change.device == device] == alone.changes(100)


PRESENCE = Point(20, "charger", "presence", kind=PointKind.STATE, values=("online", "offline"))
ROUTE = {"filter": "charger/{device}/telemetry", "device": "{device}", "points": {"voltage": {"path": "u"}}}
ON, OFF = 0.0, 1.0


def registry() -> Registry:
    return Registry({"c1": "charger", "c2": "charger", "m1": "meter"}, [*CHARGER, PRESENCE])


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    if mosquitto_binary() is None:
        pytest.skip("mosquitto is not installed")
    with mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


def source_on(broker: BrokerProcess, client: str, memory: Path, presence: Any, **more: Any) -> MqttSource:
    known = registry()
    quick = {"reconnect": {"min": "0s", "max": "0s"}, "linger": "1ms"}
    made = config([ROUTE], url=broker.url, client_id=client, presence=presence, **(quick | more))
    devices = [device for code in ("c1", "c2", "m1") if (device := known.device(code)) is not None]
    return MqttSource("src", made, known, Journal().ledger, SystemClock(), memory=memory, devices=lambda: devices)


@asynccontextmanager
async def running(source: MqttSource, journal: Journal) -> AsyncIterator[None]:
    task = asyncio.create_task(source.run(journal))
    try:
        await until(lambda: source.stats.connected)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def states(journal: Journal, code: str) -> list[float]:
    """Presence of a device in the journal, in order."""
    device = registry().device(code)
    assert device is not None
    return [
        reading.value
        for parcel in journal.parcels
        for reading in parcel.batch.readings()
        if (reading.device, reading.point) == (device.id, PRESENCE.id)
    ]


@pytest.mark.server
@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_birth_and_will_of_a_real_connection(broker: BrokerProcess, tmp_path: Path, version: str) -> None:
    """Retained, as Home Assistant wants it: the state is there again after a restart of the gateway."""
    topic = f"{version}/c1/availability"
    topics = [{"topic": f"{version}/{{device}}/availability", "path": "state"}, {"topic": "bare/{device}"}]
    presence = {"topics": topics, "debounce": "0s"}
    journal, memory = Journal(), tmp_path / "src.json"
    will = aiomqtt.Will(topic, b'{"state":"offline"}', qos=1, retain=True)
    async with running(source_on(broker, f"ha-{version}", memory, presence, protocol=version), journal):
        device = aiomqtt.Client("127.0.0.1", broker.port, will=will)
        await device.__aenter__()
        await device.publish(topic, b'{"state":"online"}', qos=1, retain=True)
        await until(lambda: states(journal, "c1") == [ON])
        device._client.socket().shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr] - it loses its power
        await until(lambda: states(journal, "c1") == [ON, OFF])
        with suppress(aiomqtt.MqttError):
            await device.__aexit__(None, None, None)
    again = Journal()
    (tmp_path / "src.presence.json").unlink(missing_ok=True)
    source = source_on(broker, f"ha-{version}", memory, presence, protocol=version)
    async with running(source, again):
        await until(lambda: states(again, "c1") == [OFF])
        assert source.stats.received == source.stats.ignored


@pytest.mark.server
async def test_readings_and_silence(broker: BrokerProcess, tmp_path: Path) -> None:
    journal, memory = Journal(), tmp_path / "src.json"
    source = source_on(broker, "silence", memory, {"timeout": "400ms", "debounce": "100ms"})
    async with running(source, journal), aiomqtt.Client("127.0.0.1", broker.port) as device:
        for code in ("c1", "m1", "nobody"):
            await device.publish(f"charger/{code}/telemetry", '{"u":230}', qos=1)
        await until(lambda: states(journal, "c1") == [ON, OFF])
        await device.publish("charger/c1/telemetry", '{"u":231}', qos=1)
        await until(lambda: states(journal, "c1") == [ON, OFF, ON])
    points = {point for parcel in journal.parcels for point in parcel.batch.point.tolist()}
    assert points == {2, PRESENCE.id}


@pytest.mark.server
async def test_what_the_journal_refuses_is_offered_again_and_odd_messages_say_nothing(
    broker: BrokerProcess, tmp_path: Path
) -> None:
    journal = Journal()
    source = source_on(broker, "refused", tmp_path / "s.json", {"topics": [{"topic": "p/{device}"}], "debounce": "0s"})
    async with running(source, journal), aiomqtt.Client("127.0.0.1", broker.port) as device:
        for payload in (b"\xff", b"", b"perhaps", b'{"state":"online"}'):
            await device.publish("p/c1", payload, qos=1)
        await device.publish("p/stranger", b"online", qos=1)
        await until(lambda: source.stats.ignored == 5)
        journal.refuse = 1
        await device.publish("p/c1", b"offline", qos=1)
        await until(lambda: states(journal, "c1") == [OFF])


RULE = """\
format: 1
rules:
- id: gone
  title: {en: Charger offline, zh: 充电桩离线}
  watch: {kind: charger}
  when: "presence == 'offline'"
  then: {order: {type: repair}}
"""


def test_a_rule_reads_it_like_any_state() -> None:
    names = Names({"charger": {"presence": PointSpec("presence", PointKind.STATE, values=PRESENCE.values)}})
    rule = load_text(RULE, "gone.yaml", names).rules[0]
    bodies: list[Body] = [
        PointDefined("t", PRESENCE),
        DeviceSet(Device(100, "c1", "charger", "charger")),
        RuleSet(rule.id, rule.revision, rule.source, "UTC"),
    ]
    engine = Engine(0, compile_source, "t")
    for number, body in enumerate(bodies, 1):
        engine.step(Record(number, 0, body))
    got = []
    for number, value in enumerate((ON, OFF, ON)):
        at = (1000 + number) * SECOND
        got += engine.step(Record(10 + number, at, one_reading(at, value)))
    assert [(change.rule, change.change.value) for change in got] == [("gone", "raised"), ("gone", "cleared")]


def one_reading(at: int, value: float) -> Batch:
    return batch_of([[Reading(100, PRESENCE.id, at, value, received=at)]])


@pytest.mark.parametrize(
    ("presence", "key"),
    [
        ({}, "mqtt.presence_nothing"),
        ({"topics": [{"topic": "$share/g/{device}"}]}, "mqtt.presence_shared"),
        ({"topics": [{"topic": "a/{x}"}]}, "route.capture"),
        ({"topics": [{"topic": "a/+"}]}, "route.filter_wildcard"),
        ({"topics": [{"topic": "a/{device}", "online": ["on", "off"], "offline": "off"}]}, "mqtt.presence_words"),
        ({"timeout": "90d"}, "mqtt.range"),
    ],
)
def test_presence_that_is_refused(presence: Any, key: str) -> None:
    with pytest.raises(ValidationError) as error:
        config([ROUTE], presence=presence)
    assert key in [found.get("ctx", {}).get("key", found["type"]) for found in error.value.errors()]


def no_cell(*_: object) -> Problem:
    raise AssertionError("no cell is at fault")


def test_check_asks_for_the_point() -> None:
    made = {"one": config([ROUTE], presence={"timeout": "1h"})}
    assert ADAPTER.check_with is not None
    for points, wanted in (
        ((), True),
        ((PointSpec("presence", PointKind.STATE),), False),
        ((PointSpec("presence"),), True),
    ):
        profile = Profile("charger", "charger", (PointSpec("voltage", unit="V"), *points))
        found = ADAPTER.check_with(made, CheckedProject("gateway.yaml", {"charger": profile}, {}, {}, (), no_cell))
        assert ("mqtt.presence_point" in [problem.key for problem in found.problems]) is wanted
    assert set(ADAPTER.state_texts(made["one"])) >= {("presence", "online"), ("presence", "offline")}
