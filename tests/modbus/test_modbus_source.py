"""The whole source against real servers: gas meters, dead units, wrong maps, a slow and a full journal."""

import asyncio
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from modbus_kit import ROOT, Basket, FakeDirectory, WallClock, profile_of, running, until, yaml

from gateway.domain.device import Device, Life, PointSpec, Profile
from gateway.domain.errors import SourceRejected, StoreFull, StoreUnavailable
from gateway.domain.reading import Quality, Reading
from gateway.ports import Source
from protocols.modbus import source as source_module
from protocols.modbus.config import ModbusConfig
from protocols.modbus.link import ExceptionResponse, Silent
from protocols.modbus.profile import ModbusMap
from protocols.modbus.registers import load
from protocols.modbus.slave import Backoff, Presence
from protocols.modbus.source import ModbusSource
from simulators.gas_meter import GasMeterServer

RAW = yaml(ROOT / "config/profiles/gas_meter_demo.yaml")
GAS = profile_of(RAW)
MAPS = {GAS.id: load(RAW["modbus"], GAS, "gas_meter_demo.yaml")}
NOON = 1_800_000_000.0


def _meters(count: int, profile: str = GAS.id) -> list[Device]:
    return [Device(number, f"GM-{number:04d}", profile, "gas_meter") for number in range(1, count + 1)]


def _config(port: int, count: int, timeout: str = "3s", **changes: Any) -> ModbusConfig:
    raw = {
        "type": "modbus",
        "every": "40ms",
        "links": {"hall": {"tcp": f"127.0.0.1:{port}", "timeout": timeout}},
        "devices": [{"device": f"GM-{n:04d}", "link": "hall", "unit": n} for n in range(1, count + 1)],
        "backoff": {"min": "100ms", "max": "400ms"},
    }
    return ModbusConfig.model_validate(raw | changes)


def _source(
    config: ModbusConfig, directory: FakeDirectory, maps: Mapping[str, ModbusMap] = MAPS, **more: Any
) -> ModbusSource:
    return ModbusSource("meters", config, directory, maps, WallClock(), **more)


def _balanced(source: ModbusSource) -> None:
    stats = source.stats
    assert stats.polls == stats.answered + stats.silent
    assert stats.due == stats.polls + stats.overruns + stats.rests + stats.unlinked
    assert stats.polls == sum(slave.polls for slave in stats.slaves.values())
    assert stats.silent == sum(slave.silences for slave in stats.slaves.values())
    assert stats.rests == sum(slave.rests for slave in stats.slaves.values())
    assert stats.on_time <= stats.polls


def _named(directory: FakeDirectory, readings: list[Reading], profile: str = GAS.id) -> dict[str, Reading]:
    names = {point.id: name for (name, _), point in directory.points(profile).items()}
    return {names[reading.point]: reading for reading in readings}


async def test_meters_are_read_with_their_values() -> None:
    directory, basket = FakeDirectory([GAS], _meters(5)), Basket()
    async with GasMeterServer(meters=5, now=lambda: NOON) as server:
        server.meters[3].valve = 1
        source: Source = _source(_config(server.port, 5), directory)
        assert source.name == "meters"
        async with running(source.run(basket.emit)):
            await until(lambda: all(basket.frames(device) >= 2 for device in range(1, 6)))
        for device in range(1, 6):
            meter = server.meters[device]
            rows = [reading for reading in basket.readings if reading.device == device]
            assert all(reading.quality is Quality.GOOD for reading in rows)
            found = _named(directory, rows)
            assert found["volume_total"].value == int(meter.volume(NOON) * 1000 + 1e-6) / 1000
            assert found["flow"].value == pytest.approx(meter.flow(NOON), rel=1e-6)
            assert found["pressure"].value == round(meter.pressure(NOON) * 100) / 100
            assert found["temperature"].value == round(meter.temperature(NOON) * 10) / 10
            assert found["battery"].value == round(meter.battery(NOON)) / 1000
            assert found["valve"].value == (1.0 if device == 3 else 0.0)


async def test_one_cycle_is_one_frame_at_one_time() -> None:
    directory, basket = FakeDirectory([GAS], _meters(3)), Basket()
    async with GasMeterServer(meters=3) as server:
        source = _source(_config(server.port, 3), directory)
        async with running(source.run(basket.emit)):
            await until(lambda: len(basket.parcels) >= 3 and source.stats.readings >= 6 * 6)
    for parcel in basket.parcels:
        assert parcel.source == "meters"
        assert parcel.messages == parcel.batch.frames
        rows = parcel.batch.readings()
        for frame in range(parcel.batch.frames):
            mine = [r for r, f in zip(rows, parcel.batch.frame.tolist(), strict=True) if f == frame]
            assert len(mine) == 6
            assert len({reading.device for reading in mine}) == 1
            assert len({reading.at for reading in mine}) == 1
            assert mine[0].at <= mine[0].received
    assert source.stats.readings == len(basket.readings)
    _balanced(source)


async def test_missing_and_implausible() -> None:
    directory, basket = FakeDirectory([GAS], _meters(2)), Basket()
    async with GasMeterServer(meters=2) as server:
        server.meters[1].no_sensor = True
        server.meters[2].regulator = 300.0
        source = _source(_config(server.port, 2), directory)
        async with running(source.run(basket.emit)):
            await until(lambda: basket.frames(1) >= 1 and basket.frames(2) >= 1)
        lost = _named(directory, [r for r in basket.readings if r.device == 1])
        odd = _named(directory, [r for r in basket.readings if r.device == 2])
        assert lost["pressure"].quality is Quality.BAD
        assert math.isnan(lost["temperature"].value)
        assert lost["flow"].quality is Quality.GOOD
        assert odd["pressure"].value == pytest.approx(300, abs=2)
        assert odd["pressure"].quality is Quality.UNCERTAIN
        assert source.stats.bad >= 2
        assert source.stats.uncertain >= 1


async def test_one_dead_of_thirty_costs_the_others_one_probe_at_a_time() -> None:
    directory, basket = FakeDirectory([GAS], _meters(30)), Basket()
    async with GasMeterServer(meters=30) as server:
        server.faults.dead.add(7)
        config = _config(server.port, 30, "100ms", every="300ms", backoff={"min": "700ms", "max": "1m"})
        source = _source(config, directory)
        async with running(source.run(basket.emit)):
            await until(lambda: all(basket.frames(device) >= 4 for device in range(1, 31) if device != 7))
        stats, dead = source.stats, source.stats.slaves["hall", 7]
        assert dead.presence is Presence.DOWN
        assert basket.frames(7) == 0
        assert server.requests[7] == dead.silences == stats.timeouts <= 3, "one request per probe"
        assert dead.rests >= 1
        alive = stats.polls - dead.polls
        assert stats.answered == alive
        assert stats.overruns <= dead.silences, "a probe of 100 ms makes nobody lose a turn of 300 ms"
        _balanced(source)


async def test_a_unit_comes_back_after_its_first_answer() -> None:
    directory, basket = FakeDirectory([GAS], _meters(2)), Basket()
    async with GasMeterServer(meters=2) as server:
        server.faults.dead.add(2)
        source = _source(_config(server.port, 2, "60ms"), directory)
        async with running(source.run(basket.emit)):
            await until(lambda: source.stats.slaves.get(("hall", 2)) is not None)
            dead = source.stats.slaves["hall", 2]
            await until(lambda: dead.presence is Presence.DOWN and dead.rests > 0)
            assert basket.frames(2) == 0
            server.faults.dead.clear()
            await until(lambda: basket.frames(2) >= 3)
            assert dead.presence is Presence.UP
            rests = dead.rests
            await until(lambda: basket.frames(2) >= 6)
            assert dead.rests == rests


async def test_a_slow_unit_never_gives_values_of_another() -> None:
    """Every third answer of unit 1 comes after the time-out; whatever is read belongs to whom it is said to."""
    directory, basket = FakeDirectory([GAS], _meters(4)), Basket()
    async with GasMeterServer(meters=4, now=lambda: NOON) as server:
        server.faults.late_every[1] = 3
        server.faults.late_by = 0.08
        server.faults.garbled_every[2] = 4
        source = _source(_config(server.port, 4, "50ms"), directory)
        async with running(source.run(basket.emit)):
            await until(lambda: all(basket.frames(device) >= 8 for device in range(1, 5)))
        volumes = {device: int(server.meters[device].volume(NOON) * 1000 + 1e-6) / 1000 for device in range(1, 5)}
        assert len(set(volumes.values())) == 4
        point = directory.points(GAS.id)["volume_total", 0].id
        for reading in basket.readings:
            if reading.point == point:
                assert reading.value == volumes[reading.device]
        assert source.stats.timeouts >= 2
        assert source.stats.garbled >= 1
        _balanced(source)


WIDE = Profile("wide", "gas_meter", tuple(PointSpec(f"r{n}") for n in range(60)))


def _wide(**section: Any) -> dict[str, ModbusMap]:
    points = {f"r{n}": {"at": n} for n in range(60)}
    return {"wide": load({"points": points, "max_registers": 125} | section, WIDE, "wide.yaml")}


async def test_a_wrong_map_is_learned_and_the_rest_is_read() -> None:
    """The profile does not know that 40-44 are reserved: those five are bad, all others are read, in few requests."""
    directory, basket = FakeDirectory([WIDE], _meters(1, "wide")), Basket()
    async with GasMeterServer(meters=1, now=lambda: NOON) as server:
        source = _source(_config(server.port, 1), directory, _wide())
        async with running(source.run(basket.emit)):
            await until(lambda: basket.frames(1) >= 6)
            requested = server.requests[1]
            frames = basket.frames(1)
            await until(lambda: basket.frames(1) >= frames + 4)
            assert server.requests[1] - requested <= 2 * (basket.frames(1) - frames + 1), (
                "two requests a cycle are left"
            )
        words = server.meters[1].image()
        last = _named(directory, basket.readings[-60:], "wide")
        for n in range(60):
            if 40 <= n <= 44:
                assert last[f"r{n}"].quality is Quality.BAD
            else:
                assert last[f"r{n}"].value == words[n]
        assert source.stats.exceptions.keys() == {2}
        assert source.stats.silent == 0


async def test_a_device_that_takes_fewer_registers_is_asked_for_fewer() -> None:
    directory, basket = FakeDirectory([WIDE], _meters(1, "wide")), Basket()
    async with GasMeterServer(meters=1) as server:
        server.faults.cap[1] = 16
        source = _source(_config(server.port, 1), directory, _wide())
        async with running(source.run(basket.emit)):
            await until(lambda: basket.frames(1) >= 4)
        last = _named(directory, basket.readings[-60:], "wide")
        assert sum(reading.quality is Quality.GOOD for reading in last.values()) == 55
        assert 3 in source.stats.exceptions


async def test_a_block_that_never_answers_does_not_take_the_others_along() -> None:
    """Unit 1 never answers for registers from 30 on: those rows are bad, the rest go on, asked for ever less often."""
    directory, basket = FakeDirectory([WIDE], _meters(1, "wide")), Basket()
    async with GasMeterServer(meters=1) as server:
        source = _source(_config(server.port, 1), directory, _wide(), connect=HalfDeaf)
        async with running(source.run(basket.emit)):
            await until(lambda: basket.frames(1) >= 12)
        last = _named(directory, basket.readings[-60:], "wide")
        assert all((last[f"r{n}"].quality is Quality.GOOD) == (n < 30) for n in range(60))
        assert source.stats.timeouts < basket.frames(1)
        assert source.stats.slaves["hall", 1].presence is Presence.UP


class HalfDeaf:
    """A link behind which registers from 30 on never answer; one request reads at most 30."""

    strays = 0

    def __init__(self, config: Any) -> None:
        self._inner = source_module.open_link(config)

    async def read(self, unit: int, table: Any, address: int, count: int) -> list[int]:
        if count > 30:
            raise ExceptionResponse(3)
        if address + count > 30:
            raise Silent("timeout")
        return await self._inner.read(unit, table, address, count)

    async def close(self) -> None:
        await self._inner.close()


async def test_a_slow_journal_holds_the_polling_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "OUTBOX", 4)
    monkeypatch.setattr(source_module, "PARCEL", 2)
    directory, basket = FakeDirectory([GAS], _meters(3)), Basket()
    async with GasMeterServer(meters=3) as server:
        source = _source(_config(server.port, 3), directory)
        basket.gate.clear()
        async with running(source.run(basket.emit)):
            await until(lambda: source.stats.polls >= 6)
            await asyncio.sleep(0.1)  # the first parcel holds one or two frames
            waiting = source.stats.polls
            requested = sum(server.requests.values())
            await asyncio.sleep(0.15)  # more than three periods
            assert source.stats.polls == waiting
            assert sum(server.requests.values()) == requested
            basket.gate.set()
            await until(lambda: source.stats.overruns > 0 and source.stats.polls > waiting + 6)
        assert basket.parcels
        assert all(parcel.messages <= 2 for parcel in basket.parcels)
        _balanced(source)


@pytest.mark.parametrize("error", [StoreUnavailable("locked"), StoreFull("disk")])
async def test_what_was_read_is_offered_until_the_store_takes_it(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "STORE_RETRY", Backoff(1000, 1000))
    directory, basket = FakeDirectory([GAS], _meters(1)), Basket()
    async with GasMeterServer(meters=1) as server:
        basket.fail = [error, error, error]
        source = _source(_config(server.port, 1), directory)
        async with running(source.run(basket.emit)):
            await until(lambda: len(basket.parcels) >= 2)
        assert source.stats.held == 3
        assert source.stats.readings == len(basket.readings)


async def test_no_connection_says_nothing_of_the_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "LINK_RETRY", Backoff(50_000, 50_000))
    directory, basket = FakeDirectory([GAS], _meters(2)), Basket()
    async with GasMeterServer(meters=2) as server:
        port = server.port
    source = _source(_config(port, 2), directory)
    async with running(source.run(basket.emit)):
        await until(lambda: source.stats.unlinked >= 4)
        assert source.stats.polls == 0
        assert source.stats.linked == set()
        assert all(slave.presence is Presence.UNKNOWN for slave in source.stats.slaves.values())
        async with GasMeterServer(meters=2, port=port):
            await until(lambda: basket.frames(1) >= 1 and basket.frames(2) >= 1)
            assert source.stats.linked == {"hall"}
            assert source.stats.connected
        await until(lambda: not source.stats.connected)
    _balanced(source)


async def test_a_source_that_stopped_is_not_connected() -> None:
    directory, basket = FakeDirectory([GAS], _meters(1)), Basket()
    async with GasMeterServer(meters=1) as server:
        source = _source(_config(server.port, 1), directory)
        async with running(source.run(basket.emit)):
            await until(lambda: source.stats.connected)
        assert not source.stats.connected


async def test_links_do_not_wait_for_each_other() -> None:
    directory, basket = FakeDirectory([GAS], _meters(2)), Basket()
    async with GasMeterServer(meters=1) as good, GasMeterServer(meters=1) as bad:
        bad.faults.dead.add(1)
        config = _config(
            good.port,
            0,
            links={
                "good": {"tcp": f"127.0.0.1:{good.port}"},
                "bad": {"tcp": f"127.0.0.1:{bad.port}", "timeout": "30s"},
            },
            devices=[{"device": "GM-0001", "link": "good", "unit": 1}, {"device": "GM-0002", "link": "bad", "unit": 1}],
        )
        source = _source(config, directory)
        async with running(source.run(basket.emit)):
            await until(lambda: basket.frames(1) >= 5 and bad.requests.get(1) == 1)
        assert source.stats.silent == 0, "the other link still waits for its first answer"


async def test_devices_of_the_registry_come_and_go() -> None:
    directory, basket = FakeDirectory([GAS]), Basket()

    def placed(number: int, **attrs: Any) -> Device:
        return Device(number, f"GM-{number:04d}", GAS.id, "gas_meter", attrs=attrs)

    async with GasMeterServer(meters=9) as server:
        config = _config(server.port, 0, devices=[], devices_from="registry")
        with pytest.raises(SourceRejected):
            _source(config, directory)
        source = _source(config, directory, fleet=lambda: directory.devices.values())
        directory.devices = {
            device.code: device
            for device in (
                placed(1, modbus_link="hall", modbus_unit="4"),
                placed(2, modbus_link="hall", modbus_unit=5.0, modbus_every="100ms"),
                placed(3, modbus_link="elsewhere", modbus_unit=6.0),
                placed(5, modbus_link="hall", modbus_unit="many"),
                placed(6),
            )
        }
        async with running(source.run(basket.emit)):
            await until(lambda: basket.frames(1) >= 1 and basket.frames(2) >= 1)
            assert set(server.requests) == {4, 5}
            directory.devices["GM-0001"] = Device(1, "GM-0001", GAS.id, "gas_meter", life=Life.RETIRED)
            directory.devices["GM-0007"] = placed(7, modbus_link="hall", modbus_unit="8")
            directory.version += 1
            await until(lambda: basket.frames(7) >= 1)
            before = basket.frames(1)
            await until(lambda: basket.frames(7) >= 4)
            assert basket.frames(1) == before


async def test_devices_that_cannot_be_polled_are_counted_until_they_can() -> None:
    directory, basket = FakeDirectory([GAS], _meters(1)), Basket()
    directory.devices["GM-0002"] = Device(2, "GM-0002", "no_such_profile", "gas_meter")
    async with GasMeterServer(meters=3) as server:
        source = _source(_config(server.port, 3), directory)
        async with running(source.run(basket.emit)):
            await until(lambda: basket.frames(1) >= 1)
            assert source.stats.unplaced == 2
            assert {one.device for one in source.plan()} == {"GM-0001"}
            directory.devices["GM-0003"] = _meters(3)[2]
            directory.version += 1
            await until(lambda: basket.frames(3) >= 1)
            assert source.stats.unplaced == 1
            assert source.stats.counters()["unplaced"] == 1


def _at_least(basket: Basket, frames: int) -> bool:
    return basket.frames(1) >= frames


async def test_a_source_can_run_again() -> None:
    directory, basket = FakeDirectory([GAS], _meters(1)), Basket()
    async with GasMeterServer(meters=1) as server:
        source = _source(_config(server.port, 1), directory)
        for round_ in (1, 2):
            async with running(source.run(basket.emit)):
                await until(partial(_at_least, basket, 2 * round_))
        assert server.connections == 2
