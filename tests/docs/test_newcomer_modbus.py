"""C6: from `fieldgate init --modbus` to the first order of one's own meter, on a real server."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.app.build import build
from gateway.cli import main
from gateway.settings import load_project
from gateway.store import OrderFilter
from simulators.modbus_server import ModbusServer

REGISTERS = ("temp:15:i16:0.1:degC", "battery 16 u16 1 mV", "volume:10:u32/CDAB:0.001:m3")


@dataclass
class Meter:
    """Registers that a person sets."""

    size: int = 32
    reserved: tuple[tuple[int, int], ...] = ()
    words: dict[int, int] = field(default_factory=lambda: {10: 0xE240, 11: 1, 13: 0, 14: 250, 15: 215, 16: 3600})

    def image(self) -> list[int]:
        return [self.words.get(n, 0) for n in range(self.size)]


async def command(*words: object, answers: str = "") -> Result:
    """Beside the server, which is on this loop."""
    return await asyncio.to_thread(CliRunner().invoke, main, [str(word) for word in words], input=answers)


def named(*registers: str) -> list[str]:
    return [word for one in registers for word in ("--register", one)]


async def test_from_nothing_to_the_first_order(tmp_path: Path) -> None:
    meter, site = Meter(), tmp_path / "site"
    async with ModbusServer({17: meter}) as server:
        where = ("--modbus", f"127.0.0.1:{server.port}", "--unit", 17, "--device", "M-1", "--lang", "en")
        made = await command("init", site, "--yes", *where, *named(*REGISTERS))
        assert made.exit_code == 0, made.output
        assert "answers: temp 21.5, battery 3600, volume 123.456" in made.output
        assert "the first order of your own comes with temp > 27 degC" in made.output
        checked = await command("check", "-c", site)
        assert (checked.exit_code, "is in order" in checked.output) == (0, True), checked.output
        tested = await command("rules", "test", site / "rules")
        assert (tested.exit_code, "1 passed, 0 failed" in tested.output) == (0, True)
        tried = await command("try", "modbus", "M-1", "-c", site)
        assert (tried.exit_code, "123.456 m3" in tried.output, "3.6 V" in tried.output) == (0, True, True)

        main_file = site / "gateway.yaml"
        text = main_file.read_text("utf-8").replace("every: 10s", "every: 50ms")
        main_file.write_text(text + "api: {port: 0}\nhealth: {port: 0}\nlog: {level: error}\n", "utf-8")
        app = build(load_project(main_file, {}))
        await app.start()
        try:
            async with asyncio.timeout(10):
                assert not app.stores.sql.queries.orders(OrderFilter()).items, "nothing is wrong yet"
                meter.words[15] = 301
                while not (orders := app.stores.sql.queries.orders(OrderFilter()).items):
                    await asyncio.sleep(0.02)
        finally:
            await app.stop()
    ((order,),) = [orders]
    assert (order.fault, order.level.word) == ("temp", "major")


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_a_profile_of_the_library_and_a_device_that_is_away(tmp_path: Path, lang: str) -> None:
    async with ModbusServer({17: Meter()}) as server:
        where = ("--modbus", f"127.0.0.1:{server.port}", "--profile", "gas_meter_demo", "--lang", lang)
        here = await command("init", tmp_path / "a", "--yes", "--unit", 17, *where)
    away = await command("init", tmp_path / "b", "--yes", "--unit", 17, *where)
    for name, made, rule in (("a", here, "first.temperature-high"), ("b", away, "first.silent")):
        assert made.exit_code == 0, made.output
        assert rule in (tmp_path / name / "rules/first.yaml").read_text("utf-8")
        assert (await command("rules", "test", tmp_path / name / "rules")).exit_code == 0
        assert (await command("check", "-c", tmp_path / name)).exit_code == 0


async def test_it_asks_for_registers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.cli.init_command._is_interactive", lambda: True)
    async with ModbusServer({3: Meter()}) as server:
        answers = f"yard\nmodbus://127.0.0.1:{server.port}\nM-9\nMeter 9\n3\n\ntemp 15 i16 0.1 degC\n\n\n"
        made = await command("init", tmp_path / "site", "--lang", "en", answers=answers)
    assert made.exit_code == 0, made.output
    project = load_project(tmp_path / "site/gateway.yaml")
    assert [(one.name, one.attrs["modbus_unit"]) for one in project.declared.devices] == [("Meter 9", "3")]
    assert list(project.maps["modbus"]["model_m-9"].points) == ["temp"]
