"""C6: lists, profiles, routes, endpoints and rules change under traffic, without a restart.

A real broker, the whole gateway, one flood: what did not change is not disturbed, nothing is lost or doubled, and the
journal alone makes the same engine again.
"""

import asyncio
import gc
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hostile_kit import CONFIG, ENDPOINT, NEEDS_MOSQUITTO, RULES, Client, client, live, text, until, write_project
from rough_receiver import Said, receiving
from structlog.testing import capture_logs

from gateway.app.lifecycle import App
from gateway.domain.device import Life
from gateway.domain.reading import Batch
from gateway.domain.record import DeviceSet
from gateway.domain.workorder import Role
from gateway.ports import RegistryContents
from gateway.settings.project import inspect_project
from gateway.store.queries import AlarmFilter, DeliveryFilter
from rules.engine import Engine
from rules.format import compile_policy, compile_source
from simulators.servers import mosquitto

pytestmark = NEEDS_MOSQUITTO
CUSTOMERS = "code,name,phone\nC1,Wang,13800000001\n"


@dataclass
class Scene:
    """A gateway under a flood of device G; `sent` of its messages the broker took."""

    app: App
    folder: Path
    sender: Client
    hand: Client
    sent: int = 0
    over: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def stats(self) -> Any:
        return self.app.ingest.sources.running["broker"].stats  # type: ignore[attr-defined]

    def write(self, name: str, content: str | Callable[[str], str]) -> None:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else content(path.read_text("utf-8")), "utf-8")

    async def reload(self) -> int:
        """How much changed; the flood goes on before and after."""
        await self.more()
        found = await self.app.operation.reload.reload("li")
        assert found.problems == ()
        await self.more()
        return found.changed

    async def more(self, count: int = 30) -> None:
        goal = self.sent + count
        await until(lambda: self.sent >= goal, "the flood goes on")

    async def halt(self) -> None:
        """The flood is over."""
        self.over = True
        if self.task is not None:
            await self.task

    async def flood(self) -> None:
        while not self.over:
            assert await self.sender.publish("h/G/now", text({"temp": 20 + self.sent % 7}))
            self.sent += 1


@pytest.fixture(autouse=True)
def nobody_looks_by_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.app.reload.POLL", 3600)


@asynccontextmanager
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    config = CONFIG.replace(
        "registry: {devices: devices.csv}",
        "registry: {sites: sites.csv, customers: customers.csv, devices: devices.csv}",
    )
    files = {"sites.csv": "code,name\nS1,North\n", "customers.csv": CUSTOMERS}
    with mosquitto(tmp_path / "broker") as broker:
        main = write_project(
            tmp_path / "project",
            devices=["G", "H"],
            config=config + ENDPOINT.replace("@oa@", "9"),
            files=files,
            broker=broker.port,
        )
        async with live(main) as app, client(broker.port, "flood") as sender, client(broker.port, "hand") as hand:
            made = Scene(app, tmp_path / "project", sender, hand)
            await until(lambda: made.stats.connected, "connected")
            made.task = asyncio.create_task(made.flood())
            try:
                yield made
            finally:
                await made.halt()


async def settled(one: Scene) -> None:
    """The flood is over, everything that came is on disk and judged."""
    await one.halt()
    await until(
        lambda: (
            one.stats.waiting == 0
            and one.app.consumers.rules.committed >= one.app.stores.journal.head(one.app.settings.partition)
        ),
        "judged",
    )


def journaled(app: App, code: str) -> int:
    """Readings of a device in the journal."""
    device = next(d.id for d in app.stores.registry.contents().devices if d.code == code)
    found, after = 0, 0
    while records := app.stores.journal.read(app.settings.partition, after, 5000):
        found += sum(int((r.body.device == device).sum()) for r in records if isinstance(r.body, Batch))
        after = records[-1].seq
    return found


def replayed(app: App, upto: int) -> bytes:
    """The state of an engine that knows nothing but the journal, up to a record."""
    engine, after = (
        Engine(app.settings.partition, compile_source, app.settings.tenant, compile_policy=compile_policy),
        0,
    )
    while records := [one for one in app.stores.journal.read(app.settings.partition, after, 5000) if one.seq <= upto]:
        for record in records:
            engine.step(record)
        after = records[-1].seq
    return engine.snapshot()


async def test_everything_changes_under_traffic_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        app = one.app
        source, sink = app.ingest.sources.running["broker"], app.delivery.sinks["oa"]
        # a device more, one moved to a site, one retired
        one.write("devices.csv", "code,profile,site\nG,hostile,S1\nK,hostile,\n")
        assert await one.reload() == 3
        assert await one.hand.publish("h/K/now", text({"temp": 30}))
        await until(lambda: journaled(app, "K") == 1, "the new device is heard")
        assert await one.hand.publish("h/H/now", text({"temp": 30}))
        await until(lambda: one.stats.rejected["unknown_device"] == 1, "the retired one is not")
        # a filter less, one more: by difference, on the same connection
        one.write("gateway.yaml", lambda was: was.replace('"h/{device}/list"', '"h/{device}/rows"'))
        assert await one.reload() == 1
        assert await one.hand.publish("h/G/rows", text({"items": [{"temp": 1}, {"temp": 2}]}))
        assert await one.hand.publish("h/G/list", text({"items": [{"temp": 1}]}))
        # a point more, another unit, a site's name, a phone number, a rule
        one.write("profiles/hostile.yaml", lambda was: was + "  power: {unit: W}\n")
        one.write("sites.csv", "code,name\nS1,South\n")
        one.write("customers.csv", CUSTOMERS.replace("0001", "0002"))
        one.write("rules/hostile.yaml", lambda was: was.replace(">= 90", ">= 91"))
        assert await one.reload() == 2, "a site and a rule: a phone number is no fact"
        assert ("power", 0) in app.stores.registry.points("hostile")
        assert [customer.phone for customer in app.stores.registry.contents().customers] == ["13800000002"]
        # another endpoint, and one that goes
        assert app.delivery.sinks["oa"] is sink, "an endpoint that did not change"
        one.write("gateway.yaml", lambda was: was.replace("oa: {type", "crm: {type"))
        assert await one.reload() == 2
        assert set(app.delivery.sinks) == set(app.delivery.relay.stats()) == {"crm"}
        await one.more()
        await settled(one)
        assert one.stats.received == one.sent + 3, "nothing came of the filter that is gone"
        assert (source, one.stats.connects, one.stats.disconnects) == (app.ingest.sources.running["broker"], 1, 0)
        assert journaled(app, "G") == one.sent + 2, "each message of the flood once, and the two rows"
        assert one.stats.lost == one.stats.returned == 0
        lives = [(r.body.device.code, r.body.device.life.value) for r in facts(app) if isinstance(r.body, DeviceSet)]
        assert lives[-3:] == [("G", "in_service"), ("K", "in_service"), ("H", "retired")]


def facts(app: App) -> list[Any]:
    return list(app.stores.journal.read(app.settings.partition, 0, 100_000))


async def test_replay_and_restart_after_reloads_equal_live(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        for number in range(4):
            one.write("devices.csv", f"code,profile,limit\nG,hostile,{number}\n" + "H,hostile,1\n" * (number % 2))
            one.write("rules/hostile.yaml", lambda was, n=number: was.replace(f">= 9{n}", f">= 9{n + 1}"))  # type: ignore[misc]
            await one.reload()
        known, main = one.app.stores.registry.contents(), one.folder / "gateway.yaml"
    # stopped: the last snapshot is that of the end
    async with live(main) as app:
        assert plain(app.stores.registry.contents()) == plain(known), "the start finds nothing to change"
        await until(lambda: app.consumers.rules.judged >= app.stores.journal.head(app.settings.partition), "judged")
        upto, state = await app.threads.rules(
            lambda: (app.consumers.rules._engine.seq, app.consumers.rules._engine.snapshot())
        )
        assert state == replayed(app, upto)


def plain(known: RegistryContents) -> Any:
    return known.sites, known.customers, known.devices, [point.id for point in known.points]


async def test_a_mistake_anywhere_changes_nothing_and_is_taken_back_by_mending(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        app, before = one.app, one.app.project
        mistakes = {
            "devices.csv": "code,profile\nG,hostil\n",
            "sites.csv": "code,timezone\nS1,Mars/North\n",
            "customers.csv": "code,phone\nC1,none\n",
            "profiles/hostile.yaml": "id: hostile\nkind: charger\npoints: {gun_temp: {unit: degG}}\n",
            "gateway.yaml": (one.folder / "gateway.yaml").read_text("utf-8").replace("type: webhook", "type: webhok"),
        }
        for name, wrong in mistakes.items():
            right = (one.folder / name).read_text("utf-8")
            one.write(name, wrong)
            one.write("rules/more.yaml", (one.folder / "rules/hostile.yaml").read_text().replace("hostile.hot", "more"))
            found = await app.operation.reload.reload("li")
            assert found.problems, name
            assert Path(name).name in {Path(problem.file).name for problem in found.problems}
            assert all(problem.line for problem in found.problems)
            assert (app.project, set(app.consumers.rules.status.rules)) == (before, {"hostile.hot"}), (
                "nor is what was right besides"
            )
            one.write(name, right)
            (one.folder / "rules/more.yaml").unlink()
        assert (await app.operation.reload.reload("li")).problems == ()
        await settled(one)
        assert app.stores.registry.device("H") is not None


def held() -> dict[str, int]:
    """Tasks, descriptors, threads, and objects of our classes that are no data of the journal."""
    gc.collect()
    ours = Counter(
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in map(type, gc.get_objects())
        if str(kind.__module__).startswith(("gateway.", "protocols.", "sinks.", "rules."))
        and not str(kind.__module__).startswith("gateway.domain.")
    )
    counts = {"tasks": len(asyncio.all_tasks()), "files": len(os.listdir("/proc/self/fd"))}
    return {**ours, **counts, "threads": threading.active_count()}


@pytest.mark.parametrize("repeats", [40, pytest.param(1_000, marks=pytest.mark.slow_fault)])
async def test_reloads_leak_nothing(tmp_path: Path, repeats: int) -> None:
    """Two configurations in turn, so that nothing has to be read: devices, filters, an endpoint, a rule, a template."""
    more = {
        "devices.csv": "code,profile,site\nG,hostile,S1\nK,hostile,\n",
        "rules/hostile.yaml": RULES.replace(">= 90", ">= 91"),
        "customers.csv": CUSTOMERS.replace("0001", "0002"),
    }
    async with scene(tmp_path) as one:
        app, before = one.app, one.app.project
        for name, content in more.items():
            one.write(name, content)
        one.write("gateway.yaml", lambda was: was.replace("oa: {type", "crm: {type").replace("}/list", "}/rows"))
        after = inspect_project(before.file).project
        assert after is not None
        await one.more()
        await one.halt()

        async def times(count: int) -> None:
            for _ in range(count // 2):
                assert len(await app.operation.reload.apply(after, "li")) >= 6
                await app.operation.reload.apply(before, "li")

        await times(4)
        before_that = held()
        await times(repeats)
        await asyncio.gather(*app.delivery._closing)
        now = held()
        assert {
            name: now[name] - before_that.get(name, 0) for name in now if now[name] - before_that.get(name, 0) > 8
        } == {}
        assert one.stats.connects == 1
        assert set(app.operation.supervisor.health) >= {"source.broker", "relay"}
        assert len(app.delivery._closing) <= 1


def ident(app: App) -> tuple[int, int]:
    device = app.stores.registry.device("H")
    assert device is not None
    return device.id, device.registered


async def test_a_device_that_is_taken_off_the_list_ends_its_alarms_and_keeps_its_order(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        app = one.app
        assert await one.hand.publish("h/H/now", text({"temp": 95}))
        await until(lambda: app.stores.sql.queries.orders().items, "the order")
        number, since = ident(app)
        one.write("devices.csv", "code,profile\nG,hostile\n")
        assert await one.reload() == 1
        await until(lambda: not app.stores.sql.queries.alarms(AlarmFilter(raised=True)).items, "its alarm is over")
        (alarm,) = app.stores.sql.queries.alarms().items
        (order,) = app.stores.sql.queries.orders().items
        assert (alarm.reason, order.closed_at, order.state.value) == ("retired", None, "new")
        assert order.condition_cleared_at == alarm.cleared_at
        one.write("devices.csv", "code,profile\nG,hostile\nH,hostile\n")
        assert await one.reload() == 1
        back = ident(app)
        assert back[0] == number, "the same device, with its history"
        assert back[1] > since, "what it was silent before is no silence: it was not expected to speak"
        assert await one.hand.publish("h/H/now", text({"temp": 20}))
        assert await one.hand.publish("h/H/now", text({"temp": 96}))
        await until(lambda: app.stores.sql.queries.alarms(AlarmFilter(raised=True)).items, "it is judged again")
        (order,) = app.stores.sql.queries.orders().items
        assert order.count == 2, "one fault, one order"


async def test_what_waits_for_an_endpoint_that_is_gone_is_said_and_kept(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        app = one.app
        assert await one.hand.publish("h/H/now", text({"temp": 95}))
        await until(lambda: app.stores.sql.queries.deliveries(DeliveryFilter()).items, "an event waits")
        right = (one.folder / "gateway.yaml").read_text("utf-8")
        one.write("gateway.yaml", right.split("endpoints:", maxsplit=1)[0])
        with capture_logs() as said:
            assert await one.reload() == 1
        (line,) = [one for one in said if one["event"] == "deliveries wait for an endpoint that is not configured"]
        waiting = line["count"]
        assert (line["endpoint"], waiting >= 1) == ("oa", True)
        async with receiving(lambda event, before: Said(200)) as receiver:
            one.write("gateway.yaml", right.replace("127.0.0.1:9/", f"127.0.0.1:{receiver.port}/"))
            assert await one.reload() == 1
            await until(lambda: len(receiver.taken) == waiting, "all of it is sent when it is there again")
            assert len(set(receiver.taken)) == waiting
            await one.halt()


async def test_the_files_are_followed_when_nobody_writes_them_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a list of devices is no list of devices."""
    monkeypatch.setattr("gateway.app.reload.POLL", 0.02)
    monkeypatch.setattr("gateway.app.reload.SETTLE", 0.1)
    main = write_project(
        tmp_path, devices=["G", "H"], config=CONFIG.replace("mqtt://127.0.0.1:@broker@", "mqtt://[::1]")
    )
    async with live(main) as app:
        path, seen = tmp_path / "devices.csv", list[set[str]]()
        whole = "code,profile\n" + "".join(f"D{n},hostile\n" for n in range(50))
        for end in range(20, len(whole) + 25, 25):  # as an editor on a slow share does
            path.write_text(whole[:end])
            seen.append({d.code for d in app.stores.registry.contents().devices if d.life is Life.IN_SERVICE})
            await asyncio.sleep(0.02)
        assert seen[-1] == {"G", "H"}
        await until(lambda: app.stores.registry.device("D49"), "the whole list")
        assert [len(d.code) for d in app.stores.registry.contents().devices if d.life is Life.IN_SERVICE] == [
            2
        ] * 10 + [3] * 40
        path.write_text("code,profile\nG,hostile\n")
        app.operation.reload.wake()  # SIGHUP: at once
        await until(lambda: app.stores.registry.device("G"), "asked for")
        assert app.operation.reload.last.actor in {"SIGHUP", "configuration"}


async def test_settings_that_need_a_start_are_named(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        app = one.app
        right = (one.folder / "gateway.yaml").read_text("utf-8")
        port = app.settings.api.port
        one.write("gateway.yaml", right.replace("api: {port: 0}", "api: {port: 8499}") + "series: {retention: 30d}\n")
        with capture_logs() as said:
            found = await app.operation.reload.reload("li")
        assert (found.problems, found.at_start) == ((), ("series.retention", "api.port"))
        assert app.settings.api.port == port, "nothing believes that it is so already"
        (line,) = [one for one in said if one["event"] == "settings that take effect at the next start"]
        assert line["keys"] == ["series.retention", "api.port"]
        assert app.api is not None
        async with httpx.AsyncClient(base_url=app.api.url) as requested:
            parts = (await requested.get("/readyz")).json()["parts"]
            assert parts["configuration"] == "at the next start: series.retention, api.port"
            one.write("gateway.yaml", right)
            header = {"authorization": f"Bearer {app.stores.sql.keys.create('boss', Role.ADMIN, app.clock.now())[0]}"}
            answer = await requested.post("/v1/reload", headers=header)
            assert (answer.status_code, answer.json()) == (200, {"changed": 0, "problems": [], "at_start": []})
            one.write("devices.csv", "code,profile\nG,hostil\n")
            wrong, *_ = (await requested.post("/v1/reload", headers=header)).json()["problems"]
            assert (Path(wrong["file"]).name, wrong["line"]) == ("devices.csv", 2)
            assert "did you mean hostile" in wrong["text"]
            assert (await requested.post("/v1/reload")).status_code == 401
        detail = f"problems: {len(app.operation.reload.last.problems)}"
        deeds = [
            (audited.act, audited.actor, audited.detail)
            for audited in app.stores.sql.audit.rows(2, act="configuration")
        ]
        assert deeds == [
            ("configuration.reload", "boss", detail),
            ("configuration.reload", "boss", "changed: 0"),
        ]


async def test_a_session_that_changes_and_sources_that_come_and_go_lose_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        app, source = one.app, one.app.ingest.sources.running["broker"]
        right = (one.folder / "gateway.yaml").read_text("utf-8")
        # what only a new connection can change: the broker keeps what comes meanwhile
        one.write("gateway.yaml", right.replace("    reconnect:", "    keepalive: 20s\n    reconnect:"))
        assert await one.reload() == 1
        await until(lambda: one.stats.connects == 2, "connected again")
        assert (app.ingest.sources.running["broker"], one.stats.resumed) == (source, True)
        # another source beside it, of which the first knows nothing
        url = next(line for line in right.splitlines() if "url: mqtt" in line).strip()
        second = f"  second:\n    type: mqtt\n    {url}\n    client_id: second\n    routes:\n    - filter: two/+\n"
        second = second.replace("two/+", "'two/{device}'") + "      device: '{device}'\n"
        second += "      points: {gun_temp: {path: temp}}\n"
        one.write("gateway.yaml", right.replace("endpoints:", second + "endpoints:"))
        assert await one.reload() == 2, "the session as before, and the second source"
        await until(lambda: app.ingest.sources.running["second"].stats.connected, "the second is connected")  # type: ignore[attr-defined]
        assert await one.hand.publish("two/H", text({"temp": 30}))
        await until(lambda: journaled(app, "H") == 1, "and heard")
        one.write("gateway.yaml", right)
        assert await one.reload() == 1
        assert set(app.ingest.sources.running) == {"broker"}
        assert "source.second" not in app.operation.supervisor.health
        assert app.operation.supervisor.health["source.broker"].restarts == 0
        await settled(one)
        assert journaled(app, "G") == one.sent, "each message of the flood once"
        assert one.stats.lost == 0


async def test_a_profile_that_says_another_unit_is_believed_from_the_next_message_on(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        app = one.app
        point = app.stores.registry.points("hostile")["voltage", 0]

        async def said(u: float, expected: float) -> None:
            assert await one.hand.publish("h/H/telemetry", text({"ts": 1_767_225_600_000 + int(u * 1000), "u": u}))
            await until(lambda: expected in values(app, point.id), f"{expected} V")

        await said(230, 230)
        one.write("profiles/hostile.yaml", lambda was: was.replace("voltage: {unit: V", "voltage: {unit: kV"))
        assert await one.reload() == 0, "no fact: what is stored means the same"
        await said(0.4, 400)
        assert app.stores.registry.points("hostile")["voltage", 0] == point, "its history goes on"
        # a point that is gone is not read any more, its history stays; a rule on it would be a mistake
        one.write("profiles/hostile.yaml", lambda was: was.replace("  voltage:", "  # voltage:"))
        one.write("gateway.yaml", lambda was: was.replace("voltage: {path: u}, ", "").replace("voltage:", "gun_temp:"))
        assert (await app.operation.reload.reload("li")).problems == ()
        one.write(
            "rules/more.yaml", RULES.replace("hostile.hot", "more").replace("gun_temp >= 90 degC", "voltage > 1 V")
        )
        assert [problem.line for problem in (await app.operation.reload.reload("li")).problems][:1] == [6]
        assert one.stats.connects == 1


def values(app: App, point: int) -> list[float]:
    batches = [r.body for r in facts(app) if isinstance(r.body, Batch)]
    return [float(v) for batch in batches for v in batch.value[batch.point == point]]
