"""B2: a broker delivers a message once per subscription that matches it, so overlapping filters doubled every reading:
two low messages were four votes and raised "3 of 5". Now one message is one reading, and its copies are duplicates."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from mqtt_kit import Journal, Wall, config, registry, until

from gateway.domain.alarm import Transition
from gateway.domain.device import Device, PointSpec
from gateway.domain.duration import SECOND
from gateway.domain.reading import Reading, batch_of
from gateway.domain.record import Body, DeviceSet, PointDefined, Record, RuleSet
from protocols.mqtt.source import MqttSource
from rules.compiled import Names
from rules.engine import Engine
from rules.format import compile_source, load_text
from simulators.servers import BrokerProcess, mosquitto, mosquitto_binary

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed"),
]
QUICK: dict[str, Any] = {"reconnect": {"min": "0s", "max": "0s"}}
POINTS = {"voltage": {"path": "u"}}
BY_DEVICE = {"filter": "a/{device}/t", "device": "{device}", "points": POINTS}
IN_PART = {"filter": "a/c1/{kind}", "device": "c1", "points": {"power": {"path": "p"}}}
WIDE = {"filter": "a/{rest*}", "device": "c2", "points": {"power": {"path": "p"}}}
RULE = """\
format: 1
rules:
- id: low
  title: {en: Low, zh: 低}
  why: w
  watch: {kind: charger}
  votes: {of: "voltage < 200 V", need: 3, last: 5}
  then: {order: {type: repair}}
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


def source(
    broker: BrokerProcess, journal: Journal, client: str, *routes: Any, memory: Path | None = None
) -> MqttSource:
    settings = config(routes, url=broker.url, client_id=client, **QUICK)
    return MqttSource("src", settings, registry(), journal.ledger, Wall(), memory=memory)


async def send(broker: BrokerProcess, *bodies: str, topic: str = "a/c1/t") -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        for body in bodies:
            await client.publish(topic, body, qos=1)


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def raised(values: list[float]) -> list[Transition]:
    """What "3 of the last 5 below 200 V" makes of these readings, a second apart."""
    names = Names({"charger": {"voltage": PointSpec("voltage", unit="V")}})
    rule = load_text(RULE, "low.yaml", names).rules[0]
    point = next(p for p in registry().points("charger").values() if p.name == "voltage")
    bodies: list[Body] = [
        PointDefined("t", point),
        DeviceSet(Device(100, "c1", "charger", "charger")),
        RuleSet(rule.id, rule.revision, rule.source, "UTC"),
    ]
    engine, got = Engine(0, compile_source, "t"), []
    for number, body in enumerate(bodies, 1):
        got += engine.step(Record(number, 0, body))
    at = 1_774_408_726 * SECOND
    frames = [[Reading(100, point.id, at + n * SECOND, v, received=at + n * SECOND)] for n, v in enumerate(values)]
    return got + list(engine.step(Record(9, at + 60 * SECOND, batch_of(frames))))


@pytest.mark.parametrize(("other", "copies"), [(IN_PART, 1), (WIDE, 0)], ids=["in part", "one inside the other"])
async def test_two_low_messages_are_two_votes(broker: BrokerProcess, other: Any, copies: int) -> None:
    journal = Journal()
    one = source(broker, journal, f"votes-{copies}", BY_DEVICE, other)
    task = asyncio.create_task(one.run(journal))
    await until(lambda: one.stats.connected)
    await send(broker, '{"u": 190}', '{"u": 191}')
    await send(broker, '{"u": 230}')  # behind them: what came before it is all there is
    await until(lambda: 230.0 in journal.values() and one.stats.received == 3 + 3 * copies)
    await stop(task)
    assert journal.values() == [190.0, 191.0, 230.0]
    assert one.stats.duplicates == 3 * copies
    assert one.stats.received == one.stats.journaled + one.stats.duplicates
    assert raised(journal.values()) == []
    assert [change.rule for change in raised([190.0, 191.0, 192.0])] == ["low"]  # and three are three


async def test_the_first_route_that_fits_judges_the_message(broker: BrokerProcess) -> None:
    journal = Journal()
    when = {"when": {"path": "p", "exists": True}}
    one = source(broker, journal, "first", IN_PART | when, BY_DEVICE)
    task = asyncio.create_task(one.run(journal))
    await until(lambda: one.stats.connected)
    await send(broker, '{"p": 7, "u": 1}', '{"u": 2}')
    await until(lambda: one.stats.received == 4)
    await until(lambda: len(journal.values()) == 2)
    await stop(task)
    names = [registry().name_of(p) for parcel in journal.parcels for p in parcel.batch.point.tolist()]
    assert list(zip(names, journal.values(), strict=True)) == [("power", 7.0), ("voltage", 2.0)]


async def test_a_filter_that_was_edited_while_we_were_away_is_given_up(broker: BrokerProcess, tmp_path: Path) -> None:
    journal, memory = Journal(), tmp_path / "sessions" / "src.json"
    for n, route in ((5, BY_DEVICE), (7, BY_DEVICE | {"filter": "a/{device}/{kind}"})):
        one = source(broker, journal, "edited", route, memory=memory)
        task = asyncio.create_task(one.run(journal))
        await until(lambda one=one: one.stats.connected)  # type: ignore[misc]
        await send(broker, f'{{"u": {n}}}')
        await send(broker, f'{{"u": {n + 1}}}')
        await until(lambda n=n: journal.values()[-1:] == [n + 1])  # type: ignore[misc]
        await stop(task)
    assert one.stats.resumed
    assert journal.values() == [5.0, 6.0, 7.0, 8.0]
    assert one.stats.duplicates == 0
