"""Presence through the whole gateway: a will becomes a reading, the rule an order; a restart forgets neither."""

from pathlib import Path

import aiomqtt
import pytest
from hostile_kit import CONFIG, PROFILE, live, until, write_project

from gateway.app.lifecycle import App
from gateway.store import OrderFilter, Queries
from simulators.servers import mosquitto, mosquitto_binary
from simulators.sparkplug_node import NodeModel, SentMetric, live_node

PRESENCE = """\
    presence:
      debounce: 0s
      timeout: 1h
      topics:
      - {topic: "tele/{device}/LWT", online: Online, offline: Offline}
    routes:
"""
RULES = """\
format: 1
rules:
- id: gone
  title: {en: Charger offline, zh: 充电桩离线}
  watch: {kind: charger}
  when: "presence == 'offline'"
  then: {order: {type: repair, fault: E90, level: major}}
"""


def states(app: App) -> list[float]:
    """Stored readings of the state point, in order of time."""
    point = app.stores.registry.points("hostile")[("presence", 0)].id
    batches = app.stores.series.scan(0, 2**62)
    found = [(one.at, one.value) for batch in batches for one in batch.readings() if one.point == point]
    return [value for _, value in sorted(found)]


def orders(app: App) -> int:
    return len(Queries(app.stores.sql.database).orders(OrderFilter(), limit=10).items)


@pytest.mark.server
@pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed")
async def test_a_will_becomes_a_reading_and_an_order(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        profile = PROFILE + "  presence: {kind: state, values: [online, offline]}\n"
        files = {"profiles/hostile.yaml": profile, "rules/hostile.yaml": RULES}
        text = CONFIG.replace("    routes:\n", PRESENCE)
        config = write_project(tmp_path / "site", devices=["D1"], config=text, files=files, broker=broker.port)
        async with live(config) as app, aiomqtt.Client("127.0.0.1", broker.port) as device:
            await until(lambda: app.ingest.sources.running["broker"].stats.connected, "connected")  # type: ignore[attr-defined]
            await device.publish("h/D1/now", b'{"temp": 20}', qos=1)
            await until(lambda: states(app) == [0.0], "online by a reading")
            await device.publish("tele/D1/LWT", b"Offline", qos=1, retain=True)
            await until(lambda: states(app) == [0.0, 1.0], "offline by its will")
            await until(lambda: orders(app) == 1, "an order")
        async with live(config) as app, aiomqtt.Client("127.0.0.1", broker.port) as device:
            await until(lambda: app.ingest.sources.running["broker"].stats.connected, "connected")  # type: ignore[attr-defined]
            await device.publish("tele/D1/LWT", b"Online", qos=1, retain=True)
            await until(lambda: states(app)[-1] == 0.0, "online by its birth")
            assert orders(app) == 1


SPARKPLUG = """\
    sparkplug: {groups: [plant], points: {Temp: {point: gun_temp}}}
    presence:
"""


def of_device(app: App, code: str) -> list[tuple[float, int]]:
    """(value, quality) of the stored presence of a device, in order of time."""
    device, point = app.stores.registry.device(code), app.stores.registry.points("hostile")[("presence", 0)].id
    assert device is not None
    batches = app.stores.series.scan(0, 2**62)
    found = [one for batch in batches for one in batch.readings() if (one.device, one.point) == (device.id, point)]
    return [(one.value, int(one.quality)) for one in sorted(found, key=lambda one: one.at)]


@pytest.mark.server
@pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed")
async def test_an_old_will_raises_nothing_and_a_death_of_sparkplug_does(tmp_path: Path) -> None:
    """The broker has kept the will of D1 for who knows how long; S1 has a node that publishes its death now."""
    with mosquitto(tmp_path / "broker") as broker:
        profile = PROFILE + "  presence: {kind: state, values: [online, offline]}\n"
        files = {"profiles/hostile.yaml": profile, "rules/hostile.yaml": RULES}
        text = CONFIG.replace("    routes:\n", PRESENCE.replace("    presence:\n", SPARKPLUG))
        config = write_project(tmp_path / "site", devices=["D1", "S1"], config=text, files=files, broker=broker.port)
        async with aiomqtt.Client("127.0.0.1", broker.port) as device:
            await device.publish("tele/D1/LWT", b"Offline", qos=1, retain=True)
        node = NodeModel("plant", "n1", {"S1": [SentMetric("Temp", "Float", 20.5)]})
        async with live(config) as app, live_node(broker.port, node) as running:
            await until(lambda: of_device(app, "D1") == [(1.0, 1)], "uncertain")
            await until(lambda: of_device(app, "S1") == [(0.0, 2)], "online by its birth")
            await running.send(node.device_death("S1"))
            await until(lambda: orders(app) == 1, "an order for S1")
            (order,) = Queries(app.stores.sql.database).orders(OrderFilter(), limit=9).items
            found = app.stores.registry.device("S1")
            assert found is not None
            assert order.device == found.id
            await until(lambda: of_device(app, "S1") == [(0.0, 2), (1.0, 2)], "stored")
