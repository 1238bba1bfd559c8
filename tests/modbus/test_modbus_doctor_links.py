"""`doctor` opens links of every kind and sends nothing; a link that comes back is counted."""

import socket
from pathlib import Path
from typing import Any

from modbus_kit import Basket, FakeDirectory, WallClock, running, until

from gateway.domain.device import Device, PointSpec, Profile
from protocols.modbus.config import ModbusConfig
from protocols.modbus.doctor import links
from protocols.modbus.registers import load
from protocols.modbus.source import ModbusSource
from simulators.serial_bus import SerialBus

PROFILE = Profile("p", "meter", (PointSpec("flow", unit="m3/h"),))
MAP = load({"points": {"flow": {"at": 0, "type": "u16"}}}, PROFILE, "p.yaml")


class Register:
    """A unit with one register."""

    size, reserved = 1, ()

    def image(self) -> list[int]:
        return [7]


def _config(links: dict[str, Any], first: str) -> ModbusConfig:
    devices = [{"device": "M-1", "link": first, "unit": 1}]
    raw = {"type": "modbus", "every": "30ms", "links": links, "devices": devices, "backoff": {"min": "100ms"}}
    return ModbusConfig.model_validate(raw)


async def test_links_of_every_kind_are_opened(tmp_path: Path) -> None:
    port_bus, server_bus = SerialBus({1: Register()}), SerialBus({1: Register()})
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        async with port_bus.over_pty() as path, server_bus.over_tcp() as port:
            wired = {
                "bus": {"rtu": path},
                "dtu": {"rtu_tcp": f"127.0.0.1:{port}"},
                "gone": {"rtu": str(tmp_path / "ttyUSB9")},
                "safe": {"tls": f"127.0.0.1:{silent.getsockname()[1]}"},
            }
            found = await links("m", _config(wired, "bus"))
    texts = {lang: [one.text(lang) for one in found] for lang in ("en", "zh")}  # type: ignore[arg-type]
    assert [one.grade.value for one in found] == ["ok", "ok", "bad", "bad"], texts
    assert "is the adapter plugged in" in texts["en"][2]
    assert "适配器是否已插好" in texts["zh"][2]
    assert "Connection refused" in texts["en"][3]
    assert port_bus.requests == server_bus.requests == {}, "nothing is sent"


async def test_a_link_that_comes_back_is_counted(tmp_path: Path) -> None:
    """By a name that stays, as those of /dev/serial/by-id do."""
    name, device = tmp_path / "port", Device(1, "M-1", "p", "meter")
    config = _config({"bus": {"rtu": str(name), "timeout": "50ms", "late_answer": "20ms"}}, "bus")
    source = ModbusSource("m", config, FakeDirectory([PROFILE], [device]), {"p": MAP}, WallClock())
    basket = Basket()
    async with running(source.run(basket.emit)):
        for times in (1, 2):
            async with SerialBus({1: Register()}).over_pty() as path:
                name.symlink_to(path)
                await until(lambda times=times: source.stats.link_ups == times and bool(basket.readings))
                name.unlink()
            basket.parcels.clear()
            await until(lambda: source.stats.broken == {"bus"})
    assert source.stats.link_ups == 2
