"""Every count, from the message to the stored row: nothing appears, nothing is missing, over a restart too."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiomqtt
import httpx
import pytest
from api_kit import MAIN, NOW, HandClock, World, house
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from gateway.api.source_metrics import source_metrics
from gateway.app.build import build
from gateway.app.lifecycle import App
from gateway.domain.duration import DAY, SECOND
from gateway.domain.errors import StoreUnavailable
from gateway.domain.reading import Reading, batch_of, empty_batch
from gateway.domain.record import Parcel, Raw, Record, RuleSet
from gateway.domain.series import Written
from gateway.domain.workorder import Role
from gateway.settings import load_project
from protocols.modbus.metrics import samples
from protocols.modbus.slave import Backoff, Presence, Slave
from protocols.modbus.stats import ModbusStats
from simulators.servers import mosquitto, mosquitto_binary

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
SHORT = {"gateway.yaml": MAIN + "series: {retention: 1d}\n"}
SOURCES = """\
sources:
  broker:
    type: mqtt
    url: mqtt://127.0.0.1:@port@
    client_id: metrics-gateway
    routes:
    - filter: "d/{device}/now"
      device: "{device}"
      time: {path: ts, unit: ms}
      points: {energy: {path: e}}
"""


async def until(condition: Callable[[], object], what: str) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + 20
    while not condition():
        assert loop.time() < end, f"not within 20 s: {what}"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def live(config: Path, clock: HandClock | None = None) -> AsyncIterator[App]:
    """The whole gateway, flushing its series at once."""
    app = build(load_project(config, {}), clock)
    app.consumers.series._flush = 0
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def scrape(app: App) -> dict[str, float]:
    assert app.api is not None
    async with httpx.AsyncClient(base_url=app.api.url) as client:
        return parsed((await client.get("/metrics")).text)


def parsed(text: str) -> dict[str, float]:
    """`name{labels}` without the prefix -> value."""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name.removeprefix("fieldgate_"): float(value) for name, value in lines}


def readings(found: dict[str, float], source: str = "") -> dict[str, float]:
    start = f'readings_total{{source="{source}",state="'
    return {name[len(start) : -2]: value for name, value in found.items() if name.startswith(start)}


def balances(found: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if name.startswith("balance_")}


def parcel(app: App, *rows: tuple[int, float], unknown: int = 0, rejected: str = "unknown_device") -> Parcel:
    """One message per (seconds from NOW, energy), and `unknown` messages that name nobody we know."""
    device, energy = app.stores.registry.device("D1"), app.stores.registry.points("dc")["energy", 0].id
    assert device is not None
    frames = [[Reading(device.id, energy, NOW + at * SECOND, value, received=NOW)] for at, value in rows]
    raws = tuple(Raw("broker", "d/nobody", rejected, b"{}", NOW) for _ in range(unknown))
    return Parcel("broker", batch_of(frames) if frames else empty_batch(), raws, messages=len(frames) + unknown)


async def settled(app: App) -> None:
    head = app.stores.journal.head(0)
    await until(lambda: app.consumers.series.cursor >= head, "the series store")


async def test_readings_balance_from_the_message_to_the_row_over_a_crash(tmp_path: Path) -> None:
    clock, expired = HandClock(), -2 * DAY // SECOND
    first = World(tmp_path, SHORT)  # no consumer runs: what is taken is what this test takes
    app = first.app
    await app.ingest.intake.emit(parcel(app, (-60, 1.0), (-50, 2.0), unknown=2))
    await app.consumers.series.drain(app.stores.journal.head(0))
    await app.ingest.intake.emit(
        parcel(app, (-60, 1.0), (-40, 3.0), (expired, 4.0))
    )  # the same again, a new one, an old one
    found = parsed((await first.client.get("/metrics")).text)
    assert readings(found) == {"stored": 2, "duplicate": 0, "expired": 0, "conflict": 0, "replayed": 0, "in_flight": 3}
    assert found['messages_total{source="broker",state="rejected"}'] == 2
    assert found['journal_records_total{kind="raw"}'] == 2
    assert set(balances(found).values()) == {0}
    await first.close()  # and never drained: three readings wait in the journal

    async with live(house(tmp_path, SHORT), clock) as app:
        await settled(app)
        found = await scrape(app)
        assert readings(found) == {
            "stored": 1,
            "duplicate": 1,
            "expired": 1,
            "conflict": 0,
            "replayed": 3,
            "in_flight": 0,
        }
        assert balances(found)['balance_readings{source=""}'] == 0
        await app.ingest.intake.emit(parcel(app, (-40, 3.0), (-30, 5.0), (-50, 9.0), (expired, 6.0), unknown=1))
        await app.ingest.intake.emit(parcel(app, (-20, 7.0)))
        await settled(app)
        found = await scrape(app)
        assert readings(found) == {
            "stored": 4,
            "duplicate": 2,
            "expired": 2,
            "conflict": 1,
            "replayed": 3,
            "in_flight": 0,
        }
        assert readings(found, "broker")["decoded"] == readings(found, "broker")["journaled"] == 5
        assert found['messages_total{source="broker",state="received"}'] == 6
        assert set(balances(found).values()) == {0}
        assert sum(len(batch) for batch in app.stores.series.scan(0, 2**62)) == 5  # -60, -50 (replaced), -40, -30, -20


async def test_a_row_the_store_does_not_account_for_shows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    app, write = world.app, world.app.stores.series.write

    def leaky(partition: int, records: list[Record]) -> Written:
        result = write(partition, records)
        return Written(result.stored - 1, result.duplicate, result.expired)

    monkeypatch.setattr(app.stores.series, "write", leaky)
    await app.ingest.intake.emit(parcel(app, (-60, 1.0), (-50, 2.0)))
    await app.consumers.series.drain(app.stores.journal.head(0))
    found = parsed((await world.client.get("/metrics")).text)
    assert readings(found)["in_flight"] == 0
    assert balances(found)['balance_readings{source=""}'] == 1


async def test_what_the_journal_refused_is_accounted_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    app = world.app

    async def full(*_: Any) -> None:
        raise StoreUnavailable("disk")

    monkeypatch.setattr(app.stores.journal, "append", full)
    monkeypatch.setattr(app.ingest.intake, "config", app.ingest.intake.config.model_copy(update={"full_wait": 0}))
    with pytest.raises(StoreUnavailable):
        await app.ingest.intake.emit(parcel(app, (-60, 1.0), unknown=1))
    found = parsed((await world.client.get("/metrics")).text)
    assert readings(found, "broker")["refused"] == 1
    assert found['messages_total{source="broker",state="refused"}'] == 2
    assert set(balances(found).values()) == {0}


COUNTED = """\
format: 1
rules:
- id: used
  title: {en: Used, zh: 用量}
  watch: {kind: charger}
  let: {u: {increase: energy, per: day, coverage: 0}}
  when: "u > 50 kWh"
"""


async def test_a_glitch_of_a_counter_is_counted_and_survives_a_restart(tmp_path: Path) -> None:
    config, name = house(tmp_path, {"rules/a.yaml": COUNTED}), 'engine_glitches_total{point="energy"}'
    secret = ""
    for number, rows in enumerate(((100.0, 0.0, 101.0), (102.0, 7.0, 9.0, 150.0))):
        async with live(config, HandClock()) as app:
            secret = secret or app.stores.sql.keys.create("viewer", Role.VIEWER, NOW)[0]
            assert (await scrape(app)).get(name, 0) == number
            times = range(number * 10 - 60, 0)
            await app.ingest.intake.emit(parcel(app, *zip(times, rows, strict=False)))
            head = app.stores.journal.head(0)
            await until(lambda: app.consumers.rules.judged >= head, "the rules")  # noqa: B023 - awaited here
            assert (await scrape(app))[name] == number + 1
            assert app.api is not None
            async with httpx.AsyncClient(base_url=app.api.url) as client:
                answer = await client.get("/v1/devices/D1", headers={"Authorization": f"Bearer {secret}"})
                other = await client.get("/v1/devices/D2", headers={"Authorization": f"Bearer {secret}"})
            assert (answer.json()["glitches"], other.json()["glitches"]) == ({"energy": number + 1}, {})


async def test_a_broken_rule_is_told_and_makes_nothing_unready(tmp_path: Path) -> None:
    async with live(house(tmp_path)) as app:
        found = await scrape(app)
        assert (found["engine_rules"], found["engine_rules_broken"], found["ticks_missed_total"]) == (1, 0, 0)
        await app.ingest.intake.facts([RuleSet("bad", "r1", b"when: [", "Asia/Shanghai", "test")])
        head = app.stores.journal.head(0)
        await until(lambda: app.consumers.rules.judged >= head, "the rules")
        assert (await scrape(app))["engine_rules_broken"] == 1
        assert app.api is not None
        async with httpx.AsyncClient(base_url=app.api.url) as client:
            answer = await client.get("/readyz?lang=en")
        assert (answer.status_code, answer.json()["ready"]) == (200, True)
        assert answer.json()["parts"]["rules"] == "broken: bad"


async def test_rule_files_that_do_not_load_are_told_and_make_nothing_unready(tmp_path: Path) -> None:
    async with live(house(tmp_path)) as app:
        file = next(app.settings.rules.glob("*.yaml"))
        text = file.read_text("utf-8")
        file.write_text(text.replace("format: 1", "format: 1\nrule: []"), "utf-8")
        await app.operation.reload.reload("test")
        assert app.api is not None
        async with httpx.AsyncClient(base_url=app.api.url) as client:
            answer = await client.get("/readyz?lang=en")
            assert (answer.status_code, answer.json()["ready"]) == (200, True)
            assert f"first {file.name}:2" in answer.json()["parts"]["configuration"]
            file.write_text(text, "utf-8")
            await app.operation.reload.reload("test")
            assert (await client.get("/readyz?lang=en")).json()["parts"]["configuration"] == "ok"


@pytest.mark.server
@pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed (apt-get install mosquitto)")
async def test_mqtt_messages_balance_at_every_stage(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        config = house(tmp_path, {"gateway.yaml": MAIN + SOURCES.replace("@port@", str(broker.port))})
        async with live(config) as app:
            stats = app.ingest.sources.running["broker"].stats  # type: ignore[attr-defined]
            await until(lambda: stats.connected, "connected")
            now = app.clock.now() // 1000
            good = b'{"ts":%d,"e":1.5}' % now
            async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                for topic, payload in (
                    ("d/D1/now", good), ("d/D1/now", good), ("d/D1/now", b'{"ts":%d,"e":null,"seq":7}' % (now + 1)),
                    ("d/nobody/now", good), ("d/D1/now", b"{"),
                ):  # fmt: skip
                    await client.publish(topic, payload, qos=1)
            await until(lambda: stats.received == 5 and not stats.waiting, "the messages")
            await settled(app)
            found = await scrape(app)
            assert {
                name: found[f'source_messages_total{{source="broker",state="{name}"}}']
                for name in ("received", "journaled", "duplicate", "rejected", "ignored", "returned", "lost")
            } == {"received": 5, "journaled": 3, "duplicate": 0, "rejected": 2, "ignored": 0, "returned": 0, "lost": 0}
            assert found['dead_letters_total{reason="unknown_device",source="broker"}'] == 1
            assert found['dead_letters_total{reason="bad_json",source="broker"}'] == 1
            assert found['source_readings_total{source="broker",state="bad"}'] == 1
            assert found['unused_total{reason="unread",route="0",source="broker"}'] == 1
            assert app.api is not None
            key = (tmp_path / "var" / "admin.key").read_text().strip()
            async with httpx.AsyncClient(base_url=app.api.url, headers={"Authorization": f"Bearer {key}"}) as api:
                (unused,) = (await api.get("/v1/unused")).json()["items"]
            told = {
                "source": "broker",
                "route": 0,
                "filter": "d/{device}/now",
                "reason": "unread",
                "place": "seq",
                "count": 1,
                "topic": "d/D1/now",
            }
            assert {name: unused[name] for name in told} == told
            assert unused["text"] == f'{{"ts":{now + 1},"e":null,"seq":7}}'
            assert found['source_connects_total{source="broker"}'] == found['source_up{source="broker"}'] == 1
            assert (readings(found)["stored"], readings(found)["duplicate"]) == (2, 1)
            names = {
                'balance_messages{source="broker"}',
                'balance_source_messages{source="broker"}',
                'balance_readings{source="broker"}',
                'balance_readings{source=""}',
            }
            assert balances(found) == dict.fromkeys(names, 0)
            await until(lambda: app.consumers.rules.status.counts.judged == 2, "the rules")
            assert (await scrape(app))['engine_readings_total{state="duplicate"}'] == 1


def test_a_modbus_source_tells_what_it_counts() -> None:
    stats = ModbusStats(
        polls=7,
        answered=5,
        silent=2,
        on_time=4,
        overruns=3,
        rests=2,
        unlinked=1,
        timeouts=2,
        exceptions={2: 6},
        readings=30,
        bad=4,
        undecodable=1,
        held=9,
        unplaced=8,
        strays=5,
    )

    class Told:
        def collect(self) -> Iterator[Metric]:
            return source_metrics({"m": SimpleNamespace(samples=lambda: samples(stats))})  # type: ignore[dict-item]

    def found() -> dict[str, float]:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Told())
        return parsed(generate_latest(registry).decode())

    assert found()['source_up{source="m"}'] == 0
    stats.linked.add("bus")
    stats.slaves["bus", 1] = Slave("bus", 1, Backoff(), Presence.DOWN)
    told = found()
    assert told['source_up{source="m"}'] == told['modbus_links_up{source="m"}'] == 1
    assert told['modbus_units{presence="down",source="m"}'] == 1
    due = sum(value for name, value in told.items() if name.startswith("modbus_due_total"))
    assert due == stats.due == 13
    assert told['modbus_polls_total{source="m"}'] == 7
    assert told['modbus_polls_on_time_total{source="m"}'] == 4
    assert told['modbus_exceptions_total{code="2",source="m"}'] == 6
    assert told['modbus_unanswered_total{reason="timeout",source="m"}'] == 2
    assert told['source_readings_total{source="m",state="undecodable"}'] == 1
    assert told['modbus_held_total{source="m"}'] == 9


async def test_the_page_names_every_metric_and_no_other(world: World) -> None:
    text = (await world.client.get("/metrics")).text
    told = set(re.findall(r"^# TYPE (fieldgate_\w+) ", text, re.MULTILINE))
    section = DOCS.read_text("utf-8").partition("## Metrics\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"fieldgate_\w+", section)) == told
