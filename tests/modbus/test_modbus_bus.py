"""A bus of 9600 baud in virtual time: hours of polls by the real source, with dead units, groups and times of day."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from modbus_kit import Basket, FakeDirectory
from relay_kit import virtually

from gateway.domain.device import Device, PointSpec, Profile
from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from gateway.domain.reading import Quality, Reading
from protocols.modbus.config import LinkConfig, ModbusConfig
from protocols.modbus.link import ExceptionResponse, Silent
from protocols.modbus.profile import ModbusMap
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.registers import load
from protocols.modbus.source import ModbusSource
from simulators.modbus_bus import ModbusBus

START = 1_790_000_000 * SECOND
PROFILE = Profile("p", "meter", tuple(PointSpec(name) for name in ("a", "b", "total", "model", "bill")))
POINTS = {
    "a": {"at": 0},
    "b": {"at": 8},
    "total": {"at": 20, "type": "u32", "group": "counters"},
    "model": {"at": 40, "group": "plate"},
    "bill": {"at": 60, "type": "u32", "group": "billing"},
}
GROUPS = {
    "counters": {"every": "15m", "aligned": True},
    "plate": "1d",
    "billing": {"at": ["00:00", "08:00"]},
}


def image(unit: int, _table: str, address: int, count: int, now: float) -> Sequence[int]:
    """Every register holds its unit, address and minute: an old value or that of another would be seen."""
    return [(unit * 1000 + (address + i) * 7 + int(now // 60)) % 65536 for i in range(count)]


class Wall:
    """The wall clock of the loop; `step` sets it."""

    step = 0

    def now(self) -> int:
        return START + self.step + round(asyncio.get_running_loop().time() * SECOND)


class BusLink:
    """A Link over the bus. `refuse` (address, count) -> exception code."""

    strays = 0

    def __init__(self, bus: ModbusBus, refuse: Callable[[int, int], int] = lambda *_: 0) -> None:
        self.bus, self.refuse = bus, refuse

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        words = await self.bus.exchange(unit, table.value, address, count)
        if words is None:
            raise Silent("timeout")
        if code := self.refuse(address, count):
            raise ExceptionResponse(code)
        return list(words)

    async def close(self) -> None:
        return


def config(units: int, every: str, **more: Any) -> ModbusConfig:
    return ModbusConfig.model_validate(
        {
            "type": "modbus",
            "every": every,
            "links": {"bus": {"tcp": "x:1", "turnaround": "20ms", "baud": 9600}},
            "devices": [{"device": f"D{n}", "link": "bus", "unit": n} for n in range(1, units + 1)],
        }
        | more
    )


def run(
    seconds: float,
    settings: ModbusConfig,
    bus: ModbusBus,
    *,
    points: dict[str, Any] = POINTS,
    beside: Callable[[Wall, ModbusSource], Any] | None = None,
    refuse: Callable[[int, int], int] = lambda *_: 0,
    memory: Path | None = None,
    profile: Profile = PROFILE,
    **section: Any,
) -> tuple[ModbusSource, list[Reading], FakeDirectory]:
    """What a source read of the bus in so many virtual seconds."""
    known: dict[str, ModbusMap] = {profile.id: load({"points": points, "groups": GROUPS} | section, profile, "p.yaml")}
    directory = FakeDirectory([profile], [Device(e.unit, e.device, profile.id, "meter") for e in settings.devices])
    basket, wall = Basket(), Wall()

    def connect(_: LinkConfig) -> BusLink:
        return BusLink(bus, refuse)

    source = ModbusSource(
        "s", settings, directory, known, wall, connect=connect, zone=lambda _: "Asia/Shanghai", memory=memory
    )

    async def main() -> None:
        task = asyncio.ensure_future(source.run(basket.emit))
        if beside is not None:
            await beside(wall, source)
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    virtually(main)
    stats = source.stats
    assert stats.due == stats.polls + stats.overruns + stats.rests + stats.unlinked
    assert stats.polls == stats.answered + stats.silent
    return source, basket.readings, directory


def frames(readings: Sequence[Reading], directory: FakeDirectory, point: str) -> dict[int, list[int]]:
    """Device -> the times at which a point was read."""
    wanted = directory.points("p")[point, 0].id
    found: dict[int, list[int]] = {}
    for reading in readings:
        if reading.point == wanted:
            found.setdefault(reading.device, []).append(reading.at)
    return found


FAST = {"a": {"at": 0}, "b": {"at": 8}}


def test_one_dead_of_thirty_costs_the_others_less_than_a_twentieth() -> None:
    """30 units, each every 2 s, on a bus that is busy for four fifths of it; unit 7 is dead."""
    bus = ModbusBus(image, dead={7})
    source, readings, directory = run(900, config(30, "2s"), bus, points=FAST)
    found = frames(readings, directory, "a")
    assert found.keys() == set(range(1, 31)) - {7}
    assert all(len(times) >= 0.95 * 900 / 2 for times in found.values())
    gaps = [after - before for times in found.values() for before, after in pairwise(times)]
    assert sum(gap <= 2.1 * SECOND for gap in gaps) >= 0.95 * len(gaps)
    assert source.stats.on_time >= 0.95 * source.stats.answered
    assert bus.requests[7] <= 18, "one request for each probe, ever less often"
    assert {reading.quality for reading in readings} == {Quality.GOOD}
    assert bus.busy > 0.7 * 900


def test_no_value_is_older_than_its_poll() -> None:
    """Values change every minute; whatever is read belongs to the minute and the unit of its poll."""
    bus = ModbusBus(image, dead={2})

    async def comes_and_goes(_wall: Wall, _source: ModbusSource) -> None:
        for turn in range(20):
            await asyncio.sleep(97)
            bus.dead = {1 + turn % 3}

    _, readings, directory = run(0, config(3, "5s"), bus, points=FAST, beside=comes_and_goes)
    names = {point.id: name for (name, _), point in directory.points("p").items()}
    good = [reading for reading in readings if reading.quality is Quality.GOOD]
    assert len(good) > 1000
    for reading in good:
        minutes = {int((at - START) / SECOND // 60) for at in (reading.at, reading.received)}
        address = FAST[names[reading.point]]["at"]
        assert reading.value in {(reading.device * 1000 + address * 7 + minute) % 65536 for minute in minutes}


def test_groups_are_polled_in_their_own_rhythm() -> None:
    bus = ModbusBus(image)
    source, readings, directory = run(26 * HOUR / SECOND, config(2, "5m"), bus)
    for device, times in frames(readings, directory, "a").items():
        assert len(times) in (26 * 12, 26 * 12 + 1), device
    for times in frames(readings, directory, "total").values():
        assert len(times) == 26 * 4
        assert all(at % (15 * MINUTE) < SECOND for at in times), "on the quarter of an hour"
    for times in frames(readings, directory, "model").values():
        assert times[0] - START < MINUTE, "soon after the start"
        assert len(times) == 2
    for times in frames(readings, directory, "bill").values():
        assert len(times) in (2, 3)
        assert {(at + 8 * HOUR) % DAY // MINUTE for at in times} == {0, 8 * 60}, "in the zone of the site"
    assert source.stats.overruns == 0
    per_second = Counter(int(at) for at, *_ in bus.log)
    assert max(per_second.values()) <= 6
    assert {request.when for request in source.plan()} == {"5m", "15m", "1d", "00:00 08:00"}


def test_a_group_that_is_rarely_polled_does_not_wait_a_day_for_a_unit_that_was_away() -> None:
    bus = ModbusBus(image, dead={1})

    async def back_after_an_hour(_wall: Wall, _source: ModbusSource) -> None:
        await asyncio.sleep(3600)
        bus.dead.clear()

    _, readings, directory = run(3600, config(1, "10s"), bus, beside=back_after_an_hour)
    (at, *_) = frames(readings, directory, "model")[1]
    assert HOUR <= at - START <= HOUR + 6 * MINUTE


def test_the_clock_may_be_set() -> None:
    """From 23:51 to 00:11: the poll of midnight is made up. Back by a day: it comes again at its time."""
    bus = ModbusBus(image)

    async def set_twice(wall: Wall, _source: ModbusSource) -> None:
        wall.step = -(START + 8 * HOUR) % DAY - 10 * MINUTE
        await asyncio.sleep(60)
        wall.step += 20 * MINUTE
        await asyncio.sleep(60)
        wall.step -= DAY
        await asyncio.sleep(8 * 3600)

    _, readings, directory = run(0, config(1, "1h"), bus, beside=set_twice)
    local = [(at + 8 * HOUR) % DAY // MINUTE for at in frames(readings, directory, "bill")[1]]
    assert local == [11, 8 * 60]


def test_a_link_that_cannot_keep_up_counts_what_is_left_out() -> None:
    bus = ModbusBus(image)
    source, _, _ = run(120, config(30, "1s"), bus, points=FAST)
    assert source.stats.overruns > 0.3 * source.stats.due
    values = {(one.family, *one.labels): one.value for one in source.samples()}
    assert values["modbus_overruns", "bus"] == source.stats.overruns
    assert values["modbus_link_planned", "bus"] > 1
    assert values["modbus_link_busy_seconds", "bus"] == pytest.approx(120, rel=0.02)


def test_the_estimate_is_what_the_bus_takes() -> None:
    bus = ModbusBus(image)
    source, _, _ = run(300, config(10, "2s"), bus, points=FAST)
    assert source.stats.planned["bus"] == pytest.approx(bus.busy / 300, rel=0.15)


def test_what_devices_taught_is_there_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "sessions" / "s.json"
    wide = Profile("p", "meter", tuple(PointSpec(f"r{n}") for n in range(60)))
    points = {f"r{n}": {"at": n} for n in range(60)}

    def refuse(address: int, count: int) -> int:
        return 3 if count > 20 else 2 if address <= 33 < address + count else 0

    def again(section: dict[str, Any]) -> tuple[ModbusSource, list[tuple[int, int]]]:
        bus = ModbusBus(image)
        source, _, _ = run(
            300, config(1, "10s"), bus, points=points, refuse=refuse, memory=file, profile=wide, **section
        )
        return source, [(address, count) for *_, address, count in bus.log]

    first, asked = again({})
    assert max(count for _, count in asked) == 60
    assert first.stats.exceptions.keys() == {2, 3}
    second, asked = again({})
    assert second.stats.exceptions in ({}, {2: 1}), "the hole alone is asked for again"
    assert max(count for _, count in asked) <= 20
    assert {one.count for one in second.plan()} == {one.count for one in first.plan()}
    samples = {(one.family, *one.labels): one.value for one in second.samples()}
    assert samples["modbus_learned", "caps"] == samples["modbus_learned", "holes"] == 1
    _, asked = again({"forbid": [[80, 81]]})
    assert max(count for _, count in asked) == 60, "another profile: all is asked for anew"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"D1": {}}', '{"D1": {"of": 1, "caps": [[1]], "cuts": 0}}'])
def test_a_damaged_file_of_limits_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "s.json"
    file.write_text(text, "utf-8")
    source, readings, _ = run(30, config(1, "10s"), ModbusBus(image), points=FAST, memory=file)
    assert readings
    assert source.stats.learned == {"caps": 0, "cuts": 0, "holes": 0}


def test_rhythms_change_with_the_configuration_and_others_go_on() -> None:
    bus = ModbusBus(image)
    known = {"p": load({"points": POINTS, "groups": GROUPS}, PROFILE, "p.yaml")}

    async def changed(_wall: Wall, source: ModbusSource) -> None:
        await asyncio.sleep(3600)
        more = {"groups": {"counters": "1m"}}
        source.use(config(1, "10s", **more), known, lambda _: "Asia/Shanghai")

    _, readings, directory = run(3600, config(1, "10s"), bus, beside=changed)
    times = frames(readings, directory, "total")[1]
    assert sum(at - START < HOUR for at in times) == 4
    assert 59 <= sum(at - START >= HOUR for at in times) <= 61
    fast = frames(readings, directory, "a")[1]
    assert all(abs(after - before - 10 * SECOND) < SECOND for before, after in pairwise(fast))


def test_a_device_of_the_registry_may_take_less() -> None:
    attrs: dict[str, float | str | bool] = {"modbus_link": "bus", "modbus_unit": "3"}
    fleet = {
        "D1": Device(1, "D1", "p", "meter", attrs=attrs),
        "D2": Device(2, "D2", "p", "meter", attrs=attrs | {"modbus_unit": "4", "modbus_max_registers": "8"}),
        "D3": Device(3, "D3", "p", "meter", attrs=attrs | {"modbus_unit": "5", "modbus_style": "single"}),
        "D4": Device(4, "D4", "p", "meter", attrs=attrs | {"modbus_max_registers": "0"}),
        "D5": Device(5, "D5", "p", "meter", attrs=attrs | {"modbus_style": "fast"}),
    }
    settings = config(0, "10s", devices=[], devices_from="registry")
    known = {"p": load({"points": FAST}, PROFILE, "p.yaml")}
    directory = FakeDirectory([PROFILE], fleet.values())
    source = ModbusSource("s", settings, directory, known, Wall(), fleet=fleet.values)
    counts: dict[str, list[int]] = {}
    for request in source.plan():
        counts.setdefault(request.device, []).append(request.count)
    assert counts == {"D1": [9], "D2": [1, 1], "D3": [1, 1]}


def test_a_device_that_is_removed_while_it_teaches_is_forgotten(tmp_path: Path) -> None:
    """Its poll is under way when the registry drops it: the others go on, and nothing is kept of it."""
    bus, file = ModbusBus(image, think=2.0, timeout=5.0), tmp_path / "s.json"

    async def removed(_wall: Wall, source: ModbusSource) -> None:
        while not bus.log:
            await asyncio.sleep(0.1)
        kept = config(2, "1m").model_copy(update={"devices": config(2, "1m").devices[2 - bus.log[0][1] :][:1]})
        source.use(kept, {"p": load({"points": FAST}, PROFILE, "p.yaml")})

    _, readings, _ = run(120, config(2, "1m"), bus, points=FAST, beside=removed, refuse=lambda *_: 2, memory=file)
    gone = bus.log[0][1]
    assert any(reading.device != gone for reading in readings)
    assert f"D{gone}" not in file.read_text("utf-8")
