"""The source against a real server: values, status codes, times, gaps, history, a slow journal, a changed registry."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from modbus_kit import FakeDirectory
from opcua_kit import DEVICES, NODES, PROFILE, Kept, config, services, source, until

from gateway.domain.device import Device
from gateway.domain.reading import Quality
from protocols.opcua.profile import load
from protocols.opcua.source import OpcUaSource
from simulators.opcua_server import NAMESPACE, OpcUaSimulator, ServerKind, ago

pytestmark = pytest.mark.server
GOOD, UNCERTAIN, BAD = int(Quality.GOOD), int(Quality.UNCERTAIN), int(Quality.BAD)


@asynccontextmanager
async def running(
    folder: Path, server: OpcUaSimulator, *, directory: FakeDirectory | None = None, **more: Any
) -> AsyncIterator[tuple[OpcUaSource, Kept]]:
    given = services(folder, directory)
    made, kept = source(given, config(server.endpoint, **more)), Kept(given.directory)  # type: ignore[arg-type]
    task = asyncio.create_task(made.run(kept))
    try:
        await until(lambda: made.stats.connected)
        yield made, kept
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_values_of_two_devices(tmp_path: Path) -> None:
    async with OpcUaSimulator(NODES) as server, running(tmp_path, server) as (made, kept):
        await until(lambda: bool(kept.values(2, "current")))
        assert kept.values(1, "power") == [1.5], "W became kW"
        assert kept.values(1, "energy") == [10.0]
        assert (kept.values(1, "state"), kept.values(1, "door")) == ([0.0], [1.0])
        assert kept.values(2, "current") == [2.0], "the second element"
        at = ago(2)
        await server.put("s=P1.Power", 2500.0, at=at)
        await until(lambda: kept.values(1, "power")[-1] == 2.5)
        assert kept.rows(1, "power")[-1][0] == round(at.timestamp() * 1e6), "the time of the source"
        assert made.trouble() is None
        frames = {(parcel.batch.frames, parcel.messages) for parcel in kept.parcels}
        assert all(count == messages for count, messages in frames)


async def test_status_codes_are_qualities(tmp_path: Path) -> None:
    async with OpcUaSimulator(NODES) as server, running(tmp_path, server) as (made, kept):
        await until(lambda: bool(kept.values(1, "power")))
        for status, quality in (
            ("UncertainLastUsableValue", UNCERTAIN),
            ("BadCommunicationError", BAD),
            ("Good", GOOD),
        ):
            await server.put("s=P1.Power", 3000.0 + quality, status=status)
            await until(lambda quality=quality: kept.rows(1, "power")[-1][2] == quality)  # type: ignore[misc]
        assert len(kept.rows(1, "power")) == 4
        await until(lambda: made.stats.bad == 1)
        assert made.stats.uncertain == 1


async def test_a_value_that_is_none_is_a_bad_reading_and_a_dead_letter(tmp_path: Path) -> None:
    nodes = {**NODES, "s=P1.Power": "out of order", "s=P2.Currents": [1.0]}
    async with OpcUaSimulator(nodes) as server, running(tmp_path, server) as (made, kept):
        await until(lambda: bool(kept.rows(2, "current")) and bool(kept.rows(1, "power")))
        assert [row[2] for row in kept.rows(1, "power")] == [BAD]
        letters = {raw.address: raw for parcel in kept.parcels for raw in parcel.partial}
        assert letters["P-1/power"].payload == b"'out of order'"
        assert (letters["P-1/power"].reason, letters["P-2/current"].reason) == ("number", "index")
        assert kept.values(2, "power") == [1.5], "the others go on"
        await until(lambda: made.stats.rejected == {"number": 1, "index": 1})


async def test_a_server_that_is_away_leaves_a_gap(tmp_path: Path) -> None:
    async with OpcUaSimulator(NODES) as server, running(tmp_path, server, gap_after="100ms") as (made, kept):
        await until(lambda: bool(kept.values(1, "energy")))
        await server.stop()
        await until(lambda: made.stats.gaps == 1 and kept.rows(1, "energy")[-1][2] == BAD)
        away = made.trouble()
        assert away is not None
        assert "127.0.0.1" not in away.text("en")
        await server.start()
        await until(lambda: kept.rows(1, "energy")[-1][2] == GOOD)
        times = [at for at, _, _ in kept.rows(1, "energy")]
        assert times == sorted(set(times)), "the value is newer than the gap, though it did not change"
        assert made.stats.gaps == 1


async def test_a_short_break_is_no_gap(tmp_path: Path) -> None:
    async with OpcUaSimulator(NODES) as server, running(tmp_path, server) as (made, kept):
        await until(lambda: bool(kept.values(1, "energy")))
        await server.drop()
        await until(lambda: made.stats.connections == 2)
        await server.put("s=P1.Energy", 11.0)
        await until(lambda: kept.values(1, "energy")[-1] == 11.0)
        assert made.stats.gaps == 0
        assert {quality for _, _, quality in kept.rows(1, "energy")} == {GOOD}


async def test_an_unchanged_value_is_read_again(tmp_path: Path) -> None:
    async with OpcUaSimulator(NODES) as server, running(tmp_path, server, refresh="1s") as (_, kept):
        await until(lambda: len(kept.rows(1, "energy")) >= 2)
        first, second = kept.rows(1, "energy")[:2]
        assert (second[1], second[2]) == (first[1], GOOD)
        assert second[0] > first[0]


async def test_what_the_server_recorded_is_read(tmp_path: Path) -> None:
    async with OpcUaSimulator(NODES, history=True) as server:
        recorded = [float(number) for number in range(20, 40)]
        for number, value in enumerate(recorded):
            await server.put("s=P1.Energy", value, at=ago(60 - number))
            await asyncio.sleep(0.02)  # the server samples its own history
        async with running(tmp_path, server, history="10m") as (_, kept):
            await until(lambda: set(recorded) <= set(kept.values(1, "energy")))


async def test_a_slow_journal_loses_nothing_unmarked(tmp_path: Path) -> None:
    """Notifications wait on the server, whose queues keep the newest values; the connection holds."""
    import protocols.opcua.source as module

    before, module.OUTBOX = module.OUTBOX, 2
    try:
        async with OpcUaSimulator(NODES) as server, running(tmp_path, server, queue=2) as (made, kept):
            await until(lambda: bool(kept.values(1, "energy")))
            kept.open.clear()
            for value in range(100, 140):
                await server.put("s=P1.Energy", float(value))
                await asyncio.sleep(0.03)
            kept.open.set()
            await until(lambda: kept.values(1, "energy")[-1] == 139.0)
            got = kept.values(1, "energy")[1:]
            assert got == sorted(got)
            assert made.stats.connections == 1, "the connection held"
            assert made.stats.held > 0
    finally:
        module.OUTBOX = before


async def test_a_node_that_does_not_exist_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    nodes = {text: value for text, value in NODES.items() if text != "s=P2.Power"}
    async with OpcUaSimulator(nodes) as server, running(tmp_path, server) as (made, kept):
        await until(lambda: bool(kept.values(2, "energy")))
        trouble = made.trouble()
        assert trouble is not None
        assert "P-2 power" in trouble.text("en")
        assert "P-2 power" in trouble.text("zh")
        states = {one.labels: one.value for one in made.samples() if one.family == "opcua_nodes"}
        assert states == {("watched",): 9, ("refused",): 1}


async def test_devices_come_and_go_with_the_registry(tmp_path: Path) -> None:
    known = FakeDirectory([PROFILE], DEVICES[:1])
    async with (
        OpcUaSimulator(NODES) as server,
        running(tmp_path, server, directory=known, devices=[], devices_from="registry") as (made, kept),
    ):
        assert made.trouble() is not None, "no device is of this source"
        root = f"nsu={NAMESPACE};s=P2"
        attrs: dict[str, Any] = {"opcua_source": "plant", "opcua_root": root}
        known.devices["P-2"] = Device(2, "P-2", "press", "pump", attrs=attrs)
        known.version += 1
        await until(lambda: bool(kept.values(2, "energy")))
        assert made.trouble() is None
        del known.devices["P-2"]
        known.version += 1
        await until(lambda: made.trouble() is not None)
        count = len(kept.rows(2, "energy"))
        await server.put("s=P2.Energy", 77.0)
        await asyncio.sleep(0.1)
        assert len(kept.rows(2, "energy")) == count


async def test_a_path_leads_from_a_node_to_the_value(tmp_path: Path) -> None:
    given = services(tmp_path)
    section = {"points": {"energy": {"node": "i=85", "path": "/2:Plant/2:Energy"}}}
    maps = {"press": load(section, PROFILE, "press.yaml")}
    async with OpcUaSimulator({"s=P1.Energy": 5.0}) as server:
        made = source(given, config(server.endpoint))
        made.use(made._config, maps, None)
        kept = Kept(given.directory)  # type: ignore[arg-type]
        task = asyncio.create_task(made.run(kept))
        await until(lambda: kept.values(1, "energy") == [5.0])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_wrong_password_is_named_without_it(tmp_path: Path) -> None:
    async with OpcUaSimulator(NODES, kind=ServerKind(user=("gate", "right"))) as server:
        made = source(services(tmp_path), config(server.endpoint, user="gate", password="wrong-secret"))
        task = asyncio.create_task(made.run(Kept(services(tmp_path).directory)))  # type: ignore[arg-type]
        await until(lambda: made.trouble() is not None and "Bad" in made.trouble().text("en"))  # type: ignore[union-attr]
        assert "wrong-secret" not in made.trouble().text("en")  # type: ignore[union-attr]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with running(tmp_path, server, user="gate", password="right") as (_, kept):
            await until(lambda: bool(kept.values(1, "energy")))


async def test_nodes_that_come_later_or_anew_are_found(tmp_path: Path) -> None:
    """A server starts before its controllers; a controller loaded anew gets other ids. The session goes on."""
    place = f"nsu={NAMESPACE};s=Late"
    found = load(
        {"points": {"energy": {"node": "i=85", "path": "/2:Plant/2:Anew"}, "power": {"node": place}}}, PROFILE, ""
    )
    given = services(tmp_path)
    given.maps["press"] = found  # type: ignore[index]
    async with OpcUaSimulator({"s=Old.Anew": 1.0}) as server:
        made = source(given, config(server.endpoint, refresh="1s") | {"devices": [{"device": "P-1"}]})
        kept = Kept(given.directory)  # type: ignore[arg-type]
        task = asyncio.create_task(made.run(kept))
        try:
            await until(lambda: kept.values(1, "energy") == [1.0])
            assert made.trouble() is not None, "there is no node Late"
            await server.remove("s=Old.Anew")
            await server.add("s=New.Anew", "Anew", 2.0)
            await server.add("s=Late", "Late", 3.0)
            await until(lambda: 2.0 in kept.values(1, "energy") and 3.0 in kept.values(1, "power"))
            assert (made.stats.connections, made.trouble()) == (1, None)
            await server.put("s=New.Anew", 4.0)
            await until(lambda: kept.values(1, "energy")[-1] == 4.0)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_server_that_takes_few_nodes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from asyncua.client.ua_client import UaSession

    asked: list[int] = []
    before = UaSession.create_monitored_items

    async def counted(self: Any, parameters: Any) -> Any:
        asked.append(len(parameters.ItemsToCreate))
        return await before(self, parameters)

    monkeypatch.setattr(UaSession, "create_monitored_items", counted)
    async with OpcUaSimulator(NODES) as server:
        await server.allow("MaxMonitoredItemsPerCall", 3)
        await server.allow("MaxNodesPerRead", 1)
        try:
            async with running(tmp_path, server) as (_, kept):
                await until(lambda: bool(kept.values(2, "current")))
        finally:
            await server.allow("MaxMonitoredItemsPerCall", 0)
            await server.allow("MaxNodesPerRead", 0)
    assert asked == [3, 3, 3, 1]
